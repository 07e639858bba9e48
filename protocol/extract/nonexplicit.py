"""Non-explicit two-source extractors at tiny lengths: existence is not the obstacle.

The paper cites extractors that exist by the probabilistic method (Chor and Goldreich, SIAM J.
Comput. 17, 230 (1988)).  A table of 2^n × 2^n random bits is a one-bit extractor for two
min-entropies k as soon as no rectangle of 2^k rows and 2^k columns is unbalanced, which happens
with high probability from about k ≈ log₂n + 2·log₂(1/ξ) on, far below the k₁+k₂ > n that explicit
ones need.  Verifying that takes all rectangles, C(2^n, 2^k) choices of rows: the obstacle is
construction (and proof), not existence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.errors import InputError

Table = NDArray[np.uint8]
_MAX_CHOICES = 3_000_000


@dataclass(frozen=True)
class Found:
    """A table and its exact worst-case error.

    Attributes:
        table: the output bit of each pair of inputs, shape (2^n, 2^n).
        error: largest |P(1) − ½| over all flat sources of the two min-entropies.
        flips: flips that were tried.
    """

    table: Table
    error: float
    flips: int


def exact_error(table: Table, rows: int, columns: int) -> float:
    """Largest |P(1) − ½| over independent flat sources on `rows` rows and `columns` columns.

    Exact and exhaustive over the choices of rows; for each, the worst columns are those with
    the most (or the fewest) ones.  Sources of the same min-entropies are mixtures of flat ones.

    Raises:
        InputError: more than 3·10⁶ choices of rows, or counts out of range.
    """
    worst = 0.0
    for low, high in _imbalances(table, rows, columns):
        worst = max(worst, float(max(low.max(), high.max())) / (2 * rows * columns))
    return worst


def _imbalances(
    table: Table, rows: int, columns: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """|#0 − #1| of the worst columns on either side, for every choice of rows, in batches."""
    n_rows, n_columns = table.shape
    if not (1 <= rows <= n_rows and 1 <= columns <= n_columns):
        raise InputError(f"{rows} rows and {columns} columns do not fit a table {table.shape}")
    if comb(n_rows, rows) > _MAX_CHOICES:
        raise InputError(
            f"{comb(n_rows, rows)} choices of {rows} rows of {n_rows} are too many to verify, "
            f"expected at most {_MAX_CHOICES}"
        )
    choices = combinations(range(n_rows), rows)
    signs = 1 - 2 * table.astype(np.int64)
    while batch := list(islice(choices, 20_000)):
        sums = np.sort(signs[np.array(batch)].sum(axis=1), axis=1)
        low = np.abs(sums[:, :columns].sum(axis=1))
        high = np.abs(sums[:, n_columns - columns :].sum(axis=1))
        yield low, high


def inner_product_table(bits: int) -> Table:
    """The explicit one-bit extractor of Chor and Goldreich: ⟨x, y⟩ modulo 2, (2^n, 2^n)."""
    x = np.arange(2**bits)
    return (np.bitwise_count(x[:, None] & x[None, :]) % 2).astype(np.uint8)


def search(bits: int, rows: int, columns: int, flips: int, rng: Generator) -> Found:
    """A random table, improved by up to `flips` random flips, and its exhaustively verified error.

    A flip is kept unless it raises the mean eighth power of the imbalances, a smooth stand-in for
    the worst one.

    Raises:
        InputError: as `exact_error`.
    """

    def roughness(table: Table) -> float:
        parts = [
            (low.astype(float) ** 8 + high.astype(float) ** 8).sum()
            for low, high in _imbalances(table, rows, columns)
        ]
        return float(sum(parts))

    table = rng.integers(0, 2, (2**bits, 2**bits), dtype=np.uint8)
    current = roughness(table)
    for _ in range(flips):
        at = tuple(rng.integers(0, 2**bits, 2))
        table[at] ^= 1
        if (changed := roughness(table)) <= current:
            current = changed
        else:
            table[at] ^= 1
    return Found(table, exact_error(table, rows, columns), flips)
