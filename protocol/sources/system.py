"""Bits of the operating system's generator."""

from __future__ import annotations

import os

import numpy as np
from numpy.random import Generator

from protocol.settings.code import SettingCode
from protocol.sources.source import Bits, Endless, SourceKind, check_count


class SystemSource(Endless):
    """The operating system's generator; not reproducible."""

    name = "os"

    def bits(self, count: int) -> Bits:
        """Bits of `os.urandom`."""
        count = check_count(count)
        return np.unpackbits(np.frombuffer(os.urandom(-(-count // 8)), dtype=np.uint8))[:count]


class _Kind(SourceKind):
    """`SystemSource` on the command line."""

    name = "os"
    help = "the operating system's generator, not reproducible"
    named_again = None

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> SystemSource:
        """Open it."""
        return SystemSource()

    def resume(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, start: int
    ) -> SystemSource:
        """Open it: its bits are fresh whatever the position."""
        return SystemSource()


KIND = _Kind()
