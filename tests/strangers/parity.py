"""A stranger's weak source: the parity of a few fair bits."""

from __future__ import annotations

import numpy as np

from protocol.sources.source import Endless, SourceKind
from qdevices.errors import InputError


class ParitySource(Endless):
    def __init__(self, name, width, rng):
        self.name, self._width, self._rng = name, width, rng

    def bits(self, count):
        return (self._rng.integers(0, 2, (count, self._width)).sum(1) % 2).astype(np.uint8)


class ToyKind(SourceKind):
    name = "parity"
    help = "the parity of WIDTH fair bits"
    named_again = None
    argument = "WIDTH"

    def open(self, argument, epsilon, rng, code, offset):
        if not argument.isdecimal() or argument == "0":
            raise InputError(f"source 'parity:{argument}', expected a width from 1")
        return ParitySource(f"parity:{argument}", int(argument), rng)


KIND = ToyKind()
