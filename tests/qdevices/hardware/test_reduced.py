"""Exact probabilities on the used qubits against Aer's own simulation of the whole processor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, SuperOp
from qiskit.transpiler import CouplingMap, Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_aer.noise.device import basic_device_gate_errors

from qdevices.errors import InputError
from qdevices.game import check_behaviour
from qdevices.hardware.backends import aer_simulator, run_on
from qdevices.hardware.catalogue import open_backend
from qdevices.hardware.compilation import compile_for
from qdevices.hardware.evolution import probabilities
from qdevices.hardware.programme import widen
from qdevices.hardware.reduced import reduced_target
from qdevices.ks18.game import KS18
from qdevices.variants import VARIANTS
from tests.extras import imported

provider = imported("ibm", "fake_provider")


@pytest.fixture(scope="module")
def kolkata() -> Any:
    return provider.FakeKolkataV2()


@pytest.fixture(scope="module")
def full(kolkata: Any) -> NoiseModel:
    return NoiseModel.from_backend(kolkata)


def _whole(circuit: QuantumCircuit, backend: Any, noise: NoiseModel) -> NDArray[np.float64]:
    """Probabilities of a wide circuit under the processor's full model, readout errors included."""
    actual = [0] * circuit.num_clbits
    for step in circuit.data:
        if step.operation.name == "measure":
            bit = circuit.find_bit(step.clbits[0]).index
            actual[bit] = circuit.find_bit(step.qubits[0]).index
    bare = circuit.remove_final_measurements(inplace=False)
    bare.save_probabilities(actual)
    simulator = AerSimulator(method="density_matrix", noise_model=noise)
    found = simulator.run(bare, shots=1).result().data(0)["probabilities"]
    readout = np.eye(1)
    for qubit in reversed(actual):
        readout = np.kron(readout, noise._local_readout_errors[(qubit,)].probabilities)
    return np.asarray(found @ readout)


@pytest.mark.parametrize("variant", ["static", "literal"])
def test_the_cut_model_gives_the_probabilities_of_the_full_one(
    kolkata: Any, full: NoiseModel, variant: str
) -> None:
    compiled = open_backend("fake_kolkata").compiled(variant)
    programme = compiled.programme
    names = [n for n in compiled.target.operation_names if n not in ("measure", "if_else")]
    cut = compiled.noise.aer_model(names)
    for setting in (2, 35):
        circuit = programme.bound(setting)
        wide = widen(circuit, programme.placement, kolkata.num_qubits)
        expected = _whole(wide, kolkata, full)
        np.testing.assert_allclose(_whole(circuit, kolkata, cut), expected, rtol=0, atol=1e-12)
        # Aer loses up to 1e-8 of the trace on the way, which the exact evolution does not.
        found = probabilities(circuit, compiled.noise)[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-9)


def test_the_exact_probabilities_are_those_of_qiskits_density_matrix() -> None:
    compiled = open_backend("fake_kolkata").compiled("static")
    circuit, noise = compiled.programme.bound(35), compiled.noise
    found = basic_device_gate_errors(target=compiled.target)
    errors = {(name, tuple(where)): error for name, where, error in found}
    state, actual = DensityMatrix.from_label("0000"), [0] * 4
    for step in circuit.data:
        where = tuple(circuit.find_bit(q).index for q in step.qubits)
        if step.operation.name == "measure":
            actual[circuit.find_bit(step.clbits[0]).index] = where[0]
            continue
        state = state.evolve(step.operation, where)
        if (step.operation.name, where) in errors:
            state = state.evolve(SuperOp(errors[step.operation.name, where]), where)
    readout = np.eye(1)
    for qubit in reversed(actual):
        readout = np.kron(readout, noise.readout[qubit])
    expected = state.probabilities(actual) @ readout
    np.testing.assert_allclose(probabilities(circuit, noise)[0], expected, rtol=0, atol=1e-13)


def test_all_pairs_are_simulated_on_a_snapshot_of_156_qubits() -> None:
    backend = provider.FakeFez()
    assert backend.num_qubits == 156
    table = compile_for(backend.target, "feedforward").behaviour
    assert table.shape == (KS18.n_pairs, 16)
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("variant", ["static", "feedforward"])
@pytest.mark.parametrize("name", ["fake_manila", "fake_nighthawk"])
def test_local_noise_of_our_own_circuits_does_not_signal(name: str, variant: str) -> None:
    compiled = open_backend(name).compiled(variant)
    check_behaviour(compiled.behaviour, KS18)
    assert compiled.signalling < 1e-9


def test_signalling_of_routed_circuits_is_reported() -> None:
    assert open_backend("fake_kolkata").compiled("literal").signalling > 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_shots_through_aer_agree_with_the_exact_probabilities(variant: str) -> None:
    compiled = open_backend("aer:gate1=0.003,gate2=0.02,readout=0.03").compiled(variant)
    settings = np.repeat(np.array([3, 30], dtype=np.uint8), 250)
    outcomes = run_on(aer_simulator(compiled), compiled.programme, settings, seed=5)
    for setting in np.unique(settings):
        counts = np.bincount(outcomes[settings == setting], minlength=16)
        expected = 250 * compiled.behaviour[setting]
        chi2 = float(((counts - expected) ** 2 / expected).sum())
        assert chi2 < 50  # 15 degrees of freedom, p = 1e-5


@pytest.mark.parametrize("gates", [["u", "cx"], ["r", "cz"], ["rx", "rz", "rzz"], ["ecr", "u"]])
def test_a_processor_with_other_native_gates_is_as_honest(gates: list[str]) -> None:
    edges = CouplingMap.from_line(4)
    target = Target.from_configuration([*gates, "measure"], num_qubits=4, coupling_map=edges)
    compiled = compile_for(target, "static")
    np.testing.assert_allclose(compiled.behaviour, KS18.honest, atol=1e-9)
    assert set(compiled.programme.two_qubit_gates()) == {6}


def test_qubits_that_do_not_exist_are_refused(kolkata: Any) -> None:
    for qubits in ((0, 1, 2, 27), (0, 1, 1, 2)):
        with pytest.raises(InputError, match="different qubits"):
            reduced_target(kolkata.target, qubits)
