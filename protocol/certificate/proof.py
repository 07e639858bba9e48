"""Exact proofs of score tables: the cases, their potentials, and the check in whole numbers.

A table F with power β at the starred pair u0 is a score certificate for ε (see `score`) if for
every no-signalling box P, with p_x = P(x|u0),

    Σ_x F(x,u0)·p_x^{1+β} + Σ_{u≠u0} w(u)·Σ_x (F(x,u) − 1)·P(x|u)  ≤  1,                  (P)
    F(x,u) ≤ 1 for u ≠ u0,    0 ≤ w(u) ≤ ν(u)/ν(u0) for every ε-SV source ν.              (W)

*Why.*  E[F·q^β | past] − 1 = ν(u0)·(Σ_x F(x,u0)p_x^{1+β} − 1) + Σ_{u≠u0} ν(u)·Σ_x (F(x,u)−1)P(x|u):
the box is one conditional distribution per setting pair, fixed before the settings are drawn, and
q(x|u0) = p_x.  The last sums are not positive, so replacing ν(u) by ν(u0)·w(u) can only raise the
right side, which is then ν(u0) times (P) and hence not positive.  Pairs that the code never
selects have w = 0.  A weak source's weights are thus taken at their worst for each pair by itself,
which is safe.  Nothing is lost by F ≤ 1 off u0: a credit κ there would have to be charged with
the largest ν(u)/ν(u0), and the same amount at u0 earns the honest parties at least as much.

*Cases.*  p^{1+β} is convex, so (P) is not linear.  Let 0 < g_1 < … < g_K = 1.  Either all
p_x ≤ g_1, or some largest outcome x̂ has g_k ≤ p_x̂ ≤ g_{k+1}, and the others are at most
min(g_{k+1}, 1−g_k).  In each case the p_x lie in a box [lo_x, hi_x].  By symmetry one x̂ of each
orbit suffices, the orbits of those symmetries of the game that keep u0, F and w.

*Bound.*  In a case take any potentials a, b (see `potentials`) and any number α.  Since
Σ_x p_x = 1 and a convex function on an interval is largest at one of the ends, (P)'s left side is
at most

    Σ_{u≠u0} max_x [w(u)(F(x,u)−1) − a(u,x1) − b(u,x2)]
      + α + Σ_x max_{p ∈ {lo_x, hi_x}} [F(x,u0)·p^{1+β} − (a(u0,x1) + b(u0,x2) + α)·p].       (B)

If (B) ≤ 1 in every case, (P) holds.  ∎  All numbers are whole multiples of 2^−50 (potentials, α)
or 2^−40 (F), powers and products are rounded up, and β is a multiple of 2^−20, so that p^{1+β}
comes from whole square roots: the check is exact, with no tolerance anywhere.

*Size.*  Tables and proofs come from anybody.  They are checked when they are built, before any
arithmetic, so that every number in 64 bits stays below where it would wrap (`largest_sizes`, by the
shape of the game; one of too many setting pairs is refused); what is larger is a Python int.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.groups import Group, invariance_group
from protocol.certificate.potentials import n_slots, reduced_costs, slots, sums
from protocol.documents.fields import printable
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from qdevices.arrays import frozen
from qdevices.errors import KsampError
from qdevices.game import Game

#: F is a multiple of 2^−40, the grid of 2^−10, β of 2^−20, everything else of 2^−50.
FACTOR_BITS, GRID_BITS, BETA_BITS, BITS = 40, 10, 20, 50
#: Largest β, and the largest factor that a table may hold.
MOST_BETA, MOST_FACTOR = 4 << BETA_BITS, 2**12 << FACTOR_BITS
#: Most points of a grid.
MOST_POINTS = 64
#: Largest size of a potential and of α, and the largest weight: 16.  A lower weight is sound.
MOST_POTENTIAL = MOST_WEIGHT = 1 << (BITS + 4)

_WIDTH = 1 << 63


def largest_sizes(game: Game) -> dict[str, int]:
    """The largest size of every number that the check of a game's tables holds in int64.

    In units of 2^−50, factors in their own.  All must stay below 2^63, which `Table` sees to.
    """
    return {
        "class sum": max(game.settings) * MOST_POTENTIAL,
        "a + b": 2 * MOST_POTENTIAL,
        "price a + b + α": 3 * MOST_POTENTIAL,
        "w·(F − 1) off u0, where 0 ≤ F ≤ 1": MOST_WEIGHT,
        "reduced cost": MOST_WEIGHT + 2 * MOST_POTENTIAL,
        "sum of reduced costs off u0": (game.n_pairs - 1) * (MOST_WEIGHT + 2 * MOST_POTENTIAL),
        "F − 1 in units of 2^−40": MOST_FACTOR + (1 << FACTOR_BITS),
    }


def most_cases(game: Game) -> int:
    """Most cases of a proof: all p ≤ g_1, and each outcome between two points of the grid."""
    return 1 + (MOST_POINTS - 1) * game.n_joint


class ProofError(KsampError, ValueError):
    """A table, its weights or a case that does not satisfy what a certificate must."""


def _outside(numbers: NDArray[np.int64], least: int, most: int) -> NDArray[np.bool_]:
    """Which numbers are outside least..most: two comparisons, since |−2^63| wraps to −2^63."""
    return np.asarray((numbers < least) | (numbers > most))


def _own_array(numbers: object, what: str) -> NDArray[np.int64]:
    """A read-only copy of an int64 array; nothing else is taken for one, as a cast might wrap."""
    if type(numbers) is not np.ndarray or numbers.dtype != np.int64:
        kind = getattr(numbers, "dtype", type(numbers).__name__)
        raise ProofError(f"{what} are of type {kind}, expected an array of int64")
    return frozen(numbers)


@dataclass(frozen=True, eq=False)
class Table:
    """A score table in whole numbers; checked, as far as can be seen without a proof, when built.

    Attributes:
        code: the setting code, of whose game the table is; its starred pair is u0.
        epsilon: largest ε of the sources covered, a float.
        beta: β in units of 2^−20.
        factors: F in units of 2^−40, (pairs, joint) int64; a read-only copy of what is given.

    Raises:
        InputError: ε outside [0, ½).
        ProofError: a value of another type or shape, β outside (0, 4], a factor below 0 or above
            4096, a credit at a pair other than u0, or a game too large for exact arithmetic.
    """

    code: SettingCode
    epsilon: float
    beta: int
    factors: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not isinstance(self.code, SettingCode):
            raise ProofError(f"code is of type {type(self.code).__name__}, expected a SettingCode")
        game = self.code.game
        for what, size in largest_sizes(game).items():
            if size >= _WIDTH:
                raise ProofError(
                    f"game {game.name!r} of {game.n_pairs} setting pairs is too large to be "
                    f"checked without overflow: {what}"
                )
        # One kind of zero, so that equal tables have equal digests.
        object.__setattr__(self, "epsilon", float(check_epsilon(self.epsilon)) + 0.0)
        if type(self.beta) is not int or not 0 < self.beta <= MOST_BETA:
            raise ProofError(
                f"beta is {printable(self.beta, 40)}/2^{BETA_BITS}, expected a number in (0, 4]"
            )
        factors = _own_array(self.factors, "factors")
        if factors.shape != game.shape:
            raise ProofError(f"factors have shape {factors.shape}, expected {game.shape}")
        if (bad := np.argwhere(_outside(factors, 0, MOST_FACTOR))).size:
            raise ProofError(
                f"factor {_where(bad)} is negative or exceeds {MOST_FACTOR >> FACTOR_BITS}"
            )
        off_star = factors.copy()
        off_star[self.code.starred] = 0
        if (bad := np.argwhere(_outside(off_star, 0, 1 << FACTOR_BITS))).size:
            raise ProofError(
                f"factor {_where(bad)} exceeds 1 at a pair other than the starred pair"
            )
        object.__setattr__(self, "factors", factors)


def _where(indices: NDArray[np.int64]) -> str:
    u, x = (int(i) for i in indices[0])
    return f"[{u}, {x}]"


def setting_weights(code: SettingCode, epsilon: float) -> NDArray[np.int64]:
    """w(u) of (W) in units of 2^−50, (pairs,) int64, read-only; 0 for pairs without a word.

    1/ρ(u) rounded down, with ρ(u) ≥ ν(u0)/ν(u) as `SettingCode.rho` proves it in whole numbers;
    pairs with equally many words share the least of theirs, so that the symmetries of the game
    survive the code.  At most 16.

    Raises:
        InputError: ε outside [0, ½).
    """
    pairs = code.game.n_pairs
    ratios, words = code.rho(epsilon), np.bincount(code.table, minlength=pairs)
    weights = np.zeros(pairs, dtype=np.int64)
    words[code.starred] = 0
    for count in np.unique(words[words > 0]):
        alike = words == count
        exact = (1 << BITS) / Fraction(float(ratios[alike].max()))
        weights[alike] = min(exact.numerator // exact.denominator, MOST_WEIGHT)
    return frozen(weights)


def power_up(value: int, beta: int) -> int:
    """p^{1+β} rounded up to a multiple of 2^−50, for p = value/2^10 ≤ 1 and β = beta/2^20.

    p^{β} by binary expansion: the square roots p^{1/2}, p^{1/4}, … are whole square roots rounded
    up, and so are the products.
    """
    if value == 0:
        return 0
    extra = BITS + 20  # guard bits
    one = 1 << extra
    p = value << (extra - GRID_BITS)
    result = p
    for _ in range(beta >> BETA_BITS):
        result = _product_up(result, p, one)
    root = p
    for k in range(1, BETA_BITS + 1):
        root = _ceil_sqrt(root << extra)
        if beta >> (BETA_BITS - k) & 1:
            result = _product_up(result, root, one)
    return -(-result >> 20)


def _ceil_sqrt(value: int) -> int:
    root = isqrt(value)
    return root if root * root == value else root + 1


def _product_up(a: int, b: int, one: int) -> int:
    return -(-a * b // one)


@dataclass(frozen=True, eq=False)
class Case:
    """A box [lo, hi] of the probabilities at u0, each (joint,) int64 in units of 2^−10."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]


