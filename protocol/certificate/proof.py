"""Exact proofs of score tables: the cases, their potentials, and the check in whole numbers.

A table F with power β at the starred pair u0 is a score certificate for ε (see `protocol.score`)
if for every no-signalling box P, with p_x = P(x|u0),

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
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.groups import Group, invariance_group
from protocol.certificate.potentials import N_SLOTS, reduced_costs, slots, sums
from protocol.setting_code import SettingCode
from qdevices.game import N_JOINT, N_PAIRS

#: F is a multiple of 2^−40, the grid of 2^−10, β of 2^−20, everything else of 2^−50.
FACTOR_BITS, GRID_BITS, BETA_BITS, BITS = 40, 10, 20, 50
_LARGEST_FACTOR = 2**12


class ProofError(ValueError):
    """A table, its weights or a case that does not satisfy what a certificate must."""


@dataclass(frozen=True, eq=False)
class Table:
    """A score table in whole numbers.

    Attributes:
        code: the setting code; its starred pair is u0.
        epsilon: largest ε of the sources covered.
        beta: β in units of 2^−20.
        factors: F in units of 2^−40, shape (81, 16) int64.
    """

    code: SettingCode
    epsilon: float
    beta: int
    factors: NDArray[np.int64]

    def check(self) -> None:
        """Check what can be seen without a proof.

        Raises:
            ProofError: β outside (0, 4], a negative factor, or a credit at a pair other than u0.
        """
        if not 0 < self.beta <= 4 << BETA_BITS:
            raise ProofError(f"beta is {self.beta}/2^{BETA_BITS}, expected a number in (0, 4]")
        if self.factors.shape != (N_PAIRS, N_JOINT):
            raise ProofError(f"factors have shape {self.factors.shape}, expected (81, 16)")
        if (bad := np.argwhere(self.factors < 0)).size:
            raise ProofError(f"factor {_where(bad)} is negative")
        if (bad := np.argwhere(self.factors > _LARGEST_FACTOR << FACTOR_BITS)).size:
            raise ProofError(f"factor {_where(bad)} exceeds {_LARGEST_FACTOR}")
        credits_off_star = self.factors > 1 << FACTOR_BITS
        credits_off_star[self.code.starred] = False
        if (bad := np.argwhere(credits_off_star)).size:
            raise ProofError(
                f"factor {_where(bad)} exceeds 1 at a pair other than the starred pair"
            )


def _where(indices: NDArray[np.int64]) -> str:
    u, x = (int(i) for i in indices[0])
    return f"[{u}, {x}]"


def setting_weights(code: SettingCode, epsilon: float) -> NDArray[np.int64]:
    """w(u) of (W) in units of 2^−50, (81,) int64, proved exactly; 0 for pairs without a word.

    Floating-point ratios are rounded down, pairs with equally many words share the least of theirs
    (so that the symmetries of the game survive the code), and then proved: the largest expectation
    of w(u)·[word selects u0] − [word selects u] over all ε-SV sources must not be positive, in
    whole numbers.

    Raises:
        ProofError: a weight that is too large (an error of the floating-point part).
    """
    return _setting_weights(code, epsilon)


@lru_cache(maxsize=64)
def _setting_weights(code: SettingCode, epsilon: float) -> NDArray[np.int64]:
    ratios, words = code.rho(epsilon), np.bincount(code.table, minlength=N_PAIRS)
    weights = np.zeros(N_PAIRS, dtype=np.int64)
    words[code.starred] = 0
    for count in np.unique(words[words > 0]):
        alike = words == count
        weights[alike] = int((1 - 1e-9) / ratios[alike].max() * 2.0**BITS)
    table, share = code.table, Fraction(epsilon)
    for u in np.flatnonzero(weights):
        leaves = np.zeros(len(table), dtype=object)
        leaves[table == code.starred] = int(weights[u])
        leaves[table == u] = -(1 << BITS)
        if _scaled_maximum(leaves, share) > 0:
            raise ProofError(f"weight of pair {u} exceeds what an SV source guarantees")
    weights.setflags(write=False)
    return weights


def _scaled_maximum(leaves: NDArray[np.object_], epsilon: Fraction) -> int:
    """A positive multiple of the largest expectation over ε-SV sources, in whole numbers."""
    high = epsilon.denominator + 2 * epsilon.numerator
    low = epsilon.denominator - 2 * epsilon.numerator
    while len(leaves) > 1:
        left, right = leaves[0::2], leaves[1::2]
        if not (left != right).any():
            # No bit of information here: both branches are the same and the scale factors out.
            leaves = left
            continue
        leaves = np.maximum(left, right) * high + np.minimum(left, right) * low
    return int(leaves[0])


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
    """A box [lo, hi] of the probabilities at u0, each (16,) int64 in units of 2^−10."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]


