"""White noise: the shared pair is replaced by a maximally mixed one now and then."""

from __future__ import annotations

from qdevices.noise.channels import depolarising
from qdevices.noise.places import SHARED_PAIR
from qdevices.noise.term import AfterGate, Effect, NoiseTerm


def _effects(weight: float) -> tuple[Effect, ...]:
    # Alice's two qubits are enough: Bob's half is then maximally mixed if nothing before it was
    # biased (unital noise), so this is (1−q)ρ + q·1/16 on all four.
    return (AfterGate((SHARED_PAIR,), depolarising(weight, 2)),)


TERM = NoiseTerm(
    name="white",
    help="weight of the maximally mixed state in the shared pair",
    formula="P(x|u) ← (1−q)·P(x|u) + q/16",
    effects=_effects,
)
