"""Find a proof for a given score table: one small linear programme per case, then whole numbers.

Nothing here is trusted: `proof.check_proof` checks the result exactly.  In a case [lo, hi] the
convex terms are replaced by their chords, which gives the linear programme whose dual is the bound
(B) of `protocol.certificate.proof`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import from_marginals, slots, to_integers
from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    Case,
    Proof,
    ProofError,
    Table,
    case_values,
    cases,
    table_group,
    tested_objective,
)
from protocol.search.polytope import full_polytope, solve

#: Potentials are rounded to multiples of about β·2^−30: finer brings nothing, coarser costs score.
_RELATIVE_UNIT = 30


def chord_box(table: Table, case: Case) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The linear programme of one case, over the whole no-signalling polytope.

    Returns:
        the largest value of (P)'s left side minus 1, chords in the place of powers; a box that
        attains it, (pairs, joint); and the potentials, (slots,).
    """
    starred, game = table.code.starred, table.code.game
    star = slice(game.n_joint * starred, game.n_joint * (starred + 1))
    beta = table.beta / 2**BETA_BITS
    low, high = case.low / 2**GRID_BITS, case.high / 2**GRID_BITS
    factors = table.factors[starred] / 2**FACTOR_BITS
    objective = tested_objective(table).ravel() / 2**BITS
    at_low, at_high = factors * low ** (1 + beta), factors * high ** (1 + beta)
    slope = (at_high - at_low) / np.where(high > low, high - low, 1.0)
    objective[star] = slope
    offset = float((at_low - slope * low).sum())
    bounds = np.tile([0.0, 1.0], (game.entries, 1))
    bounds[star] = np.column_stack([low, high])
    # In units of β, where the numbers of a small β are of order one.
    constant = objective[star].mean()
    objective[star] -= constant  # adds up to −constant, and keeps the small differences
    found = solve(objective / beta, full_polytope(game), bounds=bounds)
    value = beta * float(found.fun) + constant + offset - 1
    potentials = beta * from_marginals(found.eqlin.marginals[game.n_pairs :], game)
    return value, np.asarray(found.x).reshape(game.shape), potentials


def prove(table: Table, grid: tuple[int, ...]) -> Proof:
    """Potentials for every case; whether they prove the table `proof.check_proof` says.

    Raises:
        ProofError: a malformed grid.
    """
    game = table.code.game
    unit_bits = max(0, BITS - _RELATIVE_UNIT - round(np.log2(2**BETA_BITS / table.beta)))
    potentials = []
    for case in cases(grid, table_group(table), table.code.starred, game):
        _, _, found = chord_box(table, case)
        whole = to_integers(found, 2.0 ** (unit_bits - BITS), game)
        potentials.append(whole << unit_bits)
    return _with_best_alpha(table, grid, np.array(potentials))


def _with_best_alpha(table: Table, grid: tuple[int, ...], potentials: NDArray[np.int64]) -> Proof:
    """The proof with these potentials and, in every case, the α that makes (B) least.

    (B) is convex and piecewise linear in α: from one breakpoint to the next one outcome changes
    the end of its interval, and the slope is 1 − Σ_x (the end's probability).
    """
    starred, game = table.code.starred, table.code.game
    alice, bob = slots(game)
    star = slice(game.n_joint * starred, game.n_joint * (starred + 1))
    beta = table.beta / 2**BETA_BITS
    factors = table.factors[starred] / 2**FACTOR_BITS
    alphas = []
    listed = cases(grid, table_group(table), starred, game)
    for case, own in zip(listed, potentials, strict=True):
        low, high = case.low / 2**GRID_BITS, case.high / 2**GRID_BITS
        width = high - low
        moving = width > 0
        price = (own[alice[star]] + own[bob[star]]) / 2**BITS
        gain = factors * (high ** (1 + beta) - low ** (1 + beta))
        breaks = gain[moving] / width[moving] - price[moving]
        order = np.argsort(breaks)[::-1]
        # From α = ∞, where every outcome is at its low end, down to where the slope turns.
        filled = low.sum() + np.cumsum(width[moving][order])
        turn = min(int(np.searchsorted(filled, 1.0)), len(order) - 1)
        alphas.append(round(float(breaks[order][turn]) * 2**BITS))
    return Proof(grid, potentials, np.array(alphas, dtype=np.int64), game)


def prove_tight(table: Table, grid: tuple[int, ...]) -> tuple[Table, Proof]:
    """Shift the factors at u0 by as much as the proof asks for or allows, and prove that.

    A linear programme's solution is off by its tolerance; the shift pays for it exactly, so the
    proved table is sound, and so tight that raising a credited factor by 1e-6 breaks the proof.

    Raises:
        ProofError: the table is too far from a certificate.
    """
    proof, sound = prove(table, grid), None
    for _ in range(30):
        worst = max(case_values(table, proof))
        if worst <= 0:
            sound = table, proof
            raised = (-worst >> (BITS - FACTOR_BITS)) - 1
            if raised <= 0:
                break
            table = _shifted(table, raised)
            proof = _with_best_alpha(table, grid, proof.potentials)
        elif sound is not None:
            break  # raised by too much: F·p^{1+β} is rounded up
        else:
            table = _shifted(table, -(worst >> (BITS - FACTOR_BITS)) - 2)
            proof = _with_best_alpha(table, grid, proof.potentials)
    if sound is None:
        raise ProofError(f"the table exceeds 1 by {worst / 2**BITS:.3g} and shifting does not help")
    return sound


def _shifted(table: Table, units: int) -> Table:
    """`table` with `units` of 2^−40 added to the factors at u0, none below 0."""
    factors = table.factors.copy()
    factors[table.code.starred] = np.maximum(factors[table.code.starred] + units, 0)
    return replace(table, factors=factors)
