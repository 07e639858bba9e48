"""A programme: the native circuits of one variant, on four given qubits, and what bits mean.

Variants: "literal" (the nine measurement unitaries as they stand, compiled and routed by Qiskit
at optimisation level 3, one circuit a setting pair), "static" (one parametrised circuit, one
CNOT per party) and "feedforward" (dynamic circuits, one a setting pair).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ControlFlowOp
from qiskit.transpiler import Target

from qdevices.errors import InputError
from qdevices.hardware.evolution import probabilities
from qdevices.hardware.placement import Placement
from qdevices.ks18 import feedforward, template
from qdevices.ks18.circuits import pair_circuit
from qdevices.ks18.game import KS18
from qdevices.noise.reduced import ReducedNoise
from qdevices.variants import Variant, check_variant

#: A circuit and its angles, shape (runs, k): one shot for each row.
Pub = tuple[QuantumCircuit, NDArray[np.float64]]
_SEED = 20161125  # of Qiskit's routing heuristics, so that a compilation can be repeated


@dataclass(frozen=True, eq=False)
class Programme:
    """What is run on a backend.

    Attributes:
        variant: "literal", "static" or "feedforward".
        placement: physical qubits and shape.
        circuits: native circuits on qubits 0..3 = `placement.qubits`; measured into a register
            "outcome" of four bits.
        circuit_of: index into `circuits` of each setting, shape (81,).
        angles: parameters of that circuit in radians, shape (81, k), k = 0 without parameters.
        relabel: outcome 4x1+x2 of each measured integer, shape (81, 16) uint8.
    """

    variant: Variant
    placement: Placement
    circuits: tuple[QuantumCircuit, ...]
    circuit_of: NDArray[np.int64]
    angles: NDArray[np.float64]
    relabel: NDArray[np.uint8]

    def pubs(self, settings: NDArray[np.uint8]) -> list[Pub]:
        """Circuits and angles in run order, one shot a row; shape (rows, k) each.

        Neighbouring runs of one parametrised circuit share an entry; circuits without parameters
        take one entry a run.

        Raises:
            InputError: a setting outside 0..80.
        """
        settings = as_settings(settings)
        if self.angles.shape[1]:
            which = self.circuit_of[settings]
            cuts = np.flatnonzero(np.diff(which)) + 1
            return [
                (self.circuits[self.circuit_of[part[0]]], self.angles[part])
                for part in np.split(settings, cuts)
                if len(part)
            ]
        empty = np.zeros((1, 0))
        return [(self.circuits[self.circuit_of[setting]], empty) for setting in settings]

    def decode(
        self, integers: NDArray[np.integer[Any]], settings: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Outcomes 4x1+x2 of measured integers, the value of register "outcome"; shape (n,).

        Raises:
            InputError: arrays of unequal length, or an integer outside 0..15.
        """
        integers, settings = np.asarray(integers), as_settings(settings)
        if integers.shape != settings.shape:
            raise InputError(f"{integers.shape} results came back for {settings.shape} runs")
        if len(integers) and not 0 <= integers.min() <= integers.max() < KS18.n_joint:
            raise InputError(f"result {integers.max()} is outside 0..{KS18.n_joint - 1}")
        return np.asarray(self.relabel[settings, integers])

    def behaviour(self, noise: ReducedNoise) -> NDArray[np.float64]:
        """P(x|u) under `noise` of the four qubits, exact, shape (81, 16).

        It is normalised, but may signal if the circuits of a variant let it; see
        `figures.signalling`.
        """
        table = np.zeros(KS18.shape)
        for index, circuit in enumerate(self.circuits):
            where = np.flatnonzero(self.circuit_of == index)
            table[where] = probabilities(circuit, noise, self.angles[where])
        result = np.zeros_like(table)
        np.add.at(result, (np.arange(KS18.n_pairs)[:, None], self.relabel), table)
        return result

    def bound(self, setting: int) -> QuantumCircuit:
        """The circuit of one setting pair 0..80 with its angles filled in."""
        circuit = self.circuits[self.circuit_of[setting]]
        return circuit.assign_parameters(self.angles[setting]) if circuit.parameters else circuit

    def two_qubit_gates(self) -> NDArray[np.int64]:
        """Two-qubit gates of each setting pair, shape (81,)."""
        counts = np.array([count_two_qubit(circuit) for circuit in self.circuits])
        return np.asarray(counts[self.circuit_of])


