"""A judged run in a few plain numbers, as `--json` prints them and a run's record keeps them."""

from __future__ import annotations

import math
from typing import Any

from protocol.plan.plan import Plan
from protocol.run.judge import Verdict


def report(plan: Plan, verdict: Verdict) -> dict[str, Any]:
    """The flat summary that `--json` prints; every number is finite or null."""
    return {
        "accepted": verdict.accepted,
        "reasons": list(verdict.reasons),
        "runs": verdict.runs,
        "epsilon": plan.epsilon,
        "L": verdict.losing_rate,
        "delta": plan.delta,
        "S": verdict.event_rate,
        "mu1": plan.mu1,
        "S_paper": verdict.paper_event_rate,
        "score": verdict.score if math.isfinite(verdict.score) else None,
        "score_least": plan.score_least if math.isfinite(plan.score_least) else None,
        "min_entropy_bits": verdict.min_entropy_bits,
        "output_bits": plan.output_bits if verdict.accepted else 0,
        "soundness_log2": plan.soundness_log2,
        "completeness": plan.completeness,
        "certificate": plan.certificate.kind,
        "theorem9": plan.theorem9.to_json(),
        **_model(plan),
    }


def _model(plan: Plan) -> dict[str, Any]:
    """What the output is secure against; not in records of before 2.2."""
    if not plan.by_levels:
        return {}
    return {
        "security": plan.security.to_json(),
        "model": plan.security.sentence,
        "complete_for": plan.complete_for,
    }


def report_planned(plan: Plan) -> dict[str, Any]:
    """The same summary for a plan without output, after which the device was not used."""
    verdict = Verdict(
        accepted=False,
        reasons=(f"nothing can be certified: {plan.reason}",),
        runs=plan.runs,
        losing_rate=math.nan,
        event_rate=math.nan,
        paper_event_rate=math.nan,
        score=-math.inf,
        charge=0.0,
        min_entropy_bits=plan.min_entropy_bits,
    )
    return {k: None if k in ("L", "S", "S_paper") else v for k, v in report(plan, verdict).items()}
