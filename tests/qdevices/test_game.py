"""Games as data: what is checked when one is built, and what follows from it."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdevices.errors import InputError
from qdevices.game import Game, check_behaviour, signalling_of
from qdevices.games import GAMES
from qdevices.ks18.game import KS18
from tests.games.peres_mermin import PERES_MERMIN
from tests.games.unequal import UNEQUAL

EACH = pytest.mark.parametrize("game", [KS18, PERES_MERMIN, UNEQUAL], ids=lambda g: g.name)


def _game(settings=(2, 2), outcomes=(2, 2), **change):
    """A game that nobody loses, with outcomes that are fair and independent; then `change`."""
    shape = settings[0] * settings[1], outcomes[0] * outcomes[1]
    given = {
        "name": "free",
        "settings": settings,
        "outcomes": outcomes,
        "losing": np.zeros(shape, dtype=bool),
        "honest": np.full(shape, 1 / shape[1]),
    }
    return Game(**{**given, **change})


def test_documents_name_the_game_that_ships():
    assert GAMES["ks18"] is KS18
    with pytest.raises(InputError, match="game 'chess', expected one of ks18"):
        GAMES["chess"]


@EACH
def test_indices_and_labels_run_through_both_parties(game):
    pairs = [(u1, u2) for u1 in range(game.settings[0]) for u2 in range(game.settings[1])]
    assert [game.split(u) for u in range(game.n_pairs)] == pairs
    assert [game.pair_index(u1 + 1, u2 + 1) for u1, u2 in pairs] == list(range(game.n_pairs))
    assert [game.pair_label(u) for u in range(game.n_pairs)] == [
        f"({u1 + 1},{u2 + 1})" for u1, u2 in pairs
    ]
    joint = [(x1, x2) for x1 in range(game.outcomes[0]) for x2 in range(game.outcomes[1])]
    assert [game.outcome_label(x) for x in range(game.n_joint)] == [
        f"({x1 + 1},{x2 + 1})" for x1, x2 in joint
    ]
    entries = game.grid(np.arange(game.entries).reshape(game.shape))
    for entry, (u1, u2, x1, x2) in zip(range(game.entries), np.ndindex(entries.shape), strict=True):
        assert entries[u1, u2, x1, x2] == entry
    for label in ((0, 1), (game.settings[0] + 1, 1), (1, game.settings[1] + 1)):
        with pytest.raises(InputError, match="setting label"):
            game.pair_index(*label)


@EACH
def test_honest_devices_are_no_signalling_and_never_lose(game):
    assert check_behaviour(game.honest, game) is not None
    assert game.honest[game.losing].sum() == 0
    assert check_behaviour(game.noisy(0.3), game)[game.losing].min() == pytest.approx(
        0.3 / game.n_joint
    )


@pytest.mark.parametrize(
    ("outcomes", "bits"), [((2, 2), 2), ((4, 4), 4), ((2, 3), 3), ((3, 3), 4), ((16, 16), 8)]
)
def test_an_outcome_takes_as_many_bits_as_tell_all_apart(outcomes, bits):
    assert _game(outcomes=outcomes).outcome_bits == bits


@EACH
def test_symmetries_form_a_group_that_keeps_the_game(game):
    group = game.symmetries
    known = {row.tobytes() for row in group}
    assert len(known) == len(group)
    assert np.array_equal(group[0], np.arange(game.entries))
    some = group[:: max(1, len(group) // 40)]
    assert all(g[h].tobytes() in known for g in some for h in some)
    assert (game.losing.ravel()[group] == game.losing.ravel()).all()


@pytest.mark.parametrize(("game", "order"), [(KS18, 144), (PERES_MERMIN, 1152), (UNEQUAL, 4)])
def test_orders_of_the_groups(game, order):
    """Of the square: 6·6 orders of lines, 2⁴ flips that keep all products, and transposition."""
    assert len(game.symmetries) == order


def test_symmetries_are_looked_for_when_they_are_asked_for():
    def never():
        raise AssertionError

    game = _game(find_symmetries=never)
    assert game.n_pairs == 4
    with pytest.raises(AssertionError):
        game.symmetries  # noqa: B018
    assert _game().symmetries.tolist() == [list(range(16))]


@st.composite
def relabellings(draw, settings, outcomes):
    """A permutation of the entries that relabels settings and outcomes, perhaps with exchange."""
    lines, answers = [], []
    for party in range(2):
        lines.append(draw(st.permutations(range(settings[party]))))
        options = st.permutations(range(outcomes[party]))
        answers.append([draw(options) for _ in range(settings[party])])
    swap = settings[0] == settings[1] and outcomes[0] == outcomes[1] and draw(st.booleans())
    shape = (*settings, *outcomes)
    images = []
    for u1, u2, x1, x2 in np.ndindex(shape):
        v, y = (lines[0][u1], lines[1][u2]), (answers[0][u1][x1], answers[1][u2][x2])
        images.append(np.ravel_multi_index((*v[::-1], *y[::-1]) if swap else (*v, *y), shape))
    return np.array(images, dtype=np.int64)


SHAPES = st.sampled_from([((2, 2), (2, 2)), ((2, 3), (2, 3)), ((3, 3), (2, 4)), ((1, 2), (3, 2))])


@given(st.data(), SHAPES)
def test_every_relabelling_of_a_free_game_is_a_symmetry(data, shape):
    images = data.draw(relabellings(*shape))
    group = np.array([np.arange(len(images)), images])
    assert np.array_equal(_game(*shape, find_symmetries=lambda: group).symmetries, group)


@given(st.data(), SHAPES)
def test_a_relabelling_with_two_images_exchanged_is_none(data, shape):
    """What keeps the shape but is no relabelling would turn no-signalling boxes into others."""
    images = data.draw(relabellings(*shape))
    i, j = data.draw(st.lists(st.integers(0, len(images) - 1), min_size=2, max_size=2, unique=True))
    images[[i, j]] = images[[j, i]]
    game = _game(*shape, find_symmetries=lambda: np.array([np.arange(len(images)), images]))
    with pytest.raises(InputError, match="symmetry 1 of game 'free' keeps not"):
        game.symmetries  # noqa: B018


@pytest.mark.parametrize(
    "images",
    [
        np.full(16, 3),
        np.arange(16) + 1,
        np.arange(16) - 1,
        np.r_[np.arange(12), np.arange(8, 12)],
    ],
)
def test_what_is_no_permutation_is_no_symmetry(images):
    group = np.array([np.arange(16), images])
    with pytest.raises(InputError, match="symmetry 1"):
        _game(find_symmetries=lambda: group).symmetries  # noqa: B018


def test_a_relabelling_that_moves_the_losing_set_is_no_symmetry():
    flip = np.arange(16).reshape(2, 2, 2, 2)[:, :, ::-1, :].ravel()
    losing = np.zeros((4, 4), dtype=bool)
    losing[0, 0] = True
    group = np.array([np.arange(16), flip])
    assert len(_game(find_symmetries=lambda: group).symmetries) == 2
    with pytest.raises(InputError, match="symmetry 1"):
        _game(losing=losing, find_symmetries=lambda: group).symmetries  # noqa: B018
    honest = np.full((4, 4), 1 / 4) + np.tile([[0.1, 0.1, -0.1, -0.1]], (4, 1))
    with pytest.raises(InputError, match="symmetry 1"):
        _game(honest=honest, find_symmetries=lambda: group).symmetries  # noqa: B018


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (np.zeros((0, 16), dtype=np.int64), "first symmetry"),
        (np.arange(16)[None, ::-1], "first symmetry"),
        (np.arange(16)[None].astype(np.int32), "int32"),
        (np.arange(8)[None], r"shape \(1, 8\)"),
        (np.arange(16), r"shape \(16,\)"),
    ],
)
def test_symmetries_of_another_form_are_refused(group, message):
    with pytest.raises(InputError, match=message):
        _game(find_symmetries=lambda: group).symmetries  # noqa: B018


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "game has name ''"),
        ({"name": "Chess"}, "game has name 'Chess'"),
        ({"name": "a" * 33}, "game has name"),
        ({"name": 7}, "game has name 7"),
        ({"settings": [2, 2]}, "settings"),
        ({"settings": (2, 2, 2)}, "settings"),
        ({"settings": (0, 2)}, "settings"),
        ({"settings": (True, 2)}, "settings"),
        ({"settings": (2, 2.0)}, "settings"),
        ({"settings": (16, 17)}, "at most 256"),
        ({"outcomes": (1, 2)}, "outcomes"),
        ({"outcomes": (129, 2)}, "at most 256"),
        ({"losing": np.zeros((4, 4))}, "dtype float64"),
        ({"losing": np.zeros((4, 5), dtype=bool)}, r"shape \(4, 5\)"),
        ({"honest": np.zeros((4, 4))}, "sums to 0"),
        ({"honest": np.full((4, 5), 0.2)}, r"shape \(4, 5\)"),
        ({"honest": np.eye(4)[[1, 0, 2, 3]]}, "signals"),
    ],
)
def test_what_is_no_game_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        Game(**{**vars(_game()), **change})


def test_a_games_tables_are_its_own():
    losing, honest = np.zeros((4, 4), dtype=bool), np.full((4, 4), 1 / 4)
    game = _game(losing=losing, honest=honest)
    losing[0, 0], honest[0, 0] = True, 9.0
    assert not game.losing.any()
    assert game.honest.max() == 1 / 4
    for table in (game.losing, game.honest, game.symmetries):
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 0


def test_games_are_equal_if_name_and_tables_are():
    assert _game() == _game()
    assert hash(_game()) == hash(_game())
    losing = np.zeros((4, 4), dtype=bool)
    losing[0, 0] = True
    for other in (_game(name="other"), _game(losing=losing), _game((1, 4)), KS18, "free"):
        assert _game() != other
    assert pickle.loads(pickle.dumps(KS18)) == KS18
    assert copy.deepcopy(KS18) == KS18


@EACH
def test_a_table_of_another_game_is_no_behaviour(game):
    for other in (KS18, PERES_MERMIN, UNEQUAL):
        if other is not game:
            with pytest.raises(InputError, match="shape"):
                check_behaviour(game.honest, other)


def test_importing_the_game_computes_no_symmetries_and_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from qdevices.ks18.game import KS18\n"
        "print('symmetries' in vars(KS18), [m for m in ('scipy', 'qiskit') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "False []\n"


@EACH
@pytest.mark.parametrize("seed", range(3))
def test_signalling_is_the_least_number_within_which_marginals_stay_about_some_value(game, seed):
    """By the definition: for every party, own setting and outcome the best value on a fine grid."""
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.ones(game.n_joint), game.n_pairs)
    grid, worst = game.grid(table), 0.0
    for marginal in (grid.sum(3), grid.sum(2).swapaxes(0, 1)):
        for own in marginal:
            for values in own.T:
                middles = np.linspace(0, 1, 2001)
                worst = max(worst, np.abs(values[:, None] - middles).max(axis=0).min())
    assert signalling_of(table, game) <= worst <= signalling_of(table, game) + 1 / 4000
    assert signalling_of(game.honest, game) < 1e-9


def test_signalling_of_something_else_is_refused():
    with pytest.raises(InputError, match=r"behaviour has shape \(9, 16\), expected \(81, 16\)"):
        signalling_of(KS18.honest[:9], KS18)
    with pytest.raises(InputError, match="expected an array of real numbers"):
        signalling_of(cast(Any, "nothing"), KS18)
