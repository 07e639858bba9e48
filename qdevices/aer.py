"""Honest devices on Qiskit Aer: the exact noisy table, and real shots.

The table of 81×16 probabilities is obtained once by density-matrix simulation and then
sampled with NumPy; the shots device sends every run through Aer.  Both realise the same noise
model and agree statistically (a test says so).  Aer's random streams overlap between circuits
and neighbouring seeds (design 7), so each simulator call here gets one circuit and a fresh
62-bit seed.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from qdevices.device import TableDevice
from qdevices.ks18.circuits import WHITE_NOISE_LABEL, pair_circuit
from qdevices.ks18.game import N_PAIRS, N_SETTINGS
from qdevices.noise import NoiseSpec

_ONE_QUBIT_GATES = ["sx", "x"]  # rz is a change of frame, without error on any processor
_TWO_QUBIT_GATES = ["cx"]


def noise_model(noise: NoiseSpec) -> NoiseModel:
    """The Aer noise model of `noise`.

    `gate1`, `gate2` and `white` are depolarising probabilities λ, ρ ← (1−λ)ρ + λ·1/2^k on k
    qubits.  `white` acts once, on Alice's two qubits after the state preparation: as Bob's half
    is maximally mixed (all noise here is unital), that is (1−q)ρ + q·1/16 on all four.
    """
    model = NoiseModel(basis_gates=["rz", "sx", "x", "cx", "unitary"])
    if noise.gate1:
        model.add_all_qubit_quantum_error(depolarizing_error(noise.gate1, 1), _ONE_QUBIT_GATES)
    if noise.gate2:
        model.add_all_qubit_quantum_error(depolarizing_error(noise.gate2, 2), _TWO_QUBIT_GATES)
    if noise.white:
        model.add_all_qubit_quantum_error(depolarizing_error(noise.white, 2), WHITE_NOISE_LABEL)
    if noise.readout:
        flip = noise.readout
        model.add_all_qubit_readout_error(ReadoutError([[1 - flip, flip], [flip, 1 - flip]]))
    return model


def readout_matrix(flip: float) -> NDArray[np.float64]:
    """Transition matrix of the 16 outcomes when each of four bits flips with `flip`, (16, 16)."""
    bit = np.array([[1 - flip, flip], [flip, 1 - flip]])
    pair = np.kron(bit, bit)
    return np.asarray(np.kron(pair, pair))


def behaviour(noise: NoiseSpec) -> NDArray[np.float64]:
    """P(x|u) of the simulated laboratory by density-matrix simulation, shape (81, 16).

    Readout errors act on the exact probabilities, the rest inside Aer.
    """
    simulator = AerSimulator(method="density_matrix", noise_model=noise_model(noise))
    circuits = []
    for setting in range(N_PAIRS):
        circuit = pair_circuit(*divmod(setting, N_SETTINGS), measure=False, white_noise_marker=True)
        # Reversed, so that index 8·q0 + 4·q1 + 2·q2 + q3 is the outcome 4x1+x2.
        circuit.save_probabilities([3, 2, 1, 0])
        circuits.append(circuit)
    result = simulator.run(circuits, shots=1).result()
    table = np.array([result.data(i)["probabilities"] for i in range(N_PAIRS)])
    return np.asarray(table @ readout_matrix(noise.readout))


def aer_device(noise: NoiseSpec) -> TableDevice:
    """The device that samples the exact noisy table; fast, memoryless."""
    return TableDevice(behaviour(noise))


class AerShotsDevice:
    """A device that really runs its shots through Aer's noisy simulation.

    Shots of one block are grouped by setting, which a memoryless simulator cannot notice.
    """

    def __init__(self, noise: NoiseSpec) -> None:
        self._simulator = AerSimulator(
            method="density_matrix", noise_model=noise_model(noise), max_parallel_threads=1
        )

    def sample(self, settings: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        """One Aer shot a run; shots of equal settings are simulated together."""
        outcomes = np.empty(len(settings), dtype=np.uint8)
        for setting in np.unique(settings):
            runs = np.flatnonzero(settings == setting)
            circuit = pair_circuit(*divmod(int(setting), N_SETTINGS), white_noise_marker=True)
            job = self._simulator.run(
                circuit, shots=len(runs), memory=True, seed_simulator=int(rng.integers(2**62))
            )
            shots = [int(bits, 2) for bits in job.result().get_memory()]
            # Memory of a sampled simulation may come sorted; a run must not know its neighbours.
            outcomes[runs] = rng.permutation(np.array(shots, dtype=np.uint8))
        return outcomes
