"""The two-source extractor of Dodis, Elbaz, Oliveira and Raz with cyclic-shift matrices.

Two sources of n bits each, n an Artin prime; output bit i is y·A_i x, A_i the cyclic shift by i,
so all m bits are the first coefficients of one cyclic correlation, Σ_j x_{j−i} y_j.
(APPROX/RANDOM 2004; the cyclic matrices are those of its Section 3.2.)

Theorem.  With collision entropies H₂(X), H₂(Y) (min-entropies are less), m < n, independent
sources:

    log₂ ξ = ½·(log₂(1.5·2^m − 2) + n − H₂(X) − H₂(Y)) − 1,

ξ the distance of (output, x) from (uniform, x) and, the roles exchanged, of (output, y) too; so
m ≤ H₂(X) + H₂(Y) − n + 3 − log₂3 − 2·log₂(1/ξ) will do.
Proof.  The sum M of a nonempty set of the A_i, i < m, is the circulant of a polynomial s ≠ 0 of
degree below n−1, whose greatest common divisor with t^n−1 = (t−1)(1+…+t^{n−1}) is 1 or t−1, the
second factor being irreducible: t−1 if the set is even, as then s(1) = 0, and 1 if it is odd.  So M
has rank n−1 or n, and is at most two to one on x: Σ_x b_M(x)² ≤ 2^{n−rank}·Σ_z ŷ(z)² =
2^{n−rank}·2^n·2^{−H₂(Y)} for b_M(x) = |E_y(−1)^{yMx}|.  Of the sets 2^{m−1} are odd and 2^{m−1} − 1
even and not empty: Σ_M 2^{n−rank} = 2^{m−1} + 2·(2^{m−1} − 1) = 1.5·2^m − 2.  The distance is at
most E_x ½(Σ_M b_M(x)²)^{1/2} (Parseval), which by Cauchy-Schwarz is at most
½·2^{−H₂(X)/2}·((1.5·2^m − 2)·2^{n−H₂(Y)})^{1/2}.  The transposed A_i are cyclic shifts too.  ∎

Corollary (measures on average).  For measures ν_{c,j} ≤ 2^{−k_j} on source 2 of mass M_j or less on
average over c the distance of Σ_j ν_{c,j}, strong in either source, is on average at most
Σ_j B(k_j, M_j), B(k, M) = ξ·√M with ξ at H₂(Y) = k; and B(k+2λ, M) = 2^−λ·B(k, M).
Proof.  The distance is a seminorm of the measure.  For one of them and one c, of mass μ, 2^{−H₂(Y)}
becomes Σ_y ν(y)² ≤ μ·2^{−k} in both forms: strong in source 1 as above; strong in source 2 the
distance is at most Σ_y ν(y)·½(Σ_M v_M(y)²)^{1/2}, v_M(y) = |E_x(−1)^{yMx}|, and by Cauchy-Schwarz
½·(Σ_y ν²)^{1/2}·(Σ_M Σ_y v_M²)^{1/2}, where the last sum is at most (1.5·2^m − 2)·2^{n−H₂(X)} as
before.  The root is concave, so the mean of √μ is at most √M.  ∎

An ε-SV source has H₂ ≥ n·(1 − log₂(1+4ε²)), more than its min-entropy n·(1 − log₂(1+2ε)).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from protocol.documents.fields import Fields
from protocol.extract.arguments import real, whole
from protocol.extract.bounds import (
    MOST_BITS,
    InsufficientError,
    Source1,
    check_claim,
    check_error,
    check_min_entropy,
    log2_sum,
)
from protocol.extract.extractor import Extractor, Steps, Strong, check_strong
from protocol.extract.fields import LARGEST_DEGREE, is_artin_prime, next_all_one
from protocol.extract.levels import Levels
from protocol.extract.multiply import Backend, multiply
from protocol.extract.words import (
    Bits,
    PackedBits,
    as_words,
    check_independent,
    pack,
    shifted_down,
    truncate,
    unpack,
)
from qdevices.errors import InputError


@dataclass(frozen=True)
class Dodis(Extractor):
    """The extractor with its parameters, fixed before it is used.

    Attributes:
        length: n, an Artin prime; shorter strings are padded with zeros.
        source1: what is known of source 1.
        length2: bits of source 2.
        min_entropy2: min-entropy of source 2 that the error rests on, bits.
        output_bits: m.
        log2_error: log₂ ξ, the error at these numbers, strong in either source.

    Raises:
        InputError: numbers that do not fit together, or an error below the theorem's.
    """

    method = "dodis"
    charges_mass = True

    length: int
    source1: Source1
    length2: int
    min_entropy2: float
    output_bits: int
    log2_error: float

    def __post_init__(self) -> None:
        n = _check_length(self.length, max(self.source1.bits, _check_length2(self.length2)))
        plain: dict[str, Any] = {
            "length": n,
            "length2": _check_length2(self.length2),
            "output_bits": _check_output(n, self.output_bits),
            "log2_error": real("log2 of the error", self.log2_error),
        }
        plain["min_entropy2"] = check_min_entropy("source 2", self.min_entropy2, plain["length2"])
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        check_claim(
            self.log2_error, log2_error(n, self.source1, self.min_entropy2, self.output_bits)
        )

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, from which `from_json` restores it."""
        return {
            "method": "dodis",
            "length": self.length,
            "source1": self.source1.to_json(),
            "length2": self.length2,
            "min_entropy2": self.min_entropy2,
            "output_bits": self.output_bits,
            "log2_error": self.log2_error,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Dodis:
        """Inverse of `to_json`.

        Raises:
            InputError: missing or unusable entries.
        """
        entries = Fields(data, "the extractor")
        entries.choice("method", "dodis")
        found = cls(
            entries.integer("length", 1, MOST_BITS),
            Source1.from_json(entries.any("source1")),
            entries.integer("length2", 0, MOST_BITS),
            entries.number("min_entropy2", -MOST_BITS, MOST_BITS),
            entries.integer("output_bits", -MOST_BITS, MOST_BITS),
            entries.number("log2_error"),
        )
        entries.done()
        return found

    @property
    def source1_bits(self) -> int:
        """Bits of source 1."""
        return self.source1.bits

    @classmethod
    def source1_bits_for(cls, length2: int, available: int | None = None) -> int:
        """All that there is of source 1, or as many bits as source 2 has."""
        bits2 = _check_length2(length2)
        return bits2 if available is None else whole("bits of source 1", available)

    def strong_in(self, source: Strong) -> bool:
        """Whether this source may become known beside the output: either of them."""
        return bool(check_strong(source))

    def describe(self) -> tuple[str, ...]:
        """The parameters that are its own, a line each."""
        return (f"length    {self.length:,}",)

    @property
    def title(self) -> str:
        """Its name with the length."""
        return f"Dodis et al. of length {self.length:,}"

    @classmethod
    def for_output(
        cls, epsilon: float, length2: int, output_bits: int, log2_wanted: float
    ) -> Dodis:
        """The one with the least min-entropy of source 2; see `Extractor.for_output`."""
        length2 = _check_length2(length2)
        source1 = Source1(length2, epsilon=epsilon)
        length = smallest_length(length2)
        least = least_min_entropy2(length, source1, output_bits, log2_wanted)
        if least > length2:
            raise InsufficientError(
                f"{output_bits} bits at error 2^{log2_wanted:g} need {least:.1f} bits of "
                f"min-entropy in source 2, which has {length2} bits"
            )
        reached = log2_error(length, source1, least, output_bits)
        return cls(length, source1, length2, least, output_bits, min(reached, log2_wanted))

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
    ) -> Dodis:
        """The one of the least length, strong in either; see `Extractor.for_levels`."""
        check_strong(strong)
        log2_wanted = check_error(log2_wanted)
        length2 = _check_length2(length2)
        source1 = Source1(length2 if source1_bits is None else source1_bits, epsilon=epsilon)
        n = smallest_length(max(source1.bits, length2))
        output_bits = _check_output(n, output_bits)
        reached = _log2_distance(n, source1, output_bits, levels)
        if reached > log2_wanted:
            raise InsufficientError(
                f"{output_bits} bits cannot be extracted: the distance of Dodis et al. of length "
                f"{n} is 2^{reached:.1f} for {source1.collision_entropy():.1f} bits of collision "
                f"entropy in source 1 and from {levels.min_entropy[0]:.1f} bits of min-entropy in "
                f"source 2 on, expected 2^{log2_wanted:.1f}"
            )
        k2 = min(float(levels.min_entropy[0]), float(length2))
        # A sole level's error may be above 1 where its mass is small; 1 needs no proof.
        error = min(0.0, log2_error(n, source1, k2, output_bits))
        return cls(n, source1, length2, k2, output_bits, error)

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
        length: int | None = None,
    ) -> Dodis:
        """The one with the largest output for given sources, or with the output asked for.

        Args:
            source1: what is known of source 1.
            length2: bits of source 2.
            min_entropy2: its min-entropy k₂.
            log2_wanted: log₂ of the wanted error.
            strong: nothing depends on it, the error is the same for either.
            length: n; the least Artin prime that fits both sources unless given.
            output_bits: m; the largest unless given.

        Raises:
            InputError: an argument out of range, a length that is no Artin prime or too short, or
                not even one bit can be extracted; the message has the arithmetic.
        """
        check_strong(strong)
        log2_wanted = check_error(log2_wanted)
        length2 = _check_length2(length2)
        min_entropy2 = check_min_entropy("source 2", min_entropy2, length2)
        longest = max(source1.bits, length2)
        n = _check_length(smallest_length(longest) if length is None else length, longest)
        wanted = _check_output(n, 1 if output_bits is None else output_bits)
        known = source1.collision_entropy()
        room = known + min_entropy2 - n + 2 + 2 * log2_wanted
        # 1.5·2^m − 2 ≤ 2^room; below 2^−2 nothing is.  At 2^60 and more the 2 does not count.
        most = room + math.log2((1 + 2.0 ** (1 - min(room, 60.0))) / 1.5) if room > -2 else room
        largest = min(math.floor(most), n - 1)
        # Rounding must not leave the error above what was wanted.
        if largest >= 1 and log2_error(n, source1, min_entropy2, largest) > log2_wanted:
            largest -= 1
        if largest < wanted:
            raise InsufficientError(
                f"{wanted} bits cannot be extracted: log2(1.5*2^m - 2) <= "
                f"H2 + k2 - n + 2 - 2*log2(1/error) = {known:.1f} + {min_entropy2:.1f} - {n} + 2 - "
                f"{-2 * log2_wanted:.1f} = {room:.1f}"
            )
        m = largest if output_bits is None else wanted
        return cls(n, source1, length2, min_entropy2, m, log2_error(n, source1, min_entropy2, m))

    def log2_distance(self, levels: Levels) -> float:
        """log₂ of the corollary's bound, strong in either source."""
        return _log2_distance(self.length, self.source1, self.output_bits, levels)

    def extract(
        self,
        source1: ArrayLike | PackedBits,
        source2: ArrayLike | PackedBits,
        progress: Steps | None = None,
        backend: Backend | None = None,
    ) -> Bits:
        """The m output bits.

        Args:
            source1: `source1.bits` bits, an array of 0 and 1 or `PackedBits`; padded with zeros
                to n.
            source2: likewise, at most `length2` bits (k₂ is the min-entropy of the padded string,
                so the length should not be random).
            progress: is told (1, 1) at the end, as there is one step.
            backend: way of multiplication; the fastest unless given.

        Raises:
            InputError: a wrong length, entries other than 0 and 1, or one string as both sources.
        """
        n = self.length
        first, bits1 = as_words(source1, "source 1")
        second, bits2 = as_words(source2, "source 2")
        if bits1 != self.source1.bits:
            raise InputError(f"source 1 has {bits1} bits, expected {self.source1.bits}")
        if bits2 > self.length2:
            raise InputError(f"source 2 has {bits2} bits, expected at most {self.length2}")
        check_independent(first, bits1, second, bits2)
        # Correlation is convolution with x reversed: index (n − j) mod n for j.
        x = unpack(truncate(first, n), n)
        reverse = pack(np.concatenate([x[:1], x[:0:-1]]))
        product = multiply(reverse, truncate(second, n), backend)
        if progress is not None:
            progress(1, 1)
        return unpack(
            truncate(product, n) ^ truncate(shifted_down(product, n), n), self.output_bits
        )


