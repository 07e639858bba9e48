"""Protocol I: source → settings → device → outcomes → tests → certificate → extractor → output.

`execute` plays a planned run on any device; `judge` applies the plan to what was counted, and
`finish` extracts.  Recorded data take the same path without the device (`protocol.run.replay`), so
what protects the output stands in `judge` and `finish`: both go through them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.certificate.check import check_certificate
from protocol.data.provenance import Provenance
from protocol.errors import InputError
from protocol.extract import raz
from protocol.plan.plan import Plan, justified
from protocol.run.redraws import redraw_charge
from protocol.run.tally import HEAD, Tally, check_fresh, check_lean, check_settings
from protocol.sources.sources import Source
from qdevices.device import Device
from qdevices.ks18.game import paper_event

#: Runs handled at a time; memory beyond the counts is a few bytes for each of these.
BLOCK = 1 << 18

Sink = Callable[[NDArray[np.uint8], NDArray[np.uint8]], None]
Progress = Callable[[str, int, int], None]


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


@dataclass(frozen=True)
class Result:
    """A finished run: the verdict, and the output bits if it was accepted.

    Attributes:
        plan: what was fixed before.
        verdict: what the tests said.
        output: the output bits, shape (m,) uint8; empty when not accepted.
        extractor_bits: the source's bits that the extractor used, (2r,) uint8; empty likewise.
        provenance: how the runs came about.

    Raises:
        InputError: output of a run that was not accepted, or of another length than planned.
    """

    plan: Plan
    verdict: Verdict
    output: NDArray[np.uint8]
    extractor_bits: NDArray[np.uint8]
    provenance: Provenance

    def __post_init__(self) -> None:
        allowed = (0, self.plan.output_bits) if self.verdict.accepted else (0,)
        if len(self.output) not in allowed or bool(len(self.output)) != bool(
            len(self.extractor_bits)
        ):
            raise InputError(
                f"{len(self.output)} bits of output from {len(self.extractor_bits)} bits, but the "
                f"run is {'accepted' if self.verdict.accepted else 'not accepted'} and "
                f"{self.plan.output_bits} bits were planned"
            )

    def to_json(self) -> dict[str, Any]:
        """The result as a plain dictionary; every number is finite or null."""
        return report(self.plan, self.verdict)


def new_tally(plan: Plan) -> Tally:
    """An empty tally with the plan's starred pair and capacity."""
    # A few thousand remembered stretches of settings, whatever the number of runs.
    stride = max(8 * HEAD, 1 << (plan.runs >> 12).bit_length())
    return Tally(plan.code.starred, plan.capacity, stride)


def _check_tally(plan: Plan, tally: Tally) -> None:
    """Check that a tally is one of this plan, with the outcomes that its counts speak of.

    Raises:
        InputError: it is not.
    """
    wanted = new_tally(plan)
    found = (tally.starred, tally.capacity, tally.stride)
    if found != (wanted.starred, wanted.capacity, wanted.stride) or tally.kept != min(
        tally.starred_count, plan.capacity
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
    justified(plan)
    check_certificate(plan.certificate)
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
    certified = plan.certificate.min_entropy(score, plan.log2_failure)
    return Verdict(
        accepted=not reasons,
        reasons=tuple(reasons),
        runs=plan.runs,
        losing_rate=lost / plan.runs,
        event_rate=starred / plan.runs,
        paper_event_rate=tally.event_rate(paper_event()),
        score=score,
        charge=charge,
        min_entropy_bits=max(0.0, certified),
    )


def execute(
    plan: Plan,
    device: Device,
    source: Source,
    rng: Generator,
    *,
    provenance: Provenance | None = None,
    sink: Sink | None = None,
    progress: Progress | None = None,
) -> Result:
    """Play a planned run.

    Args:
        plan: made before, for what is expected of the device.
        device: answers settings with outcomes, in run order.
        source: weak bits, for the settings first and then for the extractor.
        rng: handed to the device.
        provenance: what to record of the run; only that it was played in order unless given.
        sink: is given settings and outcomes block by block, for storage.
        progress: is told (stage, done, total).

    Raises:
        InputError: the source has too few bits, the device refuses, or as `finish`.
    """
    source.claim(plan.source_bits)
    tally = new_tally(plan)
    for start in range(0, plan.runs, BLOCK):
        count = min(BLOCK, plan.runs - start)
        settings = plan.code.decode(source.bits(count * plan.code.bits_per_run))
        outcomes = device.sample(settings, rng)
        tally.add(settings, outcomes)
        if sink is not None:
            sink(settings, outcomes)
        if progress is not None:
            progress("runs", start + count, plan.runs)
    order = Provenance("run") if provenance is None else provenance
    return finish(plan, tally, source, order, progress=progress)


def finish(
    plan: Plan,
    tally: Tally,
    source: Source | None,
    provenance: Provenance,
    *,
    allow_grouped: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Judge counted runs and, if they are accepted and there is a source, extract.

    Args:
        plan: made before.
        tally: the counted runs.
        source: of the extractor's bits; None to stop at the verdict.
        provenance: how the runs came about.
        allow_grouped: also for runs that were grouped by setting, see `check_faithful`.
        progress: is told (stage, done, total).

    Raises:
        InputError: as `judge`; grouped runs that are not allowed; the source has too few bits, or
            gives bits that chose the settings or cannot be ε-SV.
    """
    check_faithful(provenance, allow_grouped)
    verdict = judge(plan, tally, provenance)
    empty = np.empty(0, dtype=np.uint8)
    if not verdict.accepted or plan.extractor is None or source is None:
        return Result(plan, verdict, empty, empty, provenance)
    extractor_bits = source.bits(plan.extractor.source1_bits)
    check_fresh(extractor_bits, plan.code, plan.epsilon, tally.heads)
    check_lean(extractor_bits, plan.epsilon)
    notify = None if progress is None else lambda k, total: progress("extracting", k, total)
    output = raz.extract(plan.extractor, extractor_bits, tally.device_bits(), progress=notify)
    return Result(plan, verdict, output, extractor_bits, provenance)


def check_faithful(provenance: Provenance, allow_grouped: bool) -> None:
    """Check that a certificate holds for runs of this provenance.

    None holds for a device that knows its settings in advance, unless it has no memory.  Who
    allows that (`certify --allow-grouped`; whoever submitted with `--order grouped`) has said so,
    and everything that comes of it is labelled by its provenance.

    Raises:
        InputError: grouped runs, unless `allow_grouped`.
    """
    if not provenance.faithful and not allow_grouped:
        raise InputError(
            "these runs were grouped by setting, which is not faithful to the protocol; expected "
            "run order, or --allow-grouped for a device known to have no memory"
        )


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
