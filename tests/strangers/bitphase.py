"""A noise term of somebody else: after every CNOT its second qubit may suffer a bit-phase flip."""

from __future__ import annotations

import numpy as np

from qdevices.noise.channels import PAULIS, from_kraus
from qdevices.noise.term import AfterGate, Effect, NoiseTerm


def _effects(probability: float) -> tuple[Effect, ...]:
    identity, flip = np.eye(4), np.kron(PAULIS[2], np.eye(2))
    both = from_kraus([np.sqrt(1 - probability) * identity, np.sqrt(probability) * flip])
    return (AfterGate(("cx",), both),)


TERM = NoiseTerm(
    name="bitphase",
    help="probability of a Y after every CNOT",
    formula="ρ ← (1−p)ρ + p·YρY on the second qubit, after each CNOT",
    effects=_effects,
    most=0.5,
)
