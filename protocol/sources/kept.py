"""Bits that a run has used and kept; nobody chooses this source by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocol.sources.source import Bits, check_count
from qdevices.errors import InputError


class KeptBits:
    """Bits that a finished run has used, to extract from its outcomes once more."""

    name = "bits kept with the run"

    def __init__(self, bits: Bits) -> None:
        self._bits = bits

    def bits(self, count: int) -> Bits:
        """The first `count` of them, the same at every call."""
        if check_count(count) > len(self._bits):
            raise InputError(f"{count} bits asked for, {len(self._bits)} were kept with the run")
        return self._bits[:count]

    def expect(self, total: int) -> None:
        """Nothing to check before they are asked for."""

    def claim(self, total: int) -> None:
        """Nothing to claim: they are used already, for this."""

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Not asked for after the plan is made."""
        return None
