"""How well source 1 is spread: norms of its density, and of even moments of signs.

Logarithms to base 2 throughout; nothing is exponentiated before it is small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, wrightomega

from protocol.documents.fields import Fields
from protocol.extract.arguments import real, whole
from qdevices.errors import InputError

_LN2 = math.log(2)
#: Longest source that a document may speak of.
MOST_BITS = 1 << 50
#: T_p(1) is counted up to this p, and bounded above it.
_MOST_EXACT = 128


class InsufficientError(InputError):
    """The sources do not suffice for what is asked; the message has the arithmetic."""


Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Source1:
    """What is known of source 1, `bits` bits: a min-entropy, or that it is ε-Santha-Vazirani.

    Exactly one of the two is given.

    Raises:
        InputError: neither or both, bits below 0 or no whole number, min-entropy outside [0, bits],
            ε outside [0, ½).
    """

    bits: int
    min_entropy: float | None = None
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if (self.min_entropy is None) == (self.epsilon is None):
            raise InputError("source 1 needs either a min-entropy or an epsilon")
        bits = whole("bits of source 1", self.bits)
        if not 0 <= bits <= MOST_BITS:
            raise InputError(f"source 1 has {bits:.4g} bits, expected 0..{MOST_BITS}")
        object.__setattr__(self, "bits", bits)
        if self.min_entropy is not None:
            known = check_min_entropy("source 1", self.min_entropy, bits)
            object.__setattr__(self, "min_entropy", known)
        else:
            epsilon = real("epsilon", self.epsilon)
            if not 0 <= epsilon < 0.5:
                raise InputError(f"epsilon {epsilon} is outside [0, 0.5)")
            object.__setattr__(self, "epsilon", epsilon)

    def log2_norm(self, p: Any) -> Numbers:
        """log₂‖D‖_q, 1/p + 1/q = 1: bound on the q-norm of the density against uniform bits.

        By Hölder E_D|f| ≤ ‖D‖_q·‖f‖_p.  Min-entropy k gives ‖D‖_q ≤ 2^{(bits−k)/p}, as D ≤
        2^{bits−k}. An ε-SV source has, bit by bit, ‖D‖_q ≤ [((1+2ε)^q + (1−2ε)^q)/2]^{bits/q}: the
        conditional density of each bit is 1±2a with a ≤ ε, and a ↦ (1+2a)^q + (1−2a)^q grows.
        """
        p = np.asarray(p, dtype=np.float64)
        if self.min_entropy is not None:
            return np.asarray((self.bits - self.min_entropy) / p)
        assert self.epsilon is not None
        # With 1±2ε = e^{s±t} the mean of the q-th powers is e^{qs}·cosh(qt).  As q goes to 1 their
        # logarithms cancel; so written, both are small where ε is, and the rest keeps its digits.
        s = math.log1p(-4 * self.epsilon**2) / 2
        t = math.atanh(2 * self.epsilon)
        q = p / (p - 1)
        per_bit = s + np.log1p(2 * np.sinh(q * t / 2) ** 2) / q
        # Rounding must not make a norm smaller than 1.
        return np.asarray(np.maximum(0.0, self.bits * per_bit / _LN2))

    def collision_entropy(self) -> float:
        """Rényi entropy of order 2 in bits, at least: bits − 2·log₂‖D‖₂."""
        return self.bits - 2 * float(self.log2_norm(2))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"bits": self.bits, "min_entropy": self.min_entropy, "epsilon": self.epsilon}

    @classmethod
    def from_json(cls, data: Any) -> Source1:
        """Inverse of `to_json`.

        Raises:
            InputError: missing, unknown or unusable entries.
        """
        entries = Fields(data, "the extractor's source 1")
        bits = entries.integer("bits", 1, MOST_BITS)
        source = cls(
            bits,
            None if entries.missing("min_entropy") else entries.number("min_entropy", 0, bits),
            None if entries.missing("epsilon") else entries.number("epsilon", 0, 0.5),
        )
        entries.done()
        return source


def log2_double_factorial(p: Any) -> Numbers:
    """log₂ (p−1)!! for even p: the number of ways to pair p things."""
    p = np.asarray(p, dtype=np.float64)
    return np.asarray((gammaln(p + 1) - gammaln(p / 2 + 1)) / _LN2 - p / 2)


def log2_add(a: Any, b: Any) -> Numbers:
    """log₂(2^a + 2^b)."""
    return np.asarray(np.logaddexp2(a, b))


def log2_poisson_moment(p: Any, log2_mean: Any) -> Numbers:
    """Upper bound on log₂ T_p, the central moment of even order p of a Poisson variable of mean μ.

    T_p(μ) = p!·[t^p] exp(μ(eᵗ−1−t)) = Σ μ^blocks over the partitions of p things into blocks of
    at least two.  The least of three bounds, each of which falls with μ when it is divided by μ^p,
    as T_p does, and the third of which is T_2(μ) = μ at p = 2:

    (1) (p−1)!!·μ^{p/2}·cosh(√(p³/36μ)).  The coefficients of eᵗ−1−t are at most those of
    (t²/2)/(1−t/3), so T_p ≤ p!·Σ_j (μ/2)^j/j!·C(p−j−1, p−2j)·3^{2j−p}.  The term j = p/2 is
    (p−1)!!·μ^{p/2}, that of j = p/2−i at most (p³/36μ)^i/(2i)! times as much, for the numerator
    of the binomial is Π_{s≤i} ((p−1)²/4 − (s−½)²) ≤ (p/2)^{2i}.
    (2) p!·(e^{1/x}/x)^p with x·eˣ = p/μ, where x > 1.  No coefficient is negative, so that
    [t^p] ≤ exp(μ(eˣ−1−x))/x^p, and μeˣ = p/x.
    (3) T_p(1)·max(μ, μ^{p/2}), as every partition has at least one block and at most p/2.
    """
    p, log2_mean = np.broadcast_arrays(np.asarray(p, dtype=np.float64), log2_mean)
    bound = _log2_near_or_saddle(p, log2_mean)
    # Where T_p(1) is not exact, (3) is worth its time below μ = 1 only, where (1) and (2) fail.
    if (useful := (log2_mean < 0) | (p <= _MOST_EXACT)).any():
        q, x = p[useful], log2_mean[useful]
        third = _log2_moment_at_one(q) + x * np.where(x < 0, 1.0, q / 2)
        bound[useful] = np.minimum(bound[useful], third)
    return bound


def _log2_near_or_saddle(p: Numbers, log2_mean: Numbers) -> Numbers:
    """The lesser of bounds (1) and (2) of `log2_poisson_moment`."""
    cosh = _log2_cosh(np.log2(p / 6) + (np.log2(p) - log2_mean) / 2)
    near = log2_double_factorial(p) + p / 2 * log2_mean + cosh
    x = wrightomega(np.log(p) - log2_mean * _LN2)
    saddle = (gammaln(p + 1) + p / np.maximum(x, 1.0) - p * np.log(np.maximum(x, 1.0))) / _LN2
    return np.asarray(np.where(x > 1, np.minimum(near, saddle), near))


def _log2_moment_at_one(p: Numbers) -> Numbers:
    """log₂ T_p(1): the number up to p = 128, a bound from there on."""
    found = _log2_moments_at_one()[np.minimum(p, _MOST_EXACT).astype(np.int64)]
    above = p > _MOST_EXACT
    if above.any():
        found[above] = _log2_near_or_saddle(p[above], np.zeros(above.sum()))
    return np.asarray(found)


@cache
def _log2_moments_at_one() -> Numbers:
    """log₂ T_p(1) at p = 0 … 128 (−inf at 1), the numbers of partitions without single things.

    Bell's number B_n counts all partitions of n things: T_n(1) of them have no single thing, and
    T_{n+1}(1) some, as those are the partitions of n+1 things that put all single ones with the
    last thing.  So T_{n+1}(1) = B_n − T_n(1).
    """
    row, without = [1], [1]
    while len(without) <= _MOST_EXACT:
        without.append(row[0] - without[-1])
        following = [row[-1]]  # Bell's triangle, whose rows start with the numbers
        for entry in row:
            following.append(following[-1] + entry)
        row = following
    return np.array([math.log2(number) if number else -math.inf for number in without])


def _log2_cosh(log2_x: Numbers) -> Numbers:
    """log₂ cosh(2^log2_x); inf where that is above 2^(2^1000)."""
    x = np.where(log2_x < 1000, np.exp2(np.minimum(log2_x, 1000.0)), np.inf)
    return np.asarray(x / _LN2 + np.log1p(np.exp(-2 * x)) / _LN2 - 1)


def log2_subtract(a: Numbers, b: Numbers) -> Numbers:
    """log₂(2^a − 2^b); −inf where a ≤ b."""
    gap = np.minimum(b - a, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(b < a, a + np.log2(-np.expm1(gap * _LN2)), -np.inf))


def log2_sum(terms: Numbers) -> Numbers:
    """log₂ Σ 2^term along the last axis; −inf of none."""
    if not terms.shape[-1]:
        return np.full(terms.shape[:-1], -np.inf)
    top = terms.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        rest = np.log2(np.exp2(terms - np.where(np.isfinite(top), top, 0.0)).sum(axis=-1))
    return np.asarray(rest + np.where(np.isfinite(top), top, 0.0)[..., 0])


def check_min_entropy(name: str, value: Any, bits: int) -> float:
    """Return `value` as float if 0 ≤ value ≤ bits.

    Raises:
        InputError: otherwise.
    """
    entropy = real(f"min-entropy of {name}", value)
    if not 0 <= entropy <= bits:
        raise InputError(f"min-entropy {entropy:.15g} of {name} is outside [0, {bits}], its length")
    return entropy


def check_error(log2_error: Any) -> float:
    """Return `log2_error` as float if the error lies in (0, 1).

    Raises:
        InputError: otherwise.
    """
    error = real("log2 of the error", log2_error)
    if not (error < 0 and math.isfinite(error)):
        raise InputError(f"error 2^{error:g} is outside (0, 1)")
    return error


def check_claim(log2_claimed: float, log2_proved: float) -> None:
    """Check that a plan claims no smaller error than its theorem proves (1 needs no proof).

    Raises:
        InputError: it does, or claims one above 1.
    """
    if not -math.inf < log2_claimed <= 0:
        raise InputError(f"an error of 2^{log2_claimed} is claimed, expected at most 1")
    if not log2_claimed >= min(0.0, log2_proved) - 1e-6:  # libraries differ in the last digits
        raise InputError(
            f"an error of 2^{log2_claimed} is claimed, the theorem has 2^{log2_proved}"
        )
