"""The end of a submitted run: write the result into the folder that holds the ledger.

Everything is written aside and moved in, `run.json` last: until it is there the folder is no
finished run, and whoever was interrupted starts this step again from the ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.data.marks import RECORD
from protocol.data.recorded import Recorded
from protocol.documents.files import create_private, move_in
from protocol.jobs.drive import Observer, unobserved
from protocol.plan.plan import Plan
from protocol.run import folder
from protocol.run.finish import Result
from protocol.run.replay import certify
from protocol.sources.kept import KeptBits
from qdevices.errors import InputError

#: Of this name always, as whoever holds the ledger is alone here.
_HIDDEN = ".publishing"


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
    hidden = root / _HIDDEN
    try:
        if hidden.is_symlink():
            hidden.unlink()
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir()
        for name, runs in ((folder.SETTINGS, data.settings), (folder.OUTCOMES, data.outcomes)):
            observer(f"write {name}")
            with create_private(hidden / name) as file:
                np.lib.format.write_array(file, runs, allow_pickle=False)
        digest = folder.write_result(hidden, result, seconds)
        move_in(hidden, root, RECORD, lambda name: observer(f"move {name}"))
    except OSError as error:
        raise InputError(f"folder {str(root)!r} cannot be written: {error.strerror}") from None
    return digest


def read_result(
    root: Path, plan: Plan, data: Recorded, kept: NDArray[np.uint8] | None
) -> tuple[Result, str]:
    """The result of a finished run and its record's digest, recomputed from what was written.

    Args:
        root: the folder.
        plan, data, kept: plan, runs and the extractor's bits as the ledger has them.

    Raises:
        InputError: no finished run, files that are not what its record says, or another result
            than follows from them, or than the ledger's runs have.
    """
    stored = folder.read_run(root)
    ours = (
        stored.record.plan.digest == plan.digest
        and stored.data.provenance == data.provenance
        and np.array_equal(stored.data.settings, data.settings)
        and np.array_equal(stored.data.outcomes, data.outcomes)
        and np.array_equal(stored.extractor_bits, [] if kept is None else kept)
    )
    if not ours:
        raise InputError(f"the result in {str(root)!r} is not that of its ledger's runs")
    result = certify(plan, data, KeptBits(stored.extractor_bits), allow_grouped=True)
    if not np.array_equal(result.output, stored.output):
        raise InputError(f"the output in {str(root)!r} does not follow from its runs")
    return result, stored.record.sha256