def count_two_qubit(circuit: QuantumCircuit) -> int:
    """Two-qubit gates, those in conditional blocks at most once each."""
    count = 0
    for step in circuit.data:
        if isinstance(step.operation, ControlFlowOp):
            count += max(count_two_qubit(block) for block in step.operation.blocks)
        elif step.operation.num_qubits == 2 and step.operation.name != "barrier":
            count += 1
    return count


def as_settings(settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `settings` as (n,) uint8.

    Raises:
        InputError: another shape, or a setting outside 0..80.
    """
    settings = np.asarray(settings)
    if settings.ndim != 1 or not np.issubdtype(settings.dtype, np.integer):
        raise InputError(f"settings have shape {settings.shape}, expected (n,) integers")
    if len(settings) and not 0 <= settings.min() <= settings.max() < KS18.n_pairs:
        raise InputError(f"setting {settings.max()} is outside 0..{KS18.n_pairs - 1}")
    return settings.astype(np.uint8)


def build(cut: Target, placement: Placement, variant: str) -> Programme:
    """Compile a variant to the native gates of `cut`, the target of the placement's four qubits.

    Raises:
        InputError: an unknown variant.
    """
    variant = check_variant(variant)
    shape = placement.shape
    each = np.arange(KS18.n_pairs)
    none = np.zeros((KS18.n_pairs, 0))
    if variant == "static":
        circuit = lower(template.template(shape), cut)
        angles = template.parameter_values(shape)
        return Programme(variant, placement, (circuit,), each * 0, angles, template.relabel(shape))
    pairs = [KS18.split(int(u)) for u in each]
    if variant == "feedforward":
        circuits = tuple(lower(feedforward.feedforward_circuit(*p, shape), cut) for p in pairs)
        return Programme(variant, placement, circuits, each, none, feedforward.relabel(shape))
    literal = transpile(
        [pair_circuit(*p) for p in pairs],
        target=cut,
        optimization_level=3,
        seed_transpiler=_SEED,
        num_processes=1,
    )
    same = np.tile(np.arange(KS18.n_joint, dtype=np.uint8), (KS18.n_pairs, 1))
    return Programme(variant, placement, tuple(literal), each, none, same)


def lower(circuit: QuantumCircuit, cut: Target) -> QuantumCircuit:
    """The circuit in native gates, its qubits where they are."""
    # Gates between the parties stay before all settings: routing must not move a qubit, and level
    # 1 does not commute a party's gates to before the coupling, where their noise would signal.
    return transpile(
        circuit,
        target=cut,
        initial_layout=list(range(circuit.num_qubits)),
        routing_method="none",
        optimization_level=1,
        seed_transpiler=_SEED,
        num_processes=1,
    )


def widen(circuit: QuantumCircuit, placement: Placement, size: int) -> QuantumCircuit:
    """The circuit on the processor's `size` physical qubits, the classical register kept."""
    wide = QuantumCircuit(size, name=circuit.name)
    for register in circuit.cregs:
        wide.add_register(register)
    wide.compose(
        circuit, [placement.qubits[q] for q in range(circuit.num_qubits)], wide.clbits, inplace=True
    )
    return wide


def sampler_integers(result: Any) -> list[NDArray[np.int64]]:
    """Integers of register "outcome" in a sampler's result, shape (rows, shots) for each pub."""
    found = []
    for entry in result:
        bits = entry.data.outcome
        # Bytes are most significant first; four bits sit in the last one.
        integers = np.asarray(bits.array)[..., -1].astype(np.int64)
        found.append(integers.reshape(-1, bits.num_shots))
    return found
