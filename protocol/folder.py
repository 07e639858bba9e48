"""Run folders: what a run writes, so that a killed run never looks complete.

A run writes into a hidden sibling folder and is moved to its name as the last step; the name
exists only when everything is there.  `run.json` holds the plan, the result, versions, seed and
the SHA-256 of every other file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError

RECORD = "run.json"
SETTINGS = "settings.npy"
OUTCOMES = "outcomes.npy"
EXTRACTOR_BITS = "extractor_bits.bin"
OUTPUT = "output.bin"
FORMAT = "ksamp-run"
VERSION = 1


def check_target(path: Path, overwrite: bool = False) -> None:
    """Check that a run folder may be made at `path`.

    Raises:
        InputError: it exists and `overwrite` is not set, or is not a run folder, or its parent
            cannot be written.
    """
    if path.exists() or path.is_symlink():
        if not overwrite:
            raise InputError(f"folder {str(path)!r} exists, expected a new one (or --overwrite)")
        if not (path / RECORD).is_file() and not (path.is_dir() and not any(path.iterdir())):
            raise InputError(f"{str(path)!r} is no run folder, so it is not overwritten")
    parent = path.absolute().parent
    if not parent.is_dir():
        raise InputError(f"folder {str(parent)!r} does not exist, cannot write {path.name!r} there")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"folder {str(parent)!r} is not writable")


class RunWriter:
    """Writes a run folder; use as a context manager, and call `publish` at the end.

    Without `publish` (an error, or Ctrl-C) the unfinished folder is removed.

    Raises:
        InputError: as `check_target`, and when the folder cannot be made.
    """

    def __init__(self, path: str | Path, runs: int, *, overwrite: bool = False) -> None:
        self._path = Path(path)
        self._overwrite = overwrite
        check_target(self._path, overwrite)
        parent = self._path.absolute().parent
        try:
            self._staging = Path(
                tempfile.mkdtemp(prefix=f".{self._path.name}.partial-", dir=parent)
            )
            self._staging.chmod(0o777 & ~_umask())
            self._arrays = [
                np.lib.format.open_memmap(
                    self._staging / name, mode="w+", dtype=np.uint8, shape=(runs,)
                )
                for name in (SETTINGS, OUTCOMES)
            ]
        except OSError as error:
            raise InputError(
                f"folder {str(self._path)!r} cannot be written: {error.strerror}"
            ) from None
        self._written = 0

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)

    def add(self, settings: NDArray[np.uint8], outcomes: NDArray[np.uint8]) -> None:
        """Append a block of runs."""
        stop = self._written + len(settings)
        for array, block in zip(self._arrays, (settings, outcomes), strict=True):
            array[self._written : stop] = block
        self._written = stop

    def publish(
        self,
        record: dict[str, Any],
        extractor_bits: NDArray[np.uint8],
        output: NDArray[np.uint8],
    ) -> None:
        """Write the rest, `run.json` last, and move the folder to its name.

        Args:
            record: goes to run.json, with the digests of the other files added.
            extractor_bits: bits, (2r,) uint8; packed, or no file if empty.
            output: bits, (m,) uint8; likewise.
        """
        for array in self._arrays:
            array.flush()
        for name, bits in ((EXTRACTOR_BITS, extractor_bits), (OUTPUT, output)):
            if len(bits):
                (self._staging / name).write_bytes(np.packbits(bits).tobytes())
        files = {p.name: sha256(p) for p in sorted(self._staging.iterdir())}
        full = {"format": FORMAT, "version": VERSION, **record, "files": files}
        text = json.dumps(full, indent=2, allow_nan=False) + "\n"
        (self._staging / RECORD).write_text(text, encoding="utf-8")
        for file in self._staging.iterdir():
            _sync(file)
        _sync(self._staging)
        if self._overwrite and self._path.exists():
            aside = Path(f"{self._staging}.old")
            self._path.rename(aside)
            self._staging.rename(self._path)
            shutil.rmtree(aside)
        else:
            self._staging.rename(self._path)
        _sync(self._path.absolute().parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    # Folders cannot be synced everywhere; then the order of renames is the file system's.
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_record(path: str | Path) -> dict[str, Any]:
    """The contents of `run.json` in a run folder.

    Raises:
        InputError: no folder, no record, or another format or version.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"{str(path)!r} is no folder")
    file = folder / RECORD
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{str(file)!r} is no JSON: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{str(file)!r} is not the record of a run")
    if record.get("version") != VERSION:
        raise InputError(f"{str(file)!r} has version {record.get('version')!r}, expected {VERSION}")
    return record


def read_bits(path: Path, count: int) -> NDArray[np.uint8]:
    """The first `count` bits of a packed file, (count,) uint8.

    Raises:
        InputError: the file cannot be read or is not exactly as long as `count` bits need.
    """
    try:
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    if len(data) != -(-count // 8):
        raise InputError(f"{str(path)!r} has {len(data)} bytes, expected {-(-count // 8)}")
    return np.unpackbits(data)[:count]


def blocks(
    settings: NDArray[np.uint8], outcomes: NDArray[np.uint8], size: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Cut arrays of runs into blocks of at most `size`, as plain arrays."""
    for start in range(0, len(settings), size):
        stop = start + size
        yield np.asarray(settings[start:stop]), np.asarray(outcomes[start:stop])
