"""Honest devices on Qiskit Aer: the exact noisy table, and real shots.

The table of 81×16 probabilities is obtained once by density-matrix simulation and then
sampled with NumPy; the shots device sends every run through Aer.  Both realise the same noise
model and agree statistically (a test says so).  Aer's random streams overlap between circuits
and neighbouring seeds (theory 7), so each simulator call here gets one circuit and a fresh
62-bit seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from qiskit_aer import AerSimulator

from qdevices.device import TableDevice
from qdevices.ks18.circuits import PLACES, pair_circuit
from qdevices.ks18.game import KS18
from qdevices.noise.places import BASIS_GATES
from qdevices.noise.reduced import noise_on
from qdevices.noise.spec import NoiseSpec

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel


def noise_model(noise: NoiseSpec) -> NoiseModel:
    """The Aer noise model of `noise` on the marked circuits of the setting pairs."""
    return noise_on(noise, PLACES).aer_model([*BASIS_GATES, "unitary"])


def readout_matrix(readout: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(recorded|actual) of the 16 outcomes from that of the four qubits (4, 2, 2), (16, 16)."""
    alice, bob = np.kron(readout[0], readout[1]), np.kron(readout[2], readout[3])
    return np.asarray(np.kron(alice, bob))


def behaviour(noise: NoiseSpec) -> NDArray[np.float64]:
    """P(x|u) of the simulated laboratory by density-matrix simulation, shape (81, 16).

    Readout errors act on the exact probabilities, the rest inside Aer.
    """
    simulator = AerSimulator(method="density_matrix", noise_model=noise_model(noise))
    circuits = []
    for setting in range(KS18.n_pairs):
        circuit = pair_circuit(*KS18.split(setting), measure=False, marked=True)
        # Reversed, so that index 8·q0 + 4·q1 + 2·q2 + q3 is the outcome 4x1+x2.
        circuit.save_probabilities([3, 2, 1, 0])
        circuits.append(circuit)
    result = simulator.run(circuits, shots=1).result()
    table = np.array([result.data(i)["probabilities"] for i in range(KS18.n_pairs)])
    return np.asarray(table @ readout_matrix(noise_on(noise, PLACES).readout))


def aer_device(noise: NoiseSpec) -> TableDevice:
    """The device that samples the exact noisy table; fast, memoryless."""
    return TableDevice(behaviour(noise), KS18)


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
            circuit = pair_circuit(*KS18.split(int(setting)), marked=True)
            job = self._simulator.run(
                circuit, shots=len(runs), memory=True, seed_simulator=int(rng.integers(2**62))
            )
            shots = [int(bits, 2) for bits in job.result().get_memory()]
            # Memory of a sampled simulation may come sorted; a run must not know its neighbours.
            outcomes[runs] = rng.permutation(np.array(shots, dtype=np.uint8))
        return outcomes
