"""What is asked for: one object, checked once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.certificate.closed_form import ClosedForm
from protocol.certificate.shipped import shipped_certificates
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.settings.ks18 import default_code, joint_code
from qdevices.errors import InputError
from qdevices.ks18.game import KS18

NOISY = KS18.noisy(0.001)
ASKED = Request(100_000, 0.01, NOISY)


def test_the_same_question_has_one_digest_however_it_is_said():
    said = Request(
        np.int64(100_000),  # type: ignore[arg-type]
        np.float64(0.01),
        NOISY.tolist(),
        64,
        0.99,
        certificate="best",
    )
    assert said == ASKED
    assert hash(said) == hash(ASKED)
    assert said.digest == ASKED.digest
    assert Request(1000, 0.0, NOISY) == Request(1000, -0.0, NOISY)
    named = replace(default_code(), name="mine")
    assert replace(ASKED, code=named) == replace(ASKED, code=default_code())


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": 100_001},
        {"runs": None},
        {"epsilon": 0.02},
        {"behaviour": KS18.honest},
        {"soundness": 65},
        {"completeness": 0.9},
        {"certificate": "optimised"},
        {"certificate": ClosedForm(default_code(), 0.01, 0.1)},
        {"code": default_code()},
        {"extractor": "dodis"},
        {"code": joint_code(), "word_probabilities": np.full(64, 1 / 64)},
    ],
)
def test_everything_that_is_asked_counts(changes):
    assert replace(ASKED, **changes) != ASKED


@given(st.integers(0, 80), st.floats(0, 0.5))
def test_any_change_of_the_behaviour_is_another_question(setting, weight):
    table = NOISY.copy()
    table[setting] = (1 - weight) * table[setting] + weight / 16
    assert (Request(100_000, 0.01, table) == ASKED) == np.array_equal(table, NOISY)


def test_it_keeps_a_copy_that_nobody_can_write_to():
    table = NOISY.copy()
    asked = Request(1000, 0.01, table)
    before = asked.digest
    table[0] = 1 / 16
    assert asked.digest == before
    with pytest.raises(ValueError, match="read-only"):
        asked.behaviour[0] = 0


_ROW = np.eye(16)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": 0}, "runs 0 is outside"),
        ({"runs": 10**9 + 1}, "is outside 1"),
        ({"runs": 1e5}, "runs is 100000.0, expected a whole number"),
        ({"runs": True}, "runs is True, expected a whole number"),
        ({"runs": "5"}, "runs is '5', expected a whole number"),
        ({"epsilon": 0.5}, "epsilon 0.5 is outside"),
        ({"epsilon": math.nan}, "epsilon nan is outside"),
        ({"epsilon": "0"}, "epsilon is 0, expected a number"),
        ({"soundness": 0}, "soundness 0 is below 1"),
        ({"soundness": math.inf}, "soundness inf is no finite number"),
        ({"soundness": "64"}, "soundness is '64', expected a number"),
        ({"soundness": 1e9}, "can never be met"),
        ({"completeness": 1}, "completeness 1.0 is outside"),
        ({"completeness": None}, "completeness is None, expected a number"),
        ({"behaviour": np.zeros((9, 9, 4, 4))}, r"behaviour has shape \(9, 9, 4, 4\)"),
        ({"behaviour": np.zeros((81, 16))}, "behaviour row 0 sums to 0, expected 1"),
        ({"behaviour": np.full((81, 16), math.nan)}, r"entry \[0, 0\] is nan"),
        ({"behaviour": np.tile(2 * _ROW - np.eye(16)[1], (81, 1))}, r"entry \[0, 0\] is 2.0"),
        ({"extractor": "raaz"}, "extractor 'raaz', expected one of raz, dodis"),
        ({"code": "joint"}, "code is 'joint', expected a SettingCode"),
        ({"word_probabilities": np.full(256, 1 / 256)}, "expected a code"),
        (
            {"code": default_code(), "word_probabilities": np.full(64, 1 / 64)},
            r"have shape \(64,\), expected \(256,\)",
        ),
        (
            {"code": default_code(), "word_probabilities": np.full(256, 1 / 64)},
            "are no distribution",
        ),
        (
            {"certificate": ClosedForm(default_code(), 0.001, 0.1)},
            "covers sources up to epsilon 0.001, not epsilon 0.01",
        ),
        (
            {"certificate": ClosedForm(default_code(), 0.1, 0.01), "code": joint_code()},
            "is for setting code 'default', not 'joint'",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(changes, message):
    with pytest.raises(InputError, match=message) as refused:
        replace(ASKED, **changes)
    assert "\n" not in str(refused.value)


def test_no_plan_is_made_for_infinitely_many_runs():
    with pytest.raises(InputError, match="a plan is for a number of runs"):
        best_plan(replace(ASKED, runs=None, certificate=shipped_certificates(ASKED)[0]))
