"""Simulated bits that lean to 1, each as much as the next."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from protocol.sources.source import Bits, Endless, SourceKind, check_count


class BiasedSource(Endless):
    """Independent bits that are 1 with probability ½+ε."""

    name = "bias"

    def __init__(self, epsilon: float, rng: Generator) -> None:
        self._one = 0.5 + check_epsilon(epsilon)
        self._rng = rng

    def bits(self, count: int) -> Bits:
        """Bits that are 1 with probability ½+ε."""
        return (self._rng.random(check_count(count)) < self._one).astype(np.uint8)

    def word_probabilities(self, width: int) -> NDArray[np.float64]:
        """The product distribution."""
        words = np.ones(1)
        for _ in range(width):
            words = np.concatenate([words * (1 - self._one), words * self._one])
        # Built with the last bit most significant; a product does not mind the order of bits.
        return words


class _Kind(SourceKind):
    """`BiasedSource` on the command line."""

    name = "bias"
    help = "every bit leans to 1 by ε"
    named_again = None

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> BiasedSource:
        """Open it."""
        return BiasedSource(epsilon, rng)


KIND = _Kind()
