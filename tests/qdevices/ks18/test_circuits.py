"""The literal circuits of state, measurements and setting pairs against the exact behaviour."""

from __future__ import annotations

import pytest
from qiskit.quantum_info import Operator, Statevector

from qdevices.errors import InputError
from qdevices.ks18.circuits import (
    PLACES,
    basis_unitary,
    measurement_circuit,
    pair_circuit,
    state_circuit,
)
from qdevices.ks18.game import KS18
from qdevices.noise.places import BASIS_GATES, SHARED_PAIR


def test_statevectors_of_all_81_measured_circuits_give_the_honest_table():
    """A second way, by Qiskit's statevector, through the classical bits of the real circuit."""
    for setting in range(81):
        circuit = pair_circuit(*divmod(setting, 9))
        clbit = {
            circuit.find_bit(i.qubits[0]).index: circuit.find_bit(i.clbits[0]).index
            for i in circuit.data
            if i.operation.name == "measure"
        }
        state = Statevector(circuit.remove_final_measurements(inplace=False))
        for bits, probability in state.probabilities_dict().items():
            # Qiskit writes qubit 0 last.
            outcome = sum(int(bits[-1 - qubit]) << clbit[qubit] for qubit in range(4))
            assert KS18.honest[setting, outcome] == pytest.approx(probability, abs=1e-12)


def test_measurement_circuits_are_the_literal_unitaries_up_to_phase():
    for setting in range(9):
        circuit = measurement_circuit(setting)
        assert Operator(circuit).equiv(Operator(basis_unitary(setting)))
        assert set(circuit.count_ops()) <= set(BASIS_GATES)


def test_literal_measurements_cost_sixteen_cnots_and_the_state_two():
    assert sum(measurement_circuit(u).count_ops().get("cx", 0) for u in range(9)) == 16
    assert state_circuit().count_ops()["cx"] == 2


def test_a_marked_circuit_is_the_same_with_places_for_noise():
    """Every gate that could have an error is at a place that is listed, and so are the marks."""
    for setting in range(81):
        bare, marked = (pair_circuit(*divmod(setting, 9), marked=m) for m in (False, True))
        rest = [step for step in marked.data if step.operation.label != SHARED_PAIR]
        assert [(s.operation, s.qubits) for s in bare.data] == [
            (s.operation, s.qubits) for s in rest
        ]
        assert len(marked.data) == len(bare.data) + 1
        for step in marked.data:
            name = step.operation.label or step.operation.name
            if name not in ("rz", "measure"):
                assert tuple(marked.find_bit(q).index for q in step.qubits) in PLACES[name]


@pytest.mark.parametrize("index", [-1, 9])
def test_a_setting_out_of_range_is_refused(index):
    for pair in ((index, 0), (0, index)):
        with pytest.raises(InputError, match=rf"setting label {index + 1} is outside 1\.\.9"):
            pair_circuit(*pair)
