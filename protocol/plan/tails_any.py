"""Tails of an honest run under every ε-Santha-Vazirani source, however it reacts to the past.

The device has no memory and a known behaviour P; of the source only ε is known.  What is largest
over all such sources in one run follows from the recursion of theory 3 on the means of the words,
and one run goes over to n by induction or by coupling (theory 4.6, Theorems 4.6.4 and 4.6.5).
Security never rests on any of it.

Errors: 1e-12 of each threshold is given away for rounding.  The exponential one and the tail mean
are proved but for rounding; the envelope takes a quantile from `tails` that is numerically exact.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.plan.tails import binomial_lower, binomial_upper, score_quantile, score_tail_mean
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon, sv_maximum

_LN2 = math.log(2)
#: λ times the spread of the scores, in bits: where the exponents that are tried lie.
_EXPONENTS = (1e-9, 900.0)
#: Values of λ tried at a time, and how often the surroundings of the best are tried again.
_TRIED, _ROUNDS = 33, 5
#: Scores nearer to each other than this share of their spread have one node, so that slopes of the
#: largest shortfall are right to 1e-10.
_NODE_GAP = 1e-6
#: Below this failure probability the rounding of a sum's distribution would show.
_LEAST_SHARE = 1e-9
#: Leaves of the bit tree held at a time.
_LEAVES = 1 << 22


def score_quantile_any(
    log2_factors: NDArray[np.float64],
    behaviour: NDArray[np.float64],
    code: SettingCode,
    epsilon: float,
    runs: int,
    failure: float,
) -> float:
    """A threshold that the score of an honest run misses with ≤ `failure`, whatever the source.

    The largest of three that are proved: the exponential one, with the optimal λ; the tail mean;
    and the quantile of the envelope, which is exact at ε = 0 (theory 4.6.4).

    Args:
        log2_factors: log₂F of a run, bits, (pairs, joint); −inf is allowed, and a run that has it
            counts as missed.
        behaviour: P(x|u) of the device, (pairs, joint).
        code: from words to setting pairs.
        epsilon: of the sources, in [0, ½).
        runs: n ≥ 1.
        failure: allowed probability of Σ log₂F < threshold, in (0, 1).

    Returns:
        The threshold in bits, or −inf if a factor 0 alone may be likelier than `failure`.

    Raises:
        InputError: ε outside [0, ½).
    """
    scores = _Scores.of(log2_factors, behaviour, code, check_epsilon(epsilon))
    remaining = failure - scores.lost(runs)
    if remaining <= 0 or not len(scores.values):
        return -math.inf
    found = [runs * float(scores.values[0]), scores.exponential(runs, remaining)[0]]
    if remaining >= _LEAST_SHARE:
        found += [scores.tail_mean(runs, remaining), scores.envelope(runs, remaining)]
    best = max(found)
    return best - 1e-12 * abs(best)


def count_upper_any(
    event: NDArray[np.bool_],
    behaviour: NDArray[np.float64],
    code: SettingCode,
    epsilon: float,
    runs: int,
    failure: float,
) -> int:
    """A limit k with P(runs in `event` > k) ≤ `failure`, whatever the source does.

    The quantile of the binomial count at the event's largest probability (theory 4.6.5), which a
    source attains: no lower limit serves all sources.

    Args:
        event: a mask (pairs, joint), or (pairs, 1) for an event of the settings alone.
        behaviour, code, epsilon, runs, failure: as in `score_quantile_any`.

    Raises:
        InputError: ε outside [0, ½).
    """
    return binomial_upper(runs, event_extremes(event, behaviour, code, epsilon)[1], failure)


def count_lower_any(
    event: NDArray[np.bool_],
    behaviour: NDArray[np.float64],
    code: SettingCode,
    epsilon: float,
    runs: int,
    failure: float,
) -> int:
    """A limit k with P(runs in `event` < k) ≤ `failure`; otherwise as `count_upper_any`."""
    return binomial_lower(runs, event_extremes(event, behaviour, code, epsilon)[0], failure)


def event_extremes(
    event: NDArray[np.bool_],
    behaviour: NDArray[np.float64],
    code: SettingCode,
    epsilon: float,
) -> tuple[float, float]:
    """Least and largest probability of an event in a run, given any past; arguments as above."""
    check_epsilon(epsilon)
    means = (_normalised(behaviour) * event).sum(axis=1)[code.table]
    low, high = -sv_maximum(-means, epsilon), sv_maximum(means, epsilon)
    return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))


def starving_worth(
    log2_factors: NDArray[np.float64],
    behaviour: NDArray[np.float64],
    code: SettingCode,
    epsilon: float,
    runs: int,
    failure: float,
) -> NDArray[np.float64]:
    """What each word is worth to the score, (2**bits_per_run,): −E[F^−λ|word] at the best λ.

    A source that makes its mean least, bit by bit, attains M(λ) of theory 4.6.4: the source against
    which the exponential bound is made.  A factor 0 counts as the least other one.  Arguments as in
    `score_quantile_any`.
    """
    scores = _Scores.of(log2_factors, behaviour, code, check_epsilon(epsilon))
    powers = np.expm1(-_LN2 * scores.exponential(runs, failure)[1] * scores.values)
    # A factor 0 stands with the largest score there, for the sake of the bound.
    lost = scores.zero * (powers[0] - powers[-1])
    return np.asarray(-scores.words(powers[None, :])[0] - lost[code.table])


class _Scores(NamedTuple):
    """The score of a run: what it can be, and how likely it is at each pair.

    Attributes:
        values: the finite scores that can occur, rising, (k,).
        likely: their probabilities at each pair, (pairs, k); a factor 0 counts as the largest.
        zero: probability of a factor 0 at each pair, (pairs,).
        code, epsilon: of the words.
    """

    values: NDArray[np.float64]
    likely: NDArray[np.float64]
    zero: NDArray[np.float64]
    code: SettingCode
    epsilon: float

    @classmethod
    def of(
        cls,
        log2_factors: NDArray[np.float64],
        behaviour: NDArray[np.float64],
        code: SettingCode,
        epsilon: float,
    ) -> _Scores:
        weights = _normalised(behaviour)
        impossible = np.isneginf(log2_factors)
        used = (weights > 0) & code.settings_used[:, None] & ~impossible
        values = np.unique(log2_factors[used])
        likely = np.zeros((len(weights), len(values)))
        pairs, outcomes = np.nonzero(used)
        place = np.searchsorted(values, log2_factors[pairs, outcomes])
        np.add.at(likely, (pairs, place), weights[pairs, outcomes])
        zero = (weights * impossible).sum(axis=1)
        if len(values):
            likely[:, -1] += zero
        return cls(values, likely, zero, code, epsilon)

    def words(self, tables: NDArray[np.float64]) -> NDArray[np.float64]:
        """Means of functions of the score, (functions, k), at each word, (functions, words)."""
        return np.asarray((tables @ self.likely.T)[:, self.code.table])

    def largest(self, tables: NDArray[np.float64]) -> NDArray[np.float64]:
        """Largest expectation of each function of the score, (functions, k), over all sources."""
        size = max(1, _LEAVES // len(self.code.table))
        blocks = [tables[start : start + size] for start in range(0, len(tables), size)]
        return np.concatenate([sv_maximum(self.words(block), self.epsilon) for block in blocks])

    def lost(self, runs: int) -> float:
        """Largest probability that some run has a factor 0."""
        most = float(sv_maximum(self.zero[self.code.table], self.epsilon))
        return -math.expm1(runs * math.log1p(-min(most, 1 - 1e-16)))

    def exponential(self, runs: int, failure: float) -> tuple[float, float]:
        """(log₂ failure − n·log₂M(λ))/λ at the best λ, and this λ (theory 4.6.4 (a))."""
        spread = float(np.ptp(self.values)) or 1.0
        # Relative to a score in the middle, powers stay in range and M − 1 keeps its digits where
        # λ is small.
        centre = float(self.values[0] + self.values[-1]) / 2

        def thresholds(exponents: NDArray[np.float64]) -> NDArray[np.float64]:
            powers = np.expm1(-_LN2 * exponents[:, None] * (self.values - centre))
            log2_most = np.log1p(self.largest(powers)) / _LN2
            result = runs * centre + (math.log2(failure) - runs * log2_most) / exponents
            return np.asarray(result)

        # The threshold as a function of λ has one maximum: n·log₂M is convex and 0 at 0.
        low, high = (math.log(e / spread) for e in _EXPONENTS)
        best, at = -math.inf, 0.0
        for _ in range(_ROUNDS):
            grid = np.linspace(low, high, _TRIED)
            found = thresholds(np.exp(grid))
            index = int(found.argmax())
            if found[index] > best:
                best, at = float(found[index]), float(math.exp(grid[index]))
            low, high = float(grid[max(index - 1, 0)]), float(grid[min(index + 1, _TRIED - 1)])
        return best, at

    def tail_mean(self, runs: int, failure: float) -> float:
        """Tail mean of n scores of the law with the largest shortfalls (theory 4.6.4 (b))."""
        least, most = float(self.values[0]), float(self.values[-1])
        if least == most:
            return runs * least
        gap = _NODE_GAP * (most - least)
        nodes = [least]
        for value in self.values[1:-1].tolist():
            if value - nodes[-1] > gap and most - value > gap:
                nodes.append(value)
        at = np.array([*nodes, most])
        shortfall = self.largest(np.maximum(at[:, None] - self.values, 0.0))
        slopes = np.concatenate([[0.0], np.diff(shortfall) / np.diff(at), [1.0]])
        atoms = np.maximum(np.diff(slopes), 0.0)
        atoms /= atoms.sum()
        # Rounding of the slopes must not add up over many runs: the mean is known better.
        mean = most - float(shortfall[-1])
        return score_tail_mean(at - at @ atoms + mean, atoms, runs, failure)

    def envelope(self, runs: int, failure: float) -> float:
        """Quantile of n scores of the law with the largest distribution function (4.6.4 (c))."""
        below = self.largest(np.tri(len(self.values)))
        below[-1] = 1.0
        atoms = np.maximum(np.diff(below, prepend=0.0), 0.0)
        # A sum that is likely by itself is spread by the lattice over some n^(1/3) steps; a
        # threshold just above it would be missed with all of its probability.
        spare = 2 + math.ceil(runs ** (1 / 3))
        return score_quantile(self.values, atoms, runs, failure, spare)


def _normalised(behaviour: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(x|u) without the rounding that requests allow."""
    clean = np.maximum(behaviour, 0.0)
    return np.asarray(clean / clean.sum(axis=1, keepdims=True))
