"""Simulated bits that lean to hurt the protocol."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from protocol.sources.source import Bits, Endless, SourceKind, check_count


class AdversarialSource(Endless):
    """An ε-SV source that leans every bit so that the starred setting pair comes up least often.

    It starves the certificate of credited runs: the bit-by-bit lean follows the recursion that
    gives the least probability of u0 (theory 3).  After the settings it keeps walking the same
    tree.
    """

    name = "adversarial"

    def __init__(self, epsilon: float, rng: Generator, code: SettingCode) -> None:
        check_epsilon(epsilon)
        self._rng = rng
        value = (code.table == code.starred).astype(np.float64)
        self._one = np.full(len(value), 0.5)  # probability of a 1 at each inner node, heap order
        for level in range(code.bits_per_run - 1, -1, -1):
            low, high = value[0::2], value[1::2]
            lean = np.sign(low - high)  # towards the smaller value; 0 where it does not matter
            one = 0.5 + epsilon * lean
            self._one[2**level : 2 ** (level + 1)] = one
            value = (1 - one) * low + one * high
        self._width = code.bits_per_run
        self._rest: Bits = np.empty(0, dtype=np.uint8)

    def bits(self, count: int) -> Bits:
        """The next bits; whole words are drawn and what is left over is kept."""
        count = check_count(count)
        missing = max(0, count - len(self._rest))
        words = -(-missing // self._width)
        uniform = self._rng.random((words, self._width))
        node = np.ones(words, dtype=np.int64)
        drawn = np.empty((words, self._width), dtype=np.uint8)
        for position in range(self._width):
            drawn[:, position] = uniform[:, position] < self._one[node]
            node = 2 * node + drawn[:, position]
        stock = np.concatenate([self._rest, drawn.ravel()])
        self._rest = stock[count:]
        return stock[:count]

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Distribution of the words of its own code; None (uniform) for another width."""
        if width != self._width:
            return None
        words = np.ones(1)
        for level in range(width):
            one = self._one[2**level : 2 ** (level + 1)]
            words = np.stack([words * (1 - one), words * one], axis=1).ravel()
        return words


class _Kind(SourceKind):
    """`AdversarialSource` on the command line."""

    name = "adversarial"
    help = "every bit leans by ε to make the starred setting pair rare"
    named_again = None

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> AdversarialSource:
        """Open it."""
        return AdversarialSource(epsilon, rng, code)


KIND = _Kind()
