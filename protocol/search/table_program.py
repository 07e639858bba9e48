"""The best score table for a given β, setting code and expected behaviour, as one linear programme.

In every case of `protocol.certificate.proof` condition (B) ≤ 1 is linear in the factors F and in
the potentials and α together.  So the table that maximises the expected score is the solution of a
single programme with the factors, shared by all cases, and potentials for each case:

    maximise Σ_u ν(u) Σ_x P(x|u)·log F(x,u)   subject to   (B) ≤ 1 in every case,  F ≤ 1 off u0,

with the concave logarithm replaced by the least of its tangents at a few points (which affects how
good the table is, not whether it is sound).  Unknowns are φ = (F − 1)/β, which stay of order one
when β → 0.  Everything is constant on the orbits of the symmetries that keep u0, the weights, the
expected behaviour, and, for the potentials, the case.

As β → 0 the programme becomes the convex roof of the Shannon entropy: H(x|u0, e) minimised over the
adversary's no-signalling decompositions e, up to the chords of the grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.groups import invariance_group, orbits
from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    MOST_FACTOR,
    Table,
    cases,
    setting_weights,
)
from protocol.search.case_rows import LEAST_FACTOR, Rows, add_case, maximise, tangent_points
from protocol.settings.code import SettingCode

_TOLERANCE = 1e-9
#: Expected probabilities below this are rounding, and badly scaled objectives stall the solver.
_ROUNDING = 1e-12


def best_table(
    code: SettingCode,
    epsilon: float,
    behaviour: NDArray[np.float64],
    beta: int,
    grid: tuple[int, ...],
    word_probabilities: NDArray[np.float64] | None = None,
    signalling: float = 0.0,
    seconds: float | None = None,
) -> Table:
    """The table with the largest expected score, up to tolerances; not proved yet.

    Args:
        code: setting code with its starred pair u0.
        epsilon: of the sources to be covered.
        behaviour: expected P(x|u), (pairs, joint).
        beta: β in units of 2^−20.
        grid: of the cases, in units of 2^−10.
        word_probabilities: expected distribution of the code's words; uniform unless given.
        signalling: γ of the devices; potentials are then kept small (`add_case`).
        seconds: after which the programme is given up; None for no limit.

    Raises:
        LinearProgramError: HiGHS failed, or took too long.
    """
    game, starred, power = code.game, code.starred, beta / 2**BETA_BITS
    weights = setting_weights(code, epsilon) / 2**BITS
    settings = code.probabilities(word_probabilities)
    group = invariance_group(starred, [weights, settings, behaviour], game, _TOLERANCE)
    labels = orbits(group)
    size = int(labels.max()) + 1
    joint = settings[:, None] * np.where(behaviour < _ROUNDING, 0.0, behaviour)
    value = np.bincount(labels, joint.ravel(), size) / settings[starred]
    at_star = np.zeros(size, dtype=np.bool_)
    at_star[labels[game.n_joint * starred :][: game.n_joint]] = True

    # Columns: φ, then its logarithm's bound, then each case's own unknowns.
    rows, equations = Rows(), Rows()
    active = np.flatnonzero(value > 0)
    for factor in tangent_points(power):
        chosen = active[at_star[active]] if factor > 1 else active
        # log F ≤ log f + (F − f)/f
        rows.add(
            [size + chosen, chosen],
            [1.0, -1.0 / factor],
            (np.log(factor) + (1 - factor) / factor) / power,
        )
    width = 2 * size
    for case in cases(grid, group, starred, game):
        width = add_case(
            rows,
            equations,
            width,
            case,
            labels,
            weights,
            group,
            starred,
            power,
            game,
            signalling,
        )

    objective = np.zeros(width)
    objective[size + active] = value[active]
    least, most = np.full(width, -np.inf), np.full(width, np.inf)
    # A penalty of a few 1/w pays for any guess; a wider range would only stall the solver.
    least[:size] = -min((1 - LEAST_FACTOR) / power, 4 / weights[weights > 0].min())
    most[:size] = np.where(at_star, np.inf, 0.0)
    untested = np.bincount(labels, np.repeat(weights, game.n_joint), size) == 0
    least[:size][untested & ~at_star] = 0.0
    idle = np.setdiff1d(np.arange(size), active)
    least[size + idle] = most[size + idle] = 0.0
    solution, _ = maximise(
        objective, rows, equations, np.column_stack([least, most]), seconds=seconds
    )
    factors = np.floor((1 + power * solution[:size]) * 2**FACTOR_BITS)
    table = np.clip(factors, 0, MOST_FACTOR).astype(np.int64)[labels].reshape(game.shape)
    off_star = np.arange(game.n_pairs) != starred
    table[off_star] = np.minimum(table[off_star], 1 << FACTOR_BITS)
    return Table(code, epsilon, beta, table)
