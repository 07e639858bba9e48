"""Verification of a run folder: tests, certificate and output, recomputed from what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protocol import folder
from protocol.errors import InputError
from protocol.plan import Plan
from protocol.recorded import load_pair
from protocol.redraws import recorded_charge
from protocol.run import BLOCK, Progress, extract, judge, new_tally, report

#: Relative precision of what Theorem 9 finds by search; a minimum's place is known to the root of
#: the precision of its value only.
_PRECISION = {"runs_needed": 1e-6, "best_delta": 1e-3}


@dataclass(frozen=True)
class Check:
    """One thing that was recomputed: what, whether it agrees, and how not."""

    name: str
    agrees: bool
    detail: str = ""


def verify_folder(path: str | Path, progress: Progress | None = None) -> list[Check]:
    """Recompute all that a run folder claims.

    Returns:
        One `Check` for the files' digests, for the plan, whose output must follow from its
        thresholds, for each number of the result, and for the output bits.

    Raises:
        InputError: no run folder, or files that cannot be read at all.
    """
    root = Path(path)
    record = folder.read_record(root)
    checks = [_digests(root, record)]
    try:
        planned, claimed = record["plan"], record["result"]
        extracted = bool(record["extracted"])
    except KeyError as error:
        raise InputError(f"{str(root / folder.RECORD)!r} is incomplete: {error!r}") from None
    if not isinstance(planned, dict) or not isinstance(claimed, dict):
        raise InputError(f"{str(root / folder.RECORD)!r} is incomplete: no plan or no result")
    try:
        plan = Plan.from_json(planned)
    except InputError as error:
        return [*checks, Check("plan", False, str(error))]
    for key, value in plan.to_json().items():
        # A certificate was proved again as it was read, and may be packed by another library.
        if key != "certificate" and not _equal(planned.get(key), value):
            checks.append(_same(f"plan's {key}", planned.get(key), value))
    checks.append(Check("plan", all(check.agrees for check in checks[1:])))

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
    unearned = extracted and not verdict.accepted
    checks.append(
        Check("no output unaccepted", not unearned, "not accepted, yet extracted" * unearned)
    )
    if extracted and verdict.accepted and wanted == present and plan.extractor is not None:
        weak = folder.read_bits(root / folder.EXTRACTOR_BITS, plan.extractor.source1_bits)
        stored = folder.read_bits(root / folder.OUTPUT, plan.output_bits)
        same = bool(np.array_equal(extract(plan, tally, weak, progress), stored))
        checks.append(Check("output bits", same, "" if same else "recomputed bits differ"))
    return checks


def _digests(root: Path, record: Mapping[str, Any]) -> Check:
    """Every file of the run is listed and has its digest; other files do not matter."""
    listed = record.get("files")
    if not isinstance(listed, dict):
        return Check("file digests", False, "run.json lists no files")
    present = {p.name for p in root.iterdir() if p.is_file()}
    if missing := sorted(set(listed) - present):
        return Check("file digests", False, f"{missing[0]} is missing")
    written = {folder.SETTINGS, folder.OUTCOMES, folder.EXTRACTOR_BITS, folder.OUTPUT}
    if unlisted := sorted((written & present) - set(listed)):
        return Check("file digests", False, f"{unlisted[0]} has no digest in run.json")
    changed = [name for name in sorted(listed) if folder.sha256(root / name) != listed[name]]
    detail = f"{changed[0]} was changed after the run" if changed else ""
    return Check("file digests", not changed, detail)


def _same(name: str, claimed: Any, recomputed: Any) -> Check:
    if _equal(claimed, recomputed):
        return Check(name, True)
    return Check(name, False, f"run.json says {claimed}, recomputed {recomputed}")


def _equal(a: Any, b: Any, key: str = "") -> bool:
    """Equality with room for the last digits of floats of another machine."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[k], b[k], k) for k in a)
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= _PRECISION.get(key, 1e-9) * max(abs(a), abs(b))
    return bool(a == b)
