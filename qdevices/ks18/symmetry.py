"""Symmetries of the game: the 72 ray permutations, exchange of the parties, and their orbits.

A symmetry permutes the 18 rays so that overlaps and bases are kept; with the exchange of the
parties there are 144 (design 2).  Each acts on the 81 setting pairs and on the 1296 entries
of a behaviour table; linear programmes whose data are invariant may be solved over orbits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from qdevices.ks18.game import BASES, N_JOINT, N_OUTCOMES, N_PAIRS, N_SETTINGS, ray_overlaps


@cache
def ray_permutations() -> NDArray[np.int64]:
    """All permutations of the rays that keep overlaps and bases, shape (72, 18).

    Found by backtracking: rays are mapped one by one, and a partial map is kept while it
    preserves all overlaps among the rays mapped so far.
    """
    overlap = ray_overlaps()
    n = len(overlap)
    bases = {frozenset(int(r) for r in basis) for basis in BASES}
    found: list[tuple[int, ...]] = []

    def extend(images: list[int]) -> None:
        k = len(images)
        if k == n:
            if {frozenset(images[r] for r in basis) for basis in bases} == bases:
                found.append(tuple(images))
            return
        for candidate in range(n):
            if candidate not in images and np.array_equal(
                overlap[candidate, images], overlap[k, :k]
            ):
                extend([*images, candidate])

    extend([])
    result = np.array(sorted(found), dtype=np.int64)
    result.setflags(write=False)
    return result


def _local_action(permutation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Action on one party's (setting, outcome) entries 4u+x, shape (36,)."""
    where = {frozenset(int(r) for r in basis): u for u, basis in enumerate(BASES)}
    image = np.empty(N_SETTINGS * N_OUTCOMES, dtype=np.int64)
    for u, basis in enumerate(BASES):
        v = where[frozenset(int(permutation[r]) for r in basis)]
        order = list(BASES[v])
        for x, ray in enumerate(basis):
            image[N_OUTCOMES * u + x] = N_OUTCOMES * v + order.index(permutation[ray])
    return image


@cache
def entry_permutations() -> NDArray[np.int64]:
    """The group of 144 acting on table entries 16·(9u1+u2) + 4x1+x2, shape (144, 1296).

    Row g maps entry e to `entry_permutations()[g, e]`; row 0 is the identity.
    """
    u1, u2, x1, x2 = (
        a.ravel()
        for a in np.meshgrid(
            *(range(k) for k in (N_SETTINGS, N_SETTINGS, N_OUTCOMES, N_OUTCOMES)), indexing="ij"
        )
    )
    rows = []
    for swap in (False, True):
        for permutation in ray_permutations():
            local = _local_action(permutation)
            first, second = local[N_OUTCOMES * u1 + x1], local[N_OUTCOMES * u2 + x2]
            if swap:
                first, second = second, first
            (v1, y1), (v2, y2) = np.divmod(first, N_OUTCOMES), np.divmod(second, N_OUTCOMES)
            rows.append(N_JOINT * (N_SETTINGS * v1 + v2) + N_OUTCOMES * y1 + y2)
    group = np.array(rows)
    identity = np.arange(N_PAIRS * N_JOINT)
    first_row = int(np.flatnonzero((group == identity).all(axis=1))[0])
    group[[0, first_row]] = group[[first_row, 0]]
    group.setflags(write=False)
    return group


def setting_permutations(group: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The action of a group of entry permutations on the 81 setting pairs, shape (order, 81)."""
    group = entry_permutations() if group is None else group
    return np.asarray(group[:, ::N_JOINT] // N_JOINT)


def stabiliser(
    setting: int | None = None,
    entries: Sequence[int] = (),
    group: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """The elements that fix the setting pair `setting` and every entry of `entries`."""
    group = entry_permutations() if group is None else group
    keep = np.ones(len(group), dtype=np.bool_)
    if setting is not None:
        keep &= group[:, N_JOINT * setting] // N_JOINT == setting
    for entry in entries:
        keep &= group[:, entry] == entry
    return group[keep]


def orbits(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Orbit label 0, 1, … of every point, numbered by first appearance, shape (points,)."""
    # The least point of each orbit is the least image, since the rows form a group.
    _, labels = np.unique(group.min(axis=0), return_inverse=True)
    return np.asarray(labels, dtype=np.int64)
