"""The account of a source file: which of its bits are spent, so that none is used twice.

How many bits from the beginning of a file have been claimed stands beside it in `PATH.used.json`.
A claim is written down before the bits are read; a process that dies later wastes bits but never
lets them be used again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.data.marks import holds_run
from protocol.documents.fields import Fields
from protocol.documents.files import log, open_regular, read_json, write_file
from protocol.documents.format import Format, spelled
from protocol.sources.source import MOST_POSITION, check_count
from qdevices.errors import InputError

FORMAT = Format("ksamp-used-bits", "note", about_game=False)
_MOST_BYTES = 4096


def used_file(path: Path) -> Path:
    """Where it is kept how many bits of the file `path` are spent; one note, whatever the link."""
    path = Path(os.path.realpath(path))
    return path.with_name(f"{path.name}.used.json")


def used_bits(path: Path) -> int:
    """Bits of the file `path` that runs have claimed so far, from its beginning.

    Raises:
        InputError: the note beside it is there but unreadable.
    """
    note = used_file(path)
    if not note.exists() and not note.is_symlink():
        return 0
    try:
        entries = _content(read_json(note, "note", most=_MOST_BYTES))
        used = entries.integer("used_bits", 0, MOST_POSITION)
        entries.done()
    except InputError as error:
        raise InputError(f"{str(note)!r} does not say how many bits are used: {error}") from None
    return used


def _content(data: Any) -> Fields:
    """The entries of a note below its header; before 2.1 there were neither version nor digest."""
    if isinstance(data, dict) and "version" in data:
        return FORMAT.open(data, "it").fields
    entries = Fields(data, "it")
    entries.choice("format", FORMAT.name)
    return entries


def check_left(path: Path, count: int, exactly: int | None = None) -> None:
    """Check, without claiming them, that `count` bits of the file are left; see `reserve`.

    Raises:
        InputError: they are not.
    """
    with open_regular(path, "source file") as file:
        _start(path, count, 0, exactly, 8 * os.fstat(file.fileno()).st_size)


def reserve(path: Path, count: int, *, least: int = 0, exactly: int | None = None) -> int:
    """Claim `count` bits of a file and return the position of the first.

    Args:
        path: a regular file.
        count: how many.
        least: the position is not below this one.
        exactly: the position, if the user gave it.

    Raises:
        InputError: the file has too few bits left or lies in a run folder, `exactly` is in the part
            that is spent, or the claim cannot be written and no position was given.
    """
    with open_regular(path, "source file") as file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        start = _start(path, count, least, exactly, 8 * os.fstat(file.fileno()).st_size)
        text = spelled(FORMAT.seal({"used_bits": start + count}))
        try:
            write_file(used_file(path), text, "note", overwrite=True)
        except InputError as error:
            # Whoever gives the offset keeps the account.
            if exactly is None:
                raise InputError(f"{error}; expected that, or --source-offset") from None
            log.warning("ksamp: these bits are not in the account of used bits: %s", error)
        return start


def check_offset(offset: int) -> None:
    """Check that `offset` can be the position of a bit.

    Raises:
        InputError: it cannot.
    """
    if type(offset) is not int or offset > MOST_POSITION:
        raise InputError(f"source offset {offset!r:.60}, expected a whole number")
    if offset < 0:
        raise InputError(f"source offset {offset} is negative, expected 0 or more")


def _start(path: Path, count: int, least: int, exactly: int | None, available: int) -> int:
    if holds_run(Path(os.path.realpath(path)).parent):
        raise InputError(
            f"source file {str(path)!r} lies in a run folder, whose bits are used; expected fresh "
            "bits of the source"
        )
    check_count(count)
    if exactly is not None:
        check_offset(exactly)
    used = used_bits(path)
    if exactly is not None and exactly < used:
        raise InputError(
            f"source offset {exactly} of {str(path)!r} is used already, "
            f"expected {used} bits or more"
        )
    start = max(used, least) if exactly is None else exactly
    if start + count > available:
        raise InputError(
            f"source file {str(path)!r} is too short: {start + count} bits needed "
            f"({start} before this run), {available} bits found"
        )
    return start


def file_bits(path: Path, start: int, count: int) -> NDArray[np.uint8]:
    """Bits `start` to `start + count` of a file, most significant of each byte first, (count,).

    Raises:
        InputError: the file cannot be read or is too short.
    """
    first, stop = start // 8, -(-(start + count) // 8)
    with open_regular(path, "source file") as file:
        try:
            file.seek(first)
            data = file.read(stop - first)
        except OSError as error:
            raise InputError(
                f"source file {str(path)!r} cannot be read: {error.strerror}"
            ) from None
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))[start - 8 * first :][:count]
    if len(bits) != count:
        raise InputError(
            f"source file {str(path)!r} is too short: {start + count} bits needed, "
            f"{8 * first + 8 * len(data)} bits found"
        )
    return bits
