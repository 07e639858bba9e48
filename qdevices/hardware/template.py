"""One parametrised four-qubit circuit for all 81 setting pairs, with one CNOT per party.

In the frame of `qdevices.hardware.frame` every basis is a joint parity of two local observables
followed by a measurement in the XY plane whose direction can be made the same for both parities
by turns about Z.  So a party's measurement is, for each setting with other angles only,

    first qubit   rz √X rz √X rz ──●── √X ── measure
    second qubit  rz √X rz √X rz ──⊕─────── measure

and rz, the only gate that depends on the setting, is a change of frame without error: the noise of
one party's gates cannot depend on either setting.  The state costs two CNOTs more, four in all,
where the couplings 0-2, 1-3, 0-1 and 2-3 exist, a square.

A line 0-1-2-3 has no such cycle.  Two Bell pairs 0-1 and 2-3 and an exchange of 1 and 2, before any
setting acts, give the same state for five CNOTs, seven in all, the least known.  A maximally
entangled state takes at least four: the coupling 1-2 must carry Schmidt rank 4, two CNOTs, and
qubits 0 and 3 need one each.  But what four give is |Ψ⟩ up to a CNOT-like Clifford, so the parties
cannot both see the frame above: one of them needs two CNOTs for some bases, and for a
fixed template the sum is seven again.  The adaptive circuits of `feedforward` do profit.

Alice holds qubits 0 and 1, Bob 2 and 3; qubit k is measured into classical bit 3−k.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector

from qdevices.game import N_JOINT, N_OUTCOMES, N_PAIRS, N_SETTINGS
from qdevices.hardware.frame import Complex, frame, unit_rays
from qdevices.hardware.parity import SX, parity_splits, rotation, to_z, turn

#: Couplings in use: 0-2, 1-3, 0-1, 2-3, or only 0-1, 1-2, 2-3.
Shape = Literal["square", "line"]
#: Angles per party: three for each of its two qubits.
ANGLES = 6
#: The CNOT whose control is the first, most significant qubit.
CNOT: Complex = np.eye(4, dtype=np.complex128)[[0, 1, 3, 2]]


def party_unitary(angles: NDArray[np.float64]) -> Complex:
    """The unitary of one party's template at `angles`, shape (6,), on its ququart index."""
    before = np.kron(rotation(tuple(angles[:3])), rotation(tuple(angles[3:])))
    return np.asarray(np.kron(SX, np.eye(2)) @ CNOT @ before)


def party_angles(rays: Complex) -> NDArray[np.float64]:
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


def bits_to_rays(unitary: Complex, rays: Complex) -> NDArray[np.uint8]:
    """Ray 0..3 that each two-bit result 2·first + second of `unitary` stands for, shape (4,)."""
    probabilities = np.abs(unitary @ rays.T) ** 2
    rays_found = probabilities.argmax(axis=1)
    assert np.allclose(probabilities[np.arange(4), rays_found], 1)
    return np.asarray(rays_found, dtype=np.uint8)


@cache
def _parties() -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Angles (2, 9, 6) and relabelling (2, 9, 4) of Alice and Bob."""
    angles = np.empty((2, N_SETTINGS, ANGLES))
    labels = np.empty((2, N_SETTINGS, N_OUTCOMES), dtype=np.uint8)
    for party, own_frame in enumerate((frame(), frame().conj())):
        for setting, rays in enumerate(unit_rays(own_frame)):
            angles[party, setting] = party_angles(rays)
            labels[party, setting] = bits_to_rays(party_unitary(angles[party, setting]), rays)
    return angles, labels


def parameter_values() -> NDArray[np.float64]:
    """Angles in radians for `template`, shape (81, 12), row 9u1+u2: Alice's six, then Bob's."""
    angles, _ = _parties()
    alice, bob = np.repeat(angles[0], N_SETTINGS, 0), np.tile(angles[1], (N_SETTINGS, 1))
    # The state is prepared as Σ(−i)^k|kk⟩ with a bare √X; Alice's first turns undo the phase.
    alice = alice + np.pi / 2 * (np.arange(ANGLES) % 3 == 0)
    return np.hstack([alice, bob])


def joint_labels(alice: NDArray[np.uint8], bob: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Outcome 4x1+x2 of each measured integer, (81, 16), from the parties' tables (9, 4)."""
    joint = N_OUTCOMES * alice[:, None, :, None] + bob[None, :, None, :]
    return np.ascontiguousarray(joint.reshape(N_PAIRS, N_JOINT).astype(np.uint8))


def relabel() -> NDArray[np.uint8]:
    """Outcome 4x1+x2 of setting 9u1+u2 for each measured integer, shape (81, 16) uint8."""
    _, labels = _parties()
    return joint_labels(labels[0], labels[1])


def template(shape: Shape = "square", *, measure: bool = True) -> QuantumCircuit:
    """The circuit in rz, √X and CNOT, with a parameter vector of 12 angles, see the module."""
    circuit = QuantumCircuit(QuantumRegister(4, "q"), name="template")
    prepare(circuit, shape)
    angles = ParameterVector("angle", 2 * ANGLES)
    for party in (0, 1):
        first = 2 * party
        for qubit in (first, first + 1):
            own = angles[ANGLES * party + 3 * (qubit - first) :][:3]
            circuit.rz(own[0], qubit)
            circuit.sx(qubit)
            circuit.rz(own[1], qubit)
            circuit.sx(qubit)
            circuit.rz(own[2], qubit)
        circuit.cx(first, first + 1)
        circuit.sx(first)
    if measure:
        register = ClassicalRegister(4, "outcome")
        circuit.add_register(register)
        circuit.measure(range(4), register[::-1])
    return circuit


def prepare(circuit: QuantumCircuit, shape: Shape) -> None:
    """Append Bell pairs Σ(−i)^k|kk⟩ of qubits 0-2 and 1-3: square: two CNOTs, line: five."""
    pairs = ((0, 2), (1, 3)) if shape == "square" else ((0, 1), (2, 3))
    for first, second in pairs:
        circuit.sx(first)
        circuit.cx(first, second)
    if shape == "line":
        for control, target in ((1, 2), (2, 1), (1, 2)):
            circuit.cx(control, target)