def smallest_length(bits: int) -> int:
    """The least Artin prime n ≥ `bits`.

    Raises:
        InputError: none is known here.
    """
    bits = whole("bits of a source", bits)
    if bits > LARGEST_DEGREE + 1:
        raise InputError(
            f"a length for {bits} bits is asked for, expected at most {LARGEST_DEGREE + 1}"
        )
    return next_all_one(max(bits, 3) - 1) + 1


def log2_error(length: int, source1: Source1, min_entropy2: float, output_bits: int) -> float:
    """log₂ ξ of the theorem.

    Raises:
        InputError: output bits or min-entropy out of range.
    """
    output_bits = _check_output(length, output_bits)
    known = source1.collision_entropy() + check_min_entropy("source 2", min_entropy2, length)
    return (_log2_masks(output_bits) + length - known) / 2 - 1


def least_min_entropy2(
    length: int, source1: Source1, output_bits: int, log2_wanted: float
) -> float:
    """Least k₂ for `output_bits` at error 2^{log2_wanted}; more than n if none suffices.

    Raises:
        InputError: output bits or error out of range.
    """
    wanted = check_error(log2_wanted)
    masks = _log2_masks(_check_output(length, output_bits))
    return max(0.0, masks + length - 2 * (wanted + 1) - source1.collision_entropy())


