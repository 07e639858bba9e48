"""Exact numbers as floats and logarithms that are never below them, and as JSON."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

#: Binary digits of a logarithm behind the point, and those that its squarings are carried with.
_LOG_BITS, _GUARD_BITS = 64, 160


def float_up(value: Fraction) -> float:
    """The least float that is not below a fraction."""
    nearest = float(value)  # correctly rounded
    return nearest if Fraction(nearest) >= value else math.nextafter(nearest, math.inf)


def log2_up(value: Fraction) -> Fraction:
    """log₂ of a fraction in [1, 2^64), rounded up to about 2^−64.

    Binary digits by squaring, every square rounded up: of the log₂ that is left the next digit is
    whether the square is 2 or more.  1 has exactly 0.
    """
    if value == 1:
        return Fraction(0)
    whole, one = 0, 1 << _GUARD_BITS
    rest = -(-(value.numerator << _GUARD_BITS) // value.denominator)
    while rest >= 2 * one:
        rest, whole = -(-rest // 2), whole + 1
    digits = whole
    for _ in range(_LOG_BITS):
        rest = -(-rest * rest >> _GUARD_BITS)
        digit = rest >= 2 * one
        digits = 2 * digits + digit
        if digit:
            rest = -(-rest // 2)
    # What is left is below 2, and so its log₂ below one unit of the last digit.
    return Fraction(digits + 1, 1 << _LOG_BITS)


def charge(excess_up: float, runs: int) -> float:
    """runs·log₂(1+η) bits, rounded up; inf if η is."""
    if math.isinf(excess_up):
        return math.inf
    return float_up(runs * log2_up(1 + Fraction(excess_up)))


def as_json(number: Fraction) -> dict[str, Any]:
    """A fraction as two whole numbers, in lowest terms."""
    return {"numerator": number.numerator, "denominator": number.denominator}
