"""Groups of symmetries that a linear programme's data leave, and how they act.

A group is an array of entry permutations, shape (order, 1296), as in `qdevices.ks18.symmetry`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import N_SLOTS, slots
from qdevices.ks18.game import N_JOINT, N_OUTCOMES, N_PAIRS
from qdevices.ks18.symmetry import stabiliser

Group = NDArray[np.int64]


def invariance_group(
    setting: int, tables: list[NDArray[np.generic]], tolerance: float = 0.0
) -> Group:
    """The symmetries that keep `setting` and every table, each of shape (81,) or (81, 16)."""
    group = stabiliser(setting)
    for table in tables:
        flat = np.asarray(table)
        flat = np.repeat(flat, N_JOINT) if flat.size == N_PAIRS else flat.ravel()
        if tolerance:
            with np.errstate(invalid="ignore"):  # inf − inf, which is equal
                same = (flat[group] == flat) | (np.abs(flat[group] - flat) <= tolerance)
        else:
            same = flat[group] == flat
        group = group[same.all(axis=1)]
    return group


def box_stabiliser(group: Group, setting: int, *vectors: NDArray[np.generic]) -> Group:
    """The elements of `group` that keep vectors (16,) over the outcomes of `setting`.

    Every element of `group` must keep `setting`.
    """
    start = N_JOINT * setting
    images = group[:, start : start + N_JOINT] - start
    keep = np.ones(len(group), dtype=np.bool_)
    for vector in vectors:
        keep &= (vector[images] == vector).all(axis=1)
    return group[keep]


def keeping_parties(group: Group) -> Group:
    """The elements of `group` that do not exchange the parties."""
    # Entries 0 and 1 are the same but for Bob's outcome, and then so are their images.
    images = group[:, :2] % N_JOINT // N_OUTCOMES
    return np.asarray(group[images[:, 0] == images[:, 1]])


def slot_permutations(group: Group) -> NDArray[np.int64]:
    """The action of a group on the 648 marginal slots of `potentials`, shape (order, 648)."""
    result = np.empty((len(group), N_SLOTS), dtype=np.int64)
    alice, bob = slots()
    for row, permutation in zip(result, group, strict=True):
        grid = permutation.reshape(N_PAIRS, N_OUTCOMES, N_OUTCOMES)
        # A slot is the set of entries that share it; its image is the slot that all images share.
        swapped = alice[grid[0, 0, 0]] != alice[grid[0, 0, 1]]
        first, second = (bob, alice) if swapped else (alice, bob)
        row[alice.reshape(grid.shape)[:, :, 0]] = first[grid[:, :, 0]]
        row[bob.reshape(grid.shape)[:, 0, :]] = second[grid[:, 0, :]]
    return result
