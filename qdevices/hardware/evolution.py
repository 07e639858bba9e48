"""Exact outcome probabilities of a circuit under noise, by a small density matrix.

All setting pairs of a parametrised circuit are evolved together, and measured bits that choose
later gates are kept as branches, so dynamic circuits are exact too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Operator

from qdevices.errors import InputError
from qdevices.ks18.frame import Complex
from qdevices.noise.channels import Channel
from qdevices.noise.reduced import ReducedNoise

#: Instructions without a matrix of their own that a circuit may contain.
_IGNORED = ("barrier", "id")


def probabilities(
    circuit: QuantumCircuit,
    noise: ReducedNoise,
    parameters: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Exact distribution of the classical bits' integer value for each row of parameters.

    Args:
        circuit: at most as many qubits as `noise`; gates, measurements and `if_test`.
        noise: the errors after gates and of measurements.
        parameters: radians, shape (rows, k), in the order of `circuit.parameters`; one row
            without parameters if not given.

    Returns:
        Shape (rows, 2**bits).

    Raises:
        InputError: parameters of another number, or an instruction that cannot be simulated.
    """
    count = len(circuit.parameters)
    rows = np.zeros((1, 0)) if parameters is None else np.asarray(parameters, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != count:
        raise InputError(f"parameters have shape {rows.shape}, expected (rows, {count})")
    evolution = _Evolution(circuit, noise, rows)
    evolution.run(circuit, list(range(circuit.num_qubits)), list(range(circuit.num_clbits)))
    table = np.zeros((len(rows), 2**circuit.num_clbits))
    for bits, state in evolution.branches.items():
        table[:, bits] += np.einsum("rii->r", state).real
    return table


class _Evolution:
    """Density matrices (rows, 2^k, 2^k), one for each integer value of the recorded bits."""

    def __init__(
        self, circuit: QuantumCircuit, noise: ReducedNoise, rows: NDArray[np.float64]
    ) -> None:
        self.width = circuit.num_qubits
        self.noise = noise
        self.angles = dict(zip(circuit.parameters, rows.T, strict=True))
        state = np.zeros((len(rows), 2**self.width, 2**self.width), dtype=np.complex128)
        state[:, 0, 0] = 1
        self.branches: dict[int, Complex] = {0: state}
        self._matrices: dict[tuple[Any, ...], Complex] = {}

    def run(
        self,
        circuit: QuantumCircuit,
        qubits: list[int],
        clbits: list[int],
        condition: tuple[int, int] | None = None,
    ) -> None:
        """Apply a circuit whose bits are these; with (mask, value) only in those branches."""
        for step in circuit.data:
            where = tuple(qubits[circuit.find_bit(q).index] for q in step.qubits)
            bits = [clbits[circuit.find_bit(c).index] for c in step.clbits]
            name = step.operation.name
            if name in _IGNORED and (name, where) not in self.noise.gates:
                continue
            if name == "measure":
                self._measure(where[0], bits[0], condition)
            elif name == "if_else":
                self._branch(step, circuit, where, bits, clbits, condition)
            else:
                matrix = self._channel(step.operation, where)
                for value in self._selected(condition):
                    self.branches[value] = _apply(self.branches[value], matrix, where, self.width)

    def _selected(self, condition: tuple[int, int] | None) -> list[int]:
        mask, value = condition or (0, 0)
        return [bits for bits in self.branches if bits & mask == value]

    def _measure(self, qubit: int, bit: int, condition: tuple[int, int] | None) -> None:
        index = np.arange(2**self.width) >> qubit & 1
        for value in self._selected(condition):
            state = self.branches.pop(value)
            parts = [state * np.outer(index == m, index == m) for m in (0, 1)]
            for recorded in (0, 1):
                weights = self.noise.readout[qubit, :, recorded]
                part = weights[0] * parts[0] + weights[1] * parts[1]
                key = value & ~(1 << bit) | recorded << bit
                self.branches[key] = self.branches.get(key, 0) + part

    def _branch(
        self,
        step: Any,
        circuit: QuantumCircuit,
        where: tuple[int, ...],
        bits: list[int],
        clbits: list[int],
        condition: tuple[int, int] | None,
    ) -> None:
        try:
            source, wanted = step.operation.condition
        except TypeError:
            raise InputError("a classical expression as condition cannot be simulated") from None
        wires = list(source) if hasattr(source, "__len__") else [source]
        places = [clbits[circuit.find_bit(c).index] for c in wires]
        mask = sum(1 << p for p in places)
        value = sum((int(wanted) >> k & 1) << p for k, p in enumerate(places))
        blocks = step.operation.blocks
        if condition is not None or (len(blocks) > 1 and len(places) > 1):
            raise InputError("nested or many-valued conditions cannot be simulated")
        self.run(blocks[0], list(where), bits, (mask, value))
        if len(blocks) > 1:
            self.run(blocks[1], list(where), bits, (mask, mask ^ value))

    def _channel(self, operation: Any, where: tuple[int, ...]) -> Complex:
        """The gate followed by its error, shape (4^m, 4^m), or (rows, …) if its angle varies."""
        if isinstance(operation, UnitaryGate):
            return self._noisy(operation.to_matrix(), operation.label or operation.name, where)
        if not any(isinstance(p, ParameterExpression) and p.parameters for p in operation.params):
            return self._bound(operation, where, tuple(map(float, operation.params)))
        columns = [self._values(p) for p in operation.params]
        # A processor without rz has its angles in other gates, even several of them in one.
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return np.stack([self._bound(operation, where, row) for row in rows])

    def _bound(self, operation: Any, where: tuple[int, ...], angles: tuple[float, ...]) -> Complex:
        """The channel at these angles, kept for the next time."""
        key = (operation.name, where, angles)
        if key not in self._matrices:
            try:
                bound = operation.to_mutable()
                bound.params = list(angles)
                unitary = Operator(bound).data
            except Exception as problem:
                raise InputError(
                    f"instruction {operation.name!r} cannot be simulated: {problem}"
                ) from None
            self._matrices[key] = self._noisy(unitary, operation.name, where)
        return self._matrices[key]

    def _noisy(self, unitary: Complex, name: str, where: tuple[int, ...]) -> Channel:
        """A unitary followed by the error of the gate, or marked place, of this name."""
        gate = np.kron(unitary.conj(), unitary)
        error = self.noise.gates.get((name, where))
        return np.asarray(gate if error is None else error @ gate)

    def _values(self, expression: Any) -> NDArray[np.float64]:
        """A number or an expression of parameters, evaluated on all rows."""
        rows = len(next(iter(self.angles.values())))
        if not isinstance(expression, ParameterExpression) or not expression.parameters:
            return np.full(rows, float(expression))
        names = list(expression.parameters)
        table = zip(*(self.angles[name].tolist() for name in names), strict=True)
        found = [float(expression.bind(dict(zip(names, row, strict=True)))) for row in table]
        return np.array(found)


def _apply(state: Complex, matrix: Complex, where: tuple[int, ...], width: int) -> Complex:
    """A channel on the qubits `where` of a batch of density matrices."""
    m = len(where)
    rows = len(state)
    tensor = state.reshape((rows,) + (2,) * (2 * width))
    # Axis of qubit q is width−1−q among the rows, and among the columns; first listed qubit is
    # the least significant of the matrix.
    row_axes = [1 + width - 1 - q for q in reversed(where)]
    column_axes = [width + axis for axis in row_axes]
    axes = [0, *column_axes, *row_axes]
    rest = [a for a in range(2 * width + 1) if a not in axes]
    order = axes + rest
    moved = tensor.transpose(order)
    result = (matrix @ moved.reshape(rows, 4**m, -1)).reshape(moved.shape)
    back = np.argsort(order)
    return np.ascontiguousarray(result.transpose(back)).reshape(state.shape)
