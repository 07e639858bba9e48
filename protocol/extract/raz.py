"""Raz's two-source extractor in its efficient form, with bounds aware of Santha-Vazirani sources.

Source 1 is 2r bits (x₁, x₂), source 2 a string y of at most r bits, padded with zeros, all seen as
elements of GF(2^r).  Output: the m lowest coefficients of

    f(x, y) = x₂·P(x₁y),    P(z) = Σ_{i<2^l} z^i = Π_{j<l} (1 + z^{2^j}),

l products and l squarings.  (Raz, STOC 2005; in this form Foreman et al. 2025, whose bound
`published_log2_error` is.)

Theorem.  Let D be the density of source 1 against uniform bits, k₂ the min-entropy of source 2
given all side information, independent of source 1.  For even p ≤ 2^l, 1/p + 1/q = 1, the distance
of (output, x) from (uniform, x), so in the form strong in source 1, is at most

    ξ = ½·2^{m/2}·‖D‖_q·[2^{l−r} + (p−1)!!·2^{−pk₂/2}]^{1/p}.

Proof.  Fix a nonzero mask τ of output bits and χ(x,y) = (−1)^{τ·f(x,y)}, b_τ(x) = |E_y χ(x,y)|.
(1) For uniform x and values y₁…y_p of which some occur an odd number of times, let Y be the set of
those, |Y| ≤ p.  Π_j χ(x,y_j) = (−1)^{τ·(x₂s)}, s = Σ_{y∈Y} P(x₁y).  As τ ≠ 0, the mean over x₂ is
0 unless s = 0.  s is a polynomial in x₁ of degree below 2^l with coefficients Σ_{y∈Y} y^i, i <
2^l, which are not all 0, for the |Y| ≤ 2^l distinct nodes of a Vandermonde matrix (0⁰ = 1); so s =
0 for fewer than 2^l of the 2^r values x₁. (2) The chance that all of p independent copies of y
occur an even number of times is at most the sum over the (p−1)!! pairings of (Σ_y D₂(y)²)^{p/2} ≤
2^{−pk₂/2}.  With (1), E_x b_τ^p ≤ 2^{l−r} + (p−1)!!·2^{−pk₂/2} =: M for uniform x.  (3) For each x
the distance is at most ½(Σ_τ b_τ(x)²)^{1/2} (Parseval and Cauchy-Schwarz).  By Hölder its mean
under D is at most ½‖D‖_q·[E_x(Σ_τ b_τ²)^{p/2}]^{1/p}, and by convexity (Σ_τ b_τ²)^{p/2} ≤
2^{m(p/2−1)}·Σ_τ b_τ^p.  So it is at most ½‖D‖_q·2^{m/2}·M^{1/p}.  ∎

Strong in source 2, (output, y) against (uniform, y): (1), (2) hold with signs σ_τ(y) in front of χ,
which cancel in pairs, so E_y|E_x χ| ≤ ‖D‖_q M^{1/p} for each τ, and ½Σ_τ gives the bound
above with m in place of m/2.

The published bound, log₂‖D‖_q + max{(l−r+1)/p, log₂p − k₂/2} + 1 + m/2 with p ≤ 2^l/m, is weaker
throughout: it has log₂p where ½·log₂(p/e) suffices, and a factor 4 more.  Both need 2r·(1 − H) < r
for the rate H that ‖D‖_q sees as p grows: min-entropy rate above ½ in general, Shannon entropy
h(½+ε) > ½ for an ε-SV source (ε < 0.39).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.errors import InputError
from protocol.extract.bounds import (
    InsufficientError,
    Source1,
    check_error,
    check_min_entropy,
    log2_add,
    log2_double_factorial,
    log2_subtract,
)
from protocol.extract.fields import Field, smallest_field
from protocol.extract.multiply import Backend
from protocol.extract.words import Bits, check_bits, pack, unpack

Strong = Literal["source1", "source2"]
_EXHAUSTIVE = 1 << 14


@dataclass(frozen=True)
class RazPlan:
    """Parameters of one extraction, fixed before it.

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
    """

    field: Field
    source1: Source1
    length2: int
    min_entropy2: float
    output_bits: int
    log2_error: float
    moment: int
    levels: int
    strong: Strong = "source1"

    @property
    def degree(self) -> int:
        """r."""
        return self.field.degree

    @property
    def source1_bits(self) -> int:
        """2r."""
        return 2 * self.field.degree

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, from which `from_json` restores the plan."""
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
    def from_json(cls, data: Mapping[str, Any]) -> RazPlan:
        """Inverse of `to_json`.

        Raises:
            InputError: missing or unusable entries.
        """
        try:
            return cls(
                field=Field.from_json(data["field"]),
                source1=Source1(**data["source1"]),
                length2=int(data["length2"]),
                min_entropy2=float(data["min_entropy2"]),
                output_bits=int(data["output_bits"]),
                log2_error=float(data["log2_error"]),
                moment=int(data["moment"]),
                levels=int(data["levels"]),
                strong=data["strong"],
            )
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the extractor's parameters are unusable: {error!r}") from None


