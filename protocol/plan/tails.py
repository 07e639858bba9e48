"""Exact tails: of binomial counts, and of the score of an honest run.

A plan fixes thresholds before the run; these functions say how often an honest device misses
them (completeness).  Security never rests on them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

_LATTICE = 1 << 18
#: Probability left outside the window of the lattice, by Bernstein's inequality.
_OUTSIDE = 1e-13


def binomial_upper(runs: int, probability: float, failure: float) -> int:
    """Least k with P(count > k) ≤ `failure`, the count binomial(`runs`, `probability`)."""
    if probability <= 0:
        return 0
    low, high = -1, runs
    while high - low > 1:
        middle = (low + high) // 2
        if bdtrc(middle, runs, probability) <= failure:
            high = middle
        else:
            low = middle
    return high


def binomial_lower(runs: int, probability: float, failure: float) -> int:
    """Largest k with P(count < k) ≤ `failure`, the count binomial(`runs`, `probability`)."""
    if probability >= 1:
        return runs
    low, high = 0, runs + 1
    while high - low > 1:
        middle = (low + high) // 2
        if bdtr(middle - 1, runs, probability) <= failure:
            low = middle
        else:
            high = middle
    return low


def score_quantile(
    values: NDArray[np.float64], probabilities: NDArray[np.float64], runs: int, failure: float
) -> float:
    """Largest threshold that the sum of `runs` independent scores misses with ≤ `failure`.

    Numerically exact: every value is split among the nearest three of 2¹⁸ lattice points over the
    whole distribution, so that mean and variance are kept, and the characteristic function is
    raised to the power `runs` by FFT.  (In modulus it stays below 1, as in the scheme of Lax and
    Wendroff, whose weights these are.)  One lattice step is given away.

    Args:
        values: scores, any shape; −inf is allowed and means that the sum is −inf.
        probabilities: their probabilities, same shape, summing to 1.
        runs: number of independent scores.
        failure: allowed probability that the sum is below the threshold.

    Returns:
        The threshold, or −inf if scores of −inf alone are more likely than `failure`.
    """
    likely = probabilities > 0
    values, inverse = np.unique(values[likely], return_inverse=True)
    weights = np.bincount(inverse.ravel(), weights=probabilities[likely].ravel())
    lost = 0.0
    if values[0] == -np.inf:
        lost = -math.expm1(runs * math.log1p(-min(float(weights[0]), 1 - 1e-16)))
        values, weights = values[1:], weights[1:]
    if lost > failure or len(values) == 0:
        return -math.inf
    weights = weights / weights.sum()
    remaining = (failure - lost) / (1 - lost)
    mean = float(values @ weights)
    variance = float((values - mean) ** 2 @ weights)
    if variance == 0:
        return runs * mean
    log_outside = -math.log(_OUTSIDE)
    spread = float(np.ptp(values))
    half_width = math.sqrt(2 * log_outside * runs * variance) + 2 * log_outside / 3 * spread
    step = 2 * half_width / _LATTICE

    position = values / step
    nearest = np.rint(position).astype(np.int64)
    rest = position - nearest
    pmf = np.zeros(_LATTICE)
    for shift, part in ((-1, rest * (rest - 1) / 2), (0, 1 - rest**2), (1, rest * (rest + 1) / 2)):
        np.add.at(pmf, (nearest + shift) % _LATTICE, weights * part)
    transform = np.fft.rfft(pmf)
    with np.errstate(divide="ignore", under="ignore"):
        total = np.fft.irfft(np.exp(runs * np.log(transform)), _LATTICE)
    first = math.floor(runs * mean / step) - _LATTICE // 2
    below = np.cumsum(np.roll(total, -(first % _LATTICE)))
    # below[i] is the probability of a sum at or below lattice point first + i.
    index = int(np.searchsorted(np.maximum.accumulate(below), remaining, side="right"))
    return (first + index - 1) * step
