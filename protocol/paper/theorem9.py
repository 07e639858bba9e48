"""The paper's own certificate, Theorem 9, made finite (theory 4.1, eqs 71-85 and 87).

It needs astronomically many runs; saying exactly how many is the point of having it.  Natural
logarithms throughout, so that nothing underflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.settings.sv_tree import check_epsilon
from qdevices.game import Game
from qdevices.ks18.game import KS18, paper_event

_LN2 = math.log(2)
_MAX_LOG2_RUNS = 900.0


@dataclass(frozen=True)
class Theorem9:
    """What Theorem 9 says of a run.

    Attributes:
        applies: whether δ and μ₁ are in its range and the run is long enough.
        delta_limit: δ must lie below this, whatever μ₁: (½−ε)¹⁶/8.
        runs_needed: least n at which the bound holds for some δ below the limit.
        best_delta: the δ at which that n is reached.
        log2_bound: the bound on max_x q(x|z,u,e,ACC) that is asked for, log₂.
    """

    applies: bool
    delta_limit: float
    runs_needed: float
    best_delta: float
    log2_bound: float

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary; numbers beyond floating point are null."""
        data = asdict(self)
        return {
            k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in data.items()
        }


def second_event(game: Game) -> NDArray[np.bool_]:
    """D of the paper's second test, a (pairs, joint) mask; empty for any other game."""
    return paper_event() if game == KS18 else np.zeros(game.shape, dtype=np.bool_)


def delta_limit(epsilon: float) -> float:
    """(½−ε)¹⁶/8, above which γ of eq 78 is 1 and the theorem is empty."""
    return (0.5 - check_epsilon(epsilon)) ** 16 / 8


def log_delta1(runs: float, epsilon: float, delta: float, mu1: float, kappa: float) -> float:
    """ln δ₁ = ln(2(ε_Az1 + ε_Az2) + γ^(μ₄n)) of eq 85; +inf outside the theorem's range."""
    if not (0 < kappa < mu1 / 2 and 0 <= delta < delta_limit(epsilon)):
        return math.inf
    mu3 = (mu1 - 2 * kappa) / (2 * (1 - kappa))
    root = math.sqrt(2 * delta)
    mu4 = mu3 - root  # μ₂ + μ₃ − 1 with μ₂ = 1 − √(2δ), without the cancellation
    if mu4 <= 0:  # the same as δ ≥ μ₃²/2
        return math.inf
    gap = min(kappa, 0.25 - root / (2 * (0.5 - epsilon) ** 8))
    if gap <= 0:
        return math.inf
    terms = (
        math.log(4) - runs * delta**2 / 4,
        math.log(4) - runs * mu1**2 / 16,
        runs * mu4 * math.log1p(-gap),
    )
    top = max(terms)
    return top + math.log(sum(math.exp(t - top) for t in terms))


def log2_guess(
    runs: float, epsilon: float, delta: float, mu1: float, log2_acceptance: float = 0.0
) -> float:
    """log₂ √(δ₁/q(ACC)) with the best κ: bound on Eve's guess and on the failure probability."""
    if not mu1 > 1e-300:  # the paper's event never occurs, and no κ is in range
        return math.inf
    value = _minimise(
        lambda t: log_delta1(runs, epsilon, delta, mu1, math.exp(t)),
        math.log(mu1) - 60,
        math.log(mu1 / 2),
    )[1]
    return (value / _LN2 - log2_acceptance) / 2


def runs_needed(
    epsilon: float, delta: float, mu1: float, log2_bound: float, log2_acceptance: float = 0.0
) -> float:
    """Least n with √(δ₁/q(ACC)) ≤ 2**log2_bound, to relative precision 1e-7; inf if none."""
    low, high = 0.0, _MAX_LOG2_RUNS
    if not log2_guess(2**high, epsilon, delta, mu1, log2_acceptance) <= log2_bound:
        return math.inf
    while high - low > 1e-7:
        middle = (low + high) / 2
        if log2_guess(2**middle, epsilon, delta, mu1, log2_acceptance) <= log2_bound:
            high = middle
        else:
            low = middle
    return math.ceil(2**high) if high < 52 else 2**high


def theorem9(
    runs: int,
    epsilon: float,
    delta: float,
    mu1: float,
    log2_bound: float,
    log2_acceptance: float = 0.0,
) -> Theorem9:
    """Judge a run of `runs` runs with thresholds `delta` and `mu1`.

    Args:
        runs: number of runs n.
        epsilon: ε of the source.
        delta: threshold of test 1.
        mu1: threshold of test 2 for the paper's event.
        log2_bound: wanted log₂ bound on √(δ₁/q(ACC)).
        log2_acceptance: log₂ of a lower bound on q(ACC).

    Raises:
        InputError: ε outside [0, ½).
    """
    limit = delta_limit(epsilon)
    # n as a function of δ falls (ε_Az1) and then rises (γ, μ₄): one minimum, below the limit.
    log_best, needed = _minimise(
        lambda t: runs_needed(epsilon, math.exp(t), mu1, log2_bound, log2_acceptance),
        math.log(limit) - 12,
        math.log(limit),
        iterations=40,
    )
    within = delta < limit and (
        log2_guess(float(runs), epsilon, delta, mu1, log2_acceptance) <= log2_bound
    )
    return Theorem9(within, limit, needed, math.exp(log_best), log2_bound)


def _minimise(
    function: Callable[[float], float], low: float, high: float, iterations: int = 60
) -> tuple[float, float]:
    """Golden-section minimum of a unimodal function that may be +inf near the upper end."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    f_left, f_right = function(left), function(right)
    for _ in range(iterations):
        if f_left <= f_right:
            high, right, f_right = right, left, f_left
            left = high - ratio * (high - low)
            f_left = function(left)
        else:
            low, left, f_left = left, right, f_right
            right = low + ratio * (high - low)
            f_right = function(right)
    return (left, f_left) if f_left <= f_right else (right, f_right)


@lru_cache(maxsize=64)
def for_one_bit(runs: int, epsilon: float, delta: float, mu1: float, soundness: float) -> Theorem9:
    """`theorem9` for the first bit that Raz's extractor gives at soundness 2^−`soundness`.

    Arguments otherwise as there.
    """
    # 2σ + 110 bits is what Raz needs for its first output bit, with log₂p up to 50.  Acceptance
    # is taken no less likely than 2^−σ: rarer runs are secure to a bit less whatever they put
    # out, as d_c·p(ACC) ≤ 2·p(ACC).
    return theorem9(runs, epsilon, delta, mu1, -(2 * soundness + 110), -soundness)
