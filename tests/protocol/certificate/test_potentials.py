"""Potentials and groups for parties of any numbers of settings and outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from protocol.certificate.groups import (
    box_stabiliser,
    invariance_group,
    keeping_parties,
    orbits,
    setting_permutations,
    slot_permutations,
    stabiliser,
)
from protocol.certificate.potentials import (
    from_marginals,
    n_classes,
    n_slots,
    reduced_costs,
    slots,
    sums,
    to_integers,
    zero_sum_classes,
)
from protocol.search.polytope import full_polytope, solve
from qdevices.game import Game
from qdevices.ks18.game import KS18
from tests.games.peres_mermin import PERES_MERMIN
from tests.games.unequal import UNEQUAL

GAMES = [KS18, PERES_MERMIN, UNEQUAL]
EACH = pytest.mark.parametrize("game", GAMES, ids=lambda g: g.name)
SHAPES = [((2, 3), (2, 3)), ((3, 2), (3, 2)), ((1, 3), (2, 4)), ((4, 1), (2, 2)), ((2, 2), (3, 2))]
COUNTS = st.tuples(st.integers(1, 4), st.integers(1, 4))


def _game(settings, outcomes):
    shape = settings[0] * settings[1], outcomes[0] * outcomes[1]
    fair = np.full(shape, 1 / shape[1])
    return Game("free", settings, outcomes, np.zeros(shape, dtype=bool), fair)


def _sums_by_hand(potentials, game):
    """Σ_{u2} a((u1,u2),x1) and Σ_{u1} b((u1,u2),x2), one at a time."""
    (s1, s2), (o1, o2) = game.settings, game.outcomes
    found = []
    for u1, x1 in np.ndindex(s1, o1):
        found.append(sum(potentials[o1 * (s2 * u1 + u2) + x1] for u2 in range(s2)))
    for u2, x2 in np.ndindex(s2, o2):
        start = game.n_pairs * o1
        found.append(sum(potentials[start + o2 * (s2 * u1 + u2) + x2] for u1 in range(s1)))
    return found


def _largest_by_hand(objective, game):
    """The maximum over no-signalling boxes, with every equation written out."""
    (s1, s2), (o1, o2) = game.settings, game.outcomes
    rows, right = [], []
    entry = np.arange(game.entries).reshape(s1, s2, o1, o2)

    def equation(plus, minus, value):
        row = np.zeros(game.entries)
        row[np.ravel(plus)] += 1
        row[np.ravel(minus).astype(int)] -= 1
        rows.append(row)
        right.append(value)

    for u1, u2 in np.ndindex(s1, s2):
        equation(entry[u1, u2], [], 1)
        for x1 in range(o1):
            equation(entry[u1, u2, x1], entry[u1, 0, x1], 0)
        for x2 in range(o2):
            equation(entry[u1, u2, :, x2], entry[0, u2, :, x2], 0)
    found = linprog(-objective.ravel(), A_eq=np.array(rows), b_eq=right, bounds=(0, 1))
    assert found.status == 0
    return -found.fun


@given(COUNTS, st.tuples(st.integers(2, 4), st.integers(2, 4)), st.integers(0, 2**32))
def test_sums_are_what_they_say(settings, outcomes, seed):
    game = _game(settings, outcomes)
    potentials = np.random.default_rng(seed).integers(-99, 99, n_slots(game))
    expected = _sums_by_hand(potentials, game)
    assert sums(potentials, game).tolist() == expected
    assert len(expected) == n_classes(game)
    both = sums(np.array([potentials, 2 * potentials]), game)
    assert both.tolist() == [expected, [2 * v for v in expected]]
    by_class = np.bincount(zero_sum_classes(game), potentials, n_classes(game))
    assert by_class.tolist() == expected


@given(COUNTS, st.tuples(st.integers(2, 4), st.integers(2, 4)), st.integers(0, 2**32))
def test_every_entry_has_the_slots_of_both_parties(settings, outcomes, seed):
    game = _game(settings, outcomes)
    a, b = np.split(np.arange(n_slots(game)), [game.n_pairs * outcomes[0]])
    alice, bob = (slot.reshape(game.n_pairs, *outcomes) for slot in slots(game))
    for u, x1, x2 in np.ndindex(alice.shape):
        assert alice[u, x1, x2] == a.reshape(-1, outcomes[0])[u, x1]
        assert bob[u, x1, x2] == b.reshape(-1, outcomes[1])[u, x2]


@given(COUNTS, st.tuples(st.integers(2, 4), st.integers(2, 4)), st.integers(0, 2**32))
def test_whole_potentials_sum_to_exactly_zero_and_differ_by_rounding(settings, outcomes, seed):
    game = _game(settings, outcomes)
    (s1, s2), (o1, o2) = settings, outcomes
    rng = np.random.default_rng(seed)
    rows = s1 * (s2 - 1) * (o1 - 1) + s2 * (s1 - 1) * (o2 - 1)
    assert full_polytope(game).matrix.shape[0] == game.n_pairs + rows
    potentials = from_marginals(rng.normal(size=rows), game)
    assert np.abs(sums(potentials, game)).max() < 1e-12
    whole = to_integers(potentials, 2.0**-30, game)
    assert not sums(whole, game).any()
    assert np.abs(whole * 2.0**-30 - potentials).max() < max(settings) * 2.0**-30


@pytest.mark.parametrize(("settings", "outcomes"), SHAPES)
def test_the_dual_vector_of_a_programme_bounds_every_box(settings, outcomes):
    """Weak duality, and strong duality up to rounding, against equations written out by hand."""
    game = _game(settings, outcomes)
    rng = np.random.default_rng(7)
    for _ in range(5):
        objective = rng.normal(size=game.shape)
        found = solve(objective.ravel(), full_polytope(game))
        expected = _largest_by_hand(objective, game)
        assert found.fun == pytest.approx(expected, abs=1e-8)
        potentials = from_marginals(found.eqlin.marginals[game.n_pairs :], game)
        bound = reduced_costs(objective, potentials, game).max(axis=1).sum()
        assert bound == pytest.approx(expected, abs=1e-7)
        loose = from_marginals(rng.normal(size=len(found.eqlin.marginals) - game.n_pairs), game)
        assert reduced_costs(objective, loose, game).max(axis=1).sum() >= expected - 1e-8


@EACH
def test_symmetries_move_potentials_as_they_move_boxes(game):
    """a + b of the moved potentials is a + b of the moved entries."""
    rng = np.random.default_rng(3)
    potentials = rng.normal(size=n_slots(game))
    alice, bob = slots(game)
    group = game.symmetries[:: max(1, len(game.symmetries) // 25)]
    for element, image in zip(group, slot_permutations(group, game), strict=True):
        moved = np.empty_like(potentials)
        moved[image] = potentials
        before, after = potentials[alice] + potentials[bob], moved[alice] + moved[bob]
        np.testing.assert_allclose(after[element], before, atol=1e-12)
        classes = sums(potentials, game)
        np.testing.assert_allclose(np.sort(sums(moved, game)), np.sort(classes), atol=1e-9)


@EACH
def test_groups_keep_what_they_are_asked_to_keep(game):
    for setting in range(0, game.n_pairs, 4):
        kept = stabiliser(setting, game)
        assert (setting_permutations(kept, game)[:, setting] == setting).all()
        orbit = orbits(setting_permutations(game.symmetries, game))
        assert len(kept) * (orbit == orbit[setting]).sum() == len(game.symmetries)
        marked = np.zeros(game.shape)
        marked[setting, 0] = 1
        entry = game.n_joint * setting
        assert (invariance_group(setting, [marked], game)[:, entry] == entry).all()
        by_pair = np.arange(game.n_pairs)
        pairs = setting_permutations(invariance_group(setting, [by_pair], game), game)
        assert (pairs == by_pair).all()
        vector = np.arange(game.n_joint) == 0
        assert (box_stabiliser(kept, setting, game, vector)[:, entry] == entry).all()


@pytest.mark.parametrize(("game", "share"), [(KS18, 2), (PERES_MERMIN, 2), (UNEQUAL, 1)])
def test_half_of_the_symmetries_exchange_equal_parties(game, share):
    kept = keeping_parties(game.symmetries, game)
    assert len(kept) * share == len(game.symmetries)
    u1 = np.arange(game.n_pairs) // game.settings[1]
    images = setting_permutations(kept, game) // game.settings[1]
    for row in images:
        assert all(len(set(row[u1 == k])) == 1 for k in range(game.settings[0]))
