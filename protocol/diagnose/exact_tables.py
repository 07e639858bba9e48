"""Exact tests on contingency tables of any counts, large or nearly empty, and Holm's correction.

One table: r conditions (rows) by c outcomes (columns).  Under the null hypothesis that all rows
share one law, the table given its margins follows the multiple hypergeometric law.  Both tests
here rest on that law alone and on no large-count approximation:

- `contrasts`: one cell's outcome in its row against all other rows together, Fisher's exact
  2×2 test, two-sided by doubling the tail;
- `homogeneity`: the law factorises exactly into (r-1)(c-1) hypergeometric ones (H. O. Lancaster,
  Biometrika 36, 370 (1949)); each factor's two-sided p-value is at least uniform given the
  earlier ones, so Fisher's sum -2Σ ln p is at most χ² with 2(r-1)(c-1) degrees of freedom.
  Discreteness makes it more conservative, never invalid: where cells hold only tens of counts
  it gives away some power, which the contrasts do not.

All p-values are natural logarithms, since a strong sign underflows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import chi2, norm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = 1 << 20  # summands held at once: 8 MB


def log_two_sided(
    hits: ArrayLike, hit_total: ArrayLike, drawn: ArrayLike, size: ArrayLike
) -> Floats:
    """ln of the doubled hypergeometric tail beyond `hits`, on the side away from the mean.

    Args:
        hits: hits among the drawn, integers of any shape; the others broadcast with it.
        hit_total: hits in the population.
        drawn: number drawn without replacement.
        size: size of the population.

    Returns:
        ln min(1, 2·tail), float64 of the common shape, exact but for rounding.
    """
    arrays = np.broadcast_arrays(hits, hit_total, drawn, size)
    shape = arrays[0].shape
    k, total, draws, n = (np.asarray(a).ravel().astype(np.float64) for a in arrays)
    below = k * n < total * draws
    # P(X <= k) is P(drawn - X >= drawn - k), and drawn - X counts the misses.
    k, total = np.where(below, draws - k, k), np.where(below, n - total, total)
    log_first = _log_choose(total, k) + _log_choose(n - total, draws - k) - _log_choose(n, draws)
    # Beyond the mean the terms fall at least as fast as a normal's: 9 deviations leave 1e-17.
    safe = np.maximum(n, 1)
    spread = np.sqrt(draws * (total / safe) * (1 - total / safe) * (1 - draws / safe))
    width = np.minimum(np.minimum(total, draws) - k, np.ceil(9 * spread) + 50).astype(np.int64)
    result = np.empty(len(k))
    order = np.argsort(width, kind="stable")[::-1]
    start = 0
    while start < len(order):
        terms = int(width[order[start]])
        part = order[start : start + max(1, _CELLS // (terms + 1))]
        start += len(part)
        step = np.arange(terms, dtype=np.float64)
        at = k[part, None] + step
        up = np.maximum(total[part, None] - at, 0) * np.maximum(draws[part, None] - at, 0)
        down = (at + 1) * (n[part, None] - total[part, None] - draws[part, None] + at + 1)
        tail = 1 + np.cumprod(up / np.maximum(down, 1), axis=1).sum(axis=1)
        result[part] = log_first[part] + np.log(tail)
    capped: Floats = np.minimum(0.0, result + np.log(2))
    return capped.reshape(shape)


def _log_choose(n: Floats, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _varies(hit_total: Ints, drawn: Ints, size: Ints) -> NDArray[np.bool_]:
    """Whether the margins leave more than one value, that is whether anything can be tested."""
    return (hit_total > 0) & (hit_total < size) & (drawn > 0) & (drawn < size)


def contrasts(tables: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Every cell's share of its row against the same outcome's share of the other rows.

    Args:
        tables: counts, (t, r, c).

    Returns:
        ln p of the exact two-sided test, (t, r, c), 0 where the margins leave nothing to test;
        and the mask (t, r, c) of cells with something to test.
    """
    columns, rows = tables.sum(1, keepdims=True), tables.sum(2, keepdims=True)
    margins = np.broadcast_arrays(columns, rows, tables.sum((1, 2), keepdims=True))
    testable = _varies(*margins)
    log_p = np.zeros(tables.shape)
    log_p[testable] = log_two_sided(tables[testable], *(m[testable] for m in margins))
    return log_p, testable


