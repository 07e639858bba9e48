"""Figures of merit against their definitions, summed entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdevices.hardware.figures import (
    PURE_NOISE_LOSING,
    losing_value,
    signalling,
    starred_value,
    white_noise_equivalent,
)
from qdevices.ks18.game import BASES, KS18, RAYS


def test_pure_noise_loses_as_often_as_two_rays_of_a_pair_are_orthogonal():
    """504 of the 81·16 pairs of rays, counted one by one."""
    orthogonal = sum(
        int(RAYS[v] @ RAYS[w] == 0)
        for first in BASES
        for second in BASES
        for v in first
        for w in second
    )
    assert orthogonal == 504
    assert pytest.approx(orthogonal / 16 / 81) == PURE_NOISE_LOSING
    assert pytest.approx(31.5 / 81) == PURE_NOISE_LOSING


@given(st.floats(0, 1))
def test_the_equivalent_white_noise_is_the_weight_that_was_put_in(weight):
    table = KS18.noisy(weight)
    assert white_noise_equivalent(table) == pytest.approx(weight)
    assert losing_value(table) == pytest.approx(weight * 31.5 / 81)
    assert starred_value(table) == pytest.approx(0.5)


def test_signalling_is_the_largest_change_of_a_marginal():
    assert signalling(KS18.honest) < 1e-15
    table = KS18.honest.reshape(9, 9, 4, 4).copy()
    # Alice's first outcome at her setting 3 becomes likelier if Bob has his setting 7.
    table[3, 7, 0, 1] += 0.05
    table[3, 7, 2, 1] -= 0.05
    assert signalling(table.reshape(81, 16)) == pytest.approx(0.05)
    # And Bob's last, by more, if Alice has her setting 1.
    table[1, 4, 0, 0] -= 0.07
    table[1, 4, 0, 3] += 0.07
    assert signalling(table.reshape(81, 16)) == pytest.approx(0.07)
    assert signalling(np.full((81, 16), 1 / 16)) == 0
