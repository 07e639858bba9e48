"""Find a proof for a given score table: one small linear programme per case, then whole numbers.

Nothing here is trusted: `proof.check_proof` checks the result exactly.  In a case [lo, hi] the
convex terms are replaced by their chords, which gives the linear programme whose dual is the bound
(B) of `protocol.certificate.proof`.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.groups import (
    Group,
    box_stabiliser,
    orbits,
    setting_permutations,
    slot_permutations,
)
from protocol.certificate.potentials import from_marginals, slots, to_integers, zero_sum_classes
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
    setting_weights,
    table_group,
    tested_objective,
)
from protocol.search.case_rows import Rows, add_case, maximise
from protocol.search.polytope import LinearProgramError, full_polytope, solve
from qdevices.game import Game

#: Potentials are rounded to multiples of about β·2^−26: finer brings nothing, coarser costs score.
_RELATIVE_UNIT = 26
#: The same for short proofs, and γ that makes potentials small and leaves (B) as it is.
_SHORT_UNIT, _TIE_BREAK = 20, 1e-5
#: Units of 2^−40 by which the factors at u0 may move before the potentials are sought anew.
_LARGE_SHIFT = 1 << (FACTOR_BITS - 20)


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


def prove(
    table: Table, grid: tuple[int, ...], signalling: float = 0.0, *, short: bool = False
) -> Proof:
    """Potentials for every case; whether they prove the table `proof.check_proof` says.

    They are constant on the orbits of the case's symmetries, which makes the programmes small and
    files short, and nothing is lost: averaging over the symmetries leaves (B) no larger.

    Args:
        table: whose proof is wanted.
        grid: of the cases, in units of 2^−10.
        signalling: γ; what is made least is (B) + γ·‖potentials‖₁.
        short: of the best potentials take the least, coarsely rounded: that takes twice the time,
            costs 10⁻⁴ of the score, makes shorter files, and serves devices that signal.

    Raises:
        ProofError: a malformed grid.
        LinearProgramError: HiGHS failed.
    """
    starred, game = table.code.starred, table.code.game
    group = table_group(table)
    fine = _SHORT_UNIT if short else _RELATIVE_UNIT
    unit_bits = max(0, BITS - fine - round(np.log2(2**BETA_BITS / table.beta)))
    potentials = []
    if short:
        signalling = max(signalling, _TIE_BREAK)
    for case in cases(grid, group, starred, game):
        own = box_stabiliser(group, starred, game, case.low, case.high)
        slot_orbits = orbits(slot_permutations(own, game))
        try:
            found = _potentials(table, case, group, slot_orbits, signalling)
        except LinearProgramError:
            # Some versions of HiGHS call this programme infeasible, which it never is; the one over
            # boxes has the same bound for devices that do not signal.
            wanted = chord_box(table, case)[2]
            potentials.append(to_integers(wanted, 2.0 ** (unit_bits - BITS), game) << unit_bits)
            continue
        whole = _whole_on_orbits(found * 2.0 ** (BITS - unit_bits), slot_orbits, game)
        potentials.append((whole << unit_bits)[slot_orbits])
    return _with_best_alpha(table, grid, np.array(potentials))


def _potentials(
    table: Table, case: Case, group: Group, slot_orbits: NDArray[np.int64], signalling: float
) -> NDArray[np.float64]:
    """The potentials of one case, one for each orbit of slots: `add_case` with the table given."""
    game, starred = table.code.game, table.code.starred
    power = table.beta / 2**BETA_BITS
    weights = setting_weights(table.code, table.epsilon) / 2**BITS
    labels = orbits(group)
    size = int(labels.max()) + 1
    change = np.zeros(size)
    change[labels] = (table.factors.ravel() / 2**FACTOR_BITS - 1) / power
    rows, equations = Rows(), Rows()
    width = add_case(
        rows,
        equations,
        size + 1,
        case,
        labels,
        weights,
        group,
        starred,
        power,
        game,
        signalling,
        excess=size,
    )
    objective = np.zeros(width)
    objective[size] = -1.0
    bounds = np.tile([-np.inf, np.inf], (width, 1))
    bounds[:size] = change[:, None]
    solution, _ = maximise(objective, rows, equations, bounds, methods=("highs-ds", "highs-ipm"))
    # `add_case` numbers its columns: one for each orbit of pairs, then the potentials.
    own = box_stabiliser(group, starred, game, case.low, case.high)
    n_pairs = int(orbits(setting_permutations(own, game)).max()) + 1
    start = size + 1 + n_pairs
    return np.asarray(power * solution[start : start + int(slot_orbits.max()) + 1])


def _whole_on_orbits(
    potentials: NDArray[np.float64], slot_orbits: NDArray[np.int64], game: Game
) -> NDArray[np.int64]:
    """Whole numbers near potentials given for each orbit of slots, whose sums are exactly zero.

    A sum that must vanish runs over a class of slots.  The orbits that meet a class meet no other
    but its images, whose sums are the same.  So in each one orbit is set to what is left of the
    rest, all others being multiples of the orbit's size in the class.
    """
    classes = zero_sum_classes(game)
    whole = np.zeros(len(potentials), dtype=np.int64)
    done = np.zeros(len(potentials), dtype=np.bool_)
    for k in range(int(classes.max()) + 1):
        used, counts = np.unique(slot_orbits[classes == k], return_counts=True)
        if done[used].all():
            continue
        last = int(np.argmin(counts))
        step = int(counts[last])
        others = np.arange(len(used)) != last
        whole[used] = step * np.rint(potentials[used] / step).astype(np.int64)
        whole[used[last]] = -int((counts[others] * whole[used[others]]).sum()) // step
        done[used] = True
    return whole


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


def _signalling_cost(proof: Proof, signalling: float) -> list[int]:
    """γ·‖potentials‖₁ for every case, in units of 2^−50, rounded up."""
    gamma = Fraction(signalling)
    norms = [int(np.abs(own).astype(object).sum()) for own in proof.potentials]
    return [-(-norm * gamma.numerator // gamma.denominator) for norm in norms]


def prove_tight(
    table: Table, grid: tuple[int, ...], signalling: float = 0.0, *, short: bool = False
) -> tuple[Table, Proof]:
    """Shift the factors at u0 by as much as the proof asks for or allows, and prove that.

    For devices that signal within γ = `signalling` the proof allows γ·‖potentials‖₁ less, so that
    the score has to be charged nothing for it (theory 4.8).

    A linear programme's solution is off by its tolerance; the shift pays for it exactly, so the
    proved table is sound, and so tight that raising a credited factor by 1e-6 breaks the proof.

    Raises:
        ProofError: the table is too far from a certificate.
    """
    found = _shifted_to(table, prove(table, grid, signalling, short=short), signalling)
    moved = np.abs(found[0].factors - table.factors).max()
    if moved > _LARGE_SHIFT:
        # Other potentials may be best for what the table has become.
        again = _shifted_to(found[0], prove(found[0], grid, signalling, short=short), signalling)
        star = table.code.starred
        if again[0].factors[star].sum() > found[0].factors[star].sum():
            return again
    return found


def _shifted_to(table: Table, proof: Proof, signalling: float) -> tuple[Table, Proof]:
    """The table, shifted until its potentials prove it and no further, and the proof."""
    sound, grid = None, proof.grid
    costs = _signalling_cost(proof, signalling)
    for _ in range(30):
        worst = max(v + c for v, c in zip(case_values(table, proof), costs, strict=True))
        if worst <= 0:
            sound = table, proof
            raised = (-worst >> (BITS - FACTOR_BITS)) - 1
            if raised <= 0:
                break
            table = _shifted(table, raised)
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
