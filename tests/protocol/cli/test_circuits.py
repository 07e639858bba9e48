"""`ksamp circuits` as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.extras import needs


def test_it_draws_the_circuit_and_states_gates_and_expected_values(
    ksamp: Callable[..., Any],
) -> None:
    answer = ksamp("circuits", "--runs", "1e6")
    assert answer.status == 0
    for words in ("q_0", "coupled in a square", "4 cx", "L = ", "S = 0.5", "certifies    about"):
        assert words in answer.out


def test_json_has_the_counts_of_the_adaptive_circuits(ksamp: Callable[..., Any]) -> None:
    data = ksamp("circuits", "--variant", "feedforward", "--pair", "1,1", "--json").json
    assert data["pair"] == "(1,1)"
    assert data["two_qubit_gates"] == 2
    assert data["two_qubit_gates_mean"] == pytest.approx(252 / 81)
    assert data["expected_losing"] == pytest.approx(0, abs=1e-12)
    assert data["output_bits"] > 0


def test_circuits_of_our_own_state_that_they_do_not_signal(ksamp: Callable[..., Any]) -> None:
    data = ksamp("circuits", "--backend", "aer:gate2=1e-3", "--json").json
    assert 0 <= data["signalling_gamma"] < 1e-9
    assert "signalling   none" in ksamp("circuits", "--backend", "aer:gate2=1e-3").out


@needs("ibm")
def test_literal_circuits_state_the_signalling_that_a_certificate_would_have_to_cover(
    ksamp: Callable[..., Any],
) -> None:
    arguments = ("circuits", "--backend", "fake_kolkata", "--variant", "literal")
    data = ksamp(*arguments, "--json").json
    assert data["signalling_gamma"] == pytest.approx(9e-4, rel=0.5)
    assert data["signalling_gamma"] == data["signalling"] / 2
    assert "--signalling would have to cover it" in ksamp(*arguments).out


@needs("ibm")
def test_a_noisy_processor_certifies_nothing_and_exits_with_3(ksamp: Callable[..., Any]) -> None:
    answer = ksamp("circuits", "--backend", "fake_manila", "--json")
    assert answer.status == 3
    assert answer.json["output_bits"] == 0
    assert answer.json["reason"]
    assert answer.json["duration_seconds"] > 1e-6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--pair", "10,1"), "setting label 10"),
        (("--pair", "one"), "expected U1,U2"),
        (("--backend", "nowhere"), "backend 'nowhere' is unknown"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    ksamp: Callable[..., Any], arguments: tuple[str, ...], words: str
) -> None:
    answer = ksamp("circuits", *arguments)
    assert answer.status == 2
    assert words in answer.err
