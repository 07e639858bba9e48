"""One parametrised four-qubit circuit for all 81 setting pairs, with one CNOT per party.

In the frame of `qdevices.ks18.frame` every basis is a joint parity of two local observables
followed by a measurement in the XY plane whose direction can be made the same for both parities
by turns about Z.  So a party's measurement is, for each setting with other angles only,

    first qubit   rz √X rz √X rz ──●── √X ── measure
    second qubit  rz √X rz √X rz ──⊕─────── measure

and rz, the only gate that depends on the setting, is a change of frame without error: the noise of
one party's gates cannot depend on either setting.  With the state's two CNOTs on a square (`state`)
that makes four.

On a line the state takes four CNOTs and leaves Bob in the other good frame, where his rays are not
maximally entangled: rz √X rz √X stands on both his qubits after his CNOT.  Six CNOTs, the least
possible: four for the state, and one for each party, as there is no frame in which all
bases do without.

Alice holds qubits 0 and 1, Bob 2 and 3; qubit k is measured into classical bit 3−k.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Operator
from qiskit.synthesis import OneQubitEulerDecomposer

from qdevices.ks18.frame import (
    Complex,
    decomposer,
    frame,
    line_frame,
    measurement,
    unit_rays,
)
from qdevices.ks18.game import KS18
from qdevices.ks18.parity import SX, parity_splits, rotation, to_z, turn
from qdevices.ks18.state import Shape, bob_frame, prepare

#: Angles of each qubit before the CNOT, and of each after it where there are any.
BEFORE, AFTER = 3, 2
#: Whether a party's qubits are turned after its CNOT too, for Alice and Bob.
TURNED: dict[Shape, tuple[bool, bool]] = {"square": (False, False), "line": (False, True)}
#: The CNOT whose control is the first, most significant qubit.
CNOT: Complex = np.eye(4, dtype=np.complex128)[[0, 1, 3, 2]]
_EXCHANGE = [0, 2, 1, 3]
_EULER = OneQubitEulerDecomposer("U3")


def party_unitary(angles: NDArray[np.float64]) -> Complex:
    """The unitary of a party's template at `angles`, shape (6,) or (10,), on its ququart index."""
    before = np.kron(rotation(tuple(angles[:3])), rotation(tuple(angles[3:6])))
    if len(angles) == 2 * BEFORE:
        return np.asarray(np.kron(SX, np.eye(2)) @ CNOT @ before)
    after = [SX @ rotation(tuple(angles[k : k + AFTER])) for k in (6, 8)]
    return np.asarray(np.kron(after[0], after[1]) @ CNOT @ before)


def plane_angles(rays: Complex) -> NDArray[np.float64]:
    """Angles, radians, shape (6,), that measure a basis of maximally entangled `rays`, (4, 4)."""
    split = next(s for s in parity_splits(rays) if s.entangling)
    assert split.first is not None
    assert split.second is not None
    angles = np.array([*to_z(split.first, full=True), *to_z(split.second, full=True)])
    before = np.kron(rotation(tuple(angles[:3])), rotation(tuple(angles[3:])))
    # After the CNOT the second qubit is the parity and the first lies in the XY plane.
    azimuths = np.zeros(2)
    for ray in (split.plus[0], split.minus[0]):
        vector = (CNOT @ before @ rays[ray]).reshape(2, 2)
        parity = int(np.abs(vector[0]).argmax())
        azimuths[parity] = np.angle(vector[1, parity] / vector[0, parity])
    # The last turns (p, q) shift these azimuths by p+q and p−q; √X then measures along Y.
    shift = np.pi / 2 - azimuths
    angles[2], angles[5] = (shift[0] + shift[1]) / 2, (shift[0] - shift[1]) / 2
    return np.array([turn(angle) for angle in angles])


def turned_angles(rays: Complex) -> NDArray[np.float64]:
    """Angles, radians, shape (10,), that measure any basis `rays`, (4, 4), of one CNOT."""
    count, unitary = measurement(rays)
    assert count == 1
    # Qiskit's second qubit is the most significant one, and its CNOT goes from the first.
    circuit = decomposer()(unitary[np.ix_(_EXCHANGE, _EXCHANGE)], _num_basis_uses=1)
    turns = [[np.eye(2, dtype=np.complex128)] * 2, [np.eye(2, dtype=np.complex128)] * 2]
    after = False
    for step in circuit.data:
        if step.operation.num_qubits == 2:
            after = True
            continue
        qubit = circuit.find_bit(step.qubits[0]).index
        turns[after][qubit] = Operator(step.operation).data @ turns[after][qubit]
    angles: list[float] = []
    for matrix in turns[0]:
        angles += _euler(matrix)
    for matrix in turns[1]:
        angles += _euler(matrix)[:AFTER]  # a last turn about Z changes no outcome
    return np.array([turn(angle) for angle in angles])


