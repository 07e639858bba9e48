"""Depolarising noise of two-qubit gates."""

from __future__ import annotations

from qdevices.noise.channels import depolarising
from qdevices.noise.places import TWO_QUBIT_GATES
from qdevices.noise.term import AfterGate, Effect, NoiseTerm


def _effects(probability: float) -> tuple[Effect, ...]:
    return (AfterGate(TWO_QUBIT_GATES, depolarising(probability, 2)),)


TERM = NoiseTerm(
    name="gate2",
    help="depolarising probability of every two-qubit gate",
    formula="ρ ← (1−λ)ρ + λ·1/4 on both qubits, after each CNOT",
    effects=_effects,
)
