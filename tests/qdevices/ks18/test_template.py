"""The parametrised template plays the honest game exactly."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from qdevices.hardware.programme import count_two_qubit
from qdevices.ks18 import template
from qdevices.ks18.game import KS18
from qdevices.ks18.state import Shape

SHAPES: tuple[Shape, ...] = ("square", "line")


@pytest.mark.parametrize("shape", SHAPES)
def test_one_template_realises_all_81_honest_distributions(shape: Shape) -> None:
    circuit = template.template(shape, measure=False)
    table = np.zeros((KS18.n_pairs, 16))
    for setting, angles in enumerate(template.parameter_values(shape)):
        state = Statevector(circuit.assign_parameters(angles))
        table[setting, template.relabel(shape)[setting]] = state.probabilities([3, 2, 1, 0])
    np.testing.assert_allclose(table, KS18.honest, atol=1e-12)


def test_the_template_has_four_gates_on_a_square_and_six_on_a_line() -> None:
    assert count_two_qubit(template.template("square")) == 4
    assert count_two_qubit(template.template("line")) == 6


def test_couplings_between_the_parties_come_before_everything_that_depends_on_a_setting() -> None:
    for shape in SHAPES:
        first = template.template(shape).data
        parties = [{first_bit._index // 2 for first_bit in s.qubits} for s in first]
        free = [bool(step.operation.params) for step in first]
        last_between = max(k for k, party in enumerate(parties) if len(party) == 2)
        assert not any(free[:last_between])
