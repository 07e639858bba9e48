"""How a run folder is known for one, by those who must not depend on what is in it."""

from __future__ import annotations

from pathlib import Path

from protocol.errors import InputError
from protocol.files import read_json

#: The record of a run folder, and what its entry "format" says.
RECORD = "run.json"
RUN_FORMAT = "ksamp-run"


def holds_run(path: Path) -> bool:
    """Whether there is the record of a run in this folder, of any version."""
    try:
        data = read_json(path / RECORD, "record", follow=False)
    except InputError:
        return False
    return isinstance(data, dict) and data.get("format") == RUN_FORMAT
