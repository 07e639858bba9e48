"""Order, capacity and redraws: the theorem for runs that were not simply played one by one.

**Assumed.**  The source's bits choose the settings in the order in which the runs are played, so
that each bit is ε-SV given all bits before and all that the devices have seen.  (Given *later* bits
an earlier one need not be: a source may write it into them.)  A run that is sent in chunks is
therefore played in the order of its chunks, and a chunk is played again, with later bits, only when
no other is still to be played: `jobs.start.redraw` sees to the latter, a provider that plays jobs
in the order in which it got them to the former.  Where a job was sent twice with the same
settings, because the reply was lost, the older one counts, which saw them first (`jobs.drive`).
Outcomes of discarded tries stay secret, as all outcomes do: a device that remembers could write
earlier outcomes into them.  Whoever fails chunks sees only settings that were handed over, and of
settings not yet played the devices learn nothing from him but which tries failed; how far a failed
try was played may depend, beside the past, on that try's own settings alone.

**Capacity.**  All outcomes at u0 enter the extractor.  A run with more of them than it has room for
aborts, so which are kept is no question and nothing of the past decides it; the plan's completeness
pays for it (`plan`, one hundredth of the allowed failures).  Nor does it matter in which order the
extractor's string y lists them, as long as the settings fix it: the probability of y given the
settings, `Q` below, is a product over the runs.

**Redraws.**  A provider, or a device in league with it, that may fail a chunk after it has seen the
chunk's settings or outcomes chooses which tries count.  Call a *pattern* π the history of that:
round after round, which chunks are played again.  It fixes which bits of the source choose which
settings, and where the extractor's bits lie, since those of each round come after all others.
Pattern 0 has no rounds.  A round is a nonempty set of the N chunks, R the sum of their sizes.  Put

    w = w(π) = 2^−32·(2N)^−R,   λ = log₂(1/w),   so that Σ_{π≠0} w(π) < 2^−31:

as a round of size k has binomial(N, k) choices, the sum over all rounds of (2N)^−k is
z = (1+1/2N)^N − 1 < √e − 1, and over all sequences of one round or more z + z² + … = z/(1−z)
< 1.85 = 2^0.89.

*Theorem.*  Let a plan rest on the theorem on levels (theory 4.4.4), with s₀, β, k₀, levels k_j of
masses M_j and an extractor that has a theorem on measures: its distance is at most A·(mass of all)
+ Σ_j B(k_j, M_j), with B(k+2λ, M) ≤ 2^−λ·B(k, M).  If runs with pattern π ≠ 0 are accepted only at
a score of s₀ + λ + 2βλ or more, then the distance is at most what the plan promises, times
1 + 2^−31.

*Proof.*  As in theory 4.4 fix Eve's measurement.  Let c be her side information
with all settings that pattern π reads, t the weak bits after them, one string for each π; given
c, t is ε-SV and independent of the outcomes, and of which chunks are failed as far as π goes.
A history is the outcomes of every try, how far each discarded one was played, and which failed; its
probability is a product of factors, each given its past.
(1) *Pointwise.*  Let Q be the product of the boxes' probabilities of the outcomes y at u0 in the
tries of π, and for a number k let ν_π(y) = P(y, π, accepted, Q ≤ 2^−k | c).  For fixed y the
factors other than Q sum to 1 at most over all histories, the last first, those of the decisions to
fail bounded by 1, as π has fixed them.  Hence ν_π(y) ≤ 2^−k; a further condition on the history,
such as Q > 2^−k', only drops terms.
(2) *Mass.*  Given that a try did not fail its settings need not be ε-SV, as whoever
fails has seen them.  But bound all decisions by 1, to fail and not to: what is left is the law of a
fictitious run in which the tries of π are played to their end whatever happens, by the boxes that
answer when the decisions so far are those of π.  By assumption neither they nor how far discarded
tries are played depend on settings of π that are still to be played.  So there the settings are
ε-SV given the past, of which discarded tries, with earlier bits, are a part, and Π F·q^β over the
tries of π is a supermartingale (`certificate.score`).  So accepted runs with pattern π and
Q > 2^−k have mass at most 2^{−s+βk}, s the score asked for.
(3) *Levels of a pattern.*  For π ≠ 0 take the levels k_j + 2λ.  At s = s₀ + λ + 2βλ the bad mass,
Q > 2^{−k_0−2λ}, is at most w·2^{−s₀+βk₀}, and level j has mass at most min(1, w·2^{−s₀+βk_{j+1}})
≤ M_j, the last at most 1; so its second part is at most B(k_j+2λ, M_j) ≤ w·B(k_j, M_j).
(4) *Sum.*  Patterns are disjoint events.  The bad masses add to 2^{−s₀+βk₀}(1 + 2^−31), the second
parts to Σ_jB(k_j, M_j)·(1 + 2^−31), and the first, linear in the mass with one A for all, to A, as
for a run without redraws.  ∎

*Plans of before 2.2* charge the error ξ = ε' at k₀ as a whole.  For those let κ ≥ 0 be such that
A ≤ ξ/2 and, at k₀+κ, B ≤ ξ with mass 1 (`Extractor.min_entropy2_of_parts`).  If runs with π ≠ 0 are
accepted only at s₀ + λ + β(2λ+κ) or more, then d_c·p(ACC) ≤ 2^m·2(ξ + ε')·(1 + 2^−31): pattern 0
contributes √μ_0·ξ at most, μ_π the mass of a pattern, and π ≠ 0 at k₀ + 2λ + κ at most
A·μ_π + w·ξ; the sum is at most √μ_0·ξ + A(1−μ_0) + ξ·2^−31, and √μ_0 + ½(1−√μ_0)(1+√μ_0) ≤ 1.  The
floor A may nearly be ξ there, as k₀ is least at the largest p with any room; then a smaller p,
which only the proof knows, makes A small, and κ > 0 pays for it.

2^−31 of what was promised is less than the rounding that plans allow.  A run without redraws pays
nothing.
"""

from __future__ import annotations

import math

from protocol.data.provenance import Provenance
from protocol.extract.extractor import Extractor
from protocol.plan.plan import Plan
from qdevices.errors import InputError

#: −log₂ of the share of all patterns with redraws together, plus one.
SHARE_BITS = 32


def log2_share(chunks: int, redraws: int) -> float:
    """log₂ w, the share of a pattern with `redraws` ≥ 1 of `chunks`.

    Raises:
        InputError: no chunks, or no redraws.
    """
    if chunks < 1 or redraws < 1:
        raise InputError(f"{redraws} redraws of {chunks} chunks, expected 1 or more of both")
    return -(SHARE_BITS + redraws * (1 + math.log2(chunks)))


def redraw_charge(plan: Plan, provenance: Provenance) -> float:
    """Bits that the score of a run loses for its redraws: λ + 2βλ of the theorem.

    Returns:
        0 without redraws, or for a plan without output; inf if nothing pays for them.

    Raises:
        InputError: redrawn chunks that the run does not have.
    """
    provenance.check_for(plan.runs)
    if not provenance.redraws or plan.extractor is None:
        return 0.0
    price = -log2_share(provenance.chunks(plan.runs), provenance.redraws)
    return price + plan.certificate.beta * (2 * price + _more(plan, plan.extractor))


def _more(plan: Plan, extractor: Extractor) -> float:
    """κ: what the levels of a pattern rise by beside 2λ, bits; inf without a theorem."""
    if plan.by_levels:
        return 0.0 if extractor.charges_mass else math.inf
    return max(0.0, extractor.min_entropy2_of_parts() - extractor.min_entropy2)
