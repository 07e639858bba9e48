"""Channels as matrices on column-stacked density matrices, shape (4^k, 4^k) for k qubits.

The convention is Qiskit's `SuperOp`: ρ ← Σ K ρ K† is Σ K*⊗K, and of two qubits the first one listed
is the least significant.  Channels after one another are matrix products, the later one left.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qdevices.errors import InputError

Channel = NDArray[np.complex128]
PAULIS: NDArray[np.complex128] = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]
)
_TOLERANCE = 1e-9


def from_kraus(operators: Sequence[ArrayLike]) -> Channel:
    """The channel ρ ← Σ K ρ K†; `operators` of shape (2^k, 2^k) each."""
    matrices = [np.asarray(operator, dtype=np.complex128) for operator in operators]
    return np.asarray(sum(np.kron(matrix.conj(), matrix) for matrix in matrices))


def depolarising(probability: float, qubits: int) -> Channel:
    """ρ ← (1−λ)ρ + λ·1/2^k on k `qubits`, λ the `probability`."""
    size = 2**qubits
    mixed = np.eye(size).reshape(-1) / size
    kept = (1 - probability) * np.eye(size**2)
    return np.asarray(kept + probability * np.outer(mixed, np.eye(size).reshape(-1)), complex)


def check_channel(channel: ArrayLike) -> Channel:
    """Return `channel` as complex128 if it is one.

    Raises:
        InputError: a shape other than (4^k, 4^k), or a map that does not keep the trace or is not
            completely positive; the message has the value that is off.
    """
    matrix = np.asarray(channel, dtype=np.complex128)
    qubits = round(np.log(max(len(matrix), 1)) / np.log(4)) if matrix.ndim else 0
    if qubits < 1 or matrix.shape != (4**qubits, 4**qubits):
        raise InputError(f"channel has shape {matrix.shape}, expected (4, 4) or (16, 16)")
    trace = np.eye(2**qubits).reshape(-1)
    lost = float(np.abs(trace @ matrix - trace).max())
    if not lost <= _TOLERANCE:
        raise InputError(f"channel changes the trace by {lost:.3g}, expected 0")
    least = float(np.linalg.eigvalsh(choi(matrix)).min())
    if least < -_TOLERANCE:
        raise InputError(f"channel has a Choi matrix with eigenvalue {least:.3g}, expected >= 0")
    return matrix


def choi(channel: Channel) -> NDArray[np.complex128]:
    """The Choi matrix Σ|K⟩⟨K| of column-stacked Kraus operators K, shape (4^k, 4^k)."""
    size = 2 ** round(np.log2(len(channel)) / 2)
    # Rows and columns of the channel are (column, row) of the state after and before.
    return np.ascontiguousarray(
        channel.reshape(size, size, size, size).transpose(3, 1, 2, 0).reshape(channel.shape)
    )


def kraus(channel: Channel) -> list[NDArray[np.complex128]]:
    """Kraus operators of a channel, shape (2^k, 2^k) each, exact to rounding.

    Qiskit's own conversion drops whatever is less probable than 1e-8.
    """
    size = 2 ** round(np.log2(len(channel)) / 2)
    weights, vectors = np.linalg.eigh(choi(channel))
    kept = weights > np.finfo(float).eps
    columns = (np.sqrt(weights[kept]) * vectors[:, kept]).T
    return [column.reshape(size, size).T for column in columns]


def pauli_weights(channel: Channel) -> dict[str, float] | None:
    """Probabilities by Pauli string if the channel is a mixture of Paulis, otherwise None.

    Strings are written as Qiskit does, the last letter for the first qubit.
    """
    qubits = round(np.log2(len(channel)) / 2)
    strings = ["".join(letters) for letters in product("IXYZ", repeat=qubits)]
    matrices = [reduce(np.kron, ops) for ops in product(PAULIS, repeat=qubits)]
    stacked = np.array([np.kron(matrix.conj(), matrix) for matrix in matrices])
    weights = np.einsum("pij,ij->p", stacked.conj(), channel).real / 4**qubits
    if np.abs(np.einsum("p,pij->ij", weights, stacked) - channel).max() > 1e-14:
        return None
    return dict(zip(strings, np.clip(weights, 0, None).tolist(), strict=True))
