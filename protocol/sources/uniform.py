"""Fair simulated bits."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from protocol.settings.code import SettingCode
from protocol.sources.source import Bits, Endless, SourceKind, check_count


class UniformSource(Endless):
    """Fair simulated bits, whatever ε is declared of them."""

    name = "uniform"

    def __init__(self, rng: Generator) -> None:
        self._rng = rng

    def bits(self, count: int) -> Bits:
        """Fair bits."""
        return (self._rng.random(check_count(count)) < 0.5).astype(np.uint8)


class _Kind(SourceKind):
    """`UniformSource` on the command line."""

    name = "uniform"
    help = "fair bits, whatever ε is declared of them"
    named_again = None

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> UniformSource:
        """Open it."""
        return UniformSource(rng)


KIND = _Kind()
