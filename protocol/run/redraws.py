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

*Theorem.*  Let a plan promise m bits with ξ = ε' at the score threshold s₀ and min-entropy k₀, that
is 2^{−s₀+βk₀} ≤ ε' and extractor error ξ at k₀.  Let κ ≥ 0 be such that the two parts of the
extractor's error (`extract.raz`, corollary on measures) are A ≤ ξ/2 and, at k₀+κ, B ≤ ξ.  If runs
with pattern π ≠ 0 are accepted only at a score of s₀ + λ + β(2λ+κ) or more, then
d_c·p(ACC) ≤ 2^m·2(ξ + ε')·(1 + 2^−31).

*Proof.*  As in theory 4.4 fix Eve's measurement at the price 2^m.  Let c be her side information
with all settings that pattern π reads, t the 2r weak bits after them, one string for each π; given
c, t is ε-SV and independent of the outcomes, and of which chunks are failed as far as π goes.
A history is the outcomes of every try, how far each discarded one was played, and which failed; its
probability is a product of factors, each given its past.
(1) *Pointwise.*  Let Q be the product of the boxes' probabilities of the outcomes y at u0 in the
tries of π, and for a number k_π let ν_π(y) = P(y, π, accepted, Q ≤ 2^{−k_π} | c).  For fixed y the
factors other than Q sum to 1 at most over all histories, the last first, those of the decisions to
fail bounded by 1, as π has fixed them.  Hence ν_π(y) ≤ 2^{−k_π}.
(2) *Mass of the rest.*  Given that a try did not fail its settings need not be ε-SV, as whoever
fails has seen them.  But bound all decisions by 1, to fail and not to: what is left is the law of a
fictitious run in which the tries of π are played to their end whatever happens, by the boxes that
answer when the decisions so far are those of π.  By assumption neither they nor how far discarded
tries are played depend on settings of π that are still to be played.  So there the settings are
ε-SV given the past, of which discarded tries, with earlier bits, are a part, and Π F·q^β over the
tries of π is a supermartingale (`certificate.score`).  So accepted runs with pattern π and
Q > 2^{−k_π} have mass at most 2^{−s+βk_π}, s the score asked for.  With k_0 = k₀ that is ε' for
pattern 0; with k_π = k₀ + 2λ + κ it is w·ε' for the others.
(3) *Extractor.*  Patterns are disjoint events; let μ_π be the mass of ν_π, averaged over c, Σμ_π ≤
1. By the corollary pattern 0 contributes √μ_0·ξ at most, and π ≠ 0 at most A·μ_π + B(k_π)·√μ_π,
B(k_π) = w·B(k₀+κ) ≤ w·ξ.  (Averages over c: A is linear in the mass, the root is concave.)
(4) *Sum.*  Bad masses give ε'(1+2^−31), the second parts ξ·2^−31.  What is left is √μ_0·ξ +
A·(1−μ_0) ≤ ξ[√μ_0 + ½(1−√μ_0)(1+√μ_0)] ≤ ξ, since 1+√μ_0 ≤ 2.  Twice that is the distance.  ∎

The floor A is thus shared by the patterns' masses, but beside √μ_0·ξ it adds to no more than ξ only
as long as A ≤ ξ/2: with A = ξ, which for large p it nearly may be, the sum could exceed ξ by a
quarter (√μ_0 = ½).  In
a plan they may be nearly equal, as k₀ is least at the largest p with any room; then a smaller p,
which only the proof knows, makes A small, and κ > 0 pays for it.  2^−31 of what was promised is
less than the rounding that plans allow.  A run without redraws pays nothing.
"""

from __future__ import annotations

import math

from protocol.data.provenance import Provenance
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
    """Bits that the score of a run loses for its redraws: λ + β(2λ+κ) of the theorem.

    Returns:
        0 without redraws, or for a plan without output; inf if nothing pays for them.

    Raises:
        InputError: redrawn chunks that the run does not have.
    """
    provenance.check_for(plan.runs)
    if not provenance.redraws or plan.extractor is None:
        return 0.0
    price = -log2_share(provenance.chunks(plan.runs), provenance.redraws)
    more = plan.extractor.min_entropy2_of_parts() - plan.extractor.min_entropy2
    return price + plan.certificate.beta * (2 * price + max(0.0, more))
