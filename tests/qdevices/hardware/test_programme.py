"""What a programme says of itself is what its circuits are and do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import CXGate
from qiskit.primitives import DataBin, PrimitiveResult, PubResult
from qiskit.primitives.containers import BitArray
from qiskit.quantum_info import Statevector
from qiskit.transpiler.exceptions import TranspilerError

from qdevices.errors import InputError
from qdevices.hardware import open_backend
from qdevices.hardware.compilation import compile_for, ideal_target
from qdevices.hardware.placement import Placement
from qdevices.hardware.programme import (
    Programme,
    as_settings,
    build,
    count_two_qubit,
    lower,
    sampler_integers,
    widen,
)
from qdevices.ks18.game import KS18
from qdevices.variants import VARIANTS
from tests.qdevices.hardware.processors import HEAVY_HEX, LINE, processor

SETTINGS = np.random.default_rng(3).integers(KS18.n_pairs, size=400).astype(np.uint8)
SHAPES = ("square", "line")


def _programme(variant: str, shape: str = "square") -> Programme:
    place = Placement((0, 1, 2, 3), shape, 0.0)  # type: ignore[arg-type]
    return build(ideal_target(), place, variant)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_measured_integer_is_one_outcome(variant: str, shape: str) -> None:
    for row in _programme(variant, shape).relabel:
        assert sorted(row) == list(range(16))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variant", ["literal", "static"])
def test_state_vectors_of_the_bound_circuits_decode_to_the_honest_table(
    variant: str, shape: str
) -> None:
    """By Qiskit, circuit by circuit, where `behaviour` evolves density matrices of its own."""
    programme = _programme(variant, shape)
    for setting in range(0, KS18.n_pairs, 4):
        circuit = programme.bound(setting)
        bit = {
            circuit.find_bit(step.qubits[0]).index: circuit.find_bit(step.clbits[0]).index
            for step in circuit.data
            if step.operation.name == "measure"
        }
        qubit_of = {b: q for q, b in bit.items()}
        state = Statevector(circuit.remove_final_measurements(inplace=False))
        found = state.probabilities([qubit_of[b] for b in range(4)])
        integers = np.arange(16)
        outcomes = programme.decode(integers, np.full(16, setting, dtype=np.uint8))
        np.testing.assert_allclose(found, KS18.honest[setting, outcomes], atol=1e-9)


def test_one_parametrised_circuit_serves_all_runs_in_order() -> None:
    programme = open_backend("aer").compiled("static").programme
    ((circuit, angles),) = programme.pubs(SETTINGS)
    assert circuit is programme.circuits[0]
    np.testing.assert_array_equal(angles, programme.angles[SETTINGS])


def test_circuits_without_parameters_are_listed_run_by_run() -> None:
    programme = open_backend("aer").compiled("feedforward").programme
    pubs = programme.pubs(SETTINGS[:20])
    assert [circuit for circuit, _ in pubs] == [programme.circuits[u] for u in SETTINGS[:20]]


def test_results_of_another_length_are_refused() -> None:
    programme = open_backend("aer").compiled("static").programme
    with pytest.raises(InputError, match="came back for"):
        programme.decode(np.zeros(3, dtype=np.int64), SETTINGS[:4])
    with pytest.raises(InputError, match=r"outside 0\.\.15"):
        programme.decode(np.array([16]), SETTINGS[:1])


def test_a_programme_with_two_templates_splits_its_runs_where_the_circuit_changes() -> None:
    programme = open_backend("aer").compiled("static").programme
    other = programme.circuits[0].copy()
    double = replace(
        programme,
        circuits=(programme.circuits[0], other),
        circuit_of=np.arange(KS18.n_pairs) % 2,
    )
    pubs = double.pubs(np.array([0, 2, 1, 4], dtype=np.uint8))
    assert [circuit for circuit, _ in pubs] == [double.circuits[k] for k in (0, 1, 0)]
    assert [len(angles) for _, angles in pubs] == [2, 1, 1]


def test_settings_are_refused_unless_they_are_whole_numbers_of_the_81() -> None:
    assert as_settings(np.array([0, 80], dtype=np.int64)).dtype == np.uint8
    assert as_settings(np.zeros(0, dtype=np.uint8)).shape == (0,)
    for wrong, message in (
        (np.array([81]), r"setting 81 is outside 0\.\.80"),
        (np.array([-1]), "is outside"),
        (np.array([1.0]), "expected"),
        (np.zeros((2, 2), dtype=np.uint8), r"shape \(2, 2\)"),
    ):
        with pytest.raises(InputError, match=message):
            as_settings(wrong)


def test_a_variant_that_does_not_exist_is_not_built() -> None:
    with pytest.raises(InputError, match="variant 'clever' is unknown, expected one of literal"):
        _programme("clever")


def test_gates_of_one_branch_or_the_other_count_once() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.cx(0, 1)
    circuit.barrier(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.cx(0, 1)
    with otherwise:
        circuit.cx(1, 0)
        circuit.cx(0, 1)
    assert count_two_qubit(circuit) == 3


def test_compiled_gates_stay_on_their_qubits_and_are_native() -> None:
    """A coupling that is missing is an error, never a detour over another qubit."""
    target = processor(LINE[:3], {})
    circuit = QuantumCircuit(4)
    circuit.h(0)
    circuit.cz(1, 2)
    low = lower(circuit, target)
    used = {tuple(low.find_bit(q).index for q in s.qubits) for s in low.data}
    assert used <= {(0,), (1,), (2,), (1, 2), (2, 1)}
    assert {step.operation.name for step in low.data} <= set(target.operation_names)
    far = QuantumCircuit(4)
    far.append(CXGate(), [0, 3])
    with pytest.raises(TranspilerError):
        lower(far, target)


def test_a_widened_circuit_acts_on_the_physical_qubits_and_keeps_its_bits() -> None:
    compiled = compile_for(processor(HEAVY_HEX, {}), "feedforward")
    place = compiled.programme.placement
    wide = widen(compiled.programme.circuits[3], place, 19)
    used = {wide.find_bit(q).index for step in wide.data for q in step.qubits}
    assert used == set(place.qubits)
    assert [register.name for register in wide.cregs] == ["outcome"]


def test_integers_of_a_sampler_are_those_that_were_put_in() -> None:
    """For one row of parameters, for many, and with a register beside the one that counts."""
    values = np.random.default_rng(1).integers(16, size=(5, 7))
    single = BitArray.from_samples(values[0].tolist(), num_bits=4)
    rows = BitArray(values[..., None].astype(np.uint8), num_bits=4)
    other = BitArray.from_samples([1] * 7, num_bits=1)
    result = PrimitiveResult(
        [
            PubResult(DataBin(outcome=single, scratch=other)),
            PubResult(DataBin(outcome=rows, shape=(5,))),
        ]
    )
    first, second = sampler_integers(result)
    np.testing.assert_array_equal(first, values[:1])
    np.testing.assert_array_equal(second, values)


def test_a_wide_circuit_keeps_the_name_and_the_bits_of_each_register() -> None:
    circuit = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(1, "early"), ClassicalRegister(1, "outcome"), name="x"
    )
    circuit.measure([0, 1], [1, 0])
    wide = widen(circuit, Placement((5, 2, 0, 1), "line", 0.0), 7)
    assert (wide.name, wide.num_qubits) == ("x", 7)
    where = {
        wide.find_bit(s.qubits[0]).index: wide.find_bit(s.clbits[0]).registers[0][0].name
        for s in wide.data
    }
    assert where == {5: "outcome", 2: "early"}