def cases(grid: tuple[int, ...], group: Group, starred: int, game: Game) -> list[Case]:
    """The cases of a grid g_1 < … < g_K = 1 (units of 2^−10), one for each orbit of `group`.

    Raises:
        ProofError: a grid that does not rise from above 0 to exactly 1, or of more than 64 points.
    """
    _check_grid(grid)
    one = 1 << GRID_BITS
    joint = game.n_joint
    start = joint * starred
    images = group[:, start : start + joint] - start
    representatives = np.unique(images.min(axis=0))
    zero = np.zeros(joint, dtype=np.int64)
    result = [Case(zero, np.full(joint, grid[0]))]
    for low, high in pairwise(grid):
        for guess in representatives:
            bottom = zero.copy()
            bottom[guess] = low
            top = np.full(joint, min(high, one - low))
            top[guess] = high
            result.append(Case(bottom, top))
    return result


def _check_grid(grid: object) -> None:
    one = 1 << GRID_BITS
    if type(grid) is not tuple or any(type(point) is not int for point in grid):
        raise ProofError(f"grid {printable(grid, 60)} is no tuple of whole numbers")
    if not 0 < len(grid) <= MOST_POINTS:
        raise ProofError(f"grid has {len(grid)} points, expected 1 to {MOST_POINTS}")
    if grid[0] <= 0 or grid[-1] != one or any(a >= b for a, b in pairwise(grid)):
        raise ProofError(f"grid {printable(grid, 60)} does not rise from above 0 to {one}")


