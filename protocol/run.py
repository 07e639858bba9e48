"""Protocol I: source → settings → device → outcomes → tests → certificate → extractor → output.

`execute` plays a planned run on any device; `judge` applies the plan to what was counted, and
`extract` makes the output.  Recorded data take the same path without the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.acceptance import Tally
from protocol.errors import InputError
from protocol.extract import raz
from protocol.plan import Plan
from protocol.sources import Source
from qdevices.device import Device
from qdevices.game import pair_label, paper_event

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
        score: Σ log₂F in bits, less what redrawn chunks cost.
        min_entropy_bits: certified by the counted score, except with probability ε'; ≥ 0.
    """

    accepted: bool
    reasons: tuple[str, ...]
    runs: int
    losing_rate: float
    event_rate: float
    paper_event_rate: float
    score: float
    min_entropy_bits: float


@dataclass(frozen=True)
class Result:
    """A finished run: the verdict, and the output bits if it was accepted.

    Attributes:
        plan: what was fixed before.
        verdict: what the tests said.
        output: the output bits, shape (m,) uint8; empty when not accepted.
        extractor_bits: the source's bits that the extractor used, (2r,) uint8; empty likewise.
    """

    plan: Plan
    verdict: Verdict
    output: NDArray[np.uint8]
    extractor_bits: NDArray[np.uint8]

    def to_json(self) -> dict[str, Any]:
        """The result as a plain dictionary; every number is finite or null."""
        return report(self.plan, self.verdict)


def new_tally(plan: Plan) -> Tally:
    """An empty tally with the plan's starred pair and capacity."""
    return Tally(plan.code.starred, plan.capacity)


def judge(plan: Plan, tally: Tally, charge: float = 0.0) -> Verdict:
    """Apply the tests and the certificate of `plan` to the counted runs.

    Args:
        plan: made before.
        tally: the counted runs.
        charge: bits that the score loses, see `protocol.redraws`.

    Raises:
        InputError: a number of runs other than planned, or a setting pair that the plan's code
            never selects.
    """
    if tally.runs != plan.runs:
        raise InputError(f"{tally.runs} runs counted, but the plan is for {plan.runs}")
    counts = tally.counts.sum(axis=1)
    if (strange := np.flatnonzero((counts > 0) & ~plan.code.settings_used)).size:
        pair = int(strange[0])
        raise InputError(
            f"{counts[pair]} runs have the setting pair {pair_label(pair)}, "
            f"which setting code {plan.code.name!r} never selects"
        )
    lost, starred = tally.losing_count(), tally.event_count(plan.event)
    score = plan.certificate.score(tally.counts, tally.overflow) - charge
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
        min_entropy_bits=max(0.0, certified),
    )


def extract(
    plan: Plan, tally: Tally, extractor_bits: NDArray[np.uint8], progress: Progress | None = None
) -> NDArray[np.uint8]:
    """The m output bits, from the kept outcomes and `extractor_bits` of shape (2r,) uint8.

    Raises:
        InputError: a plan without output, or a wrong number of bits.
    """
    if plan.extractor is None:
        raise InputError(f"the plan has no output: {plan.reason}")
    notify = None if progress is None else lambda k, total: progress("extracting", k, total)
    return raz.extract(plan.extractor, extractor_bits, tally.device_bits(), progress=notify)


def execute(
    plan: Plan,
    device: Device,
    source: Source,
    rng: Generator,
    *,
    sink: Sink | None = None,
    progress: Progress | None = None,
) -> Result:
    """Play a planned run.

    Args:
        plan: made before, for what is expected of the device.
        device: answers settings with outcomes, in run order.
        source: weak bits, for the settings first and then for the extractor.
        rng: handed to the device.
        sink: is given settings and outcomes block by block, for storage.
        progress: is told (stage, done, total).

    Raises:
        InputError: the source has too few bits, or the device refuses.
    """
    source.expect(plan.source_bits)
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
    return finish(plan, tally, source, progress=progress)


def finish(
    plan: Plan,
    tally: Tally,
    source: Source | None,
    *,
    charge: float = 0.0,
    progress: Progress | None = None,
) -> Result:
    """Judge counted runs and, if they are accepted and there is a source, extract.

    `charge` is that of `judge`.

    Raises:
        InputError: the source has too few bits.
    """
    verdict = judge(plan, tally, charge)
    empty = np.empty(0, dtype=np.uint8)
    if not verdict.accepted or plan.extractor is None or source is None:
        return Result(plan, verdict, empty, empty)
    extractor_bits = source.bits(plan.extractor.source1_bits)
    output = extract(plan, tally, extractor_bits, progress)
    return Result(plan, verdict, output, extractor_bits)


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
        min_entropy_bits=plan.min_entropy_bits,
    )
    return {k: None if k in ("L", "S", "S_paper") else v for k, v in report(plan, verdict).items()}
