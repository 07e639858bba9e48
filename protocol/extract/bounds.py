"""How well source 1 is spread: norms of its density, and of even moments of signs.

Logarithms to base 2 throughout; nothing is exponentiated before it is small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from protocol.errors import InputError

_LN2 = math.log(2)


class InsufficientError(InputError):
    """The sources do not suffice for what is asked; the message has the arithmetic."""


Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Source1:
    """What is known of source 1, `bits` bits: a min-entropy, or that it is ε-Santha-Vazirani.

    Exactly one of the two is given.

    Raises:
        InputError: neither or both, min-entropy outside [0, bits], ε outside [0, ½).
    """

    bits: int
    min_entropy: float | None = None
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if (self.min_entropy is None) == (self.epsilon is None):
            raise InputError("source 1 needs either a min-entropy or an epsilon")
        if self.min_entropy is not None:
            check_min_entropy("source 1", self.min_entropy, self.bits)
        elif self.epsilon is not None and not 0 <= self.epsilon < 0.5:
            raise InputError(f"epsilon {self.epsilon} is outside [0, 0.5)")

    def log2_norm(self, p: NDArray[np.int64] | int) -> Numbers:
        """log₂‖D‖_q, 1/p + 1/q = 1: bound on the q-norm of the density against uniform bits.

        By Hölder E_D|f| ≤ ‖D‖_q·‖f‖_p.  Min-entropy k gives ‖D‖_q ≤ 2^{(bits−k)/p}, as D ≤
        2^{bits−k}. An ε-SV source has, bit by bit, ‖D‖_q ≤ [((1+2ε)^q + (1−2ε)^q)/2]^{bits/q}: the
        conditional density of each bit is 1±2a with a ≤ ε, and a ↦ (1+2a)^q + (1−2a)^q grows.
        """
        p = np.asarray(p, dtype=np.float64)
        if self.min_entropy is not None:
            return np.asarray((self.bits - self.min_entropy) / p)
        assert self.epsilon is not None
        q = p / (p - 1)
        up, down = q * math.log1p(2 * self.epsilon), q * math.log1p(-2 * self.epsilon)
        per_bit = (np.logaddexp(up, down) - _LN2) / _LN2
        # Rounding must not make a norm smaller than 1.
        return np.asarray(np.maximum(0.0, self.bits / q * per_bit))

    def collision_entropy(self) -> float:
        """Rényi entropy of order 2 in bits, at least: bits − 2·log₂‖D‖₂."""
        return self.bits - 2 * float(self.log2_norm(2))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"bits": self.bits, "min_entropy": self.min_entropy, "epsilon": self.epsilon}


def log2_double_factorial(p: NDArray[np.int64] | int) -> Numbers:
    """log₂ (p−1)!! for even p: the number of ways to pair p things."""
    p = np.asarray(p, dtype=np.float64)
    return np.asarray((gammaln(p + 1) - gammaln(p / 2 + 1)) / _LN2 - p / 2)


def log2_add(a: Any, b: Any) -> Numbers:
    """log₂(2^a + 2^b)."""
    return np.asarray(np.logaddexp2(a, b))


def log2_subtract(a: Numbers, b: Numbers) -> Numbers:
    """log₂(2^a − 2^b); −inf where a ≤ b."""
    gap = np.minimum(b - a, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(b < a, a + np.log2(-np.expm1(gap * _LN2)), -np.inf))


def check_min_entropy(name: str, value: float, bits: int) -> float:
    """Return `value` if 0 ≤ value ≤ bits.

    Raises:
        InputError: otherwise.
    """
    if not 0 <= value <= bits:
        raise InputError(f"min-entropy {value:g} of {name} is outside [0, {bits}], its length")
    return value


def check_error(log2_error: float) -> float:
    """Return `log2_error` if the error lies in (0, 1).

    Raises:
        InputError: otherwise.
    """
    if not (log2_error < 0 and math.isfinite(log2_error)):
        raise InputError(f"error 2^{log2_error:g} is outside (0, 1)")
    return log2_error
