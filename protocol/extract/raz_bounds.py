"""The error of Raz's extractor: the theorem with its proofs, and its numbers.

Source 1 is 2r bits (x₁, x₂), source 2 a string y of at most r bits, padded with zeros, all seen as
elements of GF(2^r).  Output: the m lowest coefficients of

    f(x, y) = x₂·P(x₁y),    P(z) = Σ_{i<2^l} z^i = Π_{j<l} (1 + z^{2^j}),

l products and l squarings.  (Raz, STOC 2005; in this form Foreman, Wooltorton, Milner, Curchod,
arXiv:2506.15547, whose bound `published_log2_error` is.)

Theorem.  Let D be the density of source 1 against uniform bits, k₂ the min-entropy of source 2
(padded) given all side information, independent of source 1.  For even p ≤ 2^l, 1/p + 1/q = 1,
the distance of (output, x) from (uniform, x), so in the form strong in source 1, is at most

    ξ₁ = ½·‖D‖_q·[2^{l−r+pm/2} + (p−1)!!·2^{p(m−k₂)/2}]^{1/p},

and that of (output, y) from (uniform, y), so in the form strong in source 2, at most

    ξ₂ = ½·‖D‖_q·[2^{l−r+pm/2} + 2^{p(m/2−k₂)}·T_p(2^{k₂−m})]^{1/p},

T_p(μ) the p-th central moment of a Poisson variable of mean μ, about (p−1)!!·μ^{p/2} for μ ≫ p (its
bounds: `bounds.log2_poisson_moment`).  So m/2 in the second term is saved as long as m ≲ k₂.
Either bounds the weak form, the distance of the output alone; ξ₂ is the smaller wherever ξ₁ < ½.

Proof of ξ₁.  Fix a nonzero mask τ of output bits and χ_τ(x,y) = (−1)^{τ·f(x,y)}, b_τ(x) =
|E_y χ_τ(x,y)|.
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

Corollary (measures).  Let ν ≥ 0 be a measure on source 2 of mass μ ≤ 1 with ν(y) ≤ 2^−k.  What the
proof of ξ₁ says of D₂ holds of ν with μ^p·2^{l−r} for the first term, as that is the weight of all
tuples, and (μ·2^−k)^{p/2} for 2^{−pk₂/2}, as Σ_y ν(y)² ≤ μ·2^−k.  So half the sum over x, s of
|Σ_y ν(y)(1[f(x,y)=s] − 2^−m)|, weighted with source 1, is at most A·μ + B·√μ,

    A = ½·‖D‖_q·2^{(l−r)/p + m/2},    B = ½·‖D‖_q·((p−1)!!)^{1/p}·2^{(m−k)/2},

by (a+b)^{1/p} ≤ a^{1/p} + b^{1/p}; and, as μ^p ≤ μ^{p/2}, at most √μ·ξ₁ at k₂ = k.  Here p is any
even number up to 2^l: the extractor knows l and not p.  ∎

Proof of ξ₂.  Put v_τ(y) = E_x χ_τ(x,y), x from source 1.  As in (3) the distance is at most
½E_y|v|, |v|² = Σ_τ v_τ²; with u = v/|v| that is ½E_x g(x), g = Σ_y D₂(y) Σ_τ u_τ(y) χ_τ(x,y).  By
Hölder it is at most ½‖D‖_q·[E_x g^p]^{1/p} for uniform x.  Expand g^p.  Write τ·w = Tr(β_τ w) with
field elements β_τ.  Pairs (y_j, τ_j), j ≤ p, contribute E_x Π_j χ_{τ_j}(x,y_j), which is the chance
that Σ_y B_y P(x₁y) = 0, B_y the sum of β_{τ_j} over the j with y_j = y: 1 if all B_y are 0, else
below 2^{l−r} by the Vandermonde matrix as in (1).  The latter pairs add at most 2^{l−r}·(Σ_y D₂(y)
Σ_τ|u_τ(y)|)^p ≤ 2^{l−r+pm/2}.  The former are just those that survive in E G^p, G = Σ_y D₂(y) X_y,
X_y = Σ_τ u_τ(y)(−1)^{τ·z_y} with independent uniform z_y of m bits.  The X_y have mean 0, variance
1, |X_y| ≤ 2^{m/2}, so |E X_y^b| ≤ 2^{m(b−2)/2}, and with D₂ ≤ 2^{−k₂}, sorting the p factors by
equal y into blocks of b ≥ 2, E G^p ≤ Σ Π_blocks 2^{−k₂(b−1)+m(b−2)/2} = c^p·Σ μ^{blocks}, c =
2^{m/2−k₂}, μ = 2^{k₂−m}, over all partitions of p things into blocks of at least two: that sum is
T_p(μ), as all cumulants of a Poisson variable are μ.  ∎

ξ₂ ≤ ξ₁ where ξ₁ < ½: then p·2^{m−k₂} < e, as (p−1)!! ≥ (p/e)^{p/2}, so that T_p(μ) is at most
(p−1)!!·μ^{p/2}·e^{0.28p}, less than what 2^{m/2} costs ξ₁.

The published bound, log₂‖D‖_q + max{(l−r+1)/p, log₂p − k₂/2} + 1 + m/2 with p ≤ 2^l/m, is weaker
throughout: it has log₂p where ½·log₂(p/e) suffices, and a factor 4 more.  All need 2r·(1 − H) < r
for the rate H that ‖D‖_q sees as p grows: min-entropy rate above ½ in general, Shannon entropy
h(½+ε) > ½ for an ε-SV source (ε < 0.39).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.extract.arguments import real, whole
from protocol.extract.bounds import (
    MOST_BITS,
    Numbers,
    Source1,
    check_error,
    check_min_entropy,
    log2_add,
    log2_double_factorial,
    log2_poisson_moment,
    log2_subtract,
)
from protocol.extract.extractor import Strong, check_strong
from protocol.extract.fields import Field
from qdevices.errors import InputError

Moments = NDArray[np.int64]
_EXHAUSTIVE = 1 << 14


def least_levels(p: Any) -> Numbers:
    """Least l with 2^l ≥ p."""
    return np.asarray(np.ceil(np.log2(p)))


def _moments(field: Field, log2_bias: float) -> Moments:
    """Even p to start from, for a wanted bias 2^{log2_bias}: those with l − r < p·log2_bias.

    All of them up to 2¹⁴, above in steps of 1 part in 500; `optimise` goes on between those.
    """
    largest = max(2.0, min(2.0**48, field.degree / max(-log2_bias, 1e-9)))
    every = np.arange(2, min(largest, _EXHAUSTIVE) + 2, 2, dtype=np.int64)
    if largest <= _EXHAUSTIVE:
        return every
    count = math.ceil(500 * math.log(largest / _EXHAUSTIVE)) + 2
    above = 2 * np.round(np.geomspace(_EXHAUSTIVE, largest, count) / 2).astype(np.int64)
    return np.concatenate([every, above[1:]])


def optimise(
    moments: Moments, value: Callable[[Moments], Numbers], points: int = 2000
) -> tuple[float, int]:
    """The least `value` over even p, with that p: on `moments`, then between the best's neighbours.

    Exact as long as `value` has one minimum between those neighbours.

    Args:
        moments: rising, (n,).
        value: of moments, (n,) likewise.
        points: about as many are tried between neighbours at once.
    """
    while True:
        values = value(moments)
        best = int(np.argmin(values))
        low, high = (
            int(moments[max(best - 1, 0)]),
            int(moments[min(best + 1, len(moments) - 1)]),
        )
        if high - low <= 4:  # the neighbours are p ± 2, or p itself at an end
            return float(values[best]), int(moments[best])
        step = 2 * max(1, (high - low) // points)
        moments = np.append(np.arange(low, high, step, dtype=np.int64), high)


def _log2_second(p: Numbers, min_entropy2: Any, output_bits: int, strong: Strong) -> Numbers:
    """log₂ of the second term in the bracket of the theorem."""
    if strong == "source1":
        return np.asarray(log2_double_factorial(p) + p * (output_bits - min_entropy2) / 2)
    moment = log2_poisson_moment(p, min_entropy2 - output_bits)
    return np.asarray(p * (output_bits / 2 - min_entropy2) + moment)


def _log2_errors(
    field: Field, source1: Source1, min_entropy2: float, output_bits: int, p: Any, levels: Any,
    strong: Strong,
) -> Numbers:  # fmt: skip
    p = np.asarray(p, dtype=np.float64)
    first = levels - field.degree + p * output_bits / 2
    power = log2_add(first, _log2_second(p, min_entropy2, output_bits, strong))
    return np.asarray(source1.log2_norm(p) + power / p - 1)


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
        InputError: p odd, below 2 or above 2^l, or an argument of another kind.
    """
    check_strong(strong)
    min_entropy2 = check_min_entropy("source 2", min_entropy2, MOST_BITS)
    output_bits, moment, levels = _whole_numbers(output_bits, moment, levels)
    if moment < 2 or moment % 2 or moment > 2**levels:
        raise InputError(f"p = {moment} is not even and in 2..2^l = {2**levels}")
    return float(_log2_errors(field, source1, min_entropy2, output_bits, moment, levels, strong))


