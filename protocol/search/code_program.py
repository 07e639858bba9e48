"""How often each pair should be tested: setting code and score table in one linear programme.

Let the starred pair have a share ν₀ of the words and every other pair a share ν(u) that is sought.
With W(u) = ν(u)/ν₀ a fair source's ratio and w(u) = κ·W(u) what is guaranteed whatever an ε-SV
source does, condition (B) of `protocol.certificate.proof` is linear in y(x,u) = w(u)(F(x,u) − 1),
and the expected score ν₀·Σ_u W(u) Σ_x P(x|u)·log(1 + y/w) is jointly concave in (y, w): the
perspective of the logarithm.  Its tangent at F = f,

    w·log(1 + y/w)  ≤  w·(log f − 1 + 1/f) + y/f,

is linear in both, so the programme of `table_program` also finds the weights.  Pairs that need no
test get ν(u) = 0.  A code has whole words: `code_search` sees to that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.groups import Group, orbits, setting_permutations, stabiliser
from protocol.certificate.proof import BETA_BITS, cases
from protocol.search.case_rows import LEAST_FACTOR, Rows, add_case, maximise, tangent_points
from qdevices.game import Game

_NEGLIGIBLE = 1e-7


@dataclass(frozen=True, eq=False)
class Shares:
    """The best shares of words for one β, and the table that goes with them.

    Attributes:
        shares: ν(u), (pairs,), the starred pair's among them; sums to 1.
        orbit: label of the orbit of each pair, (pairs,), on which ν is constant.
        log2_factors: log₂F, (pairs, joint).
    """

    shares: NDArray[np.float64]
    orbit: NDArray[np.int64]
    log2_factors: NDArray[np.float64]


def best_shares(
    game: Game,
    starred: int,
    star_share: float,
    guarantee: float,
    behaviour: NDArray[np.float64],
    beta: int,
    grid: tuple[int, ...],
    group: Group,
    untested: Collection[int] = (),
) -> Shares:
    """The shares of words with the largest expected score.

    Args:
        game: that is played.
        starred: u0.
        star_share: ν₀ under fair bits, in (0, 1).
        guarantee: κ, how much of ν(u)/ν₀ is left at an ε-SV source's worst, in (0, 1].
        behaviour: expected P(x|u), (pairs, joint); must be the same on orbits of the symmetries
            that keep u0 (`symmetrised`).
        beta: β in units of 2^−20.
        grid: of the cases, in units of 2^−10.
        group: symmetries that keep u0; the shares are the same on its orbits.
        untested: orbits of pairs that get no words.

    Raises:
        LinearProgramError: HiGHS failed, or the pairs left do not suffice for a certificate.
    """
    power = beta / 2**BETA_BITS
    labels, pair_orbits = orbits(group), orbits(setting_permutations(group, game))
    size, n_pairs = int(labels.max()) + 1, int(pair_orbits.max()) + 1
    value = np.bincount(labels, behaviour.ravel(), size)
    pair_of = np.zeros(size, dtype=np.int64)
    pair_of[labels] = np.repeat(pair_orbits, game.n_joint)
    at_star = pair_of == pair_orbits[starred]
    active = np.flatnonzero(value > 0)
    star, others = active[at_star[active]], active[~at_star[active]]

    # Columns: φ at u0 and y/β elsewhere, the logarithms' bounds, w, then each case's own unknowns.
    rows, equations = Rows(), Rows()
    weight = 2 * size
    for factor in tangent_points(power):
        constant = np.log(factor) - 1 + 1 / factor
        rows.add([size + star, star], [1.0, -1 / factor], constant / power)
        if factor <= 1:
            rows.add(
                [size + others, weight + pair_of[others], others],
                [1.0, -constant / power, -1 / factor],
                0.0,
            )
    tested = np.flatnonzero(~at_star)
    rows.add([tested, weight + pair_of[tested]], [-1.0, -(1 - LEAST_FACTOR) / power], 0.0)
    count = np.bincount(pair_orbits, minlength=n_pairs).astype(np.float64)
    count[pair_orbits[starred]] = 0
    equations.add_one(weight + np.arange(n_pairs), count, guarantee * (1 - star_share) / star_share)
    width = weight + n_pairs
    weights = np.ones(game.n_pairs)
    for case in cases(grid, group, starred, game):
        width = add_case(rows, equations, width, case, labels, weights, group, starred, power, game)

    objective = np.zeros(width)
    objective[size + star] = value[star]
    objective[size + others] = value[others] / guarantee
    least, most = np.full(width, -np.inf), np.full(width, np.inf)
    least[:size][at_star] = -(1 - LEAST_FACTOR) / power
    most[:size][~at_star] = 0.0
    idle = np.setdiff1d(np.arange(size), active)
    least[size + idle] = most[size + idle] = 0.0
    least[weight : weight + n_pairs] = 0.0
    most[weight + np.array(sorted(untested), dtype=np.int64)] = 0.0
    solution, _ = maximise(objective, rows, equations, np.column_stack([least, most]))

    w = np.maximum(solution[weight : weight + n_pairs], 0.0)
    w[(w < _NEGLIGIBLE) | (count == 0)] = 0.0
    change = solution[:size].copy()
    change[~at_star] /= np.where(w > 0, w, 1.0)[pair_of[~at_star]]
    change[~at_star & (w == 0)[pair_of]] = 0.0
    factors = np.maximum(1 + power * change, LEAST_FACTOR)
    shares = star_share / guarantee * w[pair_orbits]
    shares[starred] = star_share
    return Shares(shares / shares.sum(), pair_orbits, np.log2(factors)[labels].reshape(game.shape))


def symmetrised(behaviour: NDArray[np.float64], starred: int, game: Game) -> NDArray[np.float64]:
    """The average of a behaviour (pairs, joint) over the symmetries of the game that keep u0."""
    flat = behaviour.ravel()
    return np.asarray(flat[stabiliser(starred, game)].mean(axis=0).reshape(behaviour.shape))
