"""Groups of symmetries that a linear programme's data leave, and how they act.

A group is an array of entry permutations, shape (order, entries), as in `Game.symmetries`.  What a
proof takes from here is `invariance_group`: that its rows are symmetries of the game, as `Game`
checked, and keep the tables.  That they are all there are, or form a group, it does not need.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import n_slots, slots
from qdevices.game import Game

Group = NDArray[np.int64]


def stabiliser(setting: int, game: Game) -> Group:
    """The symmetries of the game that fix the setting pair `setting`."""
    group = game.symmetries
    return np.asarray(group[group[:, game.n_joint * setting] // game.n_joint == setting])


def orbits(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Orbit label 0, 1, … of every point, numbered by first appearance, shape (points,)."""
    # The least point of each orbit is the least image, since the rows form a group.
    _, labels = np.unique(group.min(axis=0), return_inverse=True)
    return np.asarray(labels, dtype=np.int64)


def setting_permutations(group: Group, game: Game) -> NDArray[np.int64]:
    """The action of entry permutations on the setting pairs, shape (order, pairs)."""
    return np.asarray(group[:, :: game.n_joint] // game.n_joint)


def invariance_group(
    setting: int, tables: list[NDArray[np.generic]], game: Game, tolerance: float = 0.0
) -> Group:
    """The symmetries that keep `setting` and every table, of shape (pairs,) or (pairs, joint)."""
    group = stabiliser(setting, game)
    for table in tables:
        flat = np.asarray(table)
        flat = np.repeat(flat, game.n_joint) if flat.ndim == 1 else flat.ravel()
        if tolerance:
            with np.errstate(invalid="ignore"):  # inf − inf, which is equal
                same = (flat[group] == flat) | (np.abs(flat[group] - flat) <= tolerance)
        else:
            same = flat[group] == flat
        group = group[same.all(axis=1)]
    return group


def box_stabiliser(group: Group, setting: int, game: Game, *vectors: NDArray[np.generic]) -> Group:
    """The elements of `group` that keep vectors (joint,) over the outcomes of `setting`.

    Every element of `group` must keep `setting`.
    """
    start = game.n_joint * setting
    images = group[:, start : start + game.n_joint] - start
    keep = np.ones(len(group), dtype=np.bool_)
    for vector in vectors:
        keep &= (vector[images] == vector).all(axis=1)
    return group[keep]


def keeping_parties(group: Group, game: Game) -> Group:
    """The elements of `group` that do not exchange the parties."""
    # Entries 0 and 1 are the same but for Bob's outcome, and then so are their images.
    images = group[:, :2] % game.n_joint // game.outcomes[1]
    return np.asarray(group[images[:, 0] == images[:, 1]])


def slot_permutations(group: Group, game: Game) -> NDArray[np.int64]:
    """The action of a group on the marginal slots of `potentials`, shape (order, slots)."""
    result = np.empty((len(group), n_slots(game)), dtype=np.int64)
    alice, bob = slots(game)
    for row, permutation in zip(result, group, strict=True):
        grid = permutation.reshape(game.n_pairs, *game.outcomes)
        # A slot is the set of entries that share it; its image is the slot that all images share.
        swapped = alice[grid[0, 0, 0]] != alice[grid[0, 0, 1]]
        first, second = (bob, alice) if swapped else (alice, bob)
        row[alice.reshape(grid.shape)[:, :, 0]] = first[grid[:, :, 0]]
        row[bob.reshape(grid.shape)[:, 0, :]] = second[grid[:, 0, :]]
    return result
