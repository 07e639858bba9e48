"""Verification of a run folder: tests, certificate and output, recomputed from what was written.

It shows that a folder is consistent: that this output follows from these outcomes by this plan.  It
cannot show who made the folder, or that a device was there at all; two digests kept from before
the run and from its end (`expected_plan`, `expected_record`) show that it was not exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protocol.documents.fields import printable
from protocol.plan.file import plan_to_json
from protocol.progress import Progress
from protocol.run import folder
from protocol.run.record import RunRecord, is_digest
from protocol.run.replay import certify
from protocol.sources.kept import KeptBits
from qdevices.errors import InputError

#: Relative precision of what Theorem 9 finds by search; a minimum's place is known to the root of
#: the precision of its value only.
_PRECISION = {"runs_needed": 1e-6, "best_delta": 1e-3}


@dataclass(frozen=True)
class Check:
    """One thing that was recomputed: what, whether it agrees, and how not."""

    name: str
    agrees: bool
    detail: str = ""


@dataclass(frozen=True)
class Verification:
    """What `verify_folder` found.

    Attributes:
        checks: one for each thing that was compared.
        grouped: the runs were grouped by setting, so that their certificate holds only for a
            device without memory.
        plan_digest, record_digest: as computed here; None if not even that was possible.
        model: what the output is secure against, in a sentence; None likewise.
    """

    checks: tuple[Check, ...]
    grouped: bool = False
    plan_digest: str | None = None
    record_digest: str | None = None
    model: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether everything agrees."""
        return all(check.agrees for check in self.checks)


def verify_folder(
    path: str | Path,
    progress: Progress | None = None,
    *,
    expected_plan: str | None = None,
    expected_record: str | None = None,
) -> Verification:
    """Recompute all that a run folder claims.

    Args:
        path: the folder.
        progress: is told (stage, done, total).
        expected_plan: the plan's digest as it was known before the run.
        expected_record: the record's digest as it was known when the run had ended.

    Returns:
        One `Check` for the record and the files' digests, for the plan, whose output must follow
        from its thresholds, for each number of the result, and for the output bits.

    Raises:
        InputError: no run folder, no JSON in its record, or a digest that is none.
    """
    for wanted in (expected_plan, expected_record):
        if wanted is not None and not is_digest(wanted):
            raise InputError(f"digest {wanted!r:.80}, expected 64 hexadecimal digits")
    data = folder.read_json_record(path)
    try:
        record = RunRecord.from_json(data)
    except InputError as error:
        return Verification((Check("record", False, str(error)),))
    checks = [Check("record", True)]
    grouped, plan = not record.provenance.faithful, record.plan
    if expected_record is not None:
        checks.append(_digest_check("record's digest", expected_record, record.sha256))
    if expected_plan is not None:
        checks.append(_digest_check("plan's digest", expected_plan, plan.digest))
    # A certificate was proved again as it was read, and may be packed by another library.
    differing = [
        _same(f"plan's {key}", data["plan"].get(key), value)
        for key, value in plan_to_json(plan).items()
        if key != "certificate" and not _equal(data["plan"].get(key), value)
    ]
    checks += [*differing, Check("plan", not differing)]

    def found() -> Verification:
        return Verification(
            tuple(checks), grouped, plan.digest, record.sha256, plan.security.sentence
        )

    try:
        stored = folder.read_data(path, record)
        checks.append(Check("file digests", True))
    except InputError as error:
        checks.append(Check("file digests", False, str(error)))
        return found()
    try:
        source = KeptBits(stored.extractor_bits) if record.extracted else None
        result = certify(plan, stored.data, source, allow_grouped=True, progress=progress)
    except InputError as error:
        checks.append(Check("runs", False, str(error)))
        return found()
    recomputed = result.to_json()
    checks += [
        _same(key, record.result.get(key), value)
        for key, value in recomputed.items()
        if key != "model"  # in words, for people; what it says stands in the plan
    ]
    if unknown := sorted(set(record.result) - set(recomputed)):
        checks.append(Check("result", False, f"unknown entry {printable(unknown[0], 60)!r}"))
    unearned = record.extracted and not result.verdict.accepted
    checks.append(Check("output earned", not unearned, "not accepted, yet extracted" * unearned))
    if record.extracted and result.verdict.accepted:
        same = bool(np.array_equal(result.output, stored.output))
        checks.append(Check("output bits", same, "" if same else "recomputed bits differ"))
    return found()


def _digest_check(name: str, expected: str, found: str) -> Check:
    same = expected.lower() == found
    return Check(name, same, "" if same else f"expected {expected.lower()}, found {found}")


def _same(name: str, claimed: Any, recomputed: Any) -> Check:
    if _equal(claimed, recomputed):
        return Check(name, True)
    said = printable(claimed, 200)
    return Check(name, False, f"run.json says {said}, recomputed {printable(recomputed, 200)}")


def _equal(a: Any, b: Any, key: str = "") -> bool:
    """Equality with room for the last digits of floats of another machine."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[k], b[k], k) for k in a)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= _PRECISION.get(key, 1e-9) * max(abs(a), abs(b))
    return type(a) is type(b) and bool(a == b)
