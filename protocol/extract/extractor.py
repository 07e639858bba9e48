"""What a two-source extractor has to be: parameters that are fixed before, and the extraction.

A kind is a frozen dataclass of its parameters that checks itself when it is built, in a file of its
own with the theorem that it rests on, and is entered in `kinds`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Self

from numpy.typing import ArrayLike

from protocol.extract.bounds import Source1
from protocol.extract.words import Bits, PackedBits

Strong = Literal["source1", "source2"]
#: Is told (steps done, steps in all) of one extraction.
Steps = Callable[[int, int], None]


class Extractor(ABC):
    """An extractor with its parameters.

    Attributes:
        method: the kind's name, in documents and on the command line.
        source1: what is known of source 1.
        length2: bits of source 2, at most.
        min_entropy2: min-entropy k₂ of source 2 that the error rests on, bits.
        output_bits: m.
        log2_error: log₂ ξ, the total variation distance at these numbers.
    """

    method: ClassVar[str]
    source1: Source1
    length2: int
    min_entropy2: float
    output_bits: int
    log2_error: float

    @property
    @abstractmethod
    def source1_bits(self) -> int:
        """Bits of source 1 that one extraction takes."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a few words."""

    @abstractmethod
    def describe(self) -> tuple[str, ...]:
        """The parameters that are its own, a line each, for people."""

    @abstractmethod
    def strong_in(self, source: Strong) -> bool:
        """Whether this source may become known beside the output without harm."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """A plain dictionary with its "method", from which `from_json` restores it."""

    @classmethod
    @abstractmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`.

        Raises:
            InputError: missing, unknown or unusable entries, or an error below the theorem's.
        """

    @classmethod
    @abstractmethod
    def source1_bits_for(cls, length2: int, available: int | None = None) -> int:
        """Bits of source 1 that go with `length2` bits of source 2.

        Args:
            length2: bits of source 2.
            available: bits of source 1 that there are; as many as are wanted unless given.

        Raises:
            InputError: there are too few.
        """

    @classmethod
    @abstractmethod
    def for_output(cls, epsilon: float, length2: int, output_bits: int, log2_wanted: float) -> Self:
        """The one with the least min-entropy of source 2, strong in an ε-SV source 1.

        Args:
            epsilon: ε of source 1, which is as long as `source1_bits_for` says.
            length2: bits of source 2.
            output_bits: m.
            log2_wanted: log₂ of the wanted error.

        Raises:
            InputError: an argument out of range, or no min-entropy of source 2 suffices.
        """

    @classmethod
    @abstractmethod
    def largest(
        cls,
        source1: Source1,
        length2: int,
        min_entropy2: float,
        log2_wanted: float,
        *,
        strong: Strong = "source1",
        output_bits: int | None = None,
    ) -> Self:
        """The one with the largest output for given sources, or with the output asked for.

        Args:
            source1: what is known of source 1.
            length2: bits of source 2.
            min_entropy2: its min-entropy k₂.
            log2_wanted: log₂ of the wanted error.
            strong: which source may become known beside the output.
            output_bits: m; the largest unless given.

        Raises:
            InputError: an argument out of range.
            InsufficientError: not that many bits, or not even one, can be extracted; the message
                has the arithmetic.
        """

    def min_entropy2_of_parts(self) -> float:
        """Least min-entropy of a part of the outcomes for the theorem on redraws, bits.

        At that k a measure of mass μ on source 2 adds at most ξ·(μ/2 + √μ) to the distance
        (`protocol.run.redraws`).

        Returns:
            inf unless the kind has a theorem that says so; then no redraw can be paid for.
        """
        return math.inf

    @abstractmethod
    def extract(
        self,
        source1: ArrayLike | PackedBits,
        source2: ArrayLike | PackedBits,
        progress: Steps | None = None,
    ) -> Bits:
        """The m output bits, (m,) uint8.

        Args:
            source1: its bits, an array of 0 and 1 or `PackedBits`.
            source2: likewise, at most `length2` bits.
            progress: is told (steps done, steps in all).

        Raises:
            InputError: a wrong length, entries other than 0 and 1, or one string as both sources.
        """
