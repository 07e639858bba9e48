"""The Clifford frame in which each of the nine bases costs exactly one entangling gate.

(V⊗V*)|Ψ⟩ = |Ψ⟩ for every unitary V, so Alice may measure the rays V|v⟩ and Bob V*|v⟩ instead of
|v⟩ at no cost (design 6).  Local gates are free, hence only the class of V modulo local gates on
the left matters: two-qubit Cliffords have 20 such classes, and as exchanging the two qubits is a
relabelling too, ten remain: the identity and exp(iπ/4·P⊗Q) for the nine pairs of Pauli matrices.
Of these one has all 18 rays maximally entangled and all bases at one gate: P = Q = Y.

Matrices act on a party's ququart, index 2·(first qubit) + (second qubit).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit.library import CXGate
from qiskit.synthesis import TwoQubitBasisDecomposer

from qdevices.game import BASES, RAYS

Complex = NDArray[np.complex128]

PAULI: dict[str, Complex] = {
    "X": np.array([[0, 1], [1, 0]], dtype=np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=np.complex128),
    "Z": np.array([[1, 0], [0, -1]], dtype=np.complex128),
}
#: The class of the frame that is used; `search` shows that no other has nine ones.
FRAME_CLASS = "YY"
#: Outcomes that share their first bit, up to relabellings that are local or an exchange of qubits.
_PAIRINGS = ([0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 1, 2])


def entangler(first: str, second: str) -> Complex:
    """exp(iπ/4·P⊗Q), a two-qubit Clifford locally equivalent to a CNOT, shape (4, 4)."""
    return np.asarray((np.eye(4) + 1j * np.kron(PAULI[first], PAULI[second])) / np.sqrt(2))


def frame_classes() -> dict[str, Complex]:
    """One representative of each class modulo local gates and the exchange of the qubits."""
    classes: dict[str, Complex] = {"1": np.eye(4, dtype=np.complex128)}
    for first in PAULI:
        for second in PAULI:
            classes[first + second] = entangler(first, second)
    return classes


def unit_rays(frame: Complex | None = None) -> Complex:
    """The nine bases as unit vectors V|v⟩, shape (9, 4, 4) indexed [setting, outcome, component].

    The literal frame, V = 1, unless one is given.
    """
    rays = RAYS / np.linalg.norm(RAYS, axis=1, keepdims=True)
    rotated = rays if frame is None else rays @ frame.T
    return np.asarray(rotated[BASES], dtype=np.complex128)


def static_cost(rays: Complex) -> int:
    """Least CNOTs of a measurement of the basis `rays`, shape (4, 4), one ray a row.

    The measurement is known up to relabelling and phases of the outcomes.  Phases modulo local
    ones are a single controlled phase; it is tried at multiples of π/4, which suffices for rays
    that are stabiliser states.  Of the 24 relabellings three are different modulo local ones
    and the exchange of the two measured bits.
    """
    decomposer = _decomposer()
    costs = []
    for pairing in _PAIRINGS:
        for eighth in range(8):
            phases = np.array([1, 1, 1, np.exp(1j * np.pi * eighth / 4)])
            unitary = phases[:, None] * rays[pairing].conj()
            costs.append(int(decomposer.num_basis_gates(unitary)))
    return min(costs)


@cache
def _decomposer() -> TwoQubitBasisDecomposer:
    return TwoQubitBasisDecomposer(CXGate())


@cache
def search() -> dict[str, tuple[int, ...]]:
    """CNOTs of each of the nine bases in every class of frames, found by trying them all."""
    return {
        name: tuple(static_cost(basis) for basis in unit_rays(frame))
        for name, frame in frame_classes().items()
    }


def frame() -> Complex:
    """The frame V of Alice (Bob's is V*) in which every basis costs one gate, shape (4, 4)."""
    return entangler(*FRAME_CLASS)


def concurrence(rays: Complex) -> NDArray[np.float64]:
    """Concurrence of two-qubit states along the last axis: 0 product, 1 maximally entangled."""
    return np.asarray(2 * np.abs(rays[..., 0] * rays[..., 3] - rays[..., 1] * rays[..., 2]))