def _output_cost(output_bits: int, strong: Strong) -> float:
    return output_bits / 2 - 1 if strong == "source1" else output_bits - 1


def _levels(p: Any) -> Any:
    """Least l with 2^l ≥ p."""
    return np.ceil(np.log2(p))


def _moments(field: Field, log2_bias: float) -> NDArray[np.int64]:
    """The even p worth trying for a wanted bias 2^{log2_bias}: those with l − r < p·log2_bias.

    All of them up to 2¹⁴; above, enough to be within 1 part in 500 of any (k₂ is stationary at the
    best p, so what this gives away is below 1e-5 of the moment's share of it).
    """
    largest = max(2.0, min(2.0**52, field.degree / max(-log2_bias, 1e-9)))
    every = np.arange(2, min(largest, _EXHAUSTIVE) + 2, 2, dtype=np.int64)
    if largest <= _EXHAUSTIVE:
        return every
    count = math.ceil(500 * math.log(largest / _EXHAUSTIVE))
    above = 2 * np.round(np.geomspace(_EXHAUSTIVE, largest, count) / 2).astype(np.int64)
    return np.concatenate([every, above])


def log2_error(
    field: Field,
    source1: Source1,
    min_entropy2: float,
    output_bits: int,
    moment: int,
    levels: int,
    strong: Strong = "source1",
) -> float:
    """log₂ ξ of the theorem at given p and l.

    Raises:
        InputError: p odd, below 2 or above 2^l.
    """
    if moment < 2 or moment % 2 or moment > 2**levels:
        raise InputError(f"p = {moment} is not even and in 2..2^l = {2**levels}")
    power = log2_add(
        levels - field.degree,
        log2_double_factorial(moment) - moment * min_entropy2 / 2,
    )
    return float(source1.log2_norm(moment) + power / moment) + _output_cost(output_bits, strong)


def published_log2_error(
    field: Field, source1: Source1, min_entropy2: float, output_bits: int, moment: int, levels: int
) -> float:
    """The bound of Foreman et al. (2025), with ‖D‖_q for any source (design 5), weak form.

    Raises:
        InputError: p odd, below 2 or above 2^l/m.
    """
    if moment < 2 or moment % 2 or moment * output_bits > 2**levels:
        raise InputError(f"p = {moment} is not even and in 2..2^l/m = {2**levels / output_bits:g}")
    worse = max((levels - field.degree + 1) / moment, math.log2(moment) - min_entropy2 / 2)
    return float(source1.log2_norm(moment)) + worse + 1 + output_bits / 2


