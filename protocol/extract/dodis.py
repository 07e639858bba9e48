"""The two-source extractor of Dodis, Elbaz, Oliveira and Raz with cyclic-shift matrices.

Two sources of n bits each, n an Artin prime; output bit i is y·A_i x, A_i the cyclic shift by i,
so all m bits are the first coefficients of one cyclic correlation, Σ_j x_{j−i} y_j.
(APPROX/RANDOM 2004; the cyclic matrices are those of its Section 3.2.)

Theorem.  With collision entropies H₂(X), H₂(Y) (min-entropies are less), m < n, independent
sources:

    log₂ ξ = ½·(m + n + 1 − H₂(X) − H₂(Y)) − 1,    m ≤ H₂(X) + H₂(Y) − n + 1 − 2·log₂(1/ξ),

ξ the distance of (output, x) from (uniform, x) and, the roles exchanged, of (output, y) too.
Proof.  A nonempty sum M of the A_i, i < m, is the circulant of a polynomial s ≠ 0 of degree below
n−1, whose greatest common divisor with t^n−1 = (t−1)(1+…+t^{n−1}) is 1 or t−1, the second factor
being irreducible: M has rank at least n−1.  So Σ_x b_M(x)² ≤ 2^{n−rank}·Σ_z ŷ(z)² ≤
2·2^n·2^{−H₂(Y)} for b_M(x) = |E_y(−1)^{yMx}|.  The distance is at most E_x ½(Σ_M b_M(x)²)^{1/2}
(Parseval), which by Cauchy-Schwarz is at most ½·2^{−H₂(X)/2}·(2^m·2^{n+1−H₂(Y)})^{1/2}.  ∎

An ε-SV source has H₂ ≥ n·(1 − log₂(1+4ε²)), more than its min-entropy n·(1 − log₂(1+2ε)).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from protocol.errors import InputError
from protocol.extract.bounds import InsufficientError, Source1, check_error, check_min_entropy
from protocol.extract.fields import is_artin_prime, next_all_one
from protocol.extract.multiply import Backend, multiply
from protocol.extract.words import Bits, check_bits, pack, shifted_down, truncate, unpack


@dataclass(frozen=True)
class DodisPlan:
    """Parameters of one extraction.

    Attributes:
        length: n, an Artin prime; shorter strings are padded with zeros.
        source1: what is known of source 1.
        length2: bits of source 2.
        min_entropy2: min-entropy of source 2 that the error rests on, bits.
        output_bits: m.
        log2_error: log₂ ξ, the error at these numbers.
    """

    length: int
    source1: Source1
    length2: int
    min_entropy2: float
    output_bits: int
    log2_error: float

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, from which `from_json` restores the plan."""
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
    def from_json(cls, data: Mapping[str, Any]) -> DodisPlan:
        """Inverse of `to_json`.

        Raises:
            InputError: missing or unusable entries.
        """
        try:
            return cls(
                int(data["length"]),
                Source1(**data["source1"]),
                int(data["length2"]),
                float(data["min_entropy2"]),
                int(data["output_bits"]),
                float(data["log2_error"]),
            )
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the extractor's parameters are unusable: {error!r}") from None


def smallest_length(bits: int) -> int:
    """The least Artin prime n ≥ `bits`."""
    return next_all_one(max(bits, 3) - 1) + 1


def log2_error(length: int, source1: Source1, min_entropy2: float, output_bits: int) -> float:
    """log₂ ξ of the theorem."""
    known = source1.collision_entropy() + min_entropy2
    return (output_bits + length + 1 - known) / 2 - 1


def least_min_entropy2(
    length: int, source1: Source1, output_bits: int, log2_wanted: float
) -> float:
    """Least k₂ for `output_bits` at error 2^{log2_wanted}."""
    return output_bits + length - 1 - 2 * log2_wanted - source1.collision_entropy()


def plan(
    source1: Source1,
    length2: int,
    min_entropy2: float,
    log2_wanted: float,
    *,
    length: int | None = None,
    output_bits: int | None = None,
) -> DodisPlan:
    """The plan with the largest output for given sources, or with the output asked for.

    Args:
        source1: what is known of source 1.
        length2: bits of source 2.
        min_entropy2: its min-entropy k₂.
        log2_wanted: log₂ of the wanted error.
        length: n; the least Artin prime that fits both sources unless given.
        output_bits: m; the largest unless given.

    Raises:
        InputError: an argument out of range, a length that is no Artin prime or too short, or
            not even one bit can be extracted; the message has the arithmetic.
    """
    check_error(log2_wanted)
    check_min_entropy("source 2", min_entropy2, length2)
    longest = max(source1.bits, length2)
    n = smallest_length(longest) if length is None else length
    if n < longest or not is_artin_prime(n):
        raise InputError(
            f"length {n} is no prime from {longest} on with primitive root 2; "
            f"the least is {smallest_length(longest)}"
        )
    known = source1.collision_entropy()
    most = known + min_entropy2 - n + 1 + 2 * log2_wanted
    largest = min(math.floor(most + 1e-9), n - 1)
    wanted = 1 if output_bits is None else output_bits
    if wanted < 1:
        raise InputError(f"{wanted} output bits, expected at least 1")
    if largest < wanted:
        raise InsufficientError(
            f"{wanted} bits cannot be extracted: m <= H2 + k2 - n + 1 - 2*log2(1/error) = "
            f"{known:.1f} + {min_entropy2:g} - {n} + 1 - {-2 * log2_wanted:g} = {most:.1f}"
        )
    m = largest if output_bits is None else wanted
    return DodisPlan(n, source1, length2, min_entropy2, m, log2_error(n, source1, min_entropy2, m))


def extract(
    plan: DodisPlan, source1: ArrayLike, source2: ArrayLike, backend: Backend | None = None
) -> Bits:
    """The m output bits.

    Args:
        plan: the parameters.
        source1: at most `plan.source1.bits` bits, padded with zeros to n.
        source2: at most `plan.length2` bits, likewise.
        backend: way of multiplication; the fastest unless given.

    Raises:
        InputError: a source that is too long, or entries other than 0 and 1.
    """
    n = plan.length
    padded = []
    for name, source, bound in (
        ("source 1", source1, plan.source1.bits),
        ("source 2", source2, plan.length2),
    ):
        bits = check_bits(source, name)
        if len(bits) > bound:
            raise InputError(f"{name} has {len(bits)} bits, expected at most {bound}")
        whole = np.zeros(n, dtype=np.uint8)
        whole[: len(bits)] = bits
        padded.append(whole)
    # Correlation is convolution with x reversed: index (n − j) mod n for j.
    padded[0] = np.concatenate([padded[0][:1], padded[0][:0:-1]])
    product = multiply(pack(padded[0]), pack(padded[1]), backend)
    return unpack(truncate(product, n) ^ truncate(shifted_down(product, n), n), plan.output_bits)
