"""What comes back in another order than it went in is caught by circuits whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import ControlFlowOp
from qiskit.quantum_info import Statevector

from qdevices.errors import InputError
from qdevices.hardware import open_backend
from qdevices.hardware.known_answers import KnownAnswer, check_known_answers, known_answers
from tests.extras import imported


def _answers() -> tuple[list[KnownAnswer], list[np.ndarray]]:
    answers = known_answers(open_backend("aer").compiled("static").target)
    return answers, [np.repeat(a.expected[:, None], 5, axis=1) for a in answers]


def test_reversed_bits_are_caught() -> None:
    answers, right = _answers()
    check_known_answers(answers, right)
    reverse = np.array([int(f"{k:04b}"[::-1], 2) for k in range(16)])
    with pytest.raises(InputError, match="bit order"):
        check_known_answers(answers, [reverse[r] for r in right])


def test_angles_in_alphabetical_order_are_caught() -> None:
    answers, right = _answers()
    order = sorted(range(12), key=lambda k: f"angle[{k}]")
    with pytest.raises(InputError, match="parameter order"):
        check_known_answers(answers, [right[0], right[1], right[2][order]])


def test_an_ignored_angle_of_a_controlled_rotation_is_caught() -> None:
    answers, right = _answers()
    with pytest.raises(InputError, match="controlled rotation"):
        check_known_answers(answers, [right[0], right[1][[0, 0]], right[2]])


@pytest.mark.parametrize("name", ["aer", "fake_manila", "fake_nighthawk"])
def test_the_answers_are_those_of_the_circuits_state_vectors(name: str) -> None:
    if name != "aer":
        imported("ibm")
    for answer in known_answers(open_backend(name).compiled("static").target):
        for row, expected in zip(answer.angles, answer.expected, strict=True):
            bound = answer.circuit.assign_parameters(row) if len(row) else answer.circuit
            assert not any(isinstance(step.operation, ControlFlowOp) for step in bound.data)
            state = Statevector(bound.remove_final_measurements(inplace=False))
            # Qubit k is measured into bit 3-k.
            assert state.probabilities([3, 2, 1, 0])[expected] == pytest.approx(1)


def test_a_result_of_another_shape_is_refused() -> None:
    answers, right = _answers()
    for wrong in (right[0][:, 0], np.zeros((2, 5), dtype=np.int64)):
        with pytest.raises(InputError, match=r"gave results of shape .*expected \(1, shots\)"):
            check_known_answers(answers, [wrong, *right[1:]])


def test_noise_that_leaves_the_answer_the_most_frequent_passes() -> None:
    answers, right = _answers()
    noisy = [rows.copy() for rows in right]
    for rows in noisy:
        rows[:, :2] = 15 - rows[:, :2]
    check_known_answers(answers, noisy)
