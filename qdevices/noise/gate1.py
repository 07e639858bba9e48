"""Depolarising noise of one-qubit gates."""

from __future__ import annotations

from qdevices.noise.channels import depolarising
from qdevices.noise.places import ONE_QUBIT_GATES
from qdevices.noise.term import AfterGate, Effect, NoiseTerm


def _effects(probability: float) -> tuple[Effect, ...]:
    return (AfterGate(ONE_QUBIT_GATES, depolarising(probability, 1)),)


TERM = NoiseTerm(
    name="gate1",
    help="depolarising probability of every one-qubit gate",
    formula="ρ ← (1−λ)ρ + λ·1/2 on the qubit, after each √X and X",
    effects=_effects,
)
