"""Runs on backends: order, known answers, simulated backends and those that really execute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.primitives import BackendSamplerV2
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qdevices.errors import InputError
from qdevices.hardware import open_backend, run_chunk
from qdevices.hardware.backends import aer_simulator, check_answers_on, run_on
from qdevices.ks18.game import KS18
from qdevices.variants import VARIANTS
from tests.extras import imported, needs

SETTINGS = np.random.default_rng(3).integers(KS18.n_pairs, size=400).astype(np.uint8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_ideal_backend_never_loses(variant: str) -> None:
    outcomes = run_chunk("aer", variant, SETTINGS, "run", 1)
    assert outcomes.dtype == np.uint8
    assert not KS18.losing[SETTINGS, outcomes].any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_ideal_backend_never_loses_when_every_shot_is_executed(variant: str) -> None:
    programme = open_backend("aer").compiled(variant).programme
    outcomes = run_on(AerSimulator(), programme, SETTINGS[:150], 1)
    assert not KS18.losing[SETTINGS[:150], outcomes].any()


@pytest.mark.parametrize("variant", ["static", "feedforward"])
def test_a_sampler_gives_winning_outcomes_in_run_order(variant: str) -> None:
    programme = open_backend("aer").compiled(variant).programme
    outcomes = run_on(SamplerV2(seed=7), programme, SETTINGS[:100])
    assert not KS18.losing[SETTINGS[:100], outcomes].any()


def test_a_processor_with_qubits_elsewhere_is_run_at_the_placement() -> None:
    provider = imported("ibm", "fake_provider")
    backend = provider.FakeManilaV2()
    compiled = open_backend("fake_manila").compiled("static")
    for executor in (backend, BackendSamplerV2(backend=backend)):
        check_answers_on(executor, compiled, seed=2)
        outcomes = run_on(executor, compiled.programme, SETTINGS[:60])
        assert KS18.losing[SETTINGS[:60], outcomes].sum() < 20


def test_equal_seeds_give_equal_outcomes_and_others_do_not() -> None:
    first, again, other = (
        run_chunk("aer:readout=0.1", "static", SETTINGS, "run", seed) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_grouped_outcomes_come_back_in_run_order() -> None:
    outcomes = run_chunk("aer", "static", SETTINGS, "grouped", 1)
    assert not KS18.losing[SETTINGS, outcomes].any()


@needs("ibm")
def test_sampled_runs_follow_the_exact_probabilities() -> None:
    behaviour = open_backend("fake:FakeManilaV2").compiled("static").behaviour
    settings = np.repeat(np.arange(KS18.n_pairs, dtype=np.uint8), 2000)
    outcomes = run_chunk("fake_manila", "static", settings, "run", 8)
    counts = np.bincount(16 * settings.astype(int) + outcomes, minlength=1296).reshape(81, 16)
    chi2 = ((counts - 2000 * behaviour) ** 2 / (2000 * behaviour)).sum()
    assert chi2 < 1215 + 5 * np.sqrt(2 * 1215)


@pytest.mark.parametrize(
    "name",
    [
        "aer",
        *(pytest.param(f"fake_{name}", marks=needs("ibm")) for name in ("manila", "nighthawk")),
    ],
)
def test_known_answers_hold_on_simulated_backends_and_through_aer(name: str) -> None:
    backend = open_backend(name)
    compiled = backend.compiled("static")
    check_answers_on(backend, compiled)
    check_answers_on(aer_simulator(compiled), compiled)


def test_known_answers_hold_on_samplers() -> None:
    check_answers_on(SamplerV2(seed=1), open_backend("aer").compiled("static"))


class Backwards(AerSimulator):
    """A simulator that measures every qubit into the bit of another one."""

    def run(self, run_input: Any, **options: Any) -> Any:
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
            run_chunk(*arguments)