def best_error(
    field: Field,
    source1: Source1,
    min_entropy2: float,
    output_bits: int,
    strong: Strong = "source1",
) -> tuple[float, int, int]:
    """Least log₂ ξ over p and l, with the p and l that reach it."""
    moments = _moments(field, -1.0)
    levels = _levels(moments)
    power = log2_add(
        levels - field.degree, log2_double_factorial(moments) - moments * min_entropy2 / 2
    )
    errors = source1.log2_norm(moments) + power / moments
    best = int(np.argmin(errors))
    p, l_best = int(moments[best]), int(levels[best])
    return log2_error(field, source1, min_entropy2, output_bits, p, l_best, strong), p, l_best


def least_min_entropy2(
    field: Field,
    source1: Source1,
    output_bits: int,
    log2_wanted: float,
    strong: Strong = "source1",
) -> tuple[float, int, int]:
    """Least k₂ for `output_bits` at error 2^{log2_wanted}, with p and l; inf if none suffices."""
    moments = _moments(field, log2_wanted - _output_cost(output_bits, strong))
    levels = _levels(moments)
    bias = log2_wanted - _output_cost(output_bits, strong) - source1.log2_norm(moments)
    room = log2_subtract(moments * bias, levels - field.degree)
    with np.errstate(invalid="ignore"):
        needed = np.where(
            room > -np.inf, 2 / moments * (log2_double_factorial(moments) - room), np.inf
        )
    best = int(np.argmin(needed))
    # One part in 10¹² for rounding, so that the error at this k₂ is never above what was wanted.
    least = max(0.0, float(needed[best]) + 1e-12 * abs(log2_wanted) * 4)
    return least, int(moments[best]), int(levels[best])


def plan_for_output(epsilon: float, length2: int, output_bits: int, log2_wanted: float) -> RazPlan:
    """The plan with the least min-entropy of source 2 for exactly `output_bits`, source 1 ε-SV.

    Args:
        epsilon: ε of source 1.
        length2: bits of source 2; the field is the smallest that fits.
        output_bits: m.
        log2_wanted: log₂ of the wanted error.

    Raises:
        InputError: an argument out of range, or no min-entropy of source 2 suffices.
    """
    check_error(log2_wanted)
    field = smallest_field(length2)
    source1 = Source1(2 * field.degree, epsilon=epsilon)
    return plan_with(field, source1, length2, output_bits, log2_wanted)


