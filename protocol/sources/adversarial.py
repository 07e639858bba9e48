"""Simulated bits that lean to hurt the protocol."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from protocol.documents.fields import printable
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from protocol.sources.source import Bits, Endless, SourceKind, check_count
from qdevices.arrays import reals
from qdevices.errors import InputError


class StarvingSource(Endless):
    """An ε-SV source that leans every bit so that the words are worth least on average.

    The bit-by-bit lean follows the recursion that gives the least expectation of `worth` (theory
    3); no ε-SV source makes it less, whatever of the past it knows.  After the settings it keeps
    walking the same tree.

    Args:
        epsilon: how much every bit leans, in [0, ½).
        rng: of the bits.
        worth: what each word is worth, (2**bits,) with 1 bit or more.

    Raises:
        InputError: ε out of range, or a worth of another shape or not finite.
    """

    name = "starving"

    def __init__(self, epsilon: float, rng: Generator, worth: ArrayLike) -> None:
        check_epsilon(epsilon)
        self._rng = rng
        value = reals("worth of the words", worth)
        words = value.size
        if (
            value.shape != (words,)
            or words < 2
            or words & (words - 1)
            or not np.isfinite(value).all()
        ):
            raise InputError(
                f"worth of the words is {printable(repr(value), 60)}, expected a finite number "
                "for each word, and a power of two of them from 2 on"
            )
        self._width = words.bit_length() - 1
        self._one = np.full(words, 0.5)  # probability of a 1 at each inner node, heap order
        for level in range(self._width - 1, -1, -1):
            low, high = value[0::2], value[1::2]
            lean = np.sign(low - high)  # towards the smaller value; 0 where it does not matter
            one = 0.5 + epsilon * lean
            self._one[2**level : 2 ** (level + 1)] = one
            value = (1 - one) * low + one * high
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
        """Distribution of the words of its own width; None (uniform) for another width."""
        if width != self._width:
            return None
        words = np.ones(1)
        for level in range(width):
            one = self._one[2**level : 2 ** (level + 1)]
            words = np.stack([words * (1 - one), words * one], axis=1).ravel()
        return words


class AdversarialSource(StarvingSource):
    """An ε-SV source under which the starred setting pair comes up least often.

    It starves the certificate of credited runs.
    """

    name = "adversarial"

    def __init__(self, epsilon: float, rng: Generator, code: SettingCode) -> None:
        super().__init__(epsilon, rng, code.table == code.starred)


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
