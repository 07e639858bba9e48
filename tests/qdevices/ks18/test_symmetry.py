"""The symmetry group of the game and its orbits (theory 2)."""

from __future__ import annotations

import numpy as np

from protocol.certificate.groups import orbits, setting_permutations, stabiliser
from qdevices.ks18 import game, symmetry
from qdevices.ks18.game import KS18


def test_the_group_has_order_72_and_144_with_exchange():
    assert symmetry.ray_permutations(game.ray_overlaps(), game.BASES).shape == (72, 18)
    group = KS18.symmetries
    assert group.shape == (144, 1296)
    assert len(np.unique(group, axis=0)) == 144


def test_the_entry_permutations_form_a_group():
    group = KS18.symmetries
    known = {row.tobytes() for row in group}
    assert np.array_equal(group[0], np.arange(1296))
    assert all(group[g][group[h]].tobytes() in known for g in range(0, 144, 7) for h in range(144))


def test_game_and_honest_behaviour_are_invariant():
    group = KS18.symmetries
    for table in (KS18.losing, game.losing("common-basis"), KS18.honest):
        flat = table.ravel()
        assert (flat[group] == flat).all()


def test_sixteen_orbits_of_entries_and_three_of_setting_pairs():
    group = KS18.symmetries
    assert orbits(group).max() + 1 == 16
    labels = orbits(setting_permutations(KS18.symmetries, KS18))
    common = np.array(
        [[len(set(a) & set(b)) for b in game.BASES.tolist()] for a in game.BASES.tolist()]
    ).ravel()
    # Pairs are told apart by how many rays the two bases share: 4, 1 or 0.
    for shared, size in ((4, 9), (1, 36), (0, 36)):
        assert (common == shared).sum() == size
        assert len(set(labels[common == shared])) == 1
    assert labels.max() + 1 == 3


def test_orbit_count_agrees_with_burnside():
    for action in (KS18.symmetries, setting_permutations(KS18.symmetries, KS18)):
        fixed = (action == np.arange(action.shape[1])).sum()
        assert fixed % 144 == 0
        assert orbits(action).max() + 1 == fixed // 144


def test_stabilisers_have_the_order_that_the_orbit_demands():
    for u0, size in ((KS18.pair_index(1, 1), 9), (KS18.pair_index(1, 2), 36), (2, 36)):
        assert len(stabiliser(u0, KS18)) == 144 // size
