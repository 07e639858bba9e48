"""A stranger's weak source: the parity of a few fair bits."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from protocol.settings.code import SettingCode
from protocol.sources.source import Bits, Endless, SourceKind
from qdevices.errors import InputError


class ParitySource(Endless):
    """Each bit is the parity of `width` fair bits.

    Attributes:
        name: the text that selects it.
    """

    def __init__(self, name: str, width: int, rng: Generator) -> None:
        self.name, self._width, self._rng = name, width, rng

    def bits(self, count: int) -> Bits:
        """The same bits however the requests are cut, as each takes `width` draws."""
        drawn = self._rng.integers(0, 2, (count, self._width))
        return np.asarray(drawn.sum(axis=1) % 2, dtype=np.uint8)


class ToyKind(SourceKind):
    """`ParitySource` on the command line."""

    name = "parity"
    help = "the parity of WIDTH fair bits"
    named_again = None
    argument = "WIDTH"

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> ParitySource:
        """Read the width."""
        if not argument.isdecimal() or argument == "0":
            raise InputError(f"source 'parity:{argument}', expected a width from 1")
        return ParitySource(f"parity:{argument}", int(argument), rng)


KIND = ToyKind()
