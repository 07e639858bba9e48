"""Plans as files, for data that are recorded after the plan was fixed."""

from __future__ import annotations

import json
from pathlib import Path

from protocol.errors import InputError
from protocol.plan import Plan

FORMAT = "ksamp-plan"
VERSION = 1


def write_plan(plan: Plan, path: str | Path) -> None:
    """Write `plan` to a new JSON file.

    Raises:
        InputError: the file exists or cannot be written.
    """
    text = json.dumps({"format": FORMAT, "version": VERSION, "plan": plan.to_json()}, indent=2)
    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise InputError(f"plan file {str(path)!r} exists, expected a new name") from None
    except OSError as error:
        raise InputError(f"plan file {str(path)!r} cannot be written: {error.strerror}") from None


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `write_plan` wrote, or the plan of a `run.json`.

    Raises:
        InputError: the file cannot be read, holds no plan, or one whose output does not follow
            from its thresholds.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"plan file {str(path)!r} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"plan file {str(path)!r} is no JSON: {error}") from None
    if not isinstance(data, dict) or "plan" not in data or data.get("version") != VERSION:
        raise InputError(f"plan file {str(path)!r} holds no plan of version {VERSION}")
    return Plan.from_json(data["plan"])
