"""`run.json`: plan, result, provenance, versions, times and the digests of a run's other files.

The record carries a digest of all of itself, so whoever keeps that one number (it is printed when
a run ends) can tell later whether anything in the folder was changed.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from protocol._version import __version__
from protocol.data.marks import RUN_FORMAT
from protocol.data.provenance import Provenance
from protocol.documents.fields import Fields
from protocol.documents.files import read_json
from protocol.documents.format import Format
from protocol.plan.file import FORMAT as PLAN_FORMAT
from protocol.plan.file import check_game, plan_from_json, plan_of, plan_to_json
from protocol.plan.plan import Plan
from protocol.run.finish import Result
from qdevices.errors import InputError

FORMAT = Format(RUN_FORMAT, "record of the run")
_MOST_ENTRIES = 64


@dataclass(frozen=True)
class RunRecord:
    """The record of a finished run; consistent in itself, which says nothing of who wrote it.

    Attributes:
        plan: what was fixed before.
        result: what was reported, as `run.report` has it; to be compared, not believed.
        extracted: whether there is output.
        provenance: how the runs came about.
        versions: of this package, Python and what the numbers depend on.
        seconds: times by stage; the only entry that differs when a seeded run is repeated.
        files: SHA-256 of every other file of the run, by name.
        sha256: digest of all that.

    Raises:
        InputError: an entry of another type, a digest that is none, files that lie elsewhere, or
            redrawn chunks that the plan's runs do not have.
    """

    plan: Plan
    result: Mapping[str, Any]
    extracted: bool
    provenance: Provenance
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    files: Mapping[str, str]
    sha256: str

    def __post_init__(self) -> None:
        if type(self.extracted) is not bool:
            raise InputError(f"extracted is {self.extracted!r:.60}, expected true or false")
        for name in ("result", "versions", "seconds", "files"):
            if not isinstance(getattr(self, name), Mapping):
                raise InputError(f"{name} is {getattr(self, name)!r:.60}, expected a mapping")
        if not is_digest(self.sha256) or not all(map(is_digest, self.files.values())):
            raise InputError("a digest of the record is none, expected 64 hexadecimal digits")
        if any(Path(name).name != name for name in self.files):
            raise InputError("a file of the record lies elsewhere, expected plain names")
        self.provenance.check_for(self.plan.runs)

    @classmethod
    def from_json(cls, data: Any) -> RunRecord:
        """Read a record's JSON value.

        Raises:
            InputError: another format or version, missing, unknown or unusable entries, a digest
                that does not match, or as `plan_from_json`.
        """
        opened = FORMAT.open(data)
        entries = opened.fields
        record = cls(
            plan=plan_from_json(entries.any("plan"), bare=opened.minor == 0),
            result=entries.object("result"),
            extracted=entries.flag("extracted"),
            provenance=Provenance.from_json(entries.any("provenance")),
            versions=_texts(entries, "versions"),
            seconds=_seconds(entries),
            files=_texts(entries, "files"),
            sha256=opened.sha256,
        )
        entries.done()
        check_game(opened, record.plan, "the record of the run")
        return record


def is_digest(text: object) -> bool:
    """Whether this is a SHA-256 as it is printed: 64 hexadecimal digits."""
    return isinstance(text, str) and re.fullmatch("[0-9a-fA-F]{64}", text) is not None


def versions() -> dict[str, str]:
    """Versions of this package, Python and what the numbers depend on."""
    found = {"ksamp": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "qiskit", "qiskit-aer"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def run_record(
    result: Result, seconds: Mapping[str, float], files: Mapping[str, str]
) -> dict[str, Any]:
    """The JSON value of a finished run's record.

    Args:
        result: the finished run.
        seconds: times by stage.
        files: SHA-256 of the run's other files, by name.
    """
    content = {
        "provenance": result.provenance.to_json(),
        "plan": plan_to_json(result.plan),
        "result": result.to_json(),
        "extracted": bool(len(result.output)),
        "versions": versions(),
        "seconds": dict(seconds),
        "files": dict(files),
    }
    return FORMAT.seal(content, result.plan.code.game.name)


def _texts(entries: Fields, key: str) -> dict[str, str]:
    found = entries.object(key)
    if len(found) > _MOST_ENTRIES:
        raise InputError(f"the record's {key} has {len(found)} entries, expected few")
    inner = Fields(found, f"the record's {key}")
    return {name: inner.text(name, 200) for name in found}


def _seconds(entries: Fields) -> dict[str, float]:
    found = entries.object("seconds")
    inner = Fields(found, "the record's seconds")
    return {name: inner.number(name) for name in found}


def read_planned(path: str | Path) -> Plan:
    """The plan in a plan file, or that of a `run.json`.

    Raises:
        InputError: the file cannot be read, or holds neither.
    """
    data = read_json(path, "plan file")
    if isinstance(data, dict) and data.get("format") == RUN_FORMAT:
        return RunRecord.from_json(data).plan
    what = f"plan file {str(path)!r}"
    return plan_of(PLAN_FORMAT.open(data, what), what)
