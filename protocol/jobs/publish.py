"""The end of a submitted run: write the result into the folder that holds the ledger.

Everything is written aside and moved in, `run.json` last: until it is there the folder is no
finished run, and whoever was interrupted starts this step again from the ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from protocol import folder
from protocol.certify import certify
from protocol.errors import InputError
from protocol.files import sync
from protocol.jobs.drive import Observer, unobserved
from protocol.marks import RECORD
from protocol.recorded import Recorded
from protocol.run import Result

_STAGING = ".publishing"


def is_published(root: Path) -> bool:
    """Whether the folder holds a finished run."""
    return (root / RECORD).is_file()


def publish(
    root: Path,
    data: Recorded,
    result: Result,
    seconds: Mapping[str, float],
    observer: Observer = unobserved,
) -> str:
    """Write a finished run into `root`, with the files of `folder.RunWriter`.

    Args:
        root: the folder with the ledger.
        data: the runs.
        result: of these runs.
        seconds: times by stage.
        observer: told before every file is moved in.

    Returns:
        The record's digest.

    Raises:
        InputError: the folder cannot be written.
    """
    staging = root / _STAGING
    try:
        if staging.is_symlink():
            staging.unlink()
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        for name, runs in ((folder.SETTINGS, data.settings), (folder.OUTCOMES, data.outcomes)):
            observer(f"write {name}")
            with folder.create(staging / name) as file:
                np.lib.format.write_array(file, runs, allow_pickle=False)
        digest = folder.write_result(staging, result, seconds)
        names = sorted(p.name for p in staging.iterdir() if p.name != RECORD)
        for name in (*names, RECORD):
            if name == RECORD:
                sync(root)
            observer(f"move {name}")
            (staging / name).replace(root / name)
        sync(root)
        shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise InputError(f"folder {str(root)!r} cannot be written: {error.strerror}") from None
    return digest


def read_result(root: Path) -> tuple[Result, str]:
    """The result of a finished run and its record's digest; nothing is extracted again.

    Raises:
        InputError: no finished run, files that are not what its record says, or output of runs
            that are not accepted.
    """
    stored = folder.read_run(root)
    judged = certify(stored.record.plan, stored.data, allow_grouped=True)
    result = Result(
        judged.plan, judged.verdict, stored.output, stored.extractor_bits, judged.provenance
    )
    return result, stored.record.sha256
