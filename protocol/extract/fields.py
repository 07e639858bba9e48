"""Finite fields GF(2^r) in which reduction is cheap: all-one polynomials and trinomials.

All-one: 1+t+…+t^r, r ≥ 2, is irreducible exactly when r+1 is prime and 2 is a primitive root modulo
it (r+1 an Artin prime); it divides t^{r+1}−1, so that reduction is that of a cyclic convolution.
Such r are dense.  Trinomial: t^r+t^k+1 for degrees r where 2^r−1 is a Mersenne prime.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np

from protocol.documents.fields import Fields
from protocol.extract.arguments import whole
from protocol.extract.multiply import Backend, multiply
from protocol.extract.words import (
    Words,
    shifted_down,
    square,
    truncate,
    word_count,
    xor_shifted_up,
)
from qdevices.errors import InputError

Kind = Literal["all-one", "trinomial"]
#: Above the 10⁸ coefficients that the products are made for; factors are found up to here.
MOST_DEGREE = 2**33
#: The largest degree of a field up to there.
LARGEST_DEGREE = 8_589_934_306

#: Irreducible trinomials t^r+t^k+1 as {r: k}, all of Mersenne-prime degree.  The tests check them
#: up to 4423, `benchmarks/check_trinomials.py` any of them.  Up to 4423 from Zierler, Inf. Control
#: 15, 67 (1969); to 44497 from Kurita and Matsumoto, Math. Comp. 56, 817 (1991); to 132049 from
#: Heringa, Blöte and Compagner, Int. J. Mod. Phys. C 3, 561 (1992); to 3021377 from Brent, Larvala
#: and Zimmermann, Math. Comp. 72, 1443 (2003); 6972593 from the same, Math. Comp. 74, 1001 (2005).
TRINOMIALS = {
    127: 1,
    521: 32,
    1279: 216,
    2281: 715,
    4423: 271,
    23209: 1530,
    44497: 8575,
    110503: 25230,
    132049: 7000,
    756839: 215747,
    859433: 170340,
    3021377: 361604,
    6972593: 3037958,
}


def is_prime(n: int) -> bool:
    """Primality by the Miller-Rabin test with bases that decide all n < 3.3e24."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    n = whole("number to test", n)  # a NumPy integer would overflow below
    if n < 2:
        return False
    for p in bases:
        if n % p == 0:
            return n == p
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        power = pow(base, odd, n)
        if power in (1, n - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % n
            if power == n - 1:
                break
        else:
            return False
    return True


def prime_factors(n: int) -> set[int]:
    """The prime factors of n, by trial division; quick for n up to 10¹²."""
    n = whole("number to factor", n)
    factors, p = set[int](), 2
    while p * p <= n:
        while n % p == 0:
            factors.add(p)
            n //= p
        p += 1 if p == 2 else 2
    if n > 1:
        factors.add(n)
    return factors


def is_artin_prime(n: int) -> bool:
    """Whether n is prime and 2 a primitive root modulo n."""
    n = whole("number to test", n)
    if n < 3 or n % 8 in (1, 7) or not is_prime(n):  # 2 is a square modulo primes ±1 mod 8
        return False
    return all(pow(2, (n - 1) // p, n) != 1 for p in prime_factors(n - 1))


@dataclass(frozen=True)
class Field:
    """GF(2^degree) as polynomials modulo 1+t+…+t^degree or t^degree + t^middle + 1.

    Inside a computation elements are kept in `ring_bits` coefficients: modulo t^{r+1}−1 for the
    all-one kind, whose representation is not unique until `canonical`.

    Raises:
        InputError: no such field; the message names the nearest ones.
    """

    kind: Kind
    degree: int
    middle: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "degree", whole("degree of a field", self.degree))
        object.__setattr__(self, "middle", whole("middle term of a field", self.middle))
        if self.kind == "all-one":
            good = (
                self.middle == 0
                and self.degree <= MOST_DEGREE  # above, finding factors would take for ever
                and is_artin_prime(self.degree + 1)
            )
        else:
            good = self.kind == "trinomial" and TRINOMIALS.get(self.degree) == self.middle
        if not good:
            raise InputError(
                f"there is no {self.kind} field of degree {self.degree}"
                f"{f' with middle term {self.middle}' if self.middle else ''}; "
                f"{_nearest_text(self.degree)}"
            )

    @property
    def ring_bits(self) -> int:
        """Coefficients of the working representation."""
        return self.degree + 1 if self.kind == "all-one" else self.degree

    def reduce(self, product: Words) -> Words:
        """A product of two elements, brought back to `ring_bits` coefficients."""
        n = self.ring_bits
        low, high = truncate(product, n), shifted_down(product, n)
        if self.kind == "all-one":
            low ^= truncate(high, n)
            return low
        while high.any():
            # t^r = t^k + 1; what t^k moves beyond r comes round again.
            wide = np.zeros(word_count(n + self.middle) + 1, dtype=np.uint64)
            wide[: len(low)] = low
            high = truncate(high, n)
            wide[: len(high)] ^= high
            xor_shifted_up(wide, high, self.middle)
            low, high = truncate(wide, n), shifted_down(wide, n)
        return low

    def multiply(self, a: Words, b: Words, backend: Backend | None = None) -> Words:
        """The product of two elements."""
        return self.reduce(multiply(a, b, backend))

    def square(self, a: Words) -> Words:
        """The square of an element, in linear time."""
        return self.reduce(square(a))

    def canonical(self, a: Words) -> Words:
        """The unique representation in `degree` coefficients."""
        if self.kind == "all-one":
            word, bit = divmod(self.degree, 64)
            if a[word] >> np.uint64(bit) & np.uint64(1):
                a = ~a  # t^r = 1 + t + … + t^{r−1}; truncation drops the rest
        return truncate(a, self.degree)

    def is_irreducible(self, progress: Callable[[int, int], None] | None = None) -> bool:
        """Whether a trinomial of prime degree is irreducible, by Rabin's test: t^(2^r) = t.

        For prime r that and the absence of roots (f(0) = f(1) = 1) suffice.  Takes r squarings.
        """
        start = np.zeros(word_count(self.ring_bits), dtype=np.uint64)
        start[0] = 2
        power = start
        for step in range(self.degree):
            power = self.square(power)
            if progress is not None:
                progress(step + 1, self.degree)
        return bool(np.array_equal(power, start))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"kind": self.kind, "degree": self.degree, "middle": self.middle}

    @classmethod
    def from_json(cls, data: Any) -> Field:
        """Inverse of `to_json`.

        Raises:
            InputError: missing, unknown or unusable entries, or no such field.
        """
        entries = Fields(data, "the extractor's field")
        kind = cast(Kind, entries.choice("kind", "all-one", "trinomial"))
        degree = entries.integer("degree", 1, MOST_DEGREE)
        middle = entries.integer("middle", 0, MOST_DEGREE)
        entries.done()
        return cls(kind, degree, middle)

    def __str__(self) -> str:
        if self.kind == "all-one":
            return f"GF(2^{self.degree}), all-one polynomial"
        return f"GF(2^{self.degree}), t^{self.degree}+t^{self.middle}+1"


def trinomial_field(degree: int) -> Field:
    """The field of a known trinomial.

    Raises:
        InputError: no trinomial of this degree is known here; the message names the nearest fields.
    """
    degree = whole("degree of a field", degree)
    return Field("trinomial", degree, TRINOMIALS.get(degree, 0))


@lru_cache(maxsize=256)
def _field_of_degree(degree: int) -> Field:
    if degree in TRINOMIALS:
        return trinomial_field(degree)
    return Field("all-one", degree)


def field_of_degree(degree: int) -> Field:
    """The field of this degree, of either kind (no degree has both).

    Raises:
        InputError: there is none; the message names the nearest ones.
    """
    return _field_of_degree(whole("degree of a field", degree))


def smallest_field(bits: int) -> Field:
    """The field of least degree ≥ `bits`, of either kind.

    Raises:
        InputError: `bits` outside 1..`LARGEST_DEGREE`.
    """
    bits = whole("bits of a field", bits)
    if not 1 <= bits <= LARGEST_DEGREE:
        raise InputError(f"a field of {bits} bits is asked for, expected 1..{LARGEST_DEGREE}")
    return _smallest_field(bits)


@lru_cache(maxsize=256)
def _smallest_field(bits: int) -> Field:
    larger = (r for r in TRINOMIALS if r >= bits)
    return field_of_degree(min([next_all_one(bits), *larger]))


def next_all_one(bits: int, step: int = 1) -> int:
    """The next degree r ≥ `bits` (or ≤, with step −1; 0 if none) of an all-one field."""
    r = max(whole("degree of a field", bits), 2)
    while r >= 2:
        if is_artin_prime(r + 1):
            return r
        r += step
    return 0


def _nearest_text(degree: int) -> str:
    degree = min(degree, MOST_DEGREE)
    found = [next_all_one(degree, step) for step in (-1, 1)]
    names = [f"{r}" for r in found if 0 < r <= MOST_DEGREE]
    nearest = min(TRINOMIALS, key=lambda r: abs(math.log(r / max(degree, 1))))
    return f"nearest: all-one {' and '.join(dict.fromkeys(names))}, trinomial {nearest}"
