"""Proofs that are found: each potential, each α and each shift against another way to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import protocol.certificate.proof as exact
from protocol.certificate.potentials import reduced_costs, sums
from protocol.certificate.proof import (
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    ProofError,
    Table,
    case_values,
    cases,
    table_group,
)
from protocol.search.optimise import SEARCH_GRID
from protocol.search.prove import chord_box, prove, prove_tight
from qdevices.ks18.game import KS18

ONE = 1 << FACTOR_BITS


def test_a_cases_box_is_no_signalling_and_attains_what_its_potentials_bound(proved):
    """Strong duality: the primal box and weak duality give the same number."""
    table, _ = proved
    starred = table.code.starred
    for case in cases(SEARCH_GRID, table_group(table), starred, KS18):
        value, box, potentials = chord_box(table, case)
        grid = box.reshape(9, 9, 4, 4)
        assert np.ptp(grid.sum(3), axis=1).max() < 1e-7
        assert np.ptp(grid.sum(2), axis=0).max() < 1e-7
        low, high = case.low / 2**GRID_BITS, case.high / 2**GRID_BITS
        assert (box[starred] >= low - 1e-7).all()
        assert (box[starred] <= high + 1e-7).all()
        factors = table.factors[starred] / ONE
        power = 1 + table.beta / 2**20
        chord = np.where(
            high > low,
            factors * (low**power + (high**power - low**power)
                       * (box[starred] - low) / np.where(high > low, high - low, 1)),
            factors * low**power,
        )  # fmt: skip
        objective = exact.tested_objective(table) / 2**BITS
        assert chord.sum() + (objective * box).sum() - 1 == pytest.approx(value, abs=1e-7)
        # The best outcome of every other pair, and no box does better than that.
        costs = reduced_costs(objective, potentials, KS18)
        others = np.arange(81) != starred
        assert costs[others].max(axis=1).sum() >= (costs[others] * box[others]).sum() - 1e-7
        assert np.abs(sums(potentials, KS18)).max() < 1e-9


def test_rounded_potentials_sum_to_zero_exactly_and_cost_little(proved):
    table, _ = proved
    proof = prove(table, SEARCH_GRID)
    assert not sums(proof.potentials, KS18).any()
    values = case_values(table, proof)
    for case, value in zip(
        cases(SEARCH_GRID, table_group(table), table.code.starred, KS18), values, strict=True
    ):
        ideal, _, _ = chord_box(table, case)
        assert -1e-9 <= value / 2**BITS - ideal <= 1e-6


def test_alpha_is_the_best_one(proved):
    """(B) is convex in α, so no step away from it may help."""
    table, _ = proved
    proof = prove(table, SEARCH_GRID)
    least = case_values(table, proof)
    for step in (-(1 << 30), -(1 << 20), 1 << 20, 1 << 30):
        moved = case_values(table, replace(proof, alpha=proof.alpha + step))
        assert all(a >= b - 32 for a, b in zip(moved, least, strict=True))  # but for rounding


@pytest.mark.parametrize("units", [-(10**9), -(10**6), 10**6, 10**9])
def test_a_table_that_is_off_is_shifted_to_the_same_proof(proved, units):
    table, _ = proved
    factors = table.factors.copy()
    factors[table.code.starred] = np.maximum(factors[table.code.starred] + units, 0)
    again, proof = prove_tight(replace(table, factors=factors), SEARCH_GRID)
    assert max(case_values(again, proof)) <= 0
    difference = again.factors[table.code.starred] - table.factors[table.code.starred]
    # Shifting back and forth is exact where no factor was cut off at 0.
    kept = factors[table.code.starred] > 0
    assert np.abs(difference[kept]).max() <= 1e-6 * ONE


def test_a_table_that_no_shift_makes_a_certificate_is_refused(proved):
    """Rewards everywhere at u0, and losing costs nothing elsewhere."""
    table, _ = proved
    factors = np.full_like(table.factors, ONE)
    generous = Table(table.code, table.epsilon, table.beta, factors)
    found, proof = prove_tight(generous, SEARCH_GRID)
    assert max(case_values(found, proof)) <= 0
    # Of such a table nothing is left that pays: no outcome at u0 is credited.
    assert (found.factors[table.code.starred] <= ONE).all()
    with pytest.raises(ProofError):
        prove(table, (5,))
