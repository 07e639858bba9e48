"""Runs on backends: order, known answers, simulated backends and those that really execute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qiskit.primitives import BackendSamplerV2
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qdevices.errors import InputError
from qdevices.hardware import open_backend, run_chunk
from qdevices.hardware.backends import aer_simulator, check_answers_on, run_on
from qdevices.hardware.known_answers import KnownAnswer, check_known_answers, known_answers
from qdevices.ks18.game import N_PAIRS, losing_table
from qdevices.variants import VARIANTS

SETTINGS = np.random.default_rng(3).integers(N_PAIRS, size=400).astype(np.uint8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_ideal_backend_never_loses(variant: str) -> None:
    outcomes = run_chunk("aer", variant, SETTINGS, "run", 1)
    assert outcomes.dtype == np.uint8
    assert not losing_table()[SETTINGS, outcomes].any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_ideal_backend_never_loses_when_every_shot_is_executed(variant: str) -> None:
    programme = open_backend("aer").compiled(variant).programme
    outcomes = run_on(AerSimulator(), programme, SETTINGS[:150], 1)
    assert not losing_table()[SETTINGS[:150], outcomes].any()


@pytest.mark.parametrize("variant", ["static", "feedforward"])
def test_a_sampler_gives_winning_outcomes_in_run_order(variant: str) -> None:
    programme = open_backend("aer").compiled(variant).programme
    outcomes = run_on(SamplerV2(seed=7), programme, SETTINGS[:100])
    assert not losing_table()[SETTINGS[:100], outcomes].any()


def test_a_processor_with_qubits_elsewhere_is_run_at_the_placement() -> None:
    provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    backend = provider.FakeManilaV2()
    compiled = open_backend("fake_manila").compiled("static")
    for executor in (backend, BackendSamplerV2(backend=backend)):
        check_answers_on(executor, compiled, seed=2)
        outcomes = run_on(executor, compiled.programme, SETTINGS[:60])
        assert losing_table()[SETTINGS[:60], outcomes].sum() < 20


def test_equal_seeds_give_equal_outcomes_and_others_do_not() -> None:
    first, again, other = (
        run_chunk("aer:readout=0.1", "static", SETTINGS, "run", seed) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_grouped_outcomes_come_back_in_run_order() -> None:
    outcomes = run_chunk("aer", "static", SETTINGS, "grouped", 1)
    assert not losing_table()[SETTINGS, outcomes].any()


def test_sampled_runs_follow_the_exact_probabilities() -> None:
    pytest.importorskip("qiskit_ibm_runtime")
    behaviour = open_backend("fake:FakeManilaV2").compiled("static").behaviour
    settings = np.repeat(np.arange(N_PAIRS, dtype=np.uint8), 2000)
    outcomes = run_chunk("fake_manila", "static", settings, "run", 8)
    counts = np.bincount(16 * settings.astype(int) + outcomes, minlength=1296).reshape(81, 16)
    chi2 = ((counts - 2000 * behaviour) ** 2 / (2000 * behaviour)).sum()
    assert chi2 < 1215 + 5 * np.sqrt(2 * 1215)


def test_one_parametrised_circuit_serves_all_runs_in_order() -> None:
    programme = open_backend("aer").compiled("static").programme
    ((circuit, angles),) = programme.pubs(SETTINGS)
    assert circuit is programme.circuits[0]
    np.testing.assert_array_equal(angles, programme.angles[SETTINGS])


def test_circuits_without_parameters_are_listed_run_by_run() -> None:
    programme = open_backend("aer").compiled("feedforward").programme
    pubs = programme.pubs(SETTINGS[:20])
    assert [circuit for circuit, _ in pubs] == [programme.circuits[u] for u in SETTINGS[:20]]


@pytest.mark.parametrize("name", ["aer", "fake_manila", "fake_nighthawk"])
def test_known_answers_hold_on_simulated_backends_and_through_aer(name: str) -> None:
    if name.startswith("fake"):
        pytest.importorskip("qiskit_ibm_runtime")
    backend = open_backend(name)
    compiled = backend.compiled("static")
    check_answers_on(backend, compiled)
    check_answers_on(aer_simulator(compiled), compiled)


def test_known_answers_hold_on_samplers() -> None:
    check_answers_on(SamplerV2(seed=1), open_backend("aer").compiled("static"))


class Backwards(AerSimulator):
    """A simulator that measures every qubit into the bit of another one."""

    def run(self, run_input: Any, **options: Any) -> Any:  # type: ignore[override]
        turned = [circuit.copy() for circuit in run_input]
        for circuit in turned:
            measured = [step for step in circuit.data if step.operation.name == "measure"]
            circuit.data = [step for step in circuit.data if step not in measured]
            for step, other in zip(measured, reversed(measured), strict=True):
                circuit.measure(step.qubits[0], other.clbits[0])
        return super().run(turned, **options)


@pytest.mark.parametrize("wrapped", [False, True], ids=["backend", "sampler"])
def test_a_backend_that_turns_bits_round_is_stopped_by_the_known_answers(wrapped: bool) -> None:
    backend = Backwards()
    executor = BackendSamplerV2(backend=backend) if wrapped else backend
    with pytest.raises(InputError, match="bit order"):
        check_answers_on(executor, open_backend("aer").compiled("static"))


def _answers() -> tuple[list[KnownAnswer], list[np.ndarray]]:
    answers = known_answers(open_backend("aer").compiled("static").target)
    return answers, [np.repeat(a.expected[:, None], 5, axis=1) for a in answers]


def test_reversed_bits_are_caught() -> None:
    answers, right = _answers()
    check_known_answers(answers, right)
    reverse = np.array([int(f"{k:04b}"[::-1], 2) for k in range(16)])
    with pytest.raises(InputError, match="bit order"):
        check_known_answers(answers, [reverse[r] for r in right])


def test_angles_in_alphabetical_order_are_caught() -> None:
    answers, right = _answers()
    order = sorted(range(12), key=lambda k: f"angle[{k}]")
    with pytest.raises(InputError, match="parameter order"):
        check_known_answers(answers, [right[0], right[1], right[2][order]])


def test_an_ignored_angle_of_a_controlled_rotation_is_caught() -> None:
    answers, right = _answers()
    with pytest.raises(InputError, match="controlled rotation"):
        check_known_answers(answers, [right[0], right[1][[0, 0]], right[2]])


def test_unusable_requests_are_refused_with_the_value() -> None:
    for arguments, message in (
        (("nowhere", "static", SETTINGS), "backend 'nowhere'"),
        (("fake:FakeAtlantis", "static", SETTINGS), "FakeAtlantis"),
        (("aer", "clever", SETTINGS), "variant 'clever'"),
        (("aer", "static", SETTINGS, "sideways"), "order 'sideways'"),
        (("aer", "static", np.array([81], dtype=np.uint8)), "setting 81"),
        (("aer:white=0.1", "static", SETTINGS), "noise white acts on shared_pair"),
    ):
        with pytest.raises(InputError, match=message):
            run_chunk(*arguments)  # type: ignore[arg-type]


def test_results_of_another_length_are_refused() -> None:
    programme = open_backend("aer").compiled("static").programme
    with pytest.raises(InputError, match="came back for"):
        programme.decode(np.zeros(3, dtype=np.int64), SETTINGS[:4])
    with pytest.raises(InputError, match=r"outside 0\.\.15"):
        programme.decode(np.array([16]), SETTINGS[:1])


def test_a_programme_with_two_templates_splits_its_runs_where_the_circuit_changes() -> None:
    programme = open_backend("aer").compiled("static").programme
    other = programme.circuits[0].copy()
    double = replace(
        programme,
        circuits=(programme.circuits[0], other),
        circuit_of=np.arange(N_PAIRS) % 2,
    )
    pubs = double.pubs(np.array([0, 2, 1, 4], dtype=np.uint8))
    assert [circuit for circuit, _ in pubs] == [double.circuits[k] for k in (0, 1, 0)]
    assert [len(angles) for _, angles in pubs] == [2, 1, 1]
