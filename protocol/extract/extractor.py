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

from protocol.documents.fields import printable
from protocol.extract.bounds import InsufficientError, Source1
from protocol.extract.levels import Levels
from protocol.extract.words import Bits, PackedBits
from qdevices.errors import InputError

Strong = Literal["source1", "source2"]
#: Is told (steps done, steps in all) of one extraction.
Steps = Callable[[int, int], None]


def check_strong(strong: Any) -> Strong:
    """Return `strong` if it names a source.

    Every function that takes one checks it, as all but "source1" would else get the bound for
    "source2", which promises more.

    Raises:
        InputError: anything else.
    """
    if isinstance(strong, str):
        if strong == "source1":
            return "source1"
        if strong == "source2":
            return "source2"
    raise InputError(f"strong in {printable(repr(strong), 60)}, expected 'source1' or 'source2'")


class Extractor(ABC):
    """An extractor with its parameters.

    Attributes:
        method: the kind's name, in documents and on the command line.
        source1: what is known of source 1.
        length2: bits of source 2, at most.
        min_entropy2: min-entropy k₂ of source 2 that the error rests on, bits.
        output_bits: m.
        log2_error: log₂ ξ, the total variation distance at these numbers.
        charges_mass: whether there is a theorem on measures for every form that the kind has: on
            average over side information the distance is at most A·M + Σ_j B(k_j, M_j), A not
            depending on j, M a bound on all mass, and B(k+2λ, M) ≤ 2^−λ·B(k, M) for λ ≥ 0.
    """

    method: ClassVar[str]
    charges_mass: ClassVar[bool] = False
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
    def for_levels(
        cls,
        epsilon: float,
        length2: int,
        output_bits: int,
        levels: Levels,
        log2_wanted: float,
        strong: Strong = "source1",
        source1_bits: int | None = None,
    ) -> Self:
        """The one for exactly `output_bits` that is within 2^log2_wanted, given these measures.

        A kind without a theorem on measures is made by `for_output`, strong in source 1 only.

        Args:
            epsilon: ε of source 1.
            length2: bits of source 2.
            output_bits: m.
            levels: what is known of source 2; `min_entropy2` is the least of it.
            log2_wanted: log₂ of what `log2_distance` of the levels is to be at most.
            strong: which source may become known beside the output.
            source1_bits: bits of source 1; what `source1_bits_for` says unless given.

        Raises:
            InputError: an argument out of range, or bits of source 1 that the kind cannot take.
            InsufficientError: there is none; the message has the arithmetic.
        """
        if check_strong(strong) != "source1":
            raise InsufficientError(
                f"{cls.method} is made for levels strong in source1 only, {strong} was asked for"
            )
        found = cls.for_output(epsilon, length2, output_bits, log2_wanted)
        if source1_bits not in (None, found.source1_bits):
            raise InputError(
                f"source 1 has {source1_bits} bits, {cls.method} expects {found.source1_bits}"
            )
        if (reached := found.log2_distance(levels)) > log2_wanted:
            raise InsufficientError(
                f"{output_bits} bits at error 2^{log2_wanted:g} need {found.min_entropy2:.1f} bits "
                f"of min-entropy in source 2, which has {levels.min_entropy[0]:.1f}: the distance "
                f"is 2^{reached:.1f}"
            )
        return found

    @classmethod
    def source1_bits_for_output(
        cls,
        epsilon: float,
        length2: int,
        output_bits: int,
        levels: Levels,
        log2_wanted: float,
    ) -> int:
        """Fewest bits of source 1 with which `for_levels` finds one strong in source 2.

        A kind that has no choice tries those that `source1_bits_for` says.

        Args:
            epsilon, length2, output_bits, levels, log2_wanted: as in `for_levels`.

        Raises:
            InputError: an argument out of range.
            InsufficientError: no number of bits will do.
        """
        found = cls.for_levels(epsilon, length2, output_bits, levels, log2_wanted, "source2")
        return found.source1_bits

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

    def log2_distance(self, levels: Levels) -> float:
        """log₂ of a bound on the distance, given measures on source 2 for its distribution.

        Total variation distance, averaged over side information, in the form that the extractor is
        strong in; theory 5 has it for each kind that `charges_mass`.

        Args:
            levels: bounds on the measures.

        Returns:
            0 at most.  A kind without a theorem on measures says its error where all levels have
            the min-entropy that it wants, and 0, so nothing, elsewhere.  That takes what theory
            4.4 asks of every kind, that the error holds for a measure of mass 1 or less, and that
            the measures of all levels together are at most 2^−k₀ everywhere, as those of a run are.
        """
        return self.log2_error if levels.min_entropy[0] >= self.min_entropy2 else 0.0

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
