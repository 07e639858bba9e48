"""Exact tests on contingency tables, against enumeration and SciPy."""

from __future__ import annotations

from itertools import product
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from protocol.diagnose.exact_tables import (
    contrasts,
    cramers_v,
    fisher,
    holm,
    homogeneity,
    log_two_sided,
    newcombe,
)


def all_tables(rows: tuple[int, ...], columns: tuple[int, ...]) -> np.ndarray:
    """Every table with these margins, by trying all."""
    free = [range(min(r, c) + 1) for r in rows[:-1] for c in columns[:-1]]
    tables = []
    for cells in product(*free):
        inner = np.array(cells).reshape(len(rows) - 1, len(columns) - 1)
        table = np.zeros((len(rows), len(columns)), dtype=np.int64)
        table[:-1, :-1] = inner
        table[:-1, -1] = np.array(rows[:-1]) - inner.sum(1)
        table[-1] = np.array(columns) - table[:-1].sum(0)
        if table.min() >= 0:
            tables.append(table)
    return np.array(tables)


def null_law(tables: np.ndarray) -> np.ndarray:
    """The multiple hypergeometric law, from its formula."""
    margins = [*tables[0].sum(1), *tables[0].sum(0)]
    top = prod(factorial(int(m)) for m in margins)
    size = factorial(int(tables[0].sum()))
    return np.array([top / size / prod(factorial(int(v)) for v in t.ravel()) for t in tables])


MARGINS = [((6, 3), (4, 5)), ((5, 4, 2), (4, 4, 3)), ((3, 3, 1), (5, 1, 1)), ((7, 2, 2), (3, 8))]


@given(st.integers(1, 400), st.integers(0, 400), st.floats(0, 1), st.integers(0, 2**32))
def test_tails_are_those_of_the_hypergeometric_law(total, misses, share, seed):
    size = total + misses
    drawn = int(share * size)
    hits = int(np.random.default_rng(seed).hypergeometric(total, misses, drawn))
    law = stats.hypergeom(size, total, drawn)
    tail = law.cdf(hits) if hits * size < total * drawn else law.sf(hits - 1)
    assert log_two_sided(hits, total, drawn, size) == pytest.approx(
        np.log(min(1.0, 2 * tail)), rel=1e-9, abs=1e-9
    )


def test_far_tails_of_large_tables_neither_underflow_nor_lose_digits():
    size, total, drawn = 10_000_000, 2_500_000, 5_000_000
    z = 60
    spread = np.sqrt(drawn * 0.25 * 0.75 * 0.5)
    log_p = log_two_sided(total // 2 + round(z * spread), total, drawn, size)
    assert log_p == pytest.approx(np.log(2) + stats.norm.logsf(z), rel=2e-3)


@pytest.mark.parametrize(("rows", "columns"), MARGINS)
def test_on_every_table_with_given_margins_no_test_errs_more_than_it_says(rows, columns):
    tables = all_tables(rows, columns)
    law = null_law(tables)
    assert law.sum() == pytest.approx(1)
    together, _ = homogeneity(tables)
    single, _ = contrasts(tables)
    for log_p in (together, *single.reshape(len(tables), -1).T):
        for level in np.exp(log_p):
            assert law[log_p <= np.log(level) + 1e-12].sum() <= level + 1e-9


def test_contrasts_are_fishers_exact_tests_with_doubled_tails():
    table = np.array([[[8, 1, 3], [2, 5, 4], [1, 1, 0]]])
    log_p, testable = contrasts(table)
    assert testable.all()
    for row, column in np.ndindex(3, 3):
        hits = table[0, row, column]
        runs, total = table[0, row].sum(), table[0, :, column].sum()
        fourfold = [[hits, runs - hits], [total - hits, 25 - runs - total + hits]]
        tails = [stats.fisher_exact(fourfold, alternative=a).pvalue for a in ("less", "greater")]
        assert np.exp(log_p[0, row, column]) == pytest.approx(min(1, 2 * min(tails)))


def test_homogeneity_of_well_filled_tables_has_nearly_uniform_p_values():
    rng = np.random.default_rng(3)
    weights = np.array([0.5, *[1 / 16] * 8])
    tables = rng.multinomial(
        np.round(3_000_000 * weights).astype(int)[None], np.full(4, 0.25), size=(400, 9)
    )
    log_p, _ = homogeneity(tables)
    assert stats.kstest(np.exp(log_p), "uniform").pvalue > 0.01


def test_homogeneity_finds_about_what_pearsons_test_finds():
    rng = np.random.default_rng(4)
    laws = np.full((9, 4), 0.25)
    laws[0] += [0.02, -0.02, 0, 0]
    tables = np.array([rng.multinomial(3000, laws) for _ in range(200)])
    exact = np.exp(homogeneity(tables)[0]) <= 0.01
    pearson = np.array([stats.chi2_contingency(t).pvalue <= 0.01 for t in tables])
    assert exact.mean() >= pearson.mean() - 0.15


def test_tables_without_freedom_have_nothing_to_test():
    empty = np.zeros((1, 3, 4), dtype=np.int64)
    one_row, one_column = empty.copy(), empty.copy()
    one_row[0, 1] = 5
    one_column[0, :, 2] = 5
    for table in (empty, one_row, one_column):
        for test in (contrasts, homogeneity):
            log_p, testable = test(table)
            assert not testable.any()
            assert not log_p.any()


def test_holm_follows_its_definition():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(np.log(p)) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert len(holm(np.array([]))) == 0


def test_fisher_of_one_test_is_that_test():
    log_p = np.log([0.3, 1e-9])
    assert fisher(log_p, np.array([1, 1])) == pytest.approx(log_p)


def test_newcombes_interval_agrees_with_his_published_example():
    # Newcombe 1998, table II, method 10, example (a): 56/70 - 48/80.
    hits, runs, hits2, runs2 = map(np.array, (56, 70, 48, 80))
    low, high = newcombe(hits, runs, hits2, runs2, 0.05)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_cramers_v_is_zero_for_equal_rows_and_near_one_for_disjoint_ones():
    assert cramers_v(np.array([[10, 20], [20, 40], [0, 0]])) == 0
    assert cramers_v(1000 * np.eye(4, dtype=np.int64)) == pytest.approx(1, abs=1e-3)
    assert cramers_v(np.array([[1, 0], [0, 0]])) == 0
