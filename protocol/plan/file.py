"""Plans as files, for data that are recorded after the plan was fixed.

The file carries the plan's digest, which `ksamp plan --out` prints: published before the run, it
shows afterwards that the plan was not changed.
"""

from __future__ import annotations

import json
from pathlib import Path

from protocol.documents.fields import Fields
from protocol.documents.files import read_json, write_file
from protocol.errors import InputError
from protocol.plan.plan import Plan
from protocol.run.marks import RUN_FORMAT
from protocol.run.record import RunRecord

FORMAT = "ksamp-plan"
#: 1 numbered the outcomes of basis M7 in another order than the paper.
VERSION = 2


def write_plan(plan: Plan, path: str | Path, *, overwrite: bool = False) -> None:
    """Write `plan` to a JSON file, whole or not at all.

    Raises:
        InputError: the file exists (unless `overwrite`) or cannot be written.
    """
    data = {"format": FORMAT, "version": VERSION, "plan": plan.to_json(), "sha256": plan.digest}
    text = json.dumps(data, indent=2, allow_nan=False) + "\n"
    write_file(path, text.encode(), "plan file", overwrite=overwrite)


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `write_plan` wrote, or the plan of a `run.json`.

    Raises:
        InputError: the file cannot be read, holds no plan of this version, was edited, or holds
            one whose output does not follow from its thresholds.
    """
    what = f"plan file {str(path)!r}"
    data = read_json(path, "plan file")
    if isinstance(data, dict) and data.get("format") == RUN_FORMAT:
        return RunRecord.from_json(data).plan
    entries = Fields(data, what)
    entries.format(FORMAT, VERSION)
    plan = Plan.from_json(entries.any("plan"))
    if entries.text("sha256") != plan.digest:
        raise InputError(f"{what} was edited: its SHA-256 digest does not match")
    entries.done()
    return plan
