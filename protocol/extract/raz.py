"""Raz's two-source extractor in its efficient form; its error is that of `raz_bounds`.

Given levels of min-entropy its distance is that of `raz_levels`.

Source 1 is 2r bits (x₁, x₂), source 2 a string y of at most r bits, padded with zeros, all seen as
elements of GF(2^r).  Output: the m lowest coefficients of

    f(x, y) = x₂·P(x₁y),    P(z) = Σ_{i<2^l} z^i = Π_{j<l} (1 + z^{2^j}),

l products and l squarings.  (Raz, STOC 2005; in this form Foreman, Wooltorton, Milner, Curchod,
arXiv:2506.15547.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from protocol.documents.fields import Fields
from protocol.extract import raz_levels
from protocol.extract.arguments import real, whole
from protocol.extract.bounds import (
    MOST_BITS,
    InsufficientError,
    Source1,
    check_claim,
    check_error,
    check_min_entropy,
)
from protocol.extract.extractor import Extractor, Steps, Strong, check_strong
from protocol.extract.fields import Field, field_of_degree, smallest_field
from protocol.extract.levels import Levels
from protocol.extract.multiply import Backend
from protocol.extract.raz_bounds import (
    check_output,
    check_source1,
    least_levels,
    least_min_entropy2,
    log2_error,
    min_entropy2_of_parts,
    out_of_reach,
)
from protocol.extract.words import (
    Bits,
    PackedBits,
    Words,
    as_words,
    check_independent,
    shifted_down,
    truncate,
    unpack,
)
from qdevices.errors import InputError

MOST_LEVELS = 62


@dataclass(frozen=True)
class Raz(Extractor):
    """The extractor with its parameters, fixed before it is used.

    Attributes:
        field: GF(2^r).
        source1: what is known of source 1, 2r bits.
        length2: bits of source 2, at most r.
        min_entropy2: min-entropy k₂ of source 2 that the error rests on, bits.
        output_bits: m.
        log2_error: log₂ ξ, the error at these numbers.
        moment: p.
        levels: l.
        strong: which source may become known beside the output without harm.

    Raises:
        InputError: numbers that do not fit together, or an error below the theorem's.
    """

    method = "raz"
    charges_mass = True

    field: Field
    source1: Source1
    length2: int
    min_entropy2: float
    output_bits: int
    log2_error: float
    moment: int
    levels: int
    strong: Strong = "source1"

    def __post_init__(self) -> None:
        plain: dict[str, Any] = {
            "output_bits": check_output(self.field, self.output_bits),
            "length2": _check_length2(self.field, self.length2),
            "log2_error": real("log2 of the error", self.log2_error),
            "moment": whole("p", self.moment),
            "levels": whole("l", self.levels),
        }
        plain["min_entropy2"] = check_min_entropy("source 2", self.min_entropy2, plain["length2"])
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        check_source1(self.field, self.source1)
        check_strong(self.strong)
        if not 1 <= self.levels <= MOST_LEVELS:
            raise InputError(f"l = {self.levels} is outside 1..{MOST_LEVELS}")
        check_claim(
            self.log2_error,
            log2_error(
                self.field, self.source1, self.min_entropy2, self.output_bits, self.moment,
                self.levels, self.strong,
            ),
        )  # fmt: skip

    @property
    def degree(self) -> int:
        """r."""
        return self.field.degree

    @property
    def source1_bits(self) -> int:
        """2r."""
        return 2 * self.field.degree

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, from which `from_json` restores it."""
        return {
            "method": "raz",
            "field": self.field.to_json(),
            "source1": self.source1.to_json(),
            "length2": self.length2,
            "min_entropy2": self.min_entropy2,
            "output_bits": self.output_bits,
            "log2_error": self.log2_error,
            "moment": self.moment,
            "levels": self.levels,
            "strong": self.strong,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Raz:
        """Inverse of `to_json`.

        Raises:
            InputError: missing or unusable entries.
        """
        # What the numbers have to be to one another is checked as the plan is built.
        entries = Fields(data, "the extractor")
        entries.choice("method", "raz")
        found = cls(
            field=Field.from_json(entries.any("field")),
            source1=Source1.from_json(entries.any("source1")),
            length2=entries.integer("length2", -MOST_BITS, MOST_BITS),
            min_entropy2=entries.number("min_entropy2", -MOST_BITS, MOST_BITS),
            output_bits=entries.integer("output_bits", -MOST_BITS, MOST_BITS),
            log2_error=entries.number("log2_error"),
            moment=entries.integer("moment", 0, 1 << MOST_LEVELS),
            levels=entries.integer("levels", -MOST_BITS, MOST_BITS),
            strong=cast(Strong, entries.choice("strong", "source1", "source2")),
        )
        entries.done()
        return found

    @classmethod
    def source1_bits_for(cls, length2: int, available: int | None = None) -> int:
        """2r, r the degree of the smallest field that holds source 2."""
        bits = 2 * smallest_field(length2).degree
        if available is not None and whole("bits of source 1", available) < bits:
            raise InputError(
                f"source 1 has {available} bits, Raz needs 2r = {bits} for the {length2} bits of "
                "source 2"
            )
        return bits

    def strong_in(self, source: Strong) -> bool:
        """Whether this source may become known beside the output."""
        return self.strong == check_strong(source)

    def describe(self) -> tuple[str, ...]:
        """The parameters that are its own, a line each."""
        return (f"field     {self.field}; p = {self.moment}, l = {self.levels}",)

    @property
    def title(self) -> str:
        """Its name with the field."""
        return f"Raz over GF(2^{self.degree})"

    @classmethod
    def for_output(cls, epsilon: float, length2: int, output_bits: int, log2_wanted: float) -> Raz:
        """The one with the least min-entropy of source 2 for exactly `output_bits`, source 1 ε-SV.

        Args:
            epsilon: ε of source 1.
            length2: bits of source 2; the field is the smallest that fits.
            output_bits: m.
            log2_wanted: log₂ of the wanted error.

        Raises:
            InputError: an argument out of range, or no min-entropy of source 2 suffices.
        """
        field = smallest_field(length2)
        source1 = Source1(2 * field.degree, epsilon=epsilon)
        return cls.for_field(field, source1, length2, output_bits, log2_wanted)

    @classmethod
    def for_field(
        cls,
        field: Field,
        source1: Source1,
        length2: int,
        output_bits: int,
        log2_wanted: float,
        strong: Strong = "source1",
    ) -> Raz:
        """The extractor with the least k₂ for `output_bits` over a given field and source 1.

        Raises:
            InputError: an argument out of range, or no min-entropy of source 2 suffices.
        """
        check_strong(strong)
        log2_wanted = check_error(log2_wanted)
        output_bits = check_output(field, output_bits)
        length2 = _check_length2(field, length2)
        check_source1(field, source1)
        k2, p, levels = least_min_entropy2(field, source1, output_bits, log2_wanted, strong)
        if k2 > length2:
            raise InsufficientError(
                f"{output_bits} bits at error 2^{log2_wanted:g} need {k2:.1f} bits of min-entropy "
                f"in source 2, which has {length2} bits"
                if math.isfinite(k2)
                else out_of_reach(field, source1, output_bits, log2_wanted)
            )
        return cls(
            field,
            source1,
            length2,
            k2,
            output_bits,
            log2_error(field, source1, k2, output_bits, p, levels, strong),
            p,
            levels,
            strong,
        )

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
    ) -> Raz:
        """The one with the best p given these measures; see `Extractor.for_levels`.

        Args:
            epsilon, length2, output_bits, levels, log2_wanted, strong: see there.
            source1_bits: 2r, r the degree of a field that holds source 2; the smallest's unless
                given.

        Raises:
            InputError: an argument out of range, or no such field.
            InsufficientError: the distance is above what is wanted; the message has the arithmetic.
        """
        check_strong(strong)
        log2_wanted = check_error(log2_wanted)
        if source1_bits is None:
            field = smallest_field(length2)
        else:
            r, odd = divmod(whole("bits of source 1", source1_bits), 2)
            if odd:
                raise InputError(f"source 1 has {source1_bits} bits, expected 2r, an even number")
            field = field_of_degree(r)
        length2 = _check_length2(field, length2)
        output_bits = check_output(field, output_bits)
        source1 = Source1(2 * field.degree, epsilon=epsilon)
        known = field, source1, output_bits, levels
        p = raz_levels.best_moment(*known, log2_wanted, strong)
        l = int(least_levels(p))  # noqa: E741
        if raz_levels.log2_distance(*known, p, l, strong) > log2_wanted:
            raise InsufficientError(raz_levels.why_not(*known, log2_wanted, p, strong))
        k2 = min(float(levels.min_entropy[0]), float(length2))
        # A sole level's error may be above 1 where its mass is small; 1 needs no proof.
        error = min(0.0, log2_error(field, source1, k2, output_bits, p, l, strong))
        return cls(field, source1, length2, k2, output_bits, error, p, l, strong)

    @classmethod
    def source1_bits_for_output(
        cls,
        epsilon: float,
        length2: int,
        output_bits: int,
        levels: Levels,
        log2_wanted: float,
    ) -> int:
        """The least 2r with which `for_levels` finds one strong in source 2.

        A larger field than source 2 needs gives more output, which is limited by source 1 there:
        m < r − 2(log₂(1/ξ) + log₂‖D‖₂) at p = 2.

        Args:
            epsilon, length2, output_bits, levels, log2_wanted: as in `for_levels`.

        Raises:
            InputError: an argument out of range.
            InsufficientError: no field will do; the message says which min-entropy would.
        """
        length2, output_bits = whole("bits of source 2", length2), whole("output bits", output_bits)
        if length2 < 1 or output_bits < 1:
            raise InputError(
                f"{output_bits} output bits from {length2} bits of source 2, expected 1 or more"
            )
        log2_wanted = check_error(log2_wanted)
        field = raz_levels.least_field(epsilon, length2, output_bits, levels, log2_wanted)
        return 2 * field.degree

    @classmethod
    def largest(
        cls,
        source1: Source1 | None,
        length2: int,
        min_entropy2: float,
        log2_wanted: float,
        *,
        epsilon: float | None = None,
        field: Field | None = None,
        strong: Strong = "source1",
        output_bits: int | None = None,
    ) -> Raz:
        """The one with the largest output for given sources, or with the output asked for.

        Args:
            source1: what is known of source 1; its `bits` must be twice the field's degree.  None
                with `epsilon` takes an ε-SV source as long as the field wants.
            length2: bits of source 2.
            min_entropy2: its min-entropy k₂.
            log2_wanted: log₂ of the wanted error.
            epsilon: see `source1`.
            field: the smallest that fits `length2` unless given.
            strong: which source may become known beside the output.
            output_bits: m; the largest unless given.

        Raises:
            InputError: an argument out of range.
            InsufficientError: not that many bits, or not even one, can be extracted; the message
                has the arithmetic.
        """
        check_strong(strong)
        log2_wanted = check_error(log2_wanted)
        field = smallest_field(length2) if field is None else field
        length2 = _check_length2(field, length2)
        min_entropy2 = check_min_entropy("source 2", min_entropy2, length2)
        if source1 is None:
            source1 = Source1(2 * field.degree, epsilon=epsilon)
        elif epsilon is not None:
            raise InputError(
                f"epsilon {epsilon} is given beside {source1}, expected one of the two"
            )
        check_source1(field, source1)

        def needed(m: int) -> float:
            return least_min_entropy2(field, source1, m, log2_wanted, strong)[0]

        wanted = check_output(field, 1 if output_bits is None else output_bits)
        if (least := needed(wanted)) > min_entropy2:
            raise InsufficientError(
                f"{wanted} bits cannot be extracted: at error 2^{log2_wanted:g} over {field} they "
                f"need {least:.1f} bits of min-entropy in source 2, it has {min_entropy2:.1f}"
                if math.isfinite(least)
                else out_of_reach(field, source1, wanted, log2_wanted)
            )
        low, high = wanted, wanted + 1 if output_bits is not None else field.degree + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if needed(middle) <= min_entropy2 else (low, middle)
        _, p, levels = least_min_entropy2(field, source1, low, log2_wanted, strong)
        reached = log2_error(field, source1, min_entropy2, low, p, levels, strong)
        return cls(field, source1, length2, min_entropy2, low, reached, p, levels, strong)

    def log2_distance(self, levels: Levels) -> float:
        """log₂ of the bound of `raz_levels` at this p; see `Extractor.log2_distance`."""
        return raz_levels.log2_distance(
            self.field, self.source1, self.output_bits, levels, self.moment, self.levels,
            self.strong,
        )  # fmt: skip

    def min_entropy2_of_parts(self) -> float:
        """Least k of the corollary on measures; inf where it says nothing, strong in source 2."""
        if self.strong != "source1":
            return math.inf
        return min_entropy2_of_parts(
            self.field, self.source1, self.output_bits, self.log2_error, self.moment, self.levels
        )

    def extract(
        self,
        source1: ArrayLike | PackedBits,
        source2: ArrayLike | PackedBits,
        progress: Steps | None = None,
        backend: Backend | None = None,
    ) -> Bits:
        """The m output bits.

        Args:
            source1: 2r bits, x₁ first: an array of 0 and 1, or `PackedBits`.
            source2: likewise, at most `length2` bits; shorter strings are padded with zeros (k₂
                is the min-entropy of the padded string, so the length should not be random).
            progress: is told (steps done, steps in all).
            backend: way of multiplication; the fastest unless given.

        Raises:
            InputError: a wrong length, entries other than 0 and 1, or one string as both sources.
        """
        first, bits1 = as_words(source1, "source 1")
        second, bits2 = as_words(source2, "source 2")
        field, r = self.field, self.degree
        if bits1 != 2 * r:
            raise InputError(f"source 1 has {bits1} bits, expected 2r = {2 * r}")
        if bits2 > self.length2:
            raise InputError(f"source 2 has {bits2} bits, expected at most {self.length2}")
        check_independent(first, bits1, second, bits2)

        def element(words: Words) -> Words:
            return truncate(words, field.ring_bits)  # in as many words as the ring takes

        power = field.multiply(element(truncate(first, r)), element(second), backend)
        result = element(shifted_down(first, r))
        for level in range(self.levels):
            power[0] ^= np.uint64(1)  # 1 + z^{2^j}, only for this product
            result = field.multiply(result, power, backend)
            power[0] ^= np.uint64(1)
            if level + 1 < self.levels:
                power = field.square(power)
            if progress is not None:
                progress(level + 1, self.levels)
        return unpack(field.canonical(result), self.output_bits)


def _check_length2(field: Field, length2: Any) -> int:
    bits = whole("bits of source 2", length2)
    if not 1 <= bits <= field.degree:
        raise InputError(f"source 2 has {bits} bits, expected 1..{field.degree} for this field")
    return bits
