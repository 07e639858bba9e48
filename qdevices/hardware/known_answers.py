"""Known-answer circuits: do bits and parameters come back in the order in which they went in?

Bit order differs between result types, and a simulator's parameter binding has silently ignored
angles (theory 7).  Three circuits with a certain answer run before anything else on a backend: an
asymmetric outcome, a controlled rotation with a free angle, and one whose rows and columns
of parameters each leave their own trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter, ParameterVector
from qiskit.transpiler import Target

from qdevices.errors import InputError

#: Shots of each row; noise must leave the right answer the most frequent by far.
SHOTS = 25
#: More than ten, so that sorting by name, angle[10] before angle[2], shows.
_ANGLES = 12


@dataclass(frozen=True, eq=False)
class KnownAnswer:
    """A circuit on qubits 0..3 with its angles, shape (rows, k), and what each row must give.

    Attributes:
        name: what is tested.
        circuit: measured like a programme, qubit k into bit 3−k of register "outcome".
        angles: radians, shape (rows, k) in the order of `circuit.parameters`.
        expected: measured integers, shape (rows,).
    """

    name: str
    circuit: QuantumCircuit
    angles: NDArray[np.float64]
    expected: NDArray[np.int64]


def known_answers(cut: Target) -> list[KnownAnswer]:
    """The circuits in the native gates of `cut`, the target of a programme's four qubits."""
    asymmetric = _circuit("bit_order")
    for qubit in (0, 1, 3):
        asymmetric.x(qubit)
    _measure(asymmetric)

    couplings = cut.build_coupling_map()
    control, target = next(iter(couplings.get_edges())) if couplings else (0, 1)
    controlled = _circuit("controlled_rotation")
    controlled.x(control)
    # A controlled turn about X in rz and CNOT: Aer ignores the free angle of crx (theory 7).
    angle = Parameter("angle")
    controlled.h(target)
    controlled.rz(angle / 2, target)
    controlled.cx(control, target)
    controlled.rz(-angle / 2, target)
    controlled.cx(control, target)
    controlled.h(target)
    _measure(controlled)
    on, both = 1 << (3 - control), 1 << (3 - control) | 1 << (3 - target)

    order = _circuit("parameter_order")
    vector = ParameterVector("angle", _ANGLES)
    for qubit in range(4):
        order.sx(qubit)
        for k in range(qubit, _ANGLES, 4):
            order.rz(vector[k], qubit)
        order.sx(qubit)
    _measure(order)
    # √X twice flips; a turn by π in between undoes it, so row k leaves only qubit k mod 4 at 0.
    rows = np.pi * np.eye(_ANGLES)
    left = np.array([15 & ~(1 << (3 - k % 4)) for k in range(_ANGLES)])

    return [
        KnownAnswer("bit order", _lower(asymmetric, cut), np.zeros((1, 0)), np.array([0b1101])),
        KnownAnswer(
            "controlled rotation",
            _lower(controlled, cut),
            np.array([[0.0], [np.pi]]),
            np.array([on, both]),
        ),
        KnownAnswer("parameter order", _lower(order, cut), rows, left),
    ]


def check_known_answers(
    answers: Sequence[KnownAnswer], results: Sequence[NDArray[np.integer]]
) -> None:
    """Compare measured integers, shape (rows, shots) for each circuit, with the known answers.

    Raises:
        InputError: a row whose most frequent result is another one than known, or a result of
            another shape; bits or parameters then come back in another order.
    """
    for answer, result in zip(answers, results, strict=True):
        result = np.asarray(result)
        if result.ndim != 2 or len(result) != len(answer.expected):
            raise InputError(
                f"known-answer circuit {answer.name!r} gave results of shape {result.shape}, "
                f"expected ({len(answer.expected)}, shots)"
            )
        for row, expected in enumerate(answer.expected):
            frequent = int(np.bincount(result[row], minlength=16).argmax())
            if frequent != expected:
                raise InputError(
                    f"known-answer circuit {answer.name!r}, row {row}, gave {frequent:04b}, "
                    f"expected {expected:04b}: bits or parameters come back in another order"
                )


def _circuit(name: str) -> QuantumCircuit:
    return QuantumCircuit(QuantumRegister(4, "q"), ClassicalRegister(4, "outcome"), name=name)


def _measure(circuit: QuantumCircuit) -> None:
    circuit.measure(range(4), circuit.clbits[::-1])


def _lower(circuit: QuantumCircuit, cut: Target) -> QuantumCircuit:
    return transpile(
        circuit,
        target=cut,
        initial_layout=range(4),
        routing_method="none",
        optimization_level=0,
        num_processes=1,
    )
