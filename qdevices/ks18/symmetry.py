"""Symmetries of the game: the 72 ray permutations, and with exchange of the parties 144.

A symmetry permutes the 18 rays so that overlaps and bases are kept (theory 2).  Each acts on the 81
setting pairs and on the 1296 entries of a table; linear programmes whose data are invariant may be
solved over orbits (`protocol.certificate.groups`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ray_permutations(overlap: NDArray[np.float64], bases: NDArray[np.int64]) -> NDArray[np.int64]:
    """All permutations of the rays that keep overlaps and bases, shape (72, 18).

    Found by backtracking: rays are mapped one by one, and a partial map is kept while it
    preserves all overlaps among the rays mapped so far.

    Args:
        overlap: squared overlaps of all pairs of rays, (18, 18).
        bases: the rays of each basis, (9, 4).
    """
    n, rows = len(overlap), overlap.tolist()
    listed = {frozenset(int(r) for r in basis) for basis in bases}
    found: list[tuple[int, ...]] = []

    def extend(images: list[int]) -> None:
        k = len(images)
        if k == n:
            if {frozenset(images[r] for r in basis) for basis in listed} == listed:
                found.append(tuple(images))
            return
        for candidate in range(n):
            row = rows[candidate]
            if candidate not in images and [row[r] for r in images] == rows[k][:k]:
                extend([*images, candidate])

    extend([])
    return np.array(sorted(found), dtype=np.int64)


def _local_action(permutation: NDArray[np.int64], bases: NDArray[np.int64]) -> NDArray[np.int64]:
    """Action on one party's (setting, outcome) entries 4u+x, shape (36,)."""
    n_settings, n_outcomes = bases.shape
    where = {frozenset(int(r) for r in basis): u for u, basis in enumerate(bases)}
    image = np.empty(n_settings * n_outcomes, dtype=np.int64)
    for u, basis in enumerate(bases):
        v = where[frozenset(int(permutation[r]) for r in basis)]
        order = list(bases[v])
        for x, ray in enumerate(basis):
            image[n_outcomes * u + x] = n_outcomes * v + order.index(permutation[ray])
    return image


def entry_permutations(overlap: NDArray[np.float64], bases: NDArray[np.int64]) -> NDArray[np.int64]:
    """The group of 144 acting on table entries 16·(9u1+u2) + 4x1+x2, shape (144, 1296).

    Row g maps entry e to `entry_permutations(...)[g, e]`; row 0 is the identity.  Arguments as in
    `ray_permutations`.
    """
    n_settings, n_outcomes = bases.shape
    shape = (n_settings, n_settings, n_outcomes, n_outcomes)
    u1, u2, x1, x2 = (axis.ravel() for axis in np.indices(shape))
    rows = []
    for swap in (False, True):
        for permutation in ray_permutations(overlap, bases):
            local = _local_action(permutation, bases)
            first, second = local[n_outcomes * u1 + x1], local[n_outcomes * u2 + x2]
            if swap:
                first, second = second, first
            (v1, y1), (v2, y2) = np.divmod(first, n_outcomes), np.divmod(second, n_outcomes)
            rows.append(np.ravel_multi_index((v1, v2, y1, y2), shape))
    group = np.array(rows, dtype=np.int64)
    first_row = int(np.flatnonzero((group == np.arange(group.shape[1])).all(axis=1))[0])
    group[[0, first_row]] = group[[first_row, 0]]
    return group
