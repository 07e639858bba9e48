"""Non-explicit extractors at tiny lengths."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from protocol.paper.nonexplicit import exact_error, inner_product_table, search
from qdevices.errors import InputError


def test_exact_error_agrees_with_all_rectangles():
    rng = np.random.default_rng(0)
    for _ in range(5):
        table = rng.integers(0, 2, (8, 8), dtype=np.uint8)
        worst = max(
            abs(table[np.ix_(rows, columns)].mean() - 0.5)
            for rows in combinations(range(8), 3)
            for columns in combinations(range(8), 4)
        )
        assert exact_error(table, 3, 4) == pytest.approx(worst)


def test_inner_product_fails_at_half_the_min_entropy():
    """A subspace against its orthogonal complement: k₁ + k₂ = n, and the output is constant."""
    assert exact_error(inner_product_table(4), 4, 4) == 0.5


def test_a_found_table_beats_the_explicit_one():
    for size, flips in ((4, 300), (6, 500)):
        found = search(4, size, size, flips, np.random.default_rng(0))
        assert found.error < exact_error(inner_product_table(4), size, size)
        assert found.error == exact_error(found.table, size, size)


def test_what_cannot_be_verified_is_refused():
    with pytest.raises(InputError, match="too many to verify"):
        exact_error(np.zeros((64, 64), dtype=np.uint8), 20, 20)
    with pytest.raises(InputError, match="do not fit"):
        exact_error(np.zeros((4, 4), dtype=np.uint8), 5, 1)
