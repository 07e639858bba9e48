"""Equation (36) by linear programme, and its dual vector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.paper.eq36 import largest_probability
from qdevices.errors import InputError
from qdevices.ks18.game import KS18, paper_event


@pytest.mark.parametrize("bell_value", [0.0, 0.1, 0.3, 0.5])
def test_equation_36_is_three_quarters_plus_a_sixth(bell_value):
    found = largest_probability(paper_event(), bell_value)
    assert found.value == pytest.approx(0.75 + bell_value / 6, abs=1e-7)
    assert found.at(bell_value) == pytest.approx(found.value, abs=1e-7)


@given(st.floats(0, 4), st.floats(0, 4))
def test_one_dual_vector_bounds_every_bell_value(here, there):
    found = largest_probability(paper_event(), here)
    assert largest_probability(paper_event(), there).value <= found.at(there) + 1e-7


def test_what_equation_36_cannot_take_is_named():
    with pytest.raises(InputError, match="shape"):
        largest_probability(np.zeros((2, 2), dtype=bool), 0.1)
    with pytest.raises(InputError, match="Bell value -1 is negative"):
        largest_probability(KS18.losing, -1)
