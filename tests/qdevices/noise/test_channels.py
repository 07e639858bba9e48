"""Channels as matrices, against Qiskit's own."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import Choi, SuperOp, random_quantum_channel
from qiskit_aer.noise import depolarizing_error, thermal_relaxation_error

from qdevices.errors import InputError
from qdevices.noise.channels import (
    check_channel,
    choi,
    depolarising,
    from_kraus,
    kraus,
    pauli_weights,
)


@pytest.mark.parametrize("qubits", [1, 2])
@pytest.mark.parametrize("probability", [0.0, 1e-12, 0.02, 1.0])
def test_depolarising_is_aers(probability, qubits):
    expected = SuperOp(depolarizing_error(probability, qubits)).data
    np.testing.assert_allclose(depolarising(probability, qubits), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("qubits", [1, 2])
def test_choi_and_kraus_are_those_of_any_channel(qubits):
    for seed in range(5):
        channel = SuperOp(random_quantum_channel(2**qubits, 2**qubits, seed=seed)).data
        np.testing.assert_allclose(choi(channel), Choi(SuperOp(channel)).data, atol=1e-14)
        np.testing.assert_allclose(from_kraus(kraus(channel)), channel, atol=1e-13)
        np.testing.assert_allclose(check_channel(channel), channel, atol=0)


def test_no_error_is_too_rare_for_its_kraus_operators():
    """Qiskit's own conversion drops it."""
    rare = depolarising(1e-10, 1)
    assert np.abs(from_kraus(kraus(rare)) - rare).max() < 1e-15
    assert len(kraus(rare)) == 4


def test_a_mixture_of_paulis_is_known_as_one_and_others_are_not():
    weights = pauli_weights(depolarising(0.3, 2))
    assert weights is not None
    assert weights["II"] == pytest.approx(1 - 0.3 * 15 / 16)
    assert weights["XZ"] == pytest.approx(0.3 / 16)
    # Letters are from the last qubit to the first: this is Z on the first.
    flip = np.kron(np.eye(2), np.diag([1, -1]))
    weights = pauli_weights(from_kraus([flip]))
    assert weights is not None
    assert max(weights, key=weights.__getitem__) == "IZ"
    turn = np.array([[np.cos(0.1), -1j * np.sin(0.1)], [-1j * np.sin(0.1), np.cos(0.1)]])
    assert pauli_weights(from_kraus([turn])) is None
    assert pauli_weights(SuperOp(thermal_relaxation_error(50, 70, 1)).data) is None


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(3), r"shape \(3, 3\)"),
        (np.eye(4)[:2], r"shape \(2, 4\)"),
        (np.ones(4), r"shape \(4,\)"),
        (0.9 * np.eye(4), "changes the trace by 0.1"),
        (np.full((4, 4), np.nan), "changes the trace by nan"),
        # Transposition keeps the trace, but is not completely positive.
        (np.eye(4)[[0, 2, 1, 3]], "eigenvalue -1"),
    ],
)
def test_what_is_no_channel_is_refused_with_what_is_off(matrix, message):
    with pytest.raises(InputError, match=message):
        check_channel(matrix)