def _log2_masks(output_bits: int) -> float:
    """log₂(1.5·2^m − 2), what the ranks of all masks cost."""
    return output_bits + math.log2(1.5 - 2.0 ** (1 - output_bits))


def _log2_distance(length: int, source1: Source1, output_bits: int, levels: Levels) -> float:
    """log₂ Σ_j B(k_j, M_j), 0 at most as the distance is at most 1."""
    scale = _log2_masks(output_bits) + length - source1.collision_entropy()
    return min(0.0, scale / 2 - 1 + float(log2_sum((levels.log2_mass - levels.min_entropy) / 2)))


def _check_length(length: Any, longest: int) -> int:
    n = whole("length", length)
    if n < longest or n > LARGEST_DEGREE + 1 or not is_artin_prime(n):
        raise InputError(
            f"length {n} is no prime from {longest} on with primitive root 2; "
            f"the least is {smallest_length(longest)}"
        )
    return n


def _check_length2(length2: Any) -> int:
    bits = whole("bits of source 2", length2)
    if bits < 1:
        raise InputError(f"source 2 has {bits} bits, expected at least 1")
    return bits


def _check_output(length: int, output_bits: Any) -> int:
    bits = whole("output bits", output_bits)
    if not 1 <= bits < length:
        raise InputError(f"{bits} output bits are outside 1..{length - 1}, the length's")
    return bits
