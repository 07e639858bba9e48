"""The judgement: the tests and the certificate of a plan, applied to counted runs.

What protects the output stands here and in `finish`: played and recorded runs go through both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from protocol.data.provenance import Provenance
from protocol.paper.theorem9 import second_event
from protocol.plan.file import restored
from protocol.plan.plan import Plan
from protocol.run.redraws import redraw_charge
from protocol.run.tally import HEAD, Tally, check_settings
from qdevices.errors import InputError


@dataclass(frozen=True)
class Verdict:
    """What the plan says of the counted runs.

    Attributes:
        accepted: all tests passed and the plan has output.
        reasons: one line for each that did not.
        runs: runs counted.
        losing_rate: L_n.
        event_rate: S_n for the event that the certificate credits.
        paper_event_rate: S_n for the paper's own (u*, x*), for information.
        score: Σ log₂F in bits, less `charge`.
        charge: bits that redrawn chunks cost.
        min_entropy_bits: certified by the counted score, except with probability ε'; ≥ 0.

    Raises:
        InputError: an acceptance with reasons against it, a refusal without, or a number out of
            range.
    """

    accepted: bool
    reasons: tuple[str, ...]
    runs: int
    losing_rate: float
    event_rate: float
    paper_event_rate: float
    score: float
    charge: float
    min_entropy_bits: float

    def __post_init__(self) -> None:
        fits = (
            type(self.accepted) is bool
            and isinstance(self.reasons, tuple)
            and all(isinstance(reason, str) for reason in self.reasons)
            and self.accepted is not bool(self.reasons)
            and type(self.runs) is int
            and self.runs > 0
            and self.charge >= 0
            and self.min_entropy_bits >= 0
        )
        rates = (self.losing_rate, self.event_rate, self.paper_event_rate)
        # A run that was not played has no rates.
        if not fits or not all(0 <= r <= 1 or (math.isnan(r) and not self.accepted) for r in rates):
            raise InputError(f"a verdict cannot be {str(self)!r:.200}")


def new_tally(plan: Plan) -> Tally:
    """An empty tally with the plan's starred pair and capacity."""
    # A few thousand remembered stretches of settings, whatever the number of runs.
    stride = max(8 * HEAD, 1 << (plan.runs >> 12).bit_length())
    return Tally(plan.code, plan.capacity, stride)


def _check_tally(plan: Plan, tally: Tally) -> None:
    """Check that a tally is one of this plan, with the outcomes that its counts speak of.

    Raises:
        InputError: it is not.
    """
    wanted = new_tally(plan)
    found = (tally.starred, tally.capacity, tally.stride)
    if (
        tally.game != wanted.game
        or found != (wanted.starred, wanted.capacity, wanted.stride)
        or tally.kept != min(tally.starred_count, plan.capacity)
    ):
        raise InputError(
            f"the tally has starred pair, capacity and stride {found} and keeps "
            f"{tally.kept} outcomes, expected one made by new_tally(plan)"
        )


def judge(plan: Plan, tally: Tally, provenance: Provenance) -> Verdict:
    """Apply the tests and the certificate of `plan` to the counted runs.

    The score is less what redrawn chunks cost (`protocol.run.redraws`).

    Args:
        plan: made before.
        tally: the counted runs.
        provenance: how they came about.

    Raises:
        InputError: a plan whose output does not follow from its thresholds, a certificate that is
            not proved, a tally of another plan, a number of runs other than planned, settings that
            cannot have come from the plan's code and ε-SV bits, or a provenance that does not fit.
    """
    return judge_restored(restored(plan), tally, provenance)


def judge_restored(plan: Plan, tally: Tally, provenance: Provenance) -> Verdict:
    """As `judge`, for a plan that `restored` has just built."""
    if type(tally) is not Tally:
        raise InputError(
            f"the tally is a {type(tally).__name__}, expected a Tally, and no class derived from it"
        )
    _check_tally(plan, tally)
    if tally.runs != plan.runs:
        raise InputError(f"{tally.runs} runs counted, but the plan is for {plan.runs}")
    check_settings(tally.counts.sum(axis=1), plan.code, plan.epsilon)
    charge = redraw_charge(plan, provenance)
    lost, starred = tally.losing_count(), tally.event_count(plan.event)
    score = plan.certificate.score(tally.counts) - charge
    reasons = []
    if lost > plan.losing_limit:
        reasons.append(
            f"test 1 failed: L = {lost / plan.runs:.6g} exceeds delta = {plan.delta:.6g}"
        )
    if starred < plan.event_least:
        reasons.append(
            f"test 2 failed: S = {starred / plan.runs:.6g} is below mu1 = {plan.mu1:.6g}"
        )
    if not score >= plan.score_least or math.isinf(score):
        reasons.append(
            f"score test failed: {score:.2f} bits, the plan asks for {plan.score_least:.2f}"
            + (f" (redrawn chunks cost {charge:.2f})" if charge else "")
        )
    if tally.starred_count > plan.capacity:
        reasons.append(
            f"too many starred runs: {tally.starred_count}, the extractor has room for "
            f"{plan.capacity}"
        )
    if plan.reason is not None:
        reasons.append(f"nothing was planned: {plan.reason}")
    certified = plan.certificate.min_entropy(score - plan.signalling_charge, plan.log2_failure)
    return Verdict(
        accepted=not reasons,
        reasons=tuple(reasons),
        runs=plan.runs,
        losing_rate=lost / plan.runs,
        event_rate=starred / plan.runs,
        paper_event_rate=tally.event_rate(second_event(plan.code.game)),
        score=score,
        charge=charge,
        min_entropy_bits=max(0.0, certified),
    )
