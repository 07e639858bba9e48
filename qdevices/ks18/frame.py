"""The Clifford frame in which each of the nine bases costs exactly one entangling gate.

(V⊗V*)|Ψ⟩ = |Ψ⟩ for every unitary V, so Alice may measure the rays V|v⟩ and Bob V*|v⟩ instead of
|v⟩ at no cost (theory 6).  Local gates are free, hence only the class of V modulo local gates on
the left matters: two-qubit Cliffords have 20 such classes, and as exchanging the two qubits is a
relabelling too, ten remain: the identity and exp(iπ/4·P⊗Q) for the nine pairs of Pauli matrices.
Of these one has all 18 rays maximally entangled and all bases at one gate: P = Q = Y.

On a line the state comes with a CNOT-like Clifford W (`state`), so Bob measures W(V|v⟩)*, and both
parties' frames must be good ones.  No Clifford V does that.  But there are other good frames;
in one all rays have concurrence 1/√3: exp(iπ/4·P⊗n·σ) on top of the first, n along a body
diagonal of the Bloch sphere.  So one of Alice's qubits is turned by arccos(1/√3), a local gate
that costs her nothing, and the nine bases cost one gate for Bob too: `search_line`.  A search of
all of U(4) finds these two good frames and a third, of concurrence 1/3 (`benchmarks/frames.py`).

Matrices act on a party's ququart, index 2·(first qubit) + (second qubit).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit.library import CXGate
from qiskit.synthesis import TwoQubitBasisDecomposer

from qdevices.ks18.game import BASES, RAYS

Complex = NDArray[np.complex128]

PAULI: dict[str, Complex] = {
    "X": np.array([[0, 1], [1, 0]], dtype=np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=np.complex128),
    "Z": np.array([[1, 0], [0, -1]], dtype=np.complex128),
}
#: The class of the frame that is used; `search` shows that no other has nine ones.
FRAME_CLASS = "YY"
#: On a line: Alice's qubit that is turned, the diagonal, and the axis to which it comes.
LINE_TURN = (1, (1, 1, 1), "Z")
#: Relabellings of the four outcomes up to local ones, which only flip a measured bit.
RELABELLINGS = (
    [0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 1, 2], [0, 1, 3, 2], [0, 2, 3, 1], [0, 3, 2, 1],
)  # fmt: skip
_EPS = 1e-9


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
    """Least CNOTs of a measurement of the basis `rays`, shape (4, 4), one ray a row."""
    return measurement(rays)[0]


def measurement(rays: Complex) -> tuple[int, Complex]:
    """Least CNOTs of a measurement of the basis `rays`, and a unitary that takes no more.

    The measurement is known up to relabelling and phases of the outcomes.  Phases modulo local
    ones are a single controlled phase; it is tried at multiples of π/4, and where tr γ, which has
    to vanish for one CNOT (Shende, Bullock and Markov 2004), can vanish.  Of the 24
    relabellings six are different modulo local ones; an exchange of the two measured bits is free
    for the outcomes but not for the gates, so both of its sides are tried.

    Args:
        rays: shape (4, 4), one ray a row.

    Returns:
        The number, and the unitary, shape (4, 4), whose rows are the rays' duals up to phases.
    """
    flip = np.kron(PAULI["Y"], PAULI["Y"])
    found: list[tuple[int, Complex]] = []
    for order in RELABELLINGS:
        duals = rays[order].conj()
        phases = list(np.pi / 4 * np.arange(8))
        spin = duals @ flip @ duals.T
        if min(abs(spin[0, 3]), abs(spin[1, 2])) > _EPS:
            phases.append(float(np.angle(spin[1, 2] / spin[0, 3])))
        for phase in phases:
            unitary = np.array([1, 1, 1, np.exp(1j * phase)])[:, None] * duals
            found.append((least_cnots(unitary), unitary))
    return min(found, key=lambda pair: pair[0])


def least_cnots(unitary: Complex) -> int:
    """Least CNOTs of a two-qubit unitary, from its invariants (Shende, Bullock and Markov 2004).

    Not `num_basis_gates` of Qiskit's decomposition, which is wrong for some where two choices of
    the canonical parameters meet.
    """
    flip = np.kron(PAULI["Y"], PAULI["Y"])
    special = unitary / np.linalg.det(unitary) ** 0.25
    invariant = special @ flip @ special.T @ flip  # up to its sign, as the root is one of four
    trace = np.trace(invariant)
    if abs(abs(trace) - 4) < _EPS:
        return 0
    if abs(trace) < _EPS and np.allclose(invariant @ invariant, -np.eye(4), atol=_EPS):
        return 1
    return 2 if abs(trace.imag) < _EPS else 3


@cache
def decomposer() -> TwoQubitBasisDecomposer:
    """Qiskit's decomposition into local gates and CNOTs from its first to its second qubit."""
    # Less than perfect gates, so that rounding does not ask for one more.
    return TwoQubitBasisDecomposer(CXGate(), basis_fidelity=1 - _EPS)


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


def turned(qubit: int, diagonal: tuple[int, int, int], axis: str) -> Complex:
    """`frame` with Alice's `qubit`, 0 or 1, turned so that `diagonal` comes to the axis X, Y or Z.

    Args:
        qubit: which of her two.
        diagonal: of the Bloch sphere, three signs.
        axis: name of the Pauli matrix.
    """
    n = np.array(diagonal) / np.sqrt(3)
    middle = n + np.eye(3)["XYZ".index(axis)]
    # A half turn about the direction between the two exchanges them.
    half = sum(c * p for c, p in zip(middle / np.linalg.norm(middle), PAULI.values(), strict=True))
    turn = np.kron(half, np.eye(2)) if qubit == 0 else np.kron(np.eye(2), half)
    return np.asarray(turn @ frame())


def line_frame() -> Complex:
    """The frame V of Alice on a line, shape (4, 4)."""
    return turned(*LINE_TURN)


def search_line(bob: Complex) -> dict[tuple[int, tuple[int, int, int], str], tuple[int, ...]]:
    """CNOTs of Bob's nine bases in every turned frame, for a state ½Σ|i⟩W|i⟩ with W = `bob`."""
    return {
        (qubit, diagonal, axis): tuple(
            static_cost(basis) for basis in unit_rays(bob @ turned(qubit, diagonal, axis).conj())
        )
        for qubit in (0, 1)
        for diagonal in ((1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1))
        for axis in PAULI
    }


def concurrence(rays: Complex) -> NDArray[np.float64]:
    """Concurrence of two-qubit states along the last axis: 0 product, 1 maximally entangled."""
    return np.asarray(2 * np.abs(rays[..., 0] * rays[..., 3] - rays[..., 1] * rays[..., 2]))
