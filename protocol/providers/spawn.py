"""The start of a worker process that imports nothing but what this process would."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from protocol.documents.files import open_log
from protocol.providers.queue import Setup

_LOG = "worker.log"
#: A child's first words: its import path is what the parent says, before anything is imported.
_START = (
    "import json, sys\n"
    "given = json.loads(sys.argv[1])\n"
    "sys.path[:] = given + [entry for entry in sys.path if entry not in given]\n"
    "sys.path += [entry for entry in [sys.argv[2]] if entry not in sys.path]\n"
    "from protocol.providers.worker import main\n"
    "main(sys.argv[3:])\n"
)


def start_worker(folder: Path, setup: Setup) -> None:
    """Start a worker that plays the jobs of a queue which were queued for `setup`.

    Nothing that lies in the current folder, the queue's or one that an environment variable names
    in passing is imported by it: it is isolated (`python -I`), and takes over this process's
    import path without the current folder.  A device `python:...` alone is also looked for there,
    after everything that is installed (`qdevices.hardware.kinds.python`).

    Raises:
        InputError: the log in the queue's folder cannot be written, or is no regular file.
    """
    path, home = import_path()
    folder = folder.absolute()
    with open_log(folder / _LOG, "log") as log:
        subprocess.Popen(
            [sys.executable, "-I", "-c", _START, json.dumps(path), home, str(folder),
             json.dumps(asdict(setup))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=None if setup.code else "/",
            start_new_session=True,  # a Ctrl-C or the end of the submitter is not its own
        )  # fmt: skip


def import_path() -> tuple[list[str], str]:
    """Where a child may import from as this process does, and where this package lies.

    The current folder is left out, which `python -m` and an empty entry of PYTHONPATH put first;
    if this package lies in it, the child looks there last.
    """
    try:
        here = Path.cwd().resolve()
    except OSError:  # it was removed
        here = None
    entries = [entry for entry in sys.path if isinstance(entry, str) and Path(entry).is_absolute()]
    home = str(Path(__file__).resolve().parents[2])
    return [entry for entry in entries if Path(entry).resolve() != here], home
