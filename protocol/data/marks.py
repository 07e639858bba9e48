"""How a run folder is known for one, by those who must not depend on what is in it."""

from __future__ import annotations

import os
from pathlib import Path

from protocol.documents.files import read_json

#: The record of a run folder, and what its entry "format" says.
RECORD = "run.json"
RUN_FORMAT = "ksamp-run"


def holds_run(path: Path) -> bool:
    """Whether there is the record of a run in this folder, of any version.

    Raises:
        InputError: there is a file of that name that cannot be read, so that nobody can tell.
    """
    if not os.path.lexists(path / RECORD):
        return False
    data = read_json(path / RECORD, "record", follow=False)
    return isinstance(data, dict) and data.get("format") == RUN_FORMAT