@dataclass(frozen=True, eq=False)
class Proof:
    """Potentials and α for every case, in units of 2^−50; types and sizes are checked when built.

    Attributes:
        grid: g_1 < … < g_K = 2^10, in units of 2^−10; at most 64 points.
        potentials: (cases, slots) int64, each at most 16 in size; a read-only copy.
        alpha: (cases,) int64, each at most 16 in size; a read-only copy.
        game: whose no-signalling boxes the potentials bound.

    Raises:
        ProofError: a value of another type or shape or too large, or a malformed grid.
    """

    grid: tuple[int, ...]
    potentials: NDArray[np.int64]
    alpha: NDArray[np.int64]
    game: Game

    def __post_init__(self) -> None:
        if not isinstance(self.game, Game):
            raise ProofError(f"game is of type {type(self.game).__name__}, expected a Game")
        _check_grid(self.grid)
        alpha = _own_array(self.alpha, "alpha")
        potentials = _own_array(self.potentials, "potentials")
        count = len(alpha) if alpha.ndim == 1 else 0
        most, wide = most_cases(self.game), n_slots(self.game)
        if not 0 < count <= most or potentials.shape != (count, wide):
            raise ProofError(
                f"alpha and potentials have shapes {alpha.shape} and {potentials.shape}, expected "
                f"(n,) and (n, {wide}) for 1 to {most} cases"
            )
        for numbers in (alpha, potentials):
            if _outside(numbers, -MOST_POTENTIAL, MOST_POTENTIAL).any():
                raise ProofError("a potential is too large to be checked without overflow")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "potentials", potentials)


