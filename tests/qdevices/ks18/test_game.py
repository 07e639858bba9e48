"""Known answers of the game, each reached in a second way (theory 2)."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from qdevices.errors import InputError
from qdevices.ks18 import game
from qdevices.ks18.game import KS18


def test_bases_are_orthogonal_and_every_ray_lies_in_two():
    for basis in game.BASES:
        gram = game.RAYS[basis] @ game.RAYS[basis].T
        assert np.array_equal(gram, np.diag(np.diag(gram)))
    assert np.array_equal(np.bincount(game.BASES.ravel()), np.full(18, 2))


#: Equation (27), copied from the paper: the rays of each basis, in order, by their labels.
EQUATION_27 = """
M1 = (v1, v2, v3, v4)      M2 = (v4, v5, v6, v7)      M3 = (v7, v8, v9, v10)
M4 = (v10, v11, v12, v13)  M5 = (v13, v14, v15, v16)  M6 = (v16, v17, v18, v1)
M7 = (v2, v9, v11, v18)    M8 = (v3, v5, v12, v14)    M9 = (v6, v8, v15, v17)
"""


def _papers_bases():
    found = re.findall(r"M(\d) = \(v(\d+), v(\d+), v(\d+), v(\d+)\)", EQUATION_27)
    return {int(basis): [int(ray) for ray in rays] for basis, *rays in found}


def test_bases_are_the_papers_in_the_papers_order():
    assert [(game.BASES[m - 1] + 1).tolist() for m in range(1, 10)] == [
        _papers_bases()[m] for m in range(1, 10)
    ]


def test_a_device_that_answers_with_the_papers_labels_loses_no_round():
    """The ideal state measured in the paper's bases: what can occur at all is never lost."""
    papers, losing = _papers_bases(), KS18.losing
    psi = np.eye(4).ravel() / 2
    for m1, m2 in product(range(1, 10), repeat=2):
        occurs = [
            abs(np.kron(game.RAYS[v - 1], game.RAYS[w - 1]) @ psi) > 1e-9
            for v in papers[m1]
            for w in papers[m2]
        ]
        assert not (losing[KS18.pair_index(m1, m2)] & occurs).any()


def test_overlaps_agree_with_exact_fractions():
    table = game.overlaps()
    for u1, u2, x1, x2 in np.ndindex(9, 9, 4, 4):
        v = [int(c) for c in game.RAYS[game.BASES[u1, x1]]]
        w = [int(c) for c in game.RAYS[game.BASES[u2, x2]]]
        dot = sum(a * b for a, b in zip(v, w, strict=True))
        exact = Fraction(dot**2, sum(a * a for a in v) * sum(b * b for b in w))
        assert Fraction(float(table[u1, u2, x1, x2])) == exact


@pytest.mark.parametrize(("relation", "size"), [("orthogonal", 504), ("common-basis", 432)])
def test_size_of_the_losing_set(relation, size):
    by_hand = 0
    for u1, u2, x1, x2 in np.ndindex(9, 9, 4, 4):
        a, b = game.BASES[u1, x1], game.BASES[u2, x2]
        orthogonal = int(game.RAYS[a] @ game.RAYS[b]) == 0
        common = any(a in basis and b in basis for basis in game.BASES)
        by_hand += orthogonal and (common or relation == "orthogonal")
    assert by_hand == size == game.losing(relation).sum()


def test_seventy_two_orthogonal_entries_share_no_basis():
    assert (game.losing("orthogonal") & ~game.losing("common-basis")).sum() == 72


def test_honest_behaviour_is_normalised_no_signalling_and_never_loses():
    behaviour = KS18.grid(KS18.honest)
    assert set(np.unique(behaviour)) == {0, 1 / 16, 1 / 8, 1 / 4}
    assert np.array_equal(behaviour.sum((2, 3)), np.ones((9, 9)))
    assert np.array_equal(behaviour.sum(3), np.full((9, 9, 4), 1 / 4))
    assert np.array_equal(behaviour.sum(2), np.full((9, 9, 4), 1 / 4))
    for relation in ("orthogonal", "common-basis"):
        assert behaviour[game.losing(relation)].sum() == 0


