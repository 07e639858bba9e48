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
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from qdevices.errors import InputError

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
    worst = 0
    signs = 1 - 2 * table.astype(np.int16)
    choices = _choices(table, rows, columns)
    while batch := list(islice(choices, 20_000)):
        low, high = _imbalances(signs[np.array(batch)].sum(axis=1), columns)
        worst = max(worst, int(low.max()), int(high.max()))
    return worst / (2 * rows * columns)


def _choices(table: Table, rows: int, columns: int) -> Iterator[tuple[int, ...]]:
    n_rows, n_columns = table.shape
    if not (1 <= rows <= n_rows and 1 <= columns <= n_columns):
        raise InputError(f"{rows} rows and {columns} columns do not fit a table {table.shape}")
    if comb(n_rows, rows) > _MAX_CHOICES:
        raise InputError(
            f"{comb(n_rows, rows)} choices of {rows} rows of {n_rows} are too many to verify, "
            f"expected at most {_MAX_CHOICES}"
        )
    return combinations(range(n_rows), rows)


def _imbalances(sums: NDArray[Any], columns: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """|#0 − #1| of the worst columns on either side, from sums of signs (choices, columns)."""
    ordered = np.sort(sums, axis=1)
    return np.abs(ordered[:, :columns].sum(axis=1)), np.abs(ordered[:, -columns:].sum(axis=1))


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

    table = rng.integers(0, 2, (2**bits, 2**bits), dtype=np.uint8)
    choices = np.array(list(_choices(table, rows, columns)))
    signs = 1 - 2 * table.astype(np.int16)
    sums = signs[choices].sum(axis=1)

    def roughness(some: NDArray[Any]) -> NDArray[np.float64]:
        low, high = _imbalances(some, columns)
        return np.asarray(low.astype(float) ** 8 + high.astype(float) ** 8)

    rough = roughness(sums)
    for _ in range(flips):
        row, column = rng.integers(0, 2**bits, 2)
        touched = (choices == row).any(axis=1)  # a flip changes no other choice of rows
        changed = sums[touched]
        changed[:, column] -= 2 * signs[row, column]
        if (after := roughness(changed)).sum() <= rough[touched].sum():
            sums[touched], rough[touched] = changed, after
            signs[row, column] *= -1
    table = ((1 - signs) // 2).astype(np.uint8)
    return Found(table, exact_error(table, rows, columns), flips)