def table_group(table: Table) -> Group:
    """The symmetries that keep u0, the factors and the weights, exactly."""
    code = table.code
    return invariance_group(
        code.starred, [setting_weights(code, table.epsilon), table.factors], code.game
    )


def case_values(table: Table, proof: Proof) -> list[int]:
    """(B) − 1 for every case, in units of 2^−50, rounded up; the proof holds if none is positive.

    Raises:
        ProofError: a proof for another game, a number of cases that does not match, or potentials
            whose sums are not zero.
    """
    starred, game = table.code.starred, table.code.game
    if proof.game != game:
        raise ProofError(f"the proof is for game {proof.game!r}, the table for {game!r}")
    listed = cases(proof.grid, table_group(table), starred, game)
    if len(proof.alpha) != len(listed):
        raise ProofError(f"the proof has {len(proof.alpha)} cases, the table needs {len(listed)}")
    if (bad := np.argwhere(sums(proof.potentials, game))).size:
        raise ProofError(f"potentials of case {int(bad[0][0])} do not sum to zero")
    objective = tested_objective(table)
    others = np.arange(game.n_pairs) != starred
    powers = {
        int(v): power_up(int(v), table.beta) for v in np.unique([(c.low, c.high) for c in listed])
    }
    factors = [int(f) for f in table.factors[starred]]
    alice, bob = slots(game)
    star = slice(game.n_joint * starred, game.n_joint * (starred + 1))
    result = []
    for case, potentials, alpha in zip(listed, proof.potentials, proof.alpha, strict=True):
        costs = reduced_costs(objective, potentials, game).max(axis=1)
        total = int(costs[others].sum()) + int(alpha) - (1 << BITS)
        prices = potentials[alice[star]] + potentials[bob[star]] + alpha
        for x in range(game.n_joint):
            total += max(
                _end(factors[x], powers[int(end)], int(prices[x]), int(end))
                for end in (case.low[x], case.high[x])
            )
        result.append(total)
    return result


def _end(factor: int, power: int, price: int, probability: int) -> int:
    """F·p^{1+β} − price·p, rounded up to 2^−50."""
    gain = -(-factor * power >> FACTOR_BITS)
    return gain - (price * probability >> GRID_BITS)


def tested_objective(table: Table) -> NDArray[np.int64]:
    """w(u)·(F(x,u) − 1) in units of 2^−50, rounded up, 0 at u0; (pairs, joint) int64."""
    weights = setting_weights(table.code, table.epsilon).astype(object)
    loss = (table.factors - (1 << FACTOR_BITS)).astype(object) * weights[:, None]
    objective = -(-loss >> FACTOR_BITS)
    objective[table.code.starred] = 0
    return np.asarray(objective.astype(np.int64))


def check_proof(table: Table, proof: Proof) -> None:
    """Check exactly that `proof` shows `table` to be a score certificate.

    Raises:
        ProofError: it does not; the message says where.
    """
    values = case_values(table, proof)
    worst = int(np.argmax(values))
    if values[worst] > 0:
        raise ProofError(
            f"E[F·q^β] may exceed 1: case {worst} of {len(values)} is only bounded by "
            f"1 + {values[worst] / 2**BITS:.3g}"
        )
