"""Noise on the few qubits in use: the channel after each gate there, and each qubit's readout.

It comes from a `NoiseSpec` (`noise_on`), or from the errors that a processor reports
(`qdevices.hardware.reduced`).  Aer's noise model and the exact evolution read the same matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdevices.errors import InputError
from qdevices.noise.channels import Channel, kraus, pauli_weights
from qdevices.noise.spec import NoiseSpec
from qdevices.noise.term import OnReadout

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

#: A gate's name, or the label of a marked place, and the qubits that it is on.
Where = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class ReducedNoise:
    """The noise of the used qubits.

    Attributes:
        qubits: their number.
        gates: channel after each gate, see `channels` for the convention; (4, 4) or (16, 16).
        readout: P(recorded|actual) of each qubit, shape (qubits, 2, 2) indexed [actual, recorded].
    """

    qubits: int
    gates: Mapping[Where, Channel]
    readout: NDArray[np.float64]

    @classmethod
    def ideal(cls, qubits: int) -> ReducedNoise:
        """No errors at all."""
        return cls(qubits, {}, np.tile(np.eye(2), (qubits, 1, 1)))

    def aer_model(self, basis_gates: Sequence[str]) -> NoiseModel:
        """The same as an Aer noise model, for shots that really go through Aer."""
        from qiskit_aer.noise import NoiseModel, ReadoutError

        model = NoiseModel(basis_gates=list(basis_gates))
        for (name, where), channel in self.gates.items():
            model.add_quantum_error(_aer_error(channel), name, where, warnings=False)
        for qubit, matrix in enumerate(self.readout):
            if not np.array_equal(matrix, np.eye(2)):
                model.add_readout_error(ReadoutError(matrix), (qubit,), warnings=False)
        return model


def noise_on(
    noise: NoiseSpec, places: Mapping[str, Sequence[tuple[int, ...]]], qubits: int = 4
) -> ReducedNoise:
    """What `noise` does on the gates and marked places of some circuits.

    Args:
        noise: of the laboratory.
        places: for each gate's name or marked place's label the qubits it may be on, in all
            orders that occur.
        qubits: their number.

    Raises:
        InputError: a term that acts where these circuits have nothing.
    """
    gates: dict[Where, Channel] = {}
    readout = np.tile(np.eye(2), (qubits, 1, 1))
    for term, effect in noise.effects():
        if isinstance(effect, OnReadout):
            for qubit in range(qubits) if effect.qubit is None else (effect.qubit,):
                # What was recorded so far is what this confusion starts from.
                readout[qubit] = readout[qubit] @ effect.matrix
            continue
        found = [
            (name, tuple(where))
            for name in effect.gates
            for where in places.get(name, ())
            if effect.qubits is None or effect.qubits == tuple(where)
        ]
        if not found:
            raise InputError(
                f"noise {term} acts on {', '.join(effect.gates)}, which these circuits do not "
                f"have, expected noise of {', '.join(places)} or the readout"
            )
        for place in found:
            before = gates.get(place)
            gates[place] = effect.channel if before is None else effect.channel @ before
    return ReducedNoise(qubits, gates, readout)


def _aer_error(channel: Channel) -> Any:
    from qiskit.quantum_info import Kraus
    from qiskit_aer.noise import QuantumError, pauli_error

    # A mixture of Paulis stays one: Aer samples it without matrices.
    weights = pauli_weights(channel)
    return (
        QuantumError(Kraus(kraus(channel)))
        if weights is None
        else pauli_error([(text, weight) for text, weight in weights.items() if weight > 0])
    )
