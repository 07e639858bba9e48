"""What an ε-Santha-Vazirani source can do to functions of a word: recursions over the bit tree.

The source chooses, for every bit and knowing all earlier ones, a probability between ½−ε and ½+ε.
So the extreme expectations of a function of the word follow from the leaves inwards, and the
extreme ratios of two expectations from those.  `StarTree` checks such a ratio in whole numbers.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.documents.fields import printable
from qdevices.errors import InputError

#: ε is rounded up to a multiple of 2^−54 in whole numbers; from ¼ on every double is one.
_EPSILON_BITS = 54
#: Dinkelbach's iteration takes fewer than ten steps; what takes this many does not end.
_MOST_STEPS = 64


def check_epsilon(epsilon: float) -> float:
    """Return `epsilon` if it is a number with 0 ≤ ε < ½.

    Raises:
        InputError: otherwise.
    """
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)):
        raise InputError(f"epsilon is {printable(epsilon, 40)}, expected a number in [0, 0.5)")
    if not 0 <= epsilon < 0.5:  # also catches nan
        raise InputError(f"epsilon {epsilon} is outside [0, 0.5)")
    return epsilon


def sv_maximum(leaves: NDArray[Any], epsilon: Any) -> NDArray[Any]:
    """Largest expectation of a function of the word over all ε-SV sources.

    `leaves` has shape (..., 2**b), the value at each word; the result has shape (...).  Works
    for floats and for object arrays of fractions.  The least expectation is minus the largest
    of minus the function.
    """
    value = leaves
    half = Fraction(1, 2) if value.dtype == object else 0.5
    while value.shape[-1] > 1:
        low, high = value[..., 0::2], value[..., 1::2]
        value = (half + epsilon) * np.maximum(low, high) + (half - epsilon) * np.minimum(low, high)
    return np.asarray(value[..., 0])


def sv_ratio(numerator: NDArray[Any], denominator: NDArray[Any], epsilon: Any) -> Any:
    """sup over ε-SV sources of E[numerator]/E[denominator], functions of the word, (2**b,) each.

    Dinkelbach: from λ, let the source maximise E[numerator − λ·denominator] and take the ratio
    that this source attains as the next λ; λ grows until it repeats, when it is the supremum
    (finitely many deterministic lean patterns exist).  Exact for object arrays of fractions; in
    floating point no more than a good guess where ½−ε is small (`StarTree.bounds` decides).

    Raises:
        InputError: the denominator vanishes, also by underflow, or the iteration does not end.
    """
    exact = numerator.dtype == object
    half = Fraction(1, 2) if exact else 0.5
    ratio = Fraction(0) if exact else 0.0
    up, down = half + epsilon, half - epsilon
    for _ in range(_MOST_STEPS):
        top, bottom = numerator, denominator
        while len(top) > 1:
            score = top - ratio * bottom
            lean_high = score[1::2] > score[0::2]
            weight_low = np.where(lean_high, down, up)
            weight_high = np.where(lean_high, up, down)
            top = weight_low * top[0::2] + weight_high * top[1::2]
            bottom = weight_low * bottom[0::2] + weight_high * bottom[1::2]
        if not bottom[0] > 0:
            raise InputError(f"a probability vanishes at epsilon {epsilon}, so no ratio is bounded")
        improved = top[0] / bottom[0]
        if not improved > ratio:
            return ratio
        ratio = improved
    raise InputError(f"the ratio of two probabilities is not found at epsilon {epsilon}")


class StarTree:
    """Exact bounds on ν(u0)/ν(u) over all ε-SV sources ν, in whole numbers.

    Args:
        table: the setting pair of each word, (2**b,).
        starred: u0.
        epsilon: 0 ≤ ε < ½; rounded up to a multiple of 2^−54, which adds sources.
    """

    def __init__(self, table: NDArray[np.uint8], starred: int, epsilon: float) -> None:
        self._table, self._starred = table, starred
        scaled = Fraction(epsilon) * (1 << _EPSILON_BITS)
        lean = -(-scaled.numerator // scaled.denominator)
        high, low = (1 << _EPSILON_BITS) + 2 * lean, (1 << _EPSILON_BITS) - 2 * lean
        common = gcd(high, low)
        #: Proportional to ½+ε and ½−ε; every level of the tree is scaled by their sum.
        self._high, self._low = high // common, low // common

    @cached_property
    def _star(self) -> list[NDArray[np.object_]]:
        """Largest probability of u0 below every node, scaled, level by level from the leaves."""
        levels = [np.array((self._table == self._starred).astype(int).tolist(), dtype=object)]
        while len(levels[-1]) > 1:
            levels.append(self._step(levels[-1].reshape(-1, 2)))
        return levels

    def _step(self, pairs: NDArray[np.object_]) -> NDArray[np.object_]:
        left, right = pairs[:, 0], pairs[:, 1]
        result = self._high * np.maximum(left, right) + self._low * np.minimum(left, right)
        return np.asarray(result, dtype=object)

    @property
    def most(self) -> Fraction:
        """An upper bound on ν(u0) over all ε-SV sources ν: exact, but for ε being rounded up."""
        return Fraction(int(self._star[-1][0]), (self._high + self._low) ** (len(self._star) - 1))

    def bounds(self, setting: int, ratio: float | Fraction) -> bool:
        """Whether ν(u0) ≤ `ratio`·ν(`setting`) for every ε-SV source ν; `setting` is not u0.

        That is, whether the largest expectation of [word selects u0] − ratio·[word selects u]
        is not positive.  Only the nodes above a word of u depend on u.
        """
        exact = Fraction(ratio)
        nodes = np.flatnonzero(self._table == setting)
        if not nodes.size:
            return False
        values = np.full(len(nodes), -exact.numerator, dtype=object)
        for level in self._star[:-1]:
            parents = np.unique(nodes >> 1)
            pairs = level.reshape(-1, 2)[parents] * exact.denominator
            pairs[np.searchsorted(parents, nodes >> 1), nodes & 1] = values
            nodes, values = parents, self._step(pairs)
        return int(values[0]) <= 0
