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
from typing import Any, BinaryIO

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
        InputError: it exists and `overwrite` is not set, or it holds anything that no run wrote,
            or its parent cannot be written.
    """
    try:
        if path.exists() or path.is_symlink():
            if not overwrite:
                raise InputError(
                    f"folder {str(path)!r} exists, expected a new one (or --overwrite)"
                )
            _check_replaceable(path)
        parent = path.absolute().parent
        if not parent.is_dir():
            raise InputError(
                f"folder {str(parent)!r} does not exist, cannot write {path.name!r} there"
            )
    except OSError as error:
        raise _unwritable(path, error) from None
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"folder {str(parent)!r} is not writable")


def _check_replaceable(path: Path) -> None:
    """Check that nothing but an earlier run, or nothing at all, would be lost at `path`.

    Raises:
        InputError: otherwise, with what would be lost.
    """
    if path.is_symlink() or not path.is_dir() or path.name in ("", ".."):
        raise InputError(f"{str(path)!r} is no folder's own name, so it is not overwritten")
    present = {entry.name for entry in path.iterdir()}
    if not present:
        return
    try:
        read_record(path)
    except InputError:
        raise InputError(f"{str(path)!r} is no run folder, so it is not overwritten") from None
    if foreign := sorted(present - {RECORD, SETTINGS, OUTCOMES, EXTRACTOR_BITS, OUTPUT}):
        raise InputError(f"{str(path)!r} also holds {foreign[0]!r}, so it is not overwritten")


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"folder {str(path)!r} cannot be written: {error.strerror}")


class RunWriter:
    """Writes a run folder; use as a context manager, and call `publish` at the end.

    Without `publish` (an error, or Ctrl-C) the unfinished folder is removed.

    Raises:
        InputError: as `check_target`, and from any method when the disk refuses or is full.
    """

    def __init__(self, path: str | Path, runs: int, *, overwrite: bool = False) -> None:
        self._path = Path(path)
        self._overwrite = overwrite
        check_target(self._path, overwrite)
        parent = self._path.absolute().parent
        header = {"descr": "|u1", "fortran_order": False, "shape": (runs,)}
        self._arrays: list[BinaryIO] = []
        try:
            self._staging = Path(
                tempfile.mkdtemp(prefix=f".{self._path.name}.partial-", dir=parent)
            )
        except OSError as error:
            raise _unwritable(self._path, error) from None
        try:
            self._staging.chmod(0o777 & ~_umask())
            # Written and not mapped: a full disk kills a process that writes to a map.
            for name in (SETTINGS, OUTCOMES):
                self._arrays.append((self._staging / name).open("wb"))
                np.lib.format.write_array_header_1_0(self._arrays[-1], header)
        except OSError as error:
            self._remove()
            raise _unwritable(self._path, error) from None

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        for array in self._arrays:
            with contextlib.suppress(OSError):  # closing writes what is buffered
                array.close()
        shutil.rmtree(self._staging, ignore_errors=True)

    def add(self, settings: NDArray[np.uint8], outcomes: NDArray[np.uint8]) -> None:
        """Append a block of runs."""
        try:
            for array, block in zip(self._arrays, (settings, outcomes), strict=True):
                array.write(block.tobytes())
        except OSError as error:
            raise _unwritable(self._path, error) from None

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
        try:
            for array in self._arrays:
                array.close()
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
            self._move()
            _sync(self._path.absolute().parent)
        except OSError as error:
            raise _unwritable(self._path, error) from None

    def _move(self) -> None:
        """Move the finished folder to its name, an old run aside first and removed last."""
        aside = Path(f"{self._staging}.old")
        if self._overwrite and self._path.exists():
            _check_replaceable(self._path)  # again: the run took its time
            self._path.rename(aside)
        try:
            self._staging.rename(self._path)
        except OSError:
            if aside.exists():
                aside.rename(self._path)
            raise
        shutil.rmtree(aside, ignore_errors=True)


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
    except (ValueError, RecursionError) as error:
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