def test_honest_behaviour_is_born_s_rule_on_the_maximally_entangled_state():
    psi = np.eye(4).ravel() / 2
    for u1, u2, x1, x2 in np.ndindex(9, 9, 4, 4):
        v, w = game.RAYS[game.BASES[u1, x1]], game.RAYS[game.BASES[u2, x2]]
        amplitude = np.kron(v / np.linalg.norm(v), w / np.linalg.norm(w)) @ psi
        assert KS18.grid(KS18.honest)[u1, u2, x1, x2] == pytest.approx(amplitude**2, abs=1e-15)


@pytest.mark.parametrize(("relation", "value"), [("orthogonal", 31.5), ("common-basis", 27.0)])
def test_bell_value_of_white_noise(relation, value):
    noise = KS18.noisy(1.0)
    assert (
        KS18.grid(noise)[game.losing(relation)].sum() == value == game.losing(relation).sum() / 16
    )


def _least_losses(losing):
    """Fewest lost setting pairs of local deterministic strategies, by exhausting Alice's 4⁹."""
    losses = np.zeros((1, 9, 4), dtype=np.int8)  # strategies, u2, x2
    for u1 in range(9):
        extended = losses[:, None] + losing[u1].transpose(1, 0, 2)[None].astype(np.int8)
        losses = extended.reshape(-1, 9, 4)
    return int(losses.min(axis=2).sum(axis=1).min())


@pytest.mark.parametrize("relation", ["orthogonal", "common-basis"])
def test_local_strategies_fail_four_pairs_at_least(relation):
    losing = game.losing(relation)
    assert _least_losses(losing) == 4
    assert _least_losses(losing.transpose(1, 0, 3, 2)) == 4


def test_local_bound_agrees_with_an_integer_programme_on_a_subgame():
    # All 81 pairs take a branch-and-bound solver long; on Alice's first four settings it is quick.
    losing = game.losing()[:4]
    entries = np.argwhere(losing)
    n_a, n_b = 16, 36
    n = n_a + n_b + len(entries)
    low: list[float] = []
    rows, high = [], []
    for offset, settings in ((0, 4), (n_a, 9)):
        for u in range(settings):
            row = np.zeros(n)
            row[offset + 4 * u : offset + 4 * u + 4] = 1
            rows.append(row)
            low.append(1)
            high.append(1)
    for k, (u1, u2, x1, x2) in enumerate(entries):
        row = np.zeros(n)
        row[[4 * u1 + x1, n_a + 4 * u2 + x2]] = 1
        row[n_a + n_b + k] = -1
        rows.append(row)
        low.append(-np.inf)
        high.append(1)
    cost = np.r_[np.zeros(n_a + n_b), np.ones(len(entries))]
    integral = np.r_[np.ones(n_a + n_b), np.zeros(len(entries))]
    found = milp(
        cost,
        constraints=LinearConstraint(np.array(rows), low, high),
        bounds=Bounds(0, 1),
        integrality=integral,
    )
    losses = np.zeros((1, 9, 4), dtype=np.int8)
    for u1 in range(4):
        losses = (losses[:, None] + losing[u1].transpose(1, 0, 2)[None]).reshape(-1, 9, 4)
    assert round(found.fun) == losses.min(axis=2).sum(axis=1).min()


def test_starred_event_has_honest_probability_half_with_and_without_white_noise():
    event = game.starred_event()
    assert event.sum() == 8
    assert not (event & KS18.losing).any()
    for weight in (0, 0.3, 1):
        assert KS18.noisy(weight)[event].sum() == pytest.approx(0.5)


def test_labels_are_the_papers_one_based_ones():
    assert KS18.pair_index(1, 3) == game.STARRED_SETTING
    assert KS18.pair_label(game.PAPER_SETTING) == "(1,2)"
    assert KS18.outcome_label(game.PAPER_OUTCOME) == "(1,3)"
    with pytest.raises(InputError, match=r"label 10 is outside 1\.\.9"):
        KS18.pair_index(1, 10)


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="relation 'parallel'"):
        game.losing("parallel")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"white noise 1\.5 is outside"):
        KS18.noisy(1.5)
