"""Dynamic circuits in the literal frame: a measured bit chooses the basis of the other qubit.

Bases M1, M2, M3 and M7 consist of product rays: one qubit is measured first and its bit chooses
the basis of the other, no entangling gate.  The other five need one CNOT for a joint parity,
whose bit chooses the basis of the qubit that is left.  With two CNOTs for the state a setting
pair costs 2 to 4, 252/81 = 3.11 on average.

On a line the state has four CNOTs, the least possible, and Bob measures W|v*⟩ (`state`), which for
a CNOT-like W costs what the literal frame does: four bases none, five one.  So 4 to 6, 5.11 on
average.  No frame V in U(4) has five bases of product rays (`benchmarks/frames.py`), so neither
mean can be less.

Only a party's own bits choose its own bases.  Qubits and bits as in `template`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from qdevices.errors import InputError
from qdevices.ks18.frame import PAULI, Complex, unit_rays
from qdevices.ks18.game import KS18
from qdevices.ks18.parity import ParitySplit, parity_splits, rotation, to_z, turn
from qdevices.ks18.state import Shape, bob_frame, prepare
from qdevices.ks18.template import CNOT, joint_labels

Angles = tuple[float, ...]


@dataclass(frozen=True)
class PartyPlan:
    """One party's adaptive measurement of one basis; angles in radians as in `parity.to_z`.

    Attributes:
        before: turns of the party's two qubits before everything; None: nothing.
        entangling: whether a CNOT from the kept to the first measured qubit follows.
        measured_first: 0 or 1, the qubit that is measured first; the other one is kept.
        then: turns of the kept qubit if the first bit was 0, and if it was 1.
        labels: ray 0..3 of each result 2·(bit of first qubit) + (bit of second qubit).
    """

    before: tuple[Angles | None, Angles | None]
    entangling: bool
    measured_first: int
    then: tuple[Angles, Angles]
    labels: tuple[int, ...]

    @property
    def adaptive(self) -> bool:
        """Whether the first bit is needed at all."""
        return self.then[0] != self.then[1]


def plan_basis(rays: Complex) -> PartyPlan:
    """The adaptive measurement of a basis `rays`, shape (4, 4), with the fewest CNOTs."""
    plans = [
        _plan_split(rays, split, first)
        for split in parity_splits(rays)
        for first in (0, 1)
        if split.entangling or (split.first, split.second)[first] is not None
    ]
    # Fewest CNOTs, then no feed-forward, then fewest √X.
    return min(plans, key=lambda p: (p.entangling, p.adaptive, _pulses(p)))


def _pulses(plan: PartyPlan) -> int:
    turns = [t for t in (*plan.before, *plan.then) if t is not None]
    return sum(len(t) - 1 for t in turns)


def _until_first(before: Sequence[Angles | None], entangling: bool, measured_first: int) -> Complex:
    """The party's unitary up to the first measurement."""
    turns = [np.eye(2) if angles is None else rotation(angles) for angles in before]
    unitary = np.kron(turns[0], turns[1])
    if entangling:
        exchange = np.eye(4)[[0, 2, 1, 3]]
        unitary = (CNOT if measured_first else exchange @ CNOT @ exchange) @ unitary
    return np.asarray(unitary)


def _azimuths(
    rays: Complex, unitary: Complex, split: ParitySplit, measured_first: int
) -> list[float] | None:
    """Azimuth of the kept qubit's basis for first bit 0 and 1; None unless both in the plane."""
    found = [0.0, 0.0]
    for ray in (split.plus[0], split.minus[0]):
        vector = (unitary @ rays[ray]).reshape(2, 2)
        vector = vector if measured_first else vector.T  # [kept, measured first]
        bit = int(np.abs(vector).sum(axis=0).argmax())
        if abs(abs(vector[0, bit]) - abs(vector[1, bit])) > 1e-9:
            return None
        found[bit] = float(np.angle(vector[1, bit] / vector[0, bit]))
    return found


