"""Verification of a run folder: tests, certificate and output, recomputed from what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protocol import folder
from protocol.errors import InputError
from protocol.extract import raz
from protocol.plan import Plan
from protocol.recorded import load_pair
from protocol.redraws import recorded_charge
from protocol.run import BLOCK, Progress, extract, judge, new_tally, report


@dataclass(frozen=True)
class Check:
    """One thing that was recomputed: what, whether it agrees, and how not."""

    name: str
    agrees: bool
    detail: str = ""


def verify_folder(path: str | Path, progress: Progress | None = None) -> list[Check]:
    """Recompute all that a run folder claims.

    Returns:
        One `Check` for the files' digests, the plan's own consistency, each number of the
        result, and the output bits.

    Raises:
        InputError: no run folder, or files that cannot be read at all.
    """
    root = Path(path)
    record = folder.read_record(root)
    checks = [_digests(root, record)]
    try:
        plan = Plan.from_json(record["plan"])
        claimed = record["result"]
        extracted = bool(record["extracted"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{str(root / folder.RECORD)!r} is incomplete: {error!r}") from None
    checks.append(_plan_holds(plan))

    settings, outcomes = load_pair(root / folder.SETTINGS, root / folder.OUTCOMES)
    tally = new_tally(plan)
    for block in folder.blocks(settings, outcomes, BLOCK):
        tally.add(*block)
    checks.append(_same("number of runs", plan.runs, tally.runs))
    if tally.runs != plan.runs:
        return checks
    try:
        verdict = judge(plan, tally, recorded_charge(record, plan))
    except InputError as error:
        return [*checks, Check("settings", False, str(error))]
    for key, value in report(plan, verdict).items():
        checks.append(_same(key, claimed.get(key), value))

    wanted = {folder.EXTRACTOR_BITS, folder.OUTPUT} if extracted else set()
    present = {n for n in (folder.EXTRACTOR_BITS, folder.OUTPUT) if (root / n).exists()}
    checks.append(_same("output files", sorted(wanted), sorted(present)))
    checks.append(Check("no output unaccepted", verdict.accepted or not extracted))
    if extracted and verdict.accepted and wanted == present and plan.extractor is not None:
        weak = folder.read_bits(root / folder.EXTRACTOR_BITS, plan.extractor.source1_bits)
        stored = folder.read_bits(root / folder.OUTPUT, plan.output_bits)
        same = bool(np.array_equal(extract(plan, tally, weak, progress), stored))
        checks.append(Check("output bits", same, "" if same else "recomputed bits differ"))
    return checks


def _digests(root: Path, record: Mapping[str, Any]) -> Check:
    """Every file is listed with its digest, and no other is there."""
    listed = record.get("files")
    if not isinstance(listed, dict):
        return Check("file digests", False, "run.json lists no files")
    present = {p.name for p in root.iterdir()} - {folder.RECORD}
    if missing := sorted(set(listed) - present):
        return Check("file digests", False, f"{missing[0]} is missing")
    changed = [name for name in sorted(listed) if folder.sha256(root / name) != listed[name]]
    detail = f"{changed[0]} was changed after the run" if changed else ""
    return Check("file digests", not changed, detail)


def _plan_holds(plan: Plan) -> Check:
    """The planned output follows from the planned thresholds at the planned soundness."""
    if plan.extractor is None:
        return _same("planned output", 0, plan.output_bits)
    least = plan.certificate.min_entropy(plan.score_least, plan.log2_failure)
    bound = raz.plan_for_output(
        plan.epsilon, plan.extractor.length2, plan.output_bits, plan.log2_failure
    )
    problems = []
    if bound != plan.extractor:
        problems.append("the extractor's parameters do not follow from the plan")
    if bound.min_entropy2 > least:
        problems.append(
            f"{plan.output_bits} bits need {bound.min_entropy2:.1f} bits of min-entropy, "
            f"the score threshold gives {least:.1f}"
        )
    if plan.extractor.length2 < 4 * plan.capacity:
        problems.append(f"the extractor has no room for {plan.capacity} outcomes")
    if (worth := plan.soundness_log2) is None or worth > -plan.soundness + 1e-9:
        problems.append(f"soundness is 2^{worth}, wanted 2^-{plan.soundness:g}")
    return Check("plan", not problems, "; ".join(problems))


def _same(name: str, claimed: Any, recomputed: Any) -> Check:
    if _equal(claimed, recomputed):
        return Check(name, True)
    return Check(name, False, f"run.json says {claimed}, recomputed {recomputed}")


def _equal(a: Any, b: Any) -> bool:
    """Equality with room for the last digits of floats of another machine."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    return bool(a == b)
