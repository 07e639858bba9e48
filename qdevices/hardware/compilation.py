"""From a target to the programme that loses least: placement by the exact expected Bell value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import IfElseOp, Measure, Parameter
from qiskit.circuit.library import CXGate, RZGate, SXGate, XGate
from qiskit.transpiler import Target

from qdevices.hardware.figures import losing_value, signalling, starred_value
from qdevices.hardware.placement import Placement, candidates
from qdevices.hardware.programme import Programme, build
from qdevices.hardware.reduced import reduced_target, reported_noise
from qdevices.noise.reduced import ReducedNoise
from qdevices.variants import check_variant

#: Placements whose Bell value is computed exactly.
EXACT = 6


@dataclass(frozen=True, eq=False)
class Compiled:
    """A programme with the cut target, its reported noise and the behaviour expected of it."""

    programme: Programme
    target: Target
    noise: ReducedNoise
    behaviour: NDArray[np.float64]

    @property
    def losing(self) -> float:
        """Expected L with all setting pairs equally likely."""
        return losing_value(self.behaviour)

    @property
    def starred(self) -> float:
        """Expected S."""
        return starred_value(self.behaviour)

    @property
    def signalling(self) -> float:
        """Largest change of a marginal with the other party's setting; exact, 0 up to rounding."""
        return signalling(self.behaviour)


def compile_at(
    target: Target, placement: Placement, variant: str, noise: ReducedNoise | None = None
) -> Compiled:
    """The programme of `variant` at a given placement; `noise` as reported unless given."""
    cut = reduced_target(target, placement.qubits)
    noise = reported_noise(cut) if noise is None else noise
    programme = build(cut, placement, variant)
    return Compiled(programme, cut, noise, programme.behaviour(noise))


def compile_for(target: Target, variant: str, *, noise: ReducedNoise | None = None) -> Compiled:
    """The programme of `variant` on the qubits with the least expected L.

    The placements are ranked by reported fidelities; of the best few the static programme's L is
    computed exactly.  `noise`, if given, is that of any four qubits.

    Raises:
        InputError: an unknown variant, or a processor where no four qubits are coupled.
    """
    check_variant(variant)
    ranked = candidates(target, variant)[:EXACT]
    if len(ranked) > 1:
        # The static circuit has the same gates on the same couplings, and is quick to compile.
        ranked.sort(key=lambda p: round(compile_at(target, p, "static", noise).losing, 12))
    return compile_at(target, ranked[0], variant, noise)


def ideal_target(qubits: int = 4) -> Target:
    """A processor without errors or limits of coupling, gates rz, √X, X, CNOT."""
    target = Target(num_qubits=qubits)
    for gate in (RZGate(Parameter("angle")), SXGate(), XGate()):
        target.add_instruction(gate, {(q,): None for q in range(qubits)})
    pairs = {(a, b): None for a in range(qubits) for b in range(qubits) if a != b}
    target.add_instruction(CXGate(), pairs)
    target.add_instruction(Measure(), {(q,): None for q in range(qubits)})
    target.add_instruction(IfElseOp, name="if_else")
    return target