def published_log2_error(
    field: Field, source1: Source1, min_entropy2: float, output_bits: int, moment: int, levels: int
) -> float:
    """The bound of Foreman et al. (arXiv:2506.15547), with ‖D‖_q for any source, in the weak form.

    Raises:
        InputError: p odd, below 2 or above 2^l/m, or an argument of another kind.
    """
    min_entropy2 = check_min_entropy("source 2", min_entropy2, MOST_BITS)
    output_bits, moment, levels = _whole_numbers(output_bits, moment, levels)
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
    """Least log₂ ξ over p and l, with the p and l that reach it.

    Raises:
        InputError: output bits or a min-entropy out of range, or another `strong`.
    """
    check_strong(strong)
    output_bits = check_output(field, output_bits)
    min_entropy2 = check_min_entropy("source 2", min_entropy2, field.degree)
    # Only where (l−r)/p < −0.4 can ξ be below the trivial 1 − 2^−m.
    error, p = optimise(
        _moments(field, -0.4),
        lambda moments: _log2_errors(
            field, source1, min_entropy2, output_bits, moments, least_levels(moments), strong
        ),
    )
    return error, p, int(least_levels(p))


def least_min_entropy2(
    field: Field,
    source1: Source1,
    output_bits: int,
    log2_wanted: float,
    strong: Strong = "source1",
) -> tuple[float, int, int]:
    """Least k₂ for `output_bits` at error 2^{log2_wanted}, with p and l; inf if none suffices.

    Raises:
        InputError: output bits or error out of range, or another `strong`.
    """
    check_strong(strong)
    log2_wanted = check_error(log2_wanted)
    output_bits = check_output(field, output_bits)

    def needed(moments: Moments) -> Numbers:
        p = np.asarray(moments, dtype=np.float64)
        first = least_levels(p) - field.degree + p * output_bits / 2
        room = log2_subtract(p * (log2_wanted + 1 - source1.log2_norm(p)), first)
        gaussian = np.where(room > -np.inf, 2 / p * (log2_double_factorial(p) - room), np.inf)
        if strong == "source1":
            return np.asarray(np.maximum(0.0, gaussian + output_bits))
        return _bisected(p, np.asarray(np.maximum(0.0, gaussian)), room, output_bits)

    with np.errstate(invalid="ignore"):
        least, p = optimise(_moments(field, log2_wanted + 1 - output_bits / 2), needed)
    levels = int(least_levels(p))
    # Rounding must not leave the error at this k₂ above what was wanted.
    step = 1e-13 * (least + abs(log2_wanted))
    while (
        math.isfinite(least)
        and log2_error(field, source1, least, output_bits, p, levels, strong) > log2_wanted
    ):
        least, step = least + step, 2 * step
    return least, p, levels


