"""One definition of noise, two simulations of it that agree: Aer's, and the exact evolution."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import SuperOp, random_quantum_channel
from qiskit_aer import AerSimulator

from qdevices.aer import behaviour, readout_matrix
from qdevices.errors import InputError
from qdevices.hardware.evolution import probabilities
from qdevices.ks18.circuits import PLACES, pair_circuit
from qdevices.noise import TERMS, AfterGate, NoiseSpec, NoiseTerm, OnReadout, ReducedNoise, noise_on
from qdevices.noise.channels import depolarising, from_kraus
from qdevices.noise.places import BASIS_GATES, SHARED_PAIR

ALL = NoiseSpec(white=0.04, gate1=3e-3, gate2=2e-2, readout=1e-2)


def test_every_term_that_ships_does_the_same_in_aer_and_in_the_exact_evolution():
    assert set(ALL) <= set(TERMS)
    noise, table = noise_on(ALL, PLACES), behaviour(ALL)
    for setting in (0, 22, 47, 80):
        circuit = pair_circuit(*divmod(setting, 9), marked=True)
        found = probabilities(circuit, noise)[0]
        np.testing.assert_allclose(found, table[setting], rtol=0, atol=1e-12)


def test_any_channels_do_the_same_in_aer_and_in_the_exact_evolution():
    """Other ones on every gate and qubit, neither unital nor mixtures of Paulis."""
    seeds = iter(range(1000))

    def mild(qubits):
        other = SuperOp(random_quantum_channel(2**qubits, 2**qubits, seed=next(seeds))).data
        return 0.9 * np.eye(4**qubits) + 0.1 * other

    places = {**{name: PLACES[name] for name in ("sx", "cx")}, SHARED_PAIR: ((0, 1),)}
    gates = {(name, at): mild(len(at)) for name, where in places.items() for at in where}
    rows = np.random.default_rng(1).uniform(0, 0.2, size=(4, 2))
    readout = np.stack([np.stack([1 - rows[:, 0], rows[:, 0]], 1),
                        np.stack([rows[:, 1], 1 - rows[:, 1]], 1)], 1)  # fmt: skip
    noise = ReducedNoise(4, gates, readout)
    simulator = AerSimulator(
        method="density_matrix", noise_model=noise.aer_model([*BASIS_GATES, "unitary"])
    )
    for setting in (3, 50):
        circuit = pair_circuit(*divmod(setting, 9), marked=True)
        bare = pair_circuit(*divmod(setting, 9), measure=False, marked=True)
        bare.save_probabilities([3, 2, 1, 0])
        expected = simulator.run(bare, shots=1).result().data(0)["probabilities"]
        expected = expected @ readout_matrix(readout)
        found = probabilities(circuit, noise)[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def _entered(monkeypatch, **effects):
    for name, function in effects.items():
        monkeypatch.setitem(TERMS.entries, name, NoiseTerm(name, "", "", function))


def test_terms_on_one_gate_compose_in_the_order_of_the_registry(monkeypatch):
    turn, damp = _turn(0.3), from_kraus([np.diag([1, 0.8]), np.array([[0, 0.6], [0, 0]])])
    _entered(
        monkeypatch,
        turned=lambda _: (AfterGate(("sx",), turn),),
        damped=lambda _: (AfterGate(("sx", "x"), damp),),
    )
    noise = noise_on(NoiseSpec(damped=1, turned=1), PLACES)
    np.testing.assert_allclose(noise.gates["sx", (2,)], damp @ turn, atol=1e-15)
    np.testing.assert_allclose(noise.gates["x", (2,)], damp, atol=1e-15)
    assert np.abs(damp @ turn - turn @ damp).max() > 0.05


def test_a_coherent_turn_adds_up_over_gates_unlike_a_random_one(monkeypatch):
    """Two √X that both overshoot by θ flip with cos²(θ), where a mixture would lose less of it."""
    _entered(monkeypatch, over=lambda angle: (AfterGate(("sx",), _turn(angle)),))
    noise = noise_on(NoiseSpec(over=0.1), {"sx": ((0,),)}, qubits=1)
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    circuit.sx(0)
    circuit.sx(0)
    circuit.measure(0, 0)
    np.testing.assert_allclose(probabilities(circuit, noise)[0, 1], np.cos(0.1) ** 2, atol=1e-12)


def test_effects_on_one_qubit_leave_the_others_alone(monkeypatch):
    uneven = np.array([[0.99, 0.01], [0.05, 0.95]])
    _entered(
        monkeypatch,
        there=lambda p: (AfterGate(("cx",), depolarising(p, 2), qubits=(1, 3)),),
        last=lambda _: (OnReadout(uneven, qubit=3),),
    )
    noise = noise_on(NoiseSpec(there=0.1, last=1, readout=0.02), PLACES)
    assert set(noise.gates) == {("cx", (1, 3))}
    flip = np.array([[0.98, 0.02], [0.02, 0.98]])
    np.testing.assert_allclose(noise.readout[:3], [flip] * 3)
    # What is already flipped is confused once more.
    np.testing.assert_allclose(noise.readout[3], flip @ uneven)


def test_noise_that_finds_no_place_is_refused():
    with pytest.raises(InputError, match="noise white acts on shared_pair, which these circuits"):
        noise_on(NoiseSpec(white=0.1), {"sx": ((0,),)}, qubits=1)


def test_what_is_no_readout_is_refused():
    for matrix in ([[0.9, 0.2], [0, 1]], [[1.1, -0.1], [0, 1]], np.eye(3), [[np.nan, 1], [0, 1]]):
        with pytest.raises(InputError, match="expected two distributions"):
            OnReadout(np.array(matrix))
    with pytest.raises(InputError, match="changes the trace"):
        AfterGate(("sx",), 2 * np.eye(4, dtype=np.complex128))


def _turn(angle):
    """A turn about X by `angle`."""
    cos, sin = np.cos(angle / 2), -1j * np.sin(angle / 2)
    return from_kraus([[[cos, sin], [sin, cos]]])
