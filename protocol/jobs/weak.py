"""Weak bits by position, so that a run that is taken up again uses none of them twice.

A source is a numbered sequence of bits.  Simulated sources are played again from their seed up
to a position; a file is read at its position, and how many of its bits are spent is kept beside
it in `PATH.used.json`, for the next run with the same file.  The system's generator and devices
such as pipes give fresh bits whatever the position.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError
from protocol.setting_code import SettingCode
from protocol.sources import StreamSource, open_source

_BLOCK = 1 << 22
_FORMAT = "ksamp-used-bits"


@dataclass(frozen=True)
class WeakBits:
    """A source whose bits are addressed by position.

    Attributes:
        name: as for `open_source`; a file's path is absolute.
        epsilon: ε of the source.
        seed: of simulated sources.
        code: the setting code that an adversarial source attacks.

    Raises:
        InputError: standard input, which cannot be read on by a later process.
    """

    name: str
    epsilon: float
    seed: int
    code: SettingCode

    def __post_init__(self) -> None:
        if self.name == "stdin" or self.name == "file:-":
            raise InputError(
                "source 'stdin' ends with this process, but the extractor's bits are read when "
                "the outcomes are there; expected 'file:PATH' or another source"
            )

    @property
    def file(self) -> Path | None:
        """The regular file behind the source, where there is one."""
        kind, _, path = self.name.partition(":")
        return Path(path) if kind == "file" and path and not _is_stream(Path(path)) else None

    def read(self, start: int, count: int) -> NDArray[np.uint8]:
        """Bits `start` to `start + count`, (count,) uint8.

        Raises:
            InputError: an unknown source, or a file that cannot be read or is too short.
        """
        return next(self.pieces(start, [count]))

    def pieces(self, start: int, counts: list[int]) -> Iterator[NDArray[np.uint8]]:
        """Consecutive pieces of these lengths from position `start` on; see `read`."""
        if self.file is not None:
            for count in counts:
                yield _file_bits(self.file, start, count)
                start += count
            return
        rng = np.random.default_rng(np.random.SeedSequence(self.seed).spawn(2)[0])
        source = open_source(self.name, self.epsilon, rng, self.code)
        if self.name != "os" and not isinstance(source, StreamSource):
            for done in range(0, start, _BLOCK):
                source.bits(min(_BLOCK, start - done))
        for count in counts:
            yield source.bits(count)

    def reserve(self, count: int, least: int = 0, exactly: int | None = None) -> int:
        """Claim `count` bits for this run and return the position of the first.

        The claim on a file is written down before this returns; a process that dies later
        wastes bits but never lets them be used again.

        Args:
            count: how many.
            least: the position is not below this one.
            exactly: the position, if the user gave it.

        Raises:
            InputError: the file has too few bits left, `exactly` lies in the part that is
                spent, or the claim cannot be written and no position was given.
        """
        if self.file is None:
            if exactly is not None:
                raise InputError(
                    f"source offset {exactly} given for source {self.name!r}, expected a file"
                )
            return least
        return _reserve(self.file, count, least, exactly)


def used_file(path: Path) -> Path:
    """Where it is kept how many bits of the file `path` are spent."""
    return path.with_name(f"{path.name}.used.json")


def used_bits(path: Path) -> int:
    """Bits of the file `path` that runs have claimed so far, from its beginning.

    Raises:
        InputError: the note beside it is there but unreadable.
    """
    note = used_file(path)
    try:
        data = json.loads(note.read_text(encoding="utf-8"))
        if data["format"] != _FORMAT or not isinstance(data["used_bits"], int):
            raise ValueError
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{str(note)!r} does not say how many bits are used") from None
    return int(data["used_bits"])


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _reserve(path: Path, count: int, least: int, exactly: int | None) -> int:
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"source file {str(path)!r} cannot be read: {error.strerror}") from None
    with file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        used = used_bits(path)
        if exactly is not None and exactly < used:
            raise InputError(
                f"source offset {exactly} of {str(path)!r} is used already, "
                f"expected {used} bits or more"
            )
        start = max(used, least) if exactly is None else exactly
        available = 8 * os.fstat(file.fileno()).st_size
        if start + count > available:
            raise InputError(
                f"source file {str(path)!r} is too short: {start + count} bits needed "
                f"({start} before this run), {available} bits found"
            )
        note = used_file(path)
        text = json.dumps({"format": _FORMAT, "used_bits": start + count}) + "\n"
        try:
            fresh = note.with_name(f"{note.name}.new")
            with fresh.open("w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(note)
        except OSError as error:
            # Whoever gives the offset keeps the account.
            if exactly is None and least == 0:
                raise InputError(
                    f"{str(note)!r} cannot be written: {error.strerror}; expected that, "
                    "or --source-offset"
                ) from None
            with contextlib.suppress(OSError):
                fresh.unlink()
        return start


def _file_bits(path: Path, start: int, count: int) -> NDArray[np.uint8]:
    first, stop = start // 8, -(-(start + count) // 8)
    try:
        with path.open("rb") as file:
            file.seek(first)
            data = file.read(stop - first)
    except OSError as error:
        raise InputError(f"source file {str(path)!r} cannot be read: {error.strerror}") from None
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))[start - 8 * first :][:count]
    if len(bits) != count:
        raise InputError(
            f"source file {str(path)!r} is too short: {start + count} bits needed, "
            f"{8 * first + 8 * len(data)} bits found"
        )
    return bits