def _euler(matrix: Complex) -> tuple[float, float, float]:
    """Angles of rz √X rz √X rz, in this order, of a one-qubit unitary."""
    theta, phi, lam = _EULER.angles(matrix)
    return lam, theta + np.pi, phi + np.pi


def bits_to_rays(unitary: Complex, rays: Complex) -> NDArray[np.uint8]:
    """Ray 0..3 that each two-bit result 2·first + second of `unitary` stands for, shape (4,)."""
    probabilities = np.abs(unitary @ rays.T) ** 2
    rays_found = probabilities.argmax(axis=1)
    assert np.allclose(probabilities[np.arange(4), rays_found], 1)
    return np.asarray(rays_found, dtype=np.uint8)


@cache
def _parties(
    shape: Shape,
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], NDArray[np.uint8]]:
    """Angles, (9, 6) or (9, 10), of Alice and of Bob, and their relabellings, (2, 9, 4)."""
    alice = line_frame() if shape == "line" else frame()
    tables = []
    labels = np.empty((2, KS18.settings[0], KS18.outcomes[0]), dtype=np.uint8)
    for party, own_frame in enumerate((alice, bob_frame(shape) @ alice.conj())):
        bases = unit_rays(own_frame)
        angles_of = turned_angles if TURNED[shape][party] else plane_angles
        table = np.array([angles_of(rays) for rays in bases])
        tables.append(table)
        for setting, rays in enumerate(bases):
            labels[party, setting] = bits_to_rays(party_unitary(table[setting]), rays)
    return (tables[0], tables[1]), labels


def parameter_values(shape: Shape = "square") -> NDArray[np.float64]:
    """Angles in radians for `template`, (81, 12) or (81, 16), row 9u1+u2: Alice's, then Bob's."""
    (alice, bob), _ = _parties(shape)
    return np.hstack([np.repeat(alice, KS18.settings[0], 0), np.tile(bob, (KS18.settings[0], 1))])


def joint_labels(alice: NDArray[np.uint8], bob: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Outcome 4x1+x2 of each measured integer, (81, 16), from the parties' tables (9, 4)."""
    joint = KS18.outcomes[0] * alice[:, None, :, None] + bob[None, :, None, :]
    return np.ascontiguousarray(joint.reshape(KS18.n_pairs, KS18.n_joint).astype(np.uint8))


def relabel(shape: Shape = "square") -> NDArray[np.uint8]:
    """Outcome 4x1+x2 of setting 9u1+u2 for each measured integer, shape (81, 16) uint8."""
    _, labels = _parties(shape)
    return joint_labels(labels[0], labels[1])


def template(shape: Shape = "square", *, measure: bool = True) -> QuantumCircuit:
    """The circuit in rz, √X and CNOT, with a vector of 12 or 16 angles, see the module."""
    circuit = QuantumCircuit(QuantumRegister(4, "q"), name="template")
    prepare(circuit, shape)
    counts = [2 * (BEFORE + (AFTER if turned else 0)) for turned in TURNED[shape]]
    angles = iter(ParameterVector("angle", sum(counts)))
    for party, turned in enumerate(TURNED[shape]):
        first, second = 2 * party, 2 * party + 1
        for qubit in (first, second):
            circuit.rz(next(angles), qubit)
            circuit.sx(qubit)
            circuit.rz(next(angles), qubit)
            circuit.sx(qubit)
            circuit.rz(next(angles), qubit)
        circuit.cx(first, second)
        if not turned:
            circuit.sx(first)
            continue
        for qubit in (first, second):
            circuit.rz(next(angles), qubit)
            circuit.sx(qubit)
            circuit.rz(next(angles), qubit)
            circuit.sx(qubit)
    if measure:
        register = ClassicalRegister(4, "outcome")
        circuit.add_register(register)
        circuit.measure(range(4), register[::-1])
    return circuit