def homogeneity(tables: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Whether all rows of a table share one law, by Lancaster's exact factorisation.

    Args:
        tables: counts, (t, r, c).

    Returns:
        ln p, (t,), and the mask (t,) of tables whose margins leave something to test.
    """
    # Largest margins first, which the null law permits since it is given the margins: each row
    # is then compared with well-known ones.
    by_row = np.argsort(-tables.sum(2), axis=1, kind="stable")
    tables = np.take_along_axis(tables, by_row[:, :, None], axis=1)
    by_column = np.argsort(-tables.sum(1), axis=1, kind="stable")
    tables = np.take_along_axis(tables, by_column[:, None, :], axis=2)
    down = tables.cumsum(1)
    corner = down.cumsum(2)
    cell = tables[:, 1:, 1:]
    margins = (down[:, 1:, 1:], tables.cumsum(2)[:, 1:, 1:], corner[:, 1:, 1:])
    varies = _varies(*margins)
    log_p = np.zeros(cell.shape)
    log_p[varies] = log_two_sided(cell[varies], *(m[varies] for m in margins))
    count = np.asarray(varies.sum((1, 2)))
    return fisher(log_p.sum((1, 2)), count), count > 0


def fisher(log_p_sum: Floats, tests: Ints) -> Floats:
    """Fisher's combination: ln p from sums of ln p over `tests` independent tests; 0 if none."""
    result: Floats = np.where(tests > 0, chi2.logsf(-2 * log_p_sum, 2 * np.maximum(tests, 1)), 0.0)
    return result


def holm(log_p: Floats) -> Floats:
    """Holm's adjusted p-values of a family: rejecting those <= α errs with probability <= α.

    Args:
        log_p: ln p of the family's m tests, (m,), however dependent.

    Returns:
        Adjusted p-values, (m,).
    """
    order = np.argsort(log_p, kind="stable")
    steps = log_p[order] + np.log(np.arange(len(order), 0, -1))
    adjusted = np.empty(len(order))
    adjusted[order] = np.exp(np.minimum(0.0, np.maximum.accumulate(steps)))
    return adjusted


def newcombe(
    hits: Ints, runs: Ints, hits2: Ints, runs2: Ints, error: float
) -> tuple[Floats, Floats]:
    """Newcombe's hybrid score interval for a difference of two probabilities.

    Args:
        hits: hits among `runs` (>= 1) trials; likewise the second pair.  Any one shape.
        runs: see `hits`.
        hits2: see `hits`.
        runs2: see `hits`.
        error: probability that the interval misses, two-sided, nominal.

    Returns:
        Lower and upper end of hits/runs - hits2/runs2.  Source: Statist. Med. 17, 873 (1998).
    """
    z = norm.isf(error / 2)
    p, low, high = _wilson(hits, runs, z)
    p2, low2, high2 = _wilson(hits2, runs2, z)
    difference = p - p2
    return (
        difference - np.hypot(p - low, high2 - p2),
        difference + np.hypot(high - p, p2 - low2),
    )


def _wilson(hits: Ints, runs: Ints, z: float) -> tuple[Floats, Floats, Floats]:
    p = hits / runs
    middle = (p + z**2 / (2 * runs)) / (1 + z**2 / runs)
    half = z * np.sqrt(p * (1 - p) / runs + z**2 / (4 * runs**2)) / (1 + z**2 / runs)
    return p, middle - half, middle + half


def cramers_v(table: Ints) -> float:
    """Bias-corrected Cramér's V of one table (r, c), 0 (same laws) to 1; empty lines dropped.

    Source: W. Bergsma, J. Korean Stat. Soc. 42, 323 (2013).
    """
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    n, (r, c) = int(table.sum()), table.shape
    if min(r, c) < 2 or n < 2:
        return 0.0
    expected = table.sum(1, keepdims=True) * (table.sum(0, keepdims=True) / n)
    phi2 = float((((table - expected) ** 2) / expected).sum()) / n
    corrected = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    smaller = min(rows, columns) - 1
    return min(1.0, float(np.sqrt(corrected / smaller))) if smaller > 0 else 0.0
