"""The exact evolution against probabilities worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qdevices.errors import InputError
from qdevices.hardware.evolution import probabilities
from qdevices.noise import ReducedNoise


def test_a_recorded_bit_and_not_the_actual_one_is_fed_forward() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    readout = np.array([[[0.9, 0.1], [0.2, 0.8]], np.eye(2)])
    found = probabilities(circuit, ReducedNoise(2, {}, readout))[0]
    np.testing.assert_allclose(found, [0.9, 0, 0, 0.1], atol=1e-15)


def test_both_branches_of_a_condition_are_followed() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 0)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.id(1)
    circuit.measure(1, 1)
    found = probabilities(circuit, ReducedNoise.ideal(2))[0]
    np.testing.assert_allclose(found, [0, 0.5, 0.5, 0], atol=1e-15)


def test_free_angles_are_evaluated_on_every_row_whatever_the_gate() -> None:
    angle, other = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.rz(2 * angle + 0.3, 0)
    circuit.sx(0)
    circuit.u(angle * other, 0.2, other, 1)
    circuit.measure([0, 1], [0, 1])
    rows = np.random.default_rng(1).normal(size=(7, 2))
    found = probabilities(circuit, ReducedNoise.ideal(2), rows).reshape(7, 2, 2)
    first = np.cos(rows[:, 0] + 0.15) ** 2
    np.testing.assert_allclose(found.sum(1)[:, 1], first, atol=1e-12)
    second = np.sin(rows[:, 0] * rows[:, 1] / 2) ** 2
    np.testing.assert_allclose(found.sum(2)[:, 1], second, atol=1e-12)


def test_the_angles_of_the_gate_that_differ_between_rows_keep_its_error() -> None:
    angle = Parameter("a")
    circuit = QuantumCircuit(1, 1)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    depolarised = np.zeros((4, 4), np.complex128)
    depolarised[np.ix_([0, 3], [0, 3])] = 0.5
    where: tuple[int, ...] = (0,)
    noise = ReducedNoise(1, {("rx", where): depolarised}, np.eye(2)[None])
    found = probabilities(circuit, noise, np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(found, 0.5, atol=1e-12)


def test_parameters_of_another_number_are_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        probabilities(circuit, ReducedNoise.ideal(1), np.zeros((2, 3)))


def test_nested_conditions_are_refused() -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)), circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(0)
    with pytest.raises(InputError, match="nested or many-valued"):
        probabilities(circuit, ReducedNoise.ideal(1))


def test_an_instruction_without_a_matrix_is_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.reset(0)
    with pytest.raises(InputError, match="instruction 'reset' cannot be simulated"):
        probabilities(circuit, ReducedNoise.ideal(1))
