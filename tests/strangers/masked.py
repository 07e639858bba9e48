"""A stranger's extractor: one bit, the inner product of both sources over GF(2).

Its error is ½·2^{(n+1−k₁−k₂)/2} (Chor and Goldreich 1988; Lindsey's lemma), strong in either
source, k₁ the collision entropy of source 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from protocol.documents.fields import Fields
from protocol.extract.bounds import InsufficientError, Source1
from protocol.extract.extractor import Extractor, Steps, Strong
from protocol.extract.words import Bits, PackedBits, as_words, check_independent, unpack
from qdevices.errors import InputError

#: What a claimed error may lie below the theorem's, in log₂: the rounding of other machines.
_TOLERANCE = 1e-9


def log2_error(source1: Source1, min_entropy2: float) -> float:
    """log₂ of the error of one bit, from both sources' entropies."""
    return (source1.bits + 1 - source1.collision_entropy() - min_entropy2) / 2 - 1


@dataclass(frozen=True)
class Masked(Extractor):
    """The inner product of two strings of n bits.

    Attributes:
        source1: what is known of source 1, n bits.
        length2: n.
        min_entropy2: min-entropy of source 2, padded with zeros to n bits.
        output_bits: 1.
        log2_error: log₂ ξ at these numbers.

    Raises:
        InputError: other numbers of bits, or an error below the theorem's.
    """

    method = "masked"

    source1: Source1
    length2: int
    min_entropy2: float
    output_bits: int
    log2_error: float

    def __post_init__(self) -> None:
        if self.output_bits != 1 or self.source1.bits != self.length2:
            raise InputError(
                f"{self.output_bits} bits from {self.source1.bits} and {self.length2}, expected 1 "
                "from equally many"
            )
        if self.log2_error < log2_error(self.source1, self.min_entropy2) - _TOLERANCE:
            raise InputError(f"an error of 2^{self.log2_error} is claimed, it is larger")

    @property
    def source1_bits(self) -> int:
        """As many as of source 2."""
        return self.source1.bits

    @property
    def title(self) -> str:
        """Its name in the literature."""
        return "inner product"

    def describe(self) -> tuple[str, ...]:
        """It has no parameters of its own."""
        return ()

    def strong_in(self, source: Strong) -> bool:
        """In either, says the lemma."""
        return True

    def to_json(self) -> dict[str, Any]:
        """What does not follow from the rest."""
        return {
            "method": self.method,
            "source1": self.source1.to_json(),
            "min_entropy2": self.min_entropy2,
            "log2_error": self.log2_error,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Masked:
        """Inverse of `to_json`."""
        entries = Fields(data, "the inner product")
        entries.choice("method", cls.method)
        source1 = Source1.from_json(entries.any("source1"))
        k2, error = entries.number("min_entropy2", 0), entries.number("log2_error")
        entries.done()
        return cls(source1, source1.bits, k2, 1, error)

    @classmethod
    def source1_bits_for(cls, length2: int, available: int | None = None) -> int:
        """As many as of source 2."""
        if available is not None and available < length2:
            raise InputError(f"source 1 has {available} bits, expected {length2}")
        return length2

    @classmethod
    def for_output(
        cls, epsilon: float, length2: int, output_bits: int, log2_wanted: float
    ) -> Masked:
        """The one with the least min-entropy of source 2, for one bit."""
        source1 = Source1(length2, epsilon=epsilon)
        least = max(0.0, length2 - 1 - source1.collision_entropy() - 2 * log2_wanted)
        if output_bits != 1 or least > length2:
            raise InsufficientError(f"{output_bits} bits at 2^{log2_wanted} cannot be had")
        return cls(source1, length2, least, 1, min(log2_error(source1, least), log2_wanted))

    @classmethod
    def largest(
        cls,
        source1: Source1,
        length2: int,
        min_entropy2: float,
        log2_wanted: float,
        *,
        strong: Strong = "source1",
        output_bits: int | None = None,
    ) -> Masked:
        """The one bit, whichever source may become known, if its error is as small as wanted."""
        reached = log2_error(source1, min_entropy2)
        if output_bits not in (None, 1) or reached > log2_wanted:
            raise InsufficientError(
                f"{output_bits or 1} bits at 2^{log2_wanted} cannot be had, but 1 at 2^{reached}"
            )
        return cls(source1, length2, min_entropy2, 1, reached)

    def extract(
        self,
        source1: ArrayLike | PackedBits,
        source2: ArrayLike | PackedBits,
        progress: Steps | None = None,
    ) -> Bits:
        """The one bit: the parity of the places where both sources have a 1."""
        first, bits1 = as_words(source1, "source 1")
        second, bits2 = as_words(source2, "source 2")
        if bits1 != self.source1_bits or bits2 > self.length2:
            raise InputError(
                f"the sources have {bits1} and {bits2} bits, expected {self.source1_bits} and at "
                f"most {self.length2}"
            )
        check_independent(first, bits1, second, bits2)
        both = unpack(first[: len(second)] & second, bits2)
        if progress is not None:
            progress(1, 1)
        return np.array([int(both.sum()) % 2], dtype=np.uint8)
