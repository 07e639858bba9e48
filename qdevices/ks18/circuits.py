"""Honest circuits: the shared pair, the nine measurements of a party, and the 81 setting pairs.

Alice holds qubits 0 and 1, Bob 2 and 3; a party's ququart index is 2·(first qubit) + (second
qubit).  |Ψ⟩ = ½Σ|ii⟩ is two Bell pairs, 0-2 and 1-3 (theory 6).  A measured circuit has four
classical bits whose integer value is the outcome 4x1+x2 directly: qubit k is measured into bit
3−k.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit.library import UnitaryGate

from qdevices.ks18.game import BASES, KS18, RAYS
from qdevices.noise.places import BASIS_GATES, ONE_QUBIT_GATES, SHARED_PAIR, TWO_QUBIT_GATES

#: Where noise can act in a marked `pair_circuit`: gates on any qubits, and marked places.
PLACES: dict[str, tuple[tuple[int, ...], ...]] = {
    **{gate: tuple(permutations(range(4), 1)) for gate in ONE_QUBIT_GATES},
    **{gate: tuple(permutations(range(4), 2)) for gate in TWO_QUBIT_GATES},
    SHARED_PAIR: ((0, 1),),
}


def basis_unitary(setting: int) -> NDArray[np.complex128]:
    """The unitary that maps ray x of basis `setting` (0..8) to |x⟩, in Qiskit's qubit order.

    Shape (4, 4).  Qiskit counts the first qubit as least significant, the ququart index as most
    significant, hence the exchange of the middle entries.
    """
    rays = RAYS[BASES[setting]].astype(np.complex128)
    unitary = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    swap = [0, 2, 1, 3]
    return np.ascontiguousarray(unitary[np.ix_(swap, swap)])


@cache
def measurement_circuit(setting: int) -> QuantumCircuit:
    """Two-qubit circuit, in `BASIS_GATES`, of the literal measurement unitary of `setting`.

    Computational-basis measurement after it gives the ray index x = 2·(first bit) + (second).
    """
    circuit = QuantumCircuit(2)
    circuit.append(UnitaryGate(basis_unitary(setting)), [0, 1])
    return transpile(
        circuit, basis_gates=list(BASIS_GATES), optimization_level=3, seed_transpiler=0
    )


@cache
def state_circuit() -> QuantumCircuit:
    """Four-qubit circuit that prepares |Ψ⟩ from |0000⟩, in `BASIS_GATES`: two CNOTs."""
    circuit = QuantumCircuit(4)
    for alice, bob in ((0, 2), (1, 3)):
        circuit.h(alice)
        circuit.cx(alice, bob)
    return transpile(
        circuit, basis_gates=list(BASIS_GATES), optimization_level=1, seed_transpiler=0
    )


def pair_circuit(u1: int, u2: int, *, measure: bool = True, marked: bool = False) -> QuantumCircuit:
    """The circuit of the setting pair with indices `u1`, `u2` in 0..8.

    With `measure`, the integer value of the classical register is the outcome 4x1+x2.  If
    `marked`, labelled identities mark the places that are no gates, where noise may act.

    Raises:
        InputError: an index outside 0..8.
    """
    name = f"pair_{KS18.pair_index(u1 + 1, u2 + 1)}"
    circuit = QuantumCircuit(QuantumRegister(4, "q"), name=name)
    circuit.compose(state_circuit(), inplace=True)
    if marked:
        circuit.append(UnitaryGate(np.eye(4), label=SHARED_PAIR), [0, 1])
    circuit.compose(measurement_circuit(u1), [0, 1], inplace=True)
    circuit.compose(measurement_circuit(u2), [2, 3], inplace=True)
    if measure:
        add_measurement(circuit)
    return circuit


def add_measurement(circuit: QuantumCircuit) -> None:
    """Measure the four qubits so that the classical integer is the outcome 4x1+x2."""
    register = ClassicalRegister(4, "outcome")
    circuit.add_register(register)
    circuit.measure(range(4), register[::-1])
