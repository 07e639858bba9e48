"""Simulated bits that lean on the one before."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from protocol.sources.source import Bits, Endless, SourceKind, check_count


class MarkovSource(Endless):
    """Each bit repeats the one before with probability ½+ε; the first is fair."""

    name = "markov"

    def __init__(self, epsilon: float, rng: Generator) -> None:
        self._change = 0.5 - check_epsilon(epsilon)
        self._rng = rng
        self._last: int | None = None

    def bits(self, count: int) -> Bits:
        """The next bits of the chain."""
        uniform = self._rng.random(check_count(count))
        flips = (uniform < self._change).astype(np.uint8)
        if count and self._last is None:
            flips[0] = uniform[0] < 0.5
        result: Bits = np.bitwise_xor.accumulate(flips) ^ np.uint8(self._last or 0)
        if count:
            self._last = int(result[-1])
        return result

    def word_probabilities(self, width: int) -> NDArray[np.float64]:
        """The stationary distribution of words."""
        words = np.arange(2**width)
        changes = np.bitwise_count((words ^ (words >> 1)) & (2 ** (width - 1) - 1))
        stay = width - 1 - changes
        return np.asarray(0.5 * self._change**changes * (1 - self._change) ** stay)


class _Kind(SourceKind):
    """`MarkovSource` on the command line."""

    name = "markov"
    help = "every bit leans by ε to the one before"
    named_again = None

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> MarkovSource:
        """Open it."""
        return MarkovSource(epsilon, rng)


KIND = _Kind()
