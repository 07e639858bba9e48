"""Raz's extractor given levels of min-entropy: its distance, and the field and moment for it.

Notation and bounds as in `raz_bounds`; `levels.Levels` says what is given.

Theorem (measures on average).  For each value c of side information let ν_{c,j} ≥ 0, j = 0 … J, be
measures on source 2 with ν_{c,j}(y) ≤ 2^{−k_j}, of masses μ_{c,j}, and on average over c
E μ_{c,j} ≤ M_j and Σ_j E μ_{c,j} ≤ M.  For even p ≤ 2^l the distance of Σ_j ν_{c,j}, on average
over c, is at most

    A·M + Σ_j B(k_j, M_j),    A = ½·‖D‖_q·2^{(l−r)/p + m/2},

    strong in source 1:  B(k, M) = ½·‖D‖_q·((p−1)!!)^{1/p}·2^{(m−k)/2}·√M,
    strong in source 2:  B(k, M) = ½·‖D‖_q·2^{m/2−k}·T_p(M·2^{k−m})^{1/p},

and in both B(k+2λ, M) ≤ 2^−λ·B(k, M) for λ ≥ 0.

Proof.  The distance is a seminorm of the measure (strong in source 2: linear in measures ≥ 0), so
that of the sum is at most the sum of the distances.  (1) One measure, one c.  Strong in source 1
it is at most A·μ + B(k, μ) by the corollary on measures of `raz_bounds`.  Strong in source 2 go
through the proof of ξ₂ with ν for D₂.  The first kind of terms weighs
2^{l−r}·(Σ_y ν(y)·Σ_τ|u_τ(y)|)^p ≤ μ^p·2^{l−r+pm/2}.  In the second a block of b factors gives
Σ_y ν(y)^b·2^{m(b−2)/2} ≤ μ·2^{−k(b−1)+m(b−2)/2}, so a partition into j blocks at most
μ^j·2^{−k(p−j)+m(p−2j)/2} = 2^{p(m/2−k)}·(μ·2^{k−m})^j, together 2^{p(m/2−k)}·T_p(μ·2^{k−m}).  With
(a+b)^{1/p} ≤ a^{1/p} + b^{1/p} the distance is at most A·μ + B(k, μ).  (2) Average over c.  A does
not depend on c or j, as every density of source 1 obeys the bound ‖D‖_q, so its terms add up to
A·Σ_j E μ_{c,j} ≤ A·M.  B is concave and rises in its mass: the root is, and T_p^{1/p} by the lemma.
So E B(k_j, μ_{c,j}) ≤ B(k_j, E μ_{c,j}) ≤ B(k_j, M_j).  (3) The last claim is an equality strong in
source 1.  Strong in source 2 B^p is a sum over b ≤ p/2 of terms with the factor 2^{−k(p−b)}, and
2^{−2λ(p−b)} ≤ 2^{−λp}.  ∎

Lemma.  For even p, T_p^{2/p} and T_p^{1/p} are concave on x ≥ 0.

Proof.  Let P_n(x) = Σ_b S(n,b)·x^b, S(n,b) the number of partitions of n things into b blocks of at
least two: P_0 = 1, P_1 = 0, P_2 = P_3 = x, T_p = P_p.  The last of n+1 things either joins one of
the b blocks of a partition of the others, or is in a block of two with one of n things: so P_{n+1}
= x·P_n' + n·x·P_{n−1}.  Put P_n = x·Q_n, n ≥ 2: Q_n has degree ⌊n/2⌋ − 1, no negative coefficient,
Q_n(0) = 1, and Q_{n+1} = Q_n + x·Q_n' + n·x·Q_{n−1} for n ≥ 3.  Claim: Q_n has ⌊n/2⌋ − 1 different
real zeros 0 > a_1 > a_2 > …, and Q_{n−1}(a_i) has the sign of (−1)^{i−1} (n ≥ 3).  Q_3 = 1 has
none.  If it holds for n, Q_n'(a_i) has the sign of (−1)^{i−1} too, as Q_n(0) > 0 and the zeros are
simple; so Q_{n+1}(a_i) = a_i·(Q_n'(a_i) + n·Q_{n−1}(a_i)) has that of (−1)^i.  With Q_{n+1}(0) = 1
this gives zeros c_i of Q_{n+1}, c_1 in (a_1, 0) and c_i in (a_i, a_{i−1}).  If n is odd its degree
is one more than the number d of the a_i; for x → −∞ its sign is (−1)^{d+1}, at a_d (at 0 if d = 0)
it is (−1)^d, so one more zero c_{d+1} is below a_d.  These are as many as the degree, so all, and
Q_n has at c_i, between a_i and a_{i−1}, the sign of (−1)^{i−1}.  That is the claim for n+1.  (Bóna
and Mező, Eur. J. Combin. 51, 500 (2016), have it for all n too.)  So T_p(x) = C·x·Π_{i<p/2}
(x + ρ_i) with C, ρ_i > 0, and T_p^{2/p} is C^{2/p} times the geometric mean of p/2 affine functions
that are not negative: a concave function that rises in each, of affine ones, so concave.  T_p^{1/p}
is its root, a concave function that rises, of a concave one.  ∎

The moment p is a matter of the analysis and not of the extractor, which knows l; it is chosen once
for all levels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from protocol.extract.bounds import (
    InsufficientError,
    Numbers,
    Source1,
    log2_add,
    log2_double_factorial,
    log2_poisson_moment,
    log2_subtract,
    log2_sum,
)
from protocol.extract.extractor import Strong
from protocol.extract.fields import LARGEST_DEGREE, Field, smallest_field
from protocol.extract.levels import Levels
from protocol.extract.raz_bounds import least_levels, optimise

#: Levels that the search for p looks at, strong in source 2, where each costs time for each p.
_FEW = 64
#: Moments for each doubling of p that the search starts with, above as many.
_PER_OCTAVE = {"source1": 64, "source2": 8}


def log2_parts(
    source1: Source1, output_bits: int, levels: Levels, p: Numbers, strong: Strong
) -> tuple[Numbers, Numbers]:
    """The theorem's parts at each p, (n,) each: log₂ A·M without its 2^{−r/p}, l least; log₂ ΣB.

    Args:
        source1: what is known of source 1.
        output_bits: m.
        levels: what is known of source 2.
        p: even moments, (n,).
        strong: which source may become known.
    """
    m = output_bits
    scale = source1.log2_norm(p) - 1 + m / 2
    mass = np.minimum(0.0, log2_sum(levels.log2_mass))
    return scale + least_levels(p) / p + mass, scale + _log2_second(m, levels, p, strong)


def _log2_second(m: int, levels: Levels, p: Numbers, strong: Strong) -> Numbers:
    """log₂ Σ_j B(k_j, M_j) without its ½·‖D‖_q·2^{m/2}."""
    # A level without mass, or at most 2^−∞ everywhere, is no measure at all.
    real = np.isfinite(levels.min_entropy) & np.isfinite(levels.log2_mass)
    k, mass = levels.min_entropy[real], levels.log2_mass[real]
    if strong == "source1":
        return log2_double_factorial(p) / p + log2_sum((mass - k) / 2)
    q = p[:, None]
    return log2_sum(log2_poisson_moment(q, mass + k - m) / q - k)


def log2_distance(
    field: Field,
    source1: Source1,
    output_bits: int,
    levels: Levels,
    moment: int,
    l: int,  # noqa: E741
    strong: Strong,
) -> float:
    """log₂ of the theorem's bound at given p and l; 0 at most, as the distance is at most 1.

    Args:
        field, source1: the field, and what is known of source 1.
        output_bits: m.
        levels: what is known of source 2.
        moment, l: p, even and at most 2^l; and l.
        strong: which source may become known.
    """
    p = np.array([float(moment)])
    first, second = log2_parts(source1, output_bits, levels, p, strong)
    first = first + (l - least_levels(p) - field.degree) / p
    return min(0.0, float(log2_add(first, second)[0]))


def best_moment(
    field: Field,
    source1: Source1,
    output_bits: int,
    levels: Levels,
    log2_wanted: float,
    strong: Strong,
) -> int:
    """The p with the least bound of those that may reach 2^log2_wanted.

    Strong in source 2 it is found for levels that are put together to `_FEW`, a guess at the bound
    that can cost output and nothing else, and its neighbours are compared with all levels.
    """
    seen = levels if strong == "source1" else _merged(levels)

    def bound(moments: NDArray[np.int64], seen: Levels = seen) -> Numbers:
        p = moments.astype(np.float64)
        first, second = log2_parts(source1, output_bits, seen, p, strong)
        return log2_add(first - field.degree / p, second)

    # Where A alone is above what is wanted, whatever the mass and the norm, p is too large.
    bias = log2_wanted + 1 - output_bits / 2 - min(0.0, float(log2_sum(levels.log2_mass)))
    most = field.degree / max(-bias, 1e-9)
    p = optimise(_moments(most, _PER_OCTAVE[strong]), bound, points=16)[1]
    if seen is levels:
        return p
    near = _near(p)
    return int(near[np.argmin(bound(near, levels))])


def _near(p: int) -> NDArray[np.int64]:
    return np.arange(max(2, p - 2), p + 4, 2, dtype=np.int64)


def _moments(most: float, per_octave: int) -> NDArray[np.int64]:
    """Even p from 2 to about `most`: all up to 2·`per_octave`, then so many for each doubling.

    All powers of two are among them, where l steps.
    """
    most = min(max(most, 2.0), 2.0**48)
    start = 2 * per_octave
    every = np.arange(2, min(most, start) + 2, 2)
    if most <= start:
        return every.astype(np.int64)
    octaves = np.arange(math.floor(math.log2(start)), math.ceil(math.log2(most)) + 1)
    grid = np.exp2(octaves[:, None] + np.arange(per_octave) / per_octave).ravel()
    return np.unique(np.append(every, 2 * np.round(grid[grid <= most] / 2))).astype(np.int64)


def _merged(levels: Levels) -> Levels:
    """Levels with neighbours put together to `_FEW`: the least k and all the mass of each."""
    count = len(levels.min_entropy)
    if count <= _FEW:
        return levels
    starts = np.unique(np.linspace(0, count, _FEW, endpoint=False).astype(np.int64))
    mass = np.minimum(0.0, np.logaddexp2.reduceat(levels.log2_mass, starts))
    return Levels(levels.min_entropy[starts], mass)


def why_not(
    field: Field,
    source1: Source1,
    output_bits: int,
    levels: Levels,
    log2_wanted: float,
    moment: int,
    strong: Strong,
) -> str:
    """The arithmetic of a distance that is above what is wanted, at the p that comes nearest."""
    first, second = log2_parts(source1, output_bits, levels, np.array([float(moment)]), strong)
    a, b = float(first[0]) - field.degree / moment, float(second[0])
    return (
        f"{output_bits} bits cannot be extracted strong in {strong} over {field}: the distance at "
        f"p = {moment} is 2^{a:.1f} for the field and 2^{b:.1f} for source 2 from "
        f"{levels.min_entropy[0]:.1f} bits of min-entropy on, expected 2^{log2_wanted:.1f} together"
    )


def least_field(
    epsilon: float, length2: int, output_bits: int, levels: Levels, log2_wanted: float
) -> Field:
    """The least field with which the bound strong in source 2 is at most 2^log2_wanted.

    Args:
        epsilon: ε of source 1.
        length2: bits of source 2, which the field has to hold.
        output_bits: m, likewise.
        levels: what is known of source 2.
        log2_wanted: log₂ of the wanted bound.

    Raises:
        InsufficientError: there is none; the message has the min-entropy that would do.
    """
    start = smallest_field(max(length2, output_bits)).degree
    search = _FieldSearch(epsilon, start, output_bits, levels, log2_wanted)
    moments = _moments(LARGEST_DEGREE / max(output_bits / 2 - 1 - log2_wanted, 1.0), 8)
    found, p = optimise(moments, lambda q: search.range(q)[0], points=16)
    if not math.isfinite(found):
        p = search.nearest(moments)
    # With all levels at last: near the p that is best for those put together.
    moments = _near(p) if search.merged else np.append(moments, p)
    low, high = search.range(moments, levels)
    least, step = float(low.min()), 1
    while least <= LARGEST_DEGREE:
        field = smallest_field(max(start, math.ceil(least)))
        known = field, Source1(2 * field.degree, epsilon=epsilon), output_bits, levels
        p = best_moment(*known, log2_wanted, "source2")
        if log2_distance(*known, p, int(least_levels(p)), "source2") <= log2_wanted:
            return field
        # Beyond what this p bears, or a hair's breadth too short: on to what comes next.
        following = np.maximum(low, float(field.degree + step))
        least = float(following[following <= high].min(initial=math.inf))
        step *= 2
    raise InsufficientError(search.why_not(search.nearest(moments)))


class _FieldSearch:
    """The bound strong in source 2 as a function of r: A falls and ‖D‖_q grows with it."""

    def __init__(
        self, epsilon: float, start: int, output_bits: int, levels: Levels, log2_wanted: float
    ) -> None:
        self.epsilon, self.start, self.output_bits = epsilon, float(start), output_bits
        self.levels, self.seen, self.wanted = levels, _merged(levels), log2_wanted

    @property
    def merged(self) -> bool:
        """Whether levels were put together."""
        return self.seen is not self.levels

    def range(
        self, moments: NDArray[np.int64], levels: Levels | None = None
    ) -> tuple[Numbers, Numbers]:
        """For each p the least and the greatest r that do, (inf, −inf) where none does.

        log₂(A + ΣB) is convex in r, as each is an exponential, so what lies between does as well.

        Args:
            moments: even p, (n,).
            levels: those put together unless given.
        """
        p, h, a, b = self._parts(moments, self.seen if levels is None else levels)

        def enough(r: Numbers) -> NDArray[np.bool_]:
            return np.asarray(log2_add(a + r * (h - 1 / p), b + r * h) <= self.wanted)

        # At the minimum A is the fraction hp of the sum.
        with np.errstate(divide="ignore", invalid="ignore"):
            best = p * (a - b - np.log2(h * p) + np.log2(1 - h * p))
        best = np.clip(np.where(h * p < 1, best, -np.inf), self.start, float(LARGEST_DEGREE))
        ends = []
        for end in (self.start, float(LARGEST_DEGREE)):
            good, bad = best, np.full(len(p), end)
            for _ in range(60):
                middle = (good + bad) / 2
                inside = enough(middle)
                good, bad = np.where(inside, middle, good), np.where(inside, bad, middle)
            ends.append(np.where(enough(np.full(len(p), end)), end, good))
        some = enough(best)
        return np.where(some, ends[0], np.inf), np.where(some, ends[1], -np.inf)

    def nearest(self, moments: NDArray[np.int64]) -> int:
        """The p that needs the least more min-entropy, of levels put together."""
        return int(moments[np.argmin(self._missing(moments, self.seen))])

    def why_not(self, moment: int) -> str:
        """The message: how much more min-entropy would do, as B(k+2λ, M) ≤ 2^−λ·B(k, M)."""
        what = (
            f"{self.output_bits} bits cannot be extracted strong in source2 over any field of "
            f"degree {self.start:.0f}..{LARGEST_DEGREE}"
        )
        more = float(self._missing(np.array([moment]), self.levels)[0])
        if not math.isfinite(more):
            return (
                f"{what} at a distance of 2^{self.wanted:.1f}, whatever source 2: source 1 with "
                f"epsilon {self.epsilon:g} is too weak"
            )
        k, more = self.levels.min_entropy[0], max(0.0, more)
        return (
            f"{what}: source 2 has min-entropy from {k:.1f} bits on, a distance of "
            f"2^{self.wanted:.1f} needs {k + more:.1f}, {more:.1f} more in each level"
        )

    def _missing(self, moments: NDArray[np.int64], levels: Levels) -> Numbers:
        """2λ for each p, at the r that leaves ΣB the most room; inf where A leaves none."""
        p, h, a, b = self._parts(moments, levels)
        # The room 2^wanted − A, divided by the norm, is largest where A is the fraction hp of it.
        fraction = np.maximum(h * p, 2.0**-30)
        with np.errstate(divide="ignore", invalid="ignore"):
            r = (a - self.wanted - np.log2(fraction)) / (1 / p - h)
        r = np.where(h * p < 1, r, np.inf)
        r = np.clip(r, self.start, float(LARGEST_DEGREE))
        return np.asarray(
            2 * (b + r * h - log2_subtract(np.full(len(p), self.wanted), a + r * (h - 1 / p)))
        )

    def _parts(
        self, moments: NDArray[np.int64], levels: Levels
    ) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """p, what log₂‖D‖_q grows by with r, and log₂ A and ΣB at r = 0."""
        p = moments.astype(np.float64)
        a, b = log2_parts(Source1(0, epsilon=self.epsilon), self.output_bits, levels, p, "source2")
        # Levels without mass have −∞, which would not add up; nothing is as small as this.
        a, b = np.maximum(a, -(2.0**60)), np.maximum(b, -(2.0**60))
        return p, Source1(2, epsilon=self.epsilon).log2_norm(p), a, b
