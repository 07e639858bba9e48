"""Lemma 2 with the dual vectors that the paper leaves out, in exact arithmetic."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from protocol.paper.eq36 import largest_probability
from protocol.paper.lemma2 import lemma2_duals
from qdevices.errors import InputError
from qdevices.ks18.game import paper_event


def test_lemma_2_has_exact_rational_duals_for_both_slopes():
    paper, optimal = lemma2_duals()
    assert (paper.slope, optimal.slope) == (Fraction(1, 2), Fraction(1, 6))
    assert paper.constant() == optimal.constant() == Fraction(3, 4)


def test_a_changed_dual_vector_proves_less_or_nothing():
    optimal = lemma2_duals()[1]
    slot = int(np.flatnonzero(optimal.numerators)[0])
    broken = optimal.numerators.copy()
    broken[slot] += 1
    with pytest.raises(InputError, match="do not sum to zero"):
        replace(optimal, numerators=broken).constant()
    broken[slot + 4] -= 1  # the same class, so the sums vanish again
    assert replace(optimal, numerators=broken).constant() > Fraction(3, 4)
    steeper = replace(optimal, slope=Fraction(1, 7), denominator=84, numerators=optimal.numerators)
    assert steeper.constant() > Fraction(3, 4)


def test_no_slope_below_a_sixth_keeps_three_quarters():
    """Independent of the duals: at a Bell value of 1/2 the optimum itself is 3/4 + 1/12."""
    assert largest_probability(paper_event(), 0.5).value > 0.75 + 0.5 * 0.16
