"""The parametrised template and the adaptive circuits play the honest game exactly."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qdevices.errors import InputError
from qdevices.hardware.programme import count_two_qubit
from qdevices.hardware.reduced import probabilities
from qdevices.ks18 import feedforward, template
from qdevices.ks18.game import N_PAIRS, honest_table
from qdevices.ks18.template import Shape
from qdevices.noise import ReducedNoise

SHAPES: tuple[Shape, ...] = ("square", "line")
ADAPTIVE = {"square": (2, 4, 252 / 81), "line": (4, 6, 414 / 81)}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_template_realises_all_81_honest_distributions(shape: Shape) -> None:
    circuit = template.template(shape, measure=False)
    table = np.zeros((N_PAIRS, 16))
    for setting, angles in enumerate(template.parameter_values(shape)):
        state = Statevector(circuit.assign_parameters(angles))
        table[setting, template.relabel(shape)[setting]] = state.probabilities([3, 2, 1, 0])
    np.testing.assert_allclose(table, honest_table(), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_adaptive_circuits_realise_all_81_honest_distributions(shape: Shape) -> None:
    table = np.zeros((N_PAIRS, 16))
    for setting in range(N_PAIRS):
        circuit = feedforward.feedforward_circuit(*divmod(setting, 9), shape)
        found = probabilities(circuit, ReducedNoise.ideal(4))[0]
        table[setting, feedforward.relabel(shape)[setting]] = found
    np.testing.assert_allclose(table, honest_table(), atol=1e-12)


def test_the_template_has_four_gates_on_a_square_and_six_on_a_line() -> None:
    assert count_two_qubit(template.template("square")) == 4
    assert count_two_qubit(template.template("line")) == 6


@pytest.mark.parametrize("shape", SHAPES)
def test_adaptive_circuits_have_the_stated_numbers_of_gates(shape: Shape) -> None:
    counts = [
        count_two_qubit(feedforward.feedforward_circuit(*divmod(u, 9), shape))
        for u in range(N_PAIRS)
    ]
    least, most, mean = ADAPTIVE[shape]
    assert (min(counts), max(counts)) == (least, most)
    assert np.mean(counts) == pytest.approx(mean)


def test_bases_one_two_three_and_seven_need_no_gate_when_adaptive() -> None:
    alice, _ = feedforward.party_plans()
    assert [u + 1 for u, plan in enumerate(alice) if not plan.entangling] == [1, 2, 3, 7]


def test_only_a_party_s_own_bits_choose_its_bases() -> None:
    for setting in range(N_PAIRS):
        circuit = feedforward.feedforward_circuit(*divmod(setting, 9))
        for step in circuit.data:
            if step.operation.name == "if_else":
                qubit = circuit.find_bit(step.qubits[0]).index
                bit = circuit.find_bit(step.operation.condition[0]).index
                assert qubit // 2 == (3 - bit) // 2


def test_couplings_between_the_parties_come_before_everything_that_depends_on_a_setting() -> None:
    for shape in SHAPES:
        first = template.template(shape).data
        parties = [{first_bit._index // 2 for first_bit in s.qubits} for s in first]
        free = [bool(step.operation.params) for step in first]
        last_between = max(k for k, party in enumerate(parties) if len(party) == 2)
        assert not any(free[:last_between])


@pytest.mark.parametrize("setting", [-1, 9])
def test_a_setting_out_of_range_is_refused(setting: int) -> None:
    with pytest.raises(InputError, match=f"setting index {setting}"):
        feedforward.feedforward_circuit(0, setting)