def cases(grid: tuple[int, ...], group: Group, starred: int) -> list[Case]:
    """The cases of a grid g_1 < … < g_K = 1 (units of 2^−10), one for each orbit of `group`.

    Raises:
        ProofError: a grid that does not rise from above 0 to exactly 1.
    """
    one = 1 << GRID_BITS
    if not grid or grid[0] <= 0 or grid[-1] != one or any(a >= b for a, b in pairwise(grid)):
        raise ProofError(f"grid {grid} does not rise from above 0 to {one}")
    start = N_JOINT * starred
    images = group[:, start : start + N_JOINT] - start
    representatives = np.unique(images.min(axis=0))
    zero = np.zeros(N_JOINT, dtype=np.int64)
    result = [Case(zero, np.full(N_JOINT, grid[0]))]
    for low, high in pairwise(grid):
        for guess in representatives:
            bottom = zero.copy()
            bottom[guess] = low
            top = np.full(N_JOINT, min(high, one - low))
            top[guess] = high
            result.append(Case(bottom, top))
    return result


@dataclass(frozen=True, eq=False)
class Proof:
    """Potentials and α for every case, in units of 2^−50.

    Attributes:
        grid: g_1 < … < g_K = 2^10, in units of 2^−10.
        potentials: (cases, 648) int64.
        alpha: (cases,) int64.
    """

    grid: tuple[int, ...]
    potentials: NDArray[np.int64]
    alpha: NDArray[np.int64]


def table_group(table: Table) -> Group:
    """The symmetries that keep u0, the factors and the weights, exactly."""
    return invariance_group(
        table.code.starred, [setting_weights(table.code, table.epsilon), table.factors]
    )


def case_values(table: Table, proof: Proof) -> list[int]:
    """(B) − 1 for every case, in units of 2^−50, rounded up; the proof holds if none is positive.

    Raises:
        ProofError: a table or grid that is malformed, a number of cases that does not match, or
            potentials whose sums are not zero.
    """
    table.check()
    starred = table.code.starred
    listed = cases(proof.grid, table_group(table), starred)
    if proof.potentials.shape != (len(listed), N_SLOTS) or proof.alpha.shape != (len(listed),):
        raise ProofError(
            f"the proof has {len(proof.potentials)} cases, the table needs {len(listed)}"
        )
    limit = 1 << (BITS + 4)
    if np.abs(proof.potentials).max() > limit or np.abs(proof.alpha).max() > limit:
        raise ProofError("a potential is too large to be checked without overflow")
    if (bad := np.argwhere(sums(proof.potentials))).size:
        raise ProofError(f"potentials of case {int(bad[0][0])} do not sum to zero")
    objective = tested_objective(table)
    others = np.arange(N_PAIRS) != starred
    powers = {
        int(v): power_up(int(v), table.beta) for v in np.unique([(c.low, c.high) for c in listed])
    }
    factors = [int(f) for f in table.factors[starred]]
    alice, bob = slots()
    star = slice(N_JOINT * starred, N_JOINT * starred + N_JOINT)
    result = []
    for case, potentials, alpha in zip(listed, proof.potentials, proof.alpha, strict=True):
        costs = reduced_costs(objective, potentials).max(axis=1)
        total = int(costs[others].sum()) + int(alpha) - (1 << BITS)
        prices = potentials[alice[star]] + potentials[bob[star]] + alpha
        for x in range(N_JOINT):
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
    """w(u)·(F(x,u) − 1) in units of 2^−50, rounded up, 0 at u0; shape (81, 16) int64."""
    weights = setting_weights(table.code, table.epsilon).astype(object)
    loss = (table.factors - (1 << FACTOR_BITS)).astype(object) * weights[:, None]
    objective = -(-loss >> FACTOR_BITS)
    objective[table.code.starred] = 0
    return np.asarray(objective.astype(np.int64))


def verify(table: Table, proof: Proof) -> None:
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
