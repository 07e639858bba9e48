"""Run folders: what a run writes, so that a killed run never looks complete.

A run writes into a hidden sibling folder and is moved to its name as the last step; the name
exists only when everything is there.  `run.json` holds the plan, the result, provenance, versions
and the SHA-256 of every other file (`protocol.run.record`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from protocol.data.marks import RECORD, holds_run
from protocol.data.provenance import Provenance
from protocol.data.recorded import Recorded, load_pair
from protocol.documents.fields import printable
from protocol.documents.files import (
    create_private,
    hold,
    leftovers,
    log,
    move_to_name,
    open_regular,
    read_bytes,
    read_json,
    staging,
    stands_at,
    sync,
)
from protocol.documents.format import is_sealed, spelled
from protocol.run.finish import Result
from protocol.run.record import RunRecord, run_record
from qdevices.errors import InputError
from qdevices.game import Game

SETTINGS = "settings.npy"
OUTCOMES = "outcomes.npy"
EXTRACTOR_BITS = "extractor_bits.bin"
OUTPUT = "output.bin"
#: The record of what `publish` wrote.
PUBLIC_RECORD = "public.json"
#: All that a run writes beside its record.  Every file is private: output, extractor bits and
#: outcomes tell the output, a simulation's seed in the record does too, and settings must not
#: become known too early.
DATA = (SETTINGS, OUTCOMES, EXTRACTOR_BITS, OUTPUT)
_BLOCK_BYTES = 1 << 22


def check_target(path: Path, overwrite: bool = False, *, replaceable: bool = True) -> None:
    """Check, before any work, that a run folder can be made at `path`; leaves nothing there.

    Args:
        path: the folder.
        overwrite: whether an earlier run may be lost.
        replaceable: whether the user could ask for that.

    Raises:
        InputError: it exists and `overwrite` is not set, or it holds anything that no run wrote,
            or its parent takes no new folders.
    """
    recover(path)
    try:
        if path.exists() or path.is_symlink():
            if not overwrite:
                hint = " (or --overwrite)" if replaceable else ""
                raise InputError(f"folder {str(path)!r} exists, expected a new one{hint}")
            _check_replaceable(path)
        with staging(path):
            pass
    except OSError as error:
        raise _unwritable(path, error) from None
    except ValueError as error:  # a name with a zero byte
        if isinstance(error, InputError):
            raise
        raise InputError(f"folder {str(path)!r} cannot be written: {error}") from None


def recover(path: Path) -> None:
    """Put right what killed runs left of writing the folder `path`, and say so on the log.

    A run that was complete and only not yet moved to its name is moved there, if the name is free;
    an earlier run that had been moved aside for it is otherwise put back, and removed only when a
    complete run stands at the name.  What is incomplete is removed.  A run whose name is taken by
    anything else is left alone, and named.
    """
    for candidate in leftovers(path):  # those that were moved aside come last
        with contextlib.suppress(OSError):
            if candidate.is_dir():
                _put_right(candidate, path)


def _put_right(left: Path, path: Path) -> None:
    aside, name = left.name.endswith(".old"), printable(str(left))
    free = not os.path.lexists(path)
    if not (_may_hold_run(left) if aside else _is_complete(left)):
        shutil.rmtree(left)
        log.warning("ksamp: removed %s, left by an interrupted run", name)
    elif free:
        if aside:
            left.rename(path)
        else:
            move_to_name(left, path)
        log.warning("ksamp: moved %s to its name, as an interrupted run had meant", name)
    elif not aside:
        log.warning("ksamp: %s is a complete run that was never moved to its name", name)
    elif not path.is_symlink() and _may_hold_run(path) and _is_complete(path):
        shutil.rmtree(left)
        log.warning("ksamp: removed %s, which the run at its name has replaced", name)
    else:
        log.warning("ksamp: left %s alone, an earlier run whose name is taken by no run", name)


def _may_hold_run(folder: Path) -> bool:
    """Whether a run of any version is in a folder, or a record that nobody can read."""
    try:
        return holds_run(folder)
    except InputError:
        return True


def _is_complete(folder: Path) -> bool:
    """Whether the record, which a run writes last, is there and whole."""
    try:
        return is_sealed(read_json(folder / RECORD, "record", follow=False))
    except InputError:
        return False


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
        recognised = holds_run(path)
    except InputError:
        recognised = False
    if not recognised:
        raise InputError(f"{str(path)!r} is no run folder, so it is not overwritten")
    if foreign := sorted(present - {RECORD, *DATA}):
        raise InputError(
            f"{str(path)!r} also holds {printable(foreign[0])!r}, so it is not overwritten"
        )


def _unwritable(path: Path, error: OSError) -> InputError:
    parent = path.absolute().parent
    with contextlib.suppress(OSError):
        if not parent.is_dir():
            return InputError(
                f"folder {str(parent)!r} does not exist, cannot write {path.name!r} there"
            )
    return InputError(f"folder {str(path)!r} cannot be written: {error.strerror}")


class RunWriter:
    """Writes a run folder; use as a context manager, and call `publish` at the end.

    Without `publish` (an error, or Ctrl-C) the unfinished folder is removed.

    Raises:
        InputError: as `check_target`, and from any method when the disk refuses or is full.
    """

    def __init__(self, path: str | Path, runs: int, *, overwrite: bool = False) -> None:
        path = Path(path)
        check_target(path, overwrite)
        # Its parent once and for all: a way through the folder itself would move with it.
        self._path = Path(os.path.realpath(path.absolute().parent)) / path.name
        self._overwrite = overwrite
        header = {"descr": "|u1", "fortran_order": False, "shape": (runs,)}
        self._arrays: list[BinaryIO] = []
        with contextlib.ExitStack() as stack:
            try:
                self._staging = stack.enter_context(staging(self._path))
                # Written and not mapped: a full disk kills a process that writes to a map.
                for name in (SETTINGS, OUTCOMES):
                    self._arrays.append(create_private(self._staging / name))
                    stack.callback(_close, self._arrays[-1])
                    np.lib.format.write_array_header_1_0(self._arrays[-1], header)
            except OSError as error:
                raise _unwritable(self._path, error) from None
            self._open = stack.pop_all()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def add(self, settings: NDArray[np.uint8], outcomes: NDArray[np.uint8]) -> None:
        """Append a block of runs."""
        try:
            for array, block in zip(self._arrays, (settings, outcomes), strict=True):
                array.write(block.tobytes())
        except OSError as error:
            raise _unwritable(self._path, error) from None

    def publish(self, result: Result, seconds: Mapping[str, float]) -> str:
        """Write the rest, `run.json` last, and move the folder to its name.

        Args:
            result: of the runs that were added.
            seconds: times by stage.

        Returns:
            The record's digest.
        """
        try:
            for array in self._arrays:
                array.close()
            digest = write_result(self._staging, result, seconds)
            self._move()
        except OSError as error:
            raise _unwritable(self._path, error) from None
        return digest

    def _move(self) -> None:
        """Move the finished folder to its name, an old run aside first and removed last."""
        aside = Path(f"{self._staging}.old")
        with contextlib.ExitStack() as stack:
            if self._overwrite and self._path.exists():
                _check_replaceable(self._path)  # again: the run took its time
                old = os.open(self._path, os.O_RDONLY)
                stack.callback(os.close, old)
                hold(old, self._path)  # nobody else puts it back meanwhile
                if not stands_at(old, self._path):
                    raise InputError(
                        f"folder {str(self._path)!r} was replaced by another process meanwhile, "
                        "expected the run that was to be overwritten"
                    )
                self._path.rename(aside)
            try:
                move_to_name(self._staging, self._path)
            except OSError:
                if aside.exists():
                    aside.rename(self._path)
                raise
            shutil.rmtree(aside, ignore_errors=True)


def _close(file: BinaryIO) -> None:
    """Close a file of a folder that nobody wants any more, or that is closed already."""
    with contextlib.suppress(OSError):  # closing writes what is buffered
        file.close()


def write_result(hidden: Path, result: Result, seconds: Mapping[str, float]) -> str:
    """Write extractor bits, output and record beside the data in `hidden`; all is then on disk.

    Returns:
        The record's digest.

    Raises:
        OSError: the disk refuses.
    """
    for name, bits in ((EXTRACTOR_BITS, result.extractor_bits), (OUTPUT, result.output)):
        if len(bits):
            with create_private(hidden / name) as file:
                file.write(np.packbits(bits).tobytes())
    names = [name for name in DATA if (hidden / name).exists()]
    record = run_record(result, seconds, {name: sha256(hidden / name) for name in names})
    with create_private(hidden / RECORD) as file:
        file.write(spelled(record))
    for name in (*names, RECORD):
        sync(hidden / name)
    sync(hidden)
    return str(record["sha256"])


def sha256(path: Path) -> str:
    """SHA-256 of a regular file that is no link, hexadecimal.

    Raises:
        InputError: it is none, or cannot be read.
    """
    with open_regular(path, "file", follow=False) as file:
        found = hashlib.sha256()
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


def read_json_record(path: str | Path) -> Any:
    """The JSON value of `run.json` in a run folder, strictly read and not yet checked.

    Raises:
        InputError: no folder, or no such file.
    """
    folder = Path(path)
    try:
        found = stat.S_ISDIR(folder.stat().st_mode)
    except (OSError, ValueError):
        found = False
    if not found:
        recover(folder)
        if not folder.is_dir():
            raise InputError(f"{str(path)!r} is no folder")
    return read_json(folder / RECORD, "record", follow=False)


@dataclass(frozen=True, eq=False)
class Stored:
    """A run folder as it was read: the record, and data that have the record's digests.

    Attributes:
        record: of the run.
        data: settings, outcomes and provenance.
        extractor_bits, output: bits, (2r,) and (m,) uint8; empty if there are none.
    """

    record: RunRecord
    data: Recorded
    extractor_bits: NDArray[np.uint8]
    output: NDArray[np.uint8]


def read_run(path: str | Path) -> Stored:
    """Read a run folder, all of it checked against its digests.

    Raises:
        InputError: no run folder, an edited record, or as `read_data`.
    """
    return read_data(path, RunRecord.from_json(read_json_record(path)))


def read_data(path: str | Path, record: RunRecord) -> Stored:
    """Read the data of a run folder whose record was read.

    Raises:
        InputError: files that are missing, links, of the wrong length or not what the record has
            digests of.
    """
    root = Path(path)
    check_files(root, record)
    empty = np.empty(0, dtype=np.uint8)
    weak, output = empty, empty
    if record.extracted and record.plan.extractor is not None:
        weak = read_bits(root / EXTRACTOR_BITS, record.plan.extractor.source1_bits)
        output = read_bits(root / OUTPUT, record.plan.output_bits)
    game = record.plan.code.game
    pair = load_pair(root / SETTINGS, root / OUTCOMES, game, follow=False)
    return Stored(record, Recorded(*pair, record.provenance), weak, output)


def read_recorded(settings: str | Path, outcomes: str | Path, game: Game) -> Recorded:
    """Runs of a game from two `.npy` files; from a run folder with what its record says of them.

    Raises:
        InputError: as `load_pair`; files of which one lies in a run folder and the other does not,
            or a run folder around them that is of another game or not as it was written.
    """
    around = {Path(os.path.realpath(file)).parent for file in (settings, outcomes)}
    for parent in around:
        if os.path.lexists(parent / PUBLIC_RECORD):
            raise InputError(
                f"{str(parent)!r} was published from a run folder: its outcomes are no secret, and "
                "its order and redraws stand in the run's own record; expected the run folder"
            )
    if not any(holds_run(parent) for parent in around):
        return Recorded(*load_pair(settings, outcomes, game), Provenance("recorded"))
    if len(around) > 1:
        raise InputError(
            f"{str(settings)!r} and {str(outcomes)!r} are not of one run folder, expected both "
            "from it, or copies outside"
        )
    root = around.pop()
    stored = read_run(root)
    if stored.record.plan.code.game != game:
        raise InputError(
            f"run folder {str(root)!r} is of game {stored.record.plan.code.game.name!r}, expected "
            f"{game.name!r}"
        )
    if [Path(os.path.realpath(f)).name for f in (settings, outcomes)] == [SETTINGS, OUTCOMES]:
        return stored.data
    return Recorded(*load_pair(settings, outcomes, game), stored.data.provenance)


def check_files(root: Path, record: RunRecord) -> None:
    """Check that a run's files are there, those that the record wants and no other, unchanged.

    Raises:
        InputError: otherwise, with the first file that is not so.
    """
    wanted = DATA if record.extracted else (SETTINGS, OUTCOMES)
    for name in DATA:
        there = (root / name).exists() or (root / name).is_symlink()
        if name in wanted and not there:
            raise InputError(f"{name} is missing in run folder {str(root)!r}")
        if name not in wanted and there:
            raise InputError(f"{name} is in run folder {str(root)!r}, though nothing was extracted")
    if set(record.files) != set(wanted):
        odd = sorted(set(record.files) ^ set(wanted))[0]
        raise InputError(f"{printable(odd, 60)} has no digest in the record, or no place in it")
    for name in wanted:
        if sha256(root / name) != record.files[name]:
            raise InputError(f"{name} was changed after the run")


def read_bits(path: Path, count: int) -> NDArray[np.uint8]:
    """The first `count` bits of a packed file of a run folder, (count,) uint8.

    Raises:
        InputError: the file cannot be read or is not exactly as long as `count` bits need.
    """
    size = -(-count // 8)
    data = read_bytes(path, "file", size, follow=False)
    if len(data) != size:
        raise InputError(f"{str(path)!r} has {len(data)} bytes, expected {size}")
    return np.unpackbits(np.frombuffer(data, dtype=np.uint8))[:count]
