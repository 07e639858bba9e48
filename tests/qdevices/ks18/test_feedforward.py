"""The adaptive circuits play the honest game exactly."""

from __future__ import annotations

import numpy as np
import pytest

from qdevices.errors import InputError
from qdevices.hardware.evolution import probabilities
from qdevices.hardware.programme import count_two_qubit
from qdevices.ks18 import feedforward
from qdevices.ks18.game import KS18
from qdevices.ks18.state import Shape
from qdevices.noise import ReducedNoise

SHAPES: tuple[Shape, ...] = ("square", "line")
ADAPTIVE = {"square": (2, 4, 252 / 81), "line": (4, 6, 414 / 81)}


@pytest.mark.parametrize("shape", SHAPES)
def test_adaptive_circuits_realise_all_81_honest_distributions(shape: Shape) -> None:
    table = np.zeros((KS18.n_pairs, 16))
    for setting in range(KS18.n_pairs):
        circuit = feedforward.feedforward_circuit(*divmod(setting, 9), shape)
        found = probabilities(circuit, ReducedNoise.ideal(4))[0]
        table[setting, feedforward.relabel(shape)[setting]] = found
    np.testing.assert_allclose(table, KS18.honest, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_adaptive_circuits_have_the_stated_numbers_of_gates(shape: Shape) -> None:
    counts = [
        count_two_qubit(feedforward.feedforward_circuit(*divmod(u, 9), shape))
        for u in range(KS18.n_pairs)
    ]
    least, most, mean = ADAPTIVE[shape]
    assert (min(counts), max(counts)) == (least, most)
    assert np.mean(counts) == pytest.approx(mean)


def test_bases_one_two_three_and_seven_need_no_gate_when_adaptive() -> None:
    alice, _ = feedforward.party_plans()
    assert [u + 1 for u, plan in enumerate(alice) if not plan.entangling] == [1, 2, 3, 7]


def test_only_a_party_s_own_bits_choose_its_bases() -> None:
    for setting in range(KS18.n_pairs):
        circuit = feedforward.feedforward_circuit(*divmod(setting, 9))
        for step in circuit.data:
            if step.operation.name == "if_else":
                qubit = circuit.find_bit(step.qubits[0]).index
                bit = circuit.find_bit(step.operation.condition[0]).index
                assert qubit // 2 == (3 - bit) // 2


@pytest.mark.parametrize("setting", [-1, 9])
def test_a_setting_out_of_range_is_refused(setting: int) -> None:
    with pytest.raises(InputError, match=f"setting index {setting}"):
        feedforward.feedforward_circuit(0, setting)
