"""The shared state on the couplings of a square or of a line.

Alice holds qubits 0 and 1, Bob 2 and 3.  A square has the couplings 0-2, 1-3, 0-1 and 2-3: two Bell
pairs, two CNOTs.  A line 0-1-2-3, all that a line, a heavy-hex lattice or any tree offers, has
no such cycle, and a maximally entangled state takes four CNOTs at least: its Schmidt rank 4 goes
through the coupling 1-2 alone, where a CNOT at most doubles it, and qubits 0 and 3 take part only
through 0-1 and 2-3.  Measured bits that are fed forward raise no Schmidt rank either.  Four are
enough: Bell pairs 0-1 and 2-3, then two CNOTs in turn on 1-2, an exchange with one CNOT left
over, which turns Bob's frame by a Clifford W: the state is ½Σ|i⟩W|i⟩.

All of this comes before anything that depends on a setting.  Couplings of a party through the
other's qubits, as on a line b0-a0-a1-b1, would carry one's setting to the other, and are not used.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from qdevices.ks18.frame import Complex

#: Couplings in use: 0-2, 1-3, 0-1, 2-3, or only 0-1, 1-2, 2-3.
Shape = Literal["square", "line"]


def prepare(circuit: QuantumCircuit, shape: Shape) -> None:
    """Append the state's √X and CNOTs, two on a square, four on a line, to four fresh qubits."""
    for first, second in ((0, 2), (1, 3)) if shape == "square" else ((0, 1), (2, 3)):
        circuit.sx(first)
        circuit.cx(first, second)
    if shape == "line":
        circuit.cx(1, 2)
        circuit.cx(2, 1)


@cache
def bob_frame(shape: Shape) -> Complex:
    """W such that the prepared state is ½Σ|i⟩W|i⟩, unitary, shape (4, 4).

    If Alice measures the rays V|v⟩ and Bob W(V|v⟩)*, the outcomes are the honest ones.
    """
    circuit = QuantumCircuit(4)
    prepare(circuit, shape)
    # Axes of a state vector are qubits 3, 2, 1, 0; wanted are Alice's 0, 1 and Bob's 2, 3.
    amplitudes = Statevector(circuit).data.reshape(2, 2, 2, 2).transpose(3, 2, 1, 0)
    return np.asarray(2 * amplitudes.reshape(4, 4).T)
