"""The no-signalling polytope, its potentials and its symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.certificate.groups import invariance_group, slot_permutations, stabiliser
from protocol.certificate.potentials import (
    from_marginals,
    n_slots,
    reduced_costs,
    slots,
    sums,
    to_integers,
)
from protocol.search.polytope import full_polytope, reduced_polytope, solve
from qdevices.game import check_behaviour
from qdevices.ks18.game import KS18


def test_the_equations_hold_for_the_honest_box_and_fail_for_a_signalling_one():
    polytope = full_polytope(KS18)
    assert np.allclose(polytope.matrix @ KS18.honest.ravel(), polytope.right, atol=1e-14)
    signalling = KS18.honest.copy()
    signalling[5] = np.eye(16)[0]
    assert not np.allclose(polytope.matrix @ signalling.ravel(), polytope.right)


def test_vertices_are_no_signalling_by_the_definition(boxes):
    for box in boxes:
        check_behaviour(box, KS18, tolerance=1e-7)


@pytest.mark.parametrize("setting", [0, 1, 2])
def test_orbits_give_the_same_optimum_as_the_full_programme(setting):
    objective = -0.3 * KS18.losing.astype(float)
    group = stabiliser(setting, KS18)
    objective[setting] += KS18.honest[setting]
    full = solve(objective.ravel(), full_polytope(KS18)).fun
    polytope = reduced_polytope(group, KS18)
    assert solve(polytope.gather(objective), polytope).fun == pytest.approx(full, abs=1e-8)


def test_a_reduced_box_spreads_to_an_invariant_no_signalling_box():
    group = stabiliser(2, KS18)
    polytope = reduced_polytope(group, KS18)
    box = polytope.spread(solve(polytope.gather(KS18.honest), polytope).x)
    check_behaviour(box, KS18, tolerance=1e-8)
    assert np.allclose(box.ravel()[group], box.ravel())


@given(st.integers(0, 143), st.integers(0, 2**32))
def test_slots_move_with_their_entries(element, seed):
    """a(u,x1) + b(u,x2) at the image of an entry is the sum of the images' potentials."""
    group = KS18.symmetries[[element]]
    potentials = np.random.default_rng(seed).normal(size=n_slots(KS18))
    alice, bob = slots(KS18)
    moved = np.empty(n_slots(KS18))
    moved[slot_permutations(group, KS18)[0]] = potentials
    before = potentials[alice] + potentials[bob]
    after = moved[alice] + moved[bob]
    assert np.allclose(after[group[0]], before)


@given(st.integers(0, 2**32))
def test_potentials_cost_nothing_on_any_box_and_bound_any_objective(seed):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=432)
    potentials = from_marginals(raw, KS18)
    assert np.abs(sums(potentials, KS18)).max() < 1e-12
    table = rng.normal(size=(81, 16))
    bound = reduced_costs(table, potentials, KS18).max(axis=1).sum()
    assert (table * KS18.honest).sum() <= bound + 1e-9


def test_rounded_potentials_still_sum_to_zero_and_prove_the_optimum():
    objective = -KS18.losing.astype(float)
    objective[2, 1] += 1
    found = solve(objective.ravel(), full_polytope(KS18))
    whole = to_integers(from_marginals(found.eqlin.marginals[81:], KS18), 2.0**-30, KS18)
    assert not sums(whole, KS18).any()
    costs = reduced_costs(np.rint(objective * 2**30).astype(np.int64), whole, KS18)
    assert costs.max(axis=1).sum() / 2**30 == pytest.approx(found.fun, abs=1e-6)


def test_the_invariance_group_keeps_what_it_should():
    marked = np.zeros((81, 16))
    marked[2, 1] = 1
    group = invariance_group(2, [marked], KS18)
    assert 1 < len(group) < len(stabiliser(2, KS18))
    assert all((row[16 * 2 + 1] == 16 * 2 + 1) for row in group)