def _bisected(p: Numbers, low: Numbers, room: Numbers, output_bits: int) -> Numbers:
    """Least k₂ ≥ `low` with which the second term of ξ₂ fits the `room`.

    Only where it may be the least of all; elsewhere `low`, which is above that.
    """
    # Where p·2^{m−k₂} ≤ 1, T_p(μ) ≤ (p−1)!!·μ^{p/2}·e^{p/6}, which ½ more of k₂ makes up for.
    high = np.maximum(low, output_bits + np.log2(p)) + 0.5
    kept = np.isfinite(low) & (low <= high.min())
    q, a, b, limit = p[kept], low[kept], high[kept], room[kept]
    for _ in range(60):
        middle = (a + b) / 2
        enough = _log2_second(q, middle, output_bits, "source2") <= limit
        a, b = np.where(enough, a, middle), np.where(enough, middle, b)
    result = low.copy()
    result[kept] = b
    return result


def out_of_reach(field: Field, source1: Source1, output_bits: int, log2_wanted: float) -> str:
    """Why no min-entropy of source 2 suffices, at the p that comes nearest."""
    log2_wanted, output_bits = check_error(log2_wanted), check_output(field, output_bits)

    def room(p: Any) -> Numbers:
        p = np.asarray(p, dtype=np.float64)
        return np.asarray((field.degree - least_levels(p)) / p - output_bits / 2 + 1 + log2_wanted)

    _, p = optimise(
        _moments(field, log2_wanted + 1 - output_bits / 2),
        lambda moments: np.asarray(source1.log2_norm(moments) - room(moments)),
    )
    return (
        f"{output_bits} bits cannot be extracted: at error 2^{log2_wanted:g} over {field} source 1 "
        f"is too weak or too short, whatever source 2: (r - l)/p - m/2 + 1 - log2(1/error) = "
        f"{float(room(p)):.1f} at p = {p} has to be above the {float(source1.log2_norm(p)):.1f} "
        f"bits of its norm"
    )