def _plan_split(rays: Complex, split: ParitySplit, measured_first: int) -> PartyPlan:
    axes = (split.first, split.second)
    before = [None if axis is None else to_z(axis) for axis in axes]
    unitary = _until_first(before, split.entangling, measured_first)
    turns = before[measured_first]
    if split.entangling and turns is not None and len(turns) > 1:
        # Turning the first qubit about Z moves the two bases of the kept one oppositely: if both
        # are in the XY plane they are made equal, and nothing need be fed forward.
        azimuths = _azimuths(rays, unitary, split, measured_first)
        if azimuths is not None:
            aligned = (azimuths[1] - azimuths[0]) / 2
            before[measured_first] = (*turns[:-1], turn(turns[-1] + aligned))
            unitary = _until_first(before, split.entangling, measured_first)
    vectors = (rays @ unitary.T).reshape(4, 2, 2)
    if not measured_first:
        vectors = vectors.transpose(0, 2, 1)  # [ray, kept, measured first]
    then: list[Angles] = []
    labels = [0] * 4
    for bit in (0, 1):
        weights = np.abs(vectors[:, :, bit]) ** 2
        pair = np.flatnonzero(weights.sum(axis=1) > 0.5)
        state = vectors[pair[0], :, bit]
        axis = np.array([(state.conj() @ p @ state).real for p in PAULI.values()])
        angles = to_z(axis)
        # ±axis is the same basis; the one turned by less is taken once and for all.
        then.append(min(angles, to_z(-axis), key=lambda a: [round(abs(t), 9) for t in a]))
        for ray in pair:
            kept = int(np.abs(rotation(then[-1]) @ vectors[ray, :, bit]).argmax())
            labels[2 * kept + bit if measured_first else 2 * bit + kept] = int(ray)
    if len(then[0]) == len(then[1]) and np.allclose(then[0], then[1]):
        then[1] = then[0]
    return PartyPlan(
        (before[0], before[1]), split.entangling, measured_first, (then[0], then[1]), tuple(labels)
    )


@cache
def party_plans(shape: Shape = "square") -> tuple[tuple[PartyPlan, ...], tuple[PartyPlan, ...]]:
    """The plans of the nine bases for Alice, literal, and Bob, who sees the state's W."""
    alice = tuple(plan_basis(rays) for rays in unit_rays())
    bob = tuple(plan_basis(rays) for rays in unit_rays(bob_frame(shape)))
    return alice, bob


def relabel(shape: Shape = "square") -> NDArray[np.uint8]:
    """Outcome 4x1+x2 of setting 9u1+u2 for each measured integer, shape (81, 16) uint8."""
    alice, bob = (
        np.array([plan.labels for plan in plans], dtype=np.uint8) for plans in party_plans(shape)
    )
    return joint_labels(alice, bob)


def feedforward_circuit(u1: int, u2: int, shape: Shape = "square") -> QuantumCircuit:
    """The dynamic circuit of the setting pair with indices `u1`, `u2` in 0..8.

    Raises:
        InputError: an index outside 0..8.
    """
    for setting in (u1, u2):
        if not 0 <= setting < KS18.settings[0]:
            raise InputError(f"setting index {setting} is outside 0..{KS18.settings[0] - 1}")
    circuit = QuantumCircuit(
        QuantumRegister(4, "q"), ClassicalRegister(4, "outcome"), name=f"pair_{9 * u1 + u2}"
    )
    prepare(circuit, shape)
    alice, bob = party_plans(shape)
    plans = (alice[u1], bob[u2])
    # All first measurements before anything conditional: a processor then waits only once.
    for party, plan in enumerate(plans):
        qubits = (2 * party, 2 * party + 1)
        for qubit, angles in zip(qubits, plan.before, strict=True):
            _turn(circuit, angles or (0.0,), qubit)
        kept, first = qubits[1 - plan.measured_first], qubits[plan.measured_first]
        if plan.entangling:
            circuit.cx(kept, first)
        if not plan.adaptive:
            _turn(circuit, plan.then[0], kept)
    for party, plan in enumerate(plans):
        if plan.adaptive:
            first = 2 * party + plan.measured_first
            circuit.measure(first, 3 - first)
    for party, plan in enumerate(plans):
        if plan.adaptive:
            first = 2 * party + plan.measured_first
            kept = 2 * party + 1 - plan.measured_first
            for bit in (0, 1):
                if len(plan.then[bit]) > 1:
                    with circuit.if_test((circuit.clbits[3 - first], bit)):
                        _turn(circuit, plan.then[bit], kept)
    for party, plan in enumerate(plans):
        for qubit in (2 * party, 2 * party + 1):
            if not plan.adaptive or qubit != 2 * party + plan.measured_first:
                circuit.measure(qubit, 3 - qubit)
    return circuit


def _turn(circuit: QuantumCircuit, angles: Angles, qubit: int) -> None:
    """rz(angles[0]), √X, rz(angles[1]), …; a single angle is a mere phase and is left out."""
    for k, angle in enumerate(angles if len(angles) > 1 else ()):
        if k:
            circuit.sx(qubit)
        if angle:
            circuit.rz(angle, qubit)
