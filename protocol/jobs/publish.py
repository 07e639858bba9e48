"""The end of a submitted run: write the result into the folder that holds the ledger.

Everything is written aside and moved in, `run.json` last: until it is there the folder is no
finished run, and whoever was interrupted starts this step again from the ledger.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol import folder
from protocol.errors import InputError
from protocol.jobs.drive import Observer, unobserved
from protocol.plan import Plan
from protocol.recorded import load_pair
from protocol.redraws import recorded_charge
from protocol.run import BLOCK, Result, judge, new_tally

_STAGING = ".publishing"


def is_published(root: Path) -> bool:
    """Whether the folder holds a finished run."""
    return (root / folder.RECORD).is_file()


def publish(
    root: Path,
    record: dict[str, Any],
    settings: NDArray[np.uint8],
    outcomes: NDArray[np.uint8],
    extractor_bits: NDArray[np.uint8],
    output: NDArray[np.uint8],
    observer: Observer = unobserved,
) -> None:
    """Write a finished run into `root`, with the files of `folder.RunWriter`.

    Args:
        root: the folder with the ledger.
        record: goes to run.json, with the digests of the other files added.
        settings, outcomes: (n,) uint8.
        extractor_bits, output: bits, (2r,) and (m,) uint8; no file if empty.
        observer: told before every file is moved in.

    Raises:
        InputError: the folder cannot be written.
    """
    staging = root / _STAGING
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        for name, runs in ((folder.SETTINGS, settings), (folder.OUTCOMES, outcomes)):
            observer(f"write {name}")
            np.save(staging / name, runs)
        for name, bits in ((folder.EXTRACTOR_BITS, extractor_bits), (folder.OUTPUT, output)):
            if len(bits):
                (staging / name).write_bytes(np.packbits(bits).tobytes())
        names = sorted(path.name for path in staging.iterdir())
        full = {
            "format": folder.FORMAT,
            "version": folder.VERSION,
            **record,
            "files": {name: folder.sha256(staging / name) for name in names},
        }
        text = json.dumps(full, indent=2, allow_nan=False) + "\n"
        (staging / folder.RECORD).write_text(text, encoding="utf-8")
        for name in (*names, folder.RECORD):
            _sync(staging / name)
        for name in (*names, folder.RECORD):
            if name == folder.RECORD:
                _sync(root)
            observer(f"move {name}")
            (staging / name).replace(root / name)
        _sync(root)
        shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise InputError(f"folder {str(root)!r} cannot be written: {error.strerror}") from None


def read_result(root: Path) -> Result:
    """The result of a finished run, from its files; nothing is extracted again.

    Raises:
        InputError: no finished run, or files that cannot be read.
    """
    record = folder.read_record(root)
    plan = Plan.from_json(record["plan"])
    tally = new_tally(plan)
    pair = load_pair(root / folder.SETTINGS, root / folder.OUTCOMES)
    for block in folder.blocks(*pair, BLOCK):
        tally.add(*block)
    weak, output = np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.uint8)
    if record["extracted"] and plan.extractor is not None:
        weak = folder.read_bits(root / folder.EXTRACTOR_BITS, plan.extractor.source1_bits)
        output = folder.read_bits(root / folder.OUTPUT, plan.output_bits)
    return Result(plan, judge(plan, tally, recorded_charge(record, plan)), output, weak)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