def check_source1(field: Field, source1: Source1) -> None:
    """Check that source 1 has the 2r bits of the field.

    Raises:
        InputError: it has another number.
    """
    if source1.bits != 2 * field.degree:
        raise InputError(
            f"source 1 has {source1.bits} bits, expected 2r = {2 * field.degree} for {field}"
        )


def check_output(field: Field, output_bits: Any) -> int:
    """Return `output_bits` as int if the field has as many bits.

    Raises:
        InputError: it has not, there is no output, or it is no whole number.
    """
    bits = whole("output bits", output_bits)
    if not 1 <= bits <= field.degree:
        raise InputError(f"{bits} output bits are outside 1..{field.degree}, the field's")
    return bits


def _whole_numbers(output_bits: Any, moment: Any, levels: Any) -> tuple[int, int, int]:
    return whole("output bits", output_bits), whole("p", moment), whole("l", levels)


def min_entropy2_of_parts(
    field: Field, source1: Source1, output_bits: int, log2_reached: float, moment: int, levels: int
) -> float:
    """Least k at which A ≤ ξ/2 and B ≤ ξ in the corollary on measures, ξ the error.

    With it a measure of mass μ contributes at most ξ·(μ/2 + √μ).  At most the k₂ of `log2_error`
    where the first term of the error is small; otherwise a smaller p makes A small and k larger.

    Args:
        field, source1, output_bits, moment, levels: as in `log2_error`, strong in source 1.
        log2_reached: log₂ ξ.

    Returns:
        Bits; inf if no even p up to 2^l will do.

    Raises:
        InputError: an argument of another kind.
    """
    output_bits, moment, levels = _whole_numbers(output_bits, moment, levels)
    log2_reached = real("log2 of the error", log2_reached)
    # The largest p alone count: below the given one, k grows again as p falls.
    p = np.arange(2, min(moment, _EXHAUSTIVE) + 1, 2, dtype=np.float64)
    p = np.unique(np.append(p, np.arange(moment, max(0, moment - 2000), -2)))
    norm = source1.log2_norm(p) - 1 + output_bits / 2
    enough = norm + (levels - field.degree) / p <= log2_reached - 1
    k = 2 * (norm + log2_double_factorial(p) / p - log2_reached)
    return float(np.where(enough, np.maximum(k, 0.0), np.inf).min())