def plan_with(
    field: Field,
    source1: Source1,
    length2: int,
    output_bits: int,
    log2_wanted: float,
    strong: Strong = "source1",
) -> RazPlan:
    """The plan with the least k₂ for `output_bits` over a given field and source 1.

    Raises:
        InputError: an argument out of range, or no min-entropy of source 2 suffices.
    """
    check_error(log2_wanted)
    if not 1 <= output_bits <= field.degree:
        raise InputError(f"{output_bits} output bits are outside 1..{field.degree}, the field's")
    if not 1 <= length2 <= field.degree:
        raise InputError(f"source 2 has {length2} bits, expected 1..{field.degree} for this field")
    k2, p, levels = least_min_entropy2(field, source1, output_bits, log2_wanted, strong)
    if k2 > length2:
        raise InsufficientError(
            f"{output_bits} bits at error 2^{log2_wanted:g} need {k2:.1f} bits of min-entropy "
            f"in source 2, which has {length2} bits"
            if math.isfinite(k2)
            else f"{output_bits} bits at error 2^{log2_wanted:g} are out of reach over "
            f"GF(2^{field.degree}): source 1 is too weak or the field too small"
        )
    return RazPlan(
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


def plan(
    source1: Source1 | None,
    length2: int,
    min_entropy2: float,
    log2_wanted: float,
    *,
    epsilon: float | None = None,
    field: Field | None = None,
    strong: Strong = "source1",
    output_bits: int | None = None,
) -> RazPlan:
    """The plan with the largest output for given sources, or with the output asked for.

    Args:
        source1: what is known of source 1; its `bits` must be twice the field's degree.  None with
            `epsilon` takes an ε-SV source as long as the field wants.
        length2: bits of source 2.
        min_entropy2: its min-entropy k₂.
        log2_wanted: log₂ of the wanted error.
        epsilon: see `source1`.
        field: the smallest that fits `length2` unless given.
        strong: which source may become known beside the output.
        output_bits: m; the largest unless given.

    Raises:
        InputError: an argument out of range.
        InsufficientError: not that many bits, or not even one, can be extracted; the message has
            the arithmetic.
    """
    check_error(log2_wanted)
    check_min_entropy("source 2", min_entropy2, length2)
    field = smallest_field(length2) if field is None else field
    if source1 is None:
        source1 = Source1(2 * field.degree, epsilon=epsilon)
    elif source1.bits != 2 * field.degree:
        raise InputError(
            f"source 1 has {source1.bits} bits, expected 2r = {2 * field.degree} for {field}"
        )

    def needed(m: int) -> float:
        return least_min_entropy2(field, source1, m, log2_wanted, strong)[0]

    wanted = 1 if output_bits is None else output_bits
    if not 1 <= wanted <= field.degree:
        raise InputError(f"{wanted} output bits are outside 1..{field.degree}, the field's")
    if (least := needed(wanted)) > min_entropy2:
        raise InsufficientError(
            f"{wanted} bits cannot be extracted: at error 2^{log2_wanted:g} over {field} they need "
            + (
                f"{least:.1f} bits of min-entropy in source 2, it has {min_entropy2:g}"
                if math.isfinite(least)
                else f"a stronger source 1 (or a longer one) than {source1}"
            )
        )
    low, high = wanted, wanted + 1 if output_bits is not None else field.degree + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needed(middle) <= min_entropy2 else (low, middle)
    _, p, levels = least_min_entropy2(field, source1, low, log2_wanted, strong)
    reached = log2_error(field, source1, min_entropy2, low, p, levels, strong)
    return RazPlan(field, source1, length2, min_entropy2, low, reached, p, levels, strong)


def plan_sv(epsilon: float, length2: int, min_entropy2: float, log2_wanted: float) -> RazPlan:
    """`plan` for an ε-SV source 1 over the smallest field."""
    return plan(None, length2, min_entropy2, log2_wanted, epsilon=epsilon)


def extract(
    plan: RazPlan,
    source1: ArrayLike,
    source2: ArrayLike,
    progress: Callable[[int, int], None] | None = None,
    backend: Backend | None = None,
) -> Bits:
    """The m output bits.

    Args:
        plan: the parameters.
        source1: (2r,) bits, x₁ first.
        source2: at most `plan.length2` bits; shorter strings are padded with zeros.
        progress: is told (steps done, steps in all).
        backend: way of multiplication; the fastest unless given.

    Raises:
        InputError: a wrong length, or entries other than 0 and 1.
    """
    first, second = check_bits(source1, "source 1"), check_bits(source2, "source 2")
    field, r = plan.field, plan.degree
    if len(first) != 2 * r:
        raise InputError(f"source 1 has {len(first)} bits, expected 2r = {2 * r}")
    if len(second) > plan.length2:
        raise InputError(f"source 2 has {len(second)} bits, expected at most {plan.length2}")
    padded = np.zeros(field.ring_bits, dtype=np.uint8)

    def element(bits: Bits) -> NDArray[np.uint64]:
        padded[:] = 0
        padded[: len(bits)] = bits
        return pack(padded)

    power = field.multiply(element(first[:r]), element(second), backend)
    result = element(first[r:])
    for level in range(plan.levels):
        power[0] ^= np.uint64(1)  # 1 + z^{2^j}, only for this product
        result = field.multiply(result, power, backend)
        power[0] ^= np.uint64(1)
        if level + 1 < plan.levels:
            power = field.square(power)
        if progress is not None:
            progress(level + 1, plan.levels)
    return unpack(field.canonical(result), plan.output_bits)
