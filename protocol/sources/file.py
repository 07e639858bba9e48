"""Bits of a file, which stand there once and are used once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.documents.files import open_regular
from protocol.settings.code import SettingCode
from protocol.sources.source import Bits, Source, SourceKind, check_count
from protocol.sources.stream import StreamSource, not_resumable
from protocol.sources.used_bits import check_left, check_offset, file_bits, reserve
from qdevices.errors import InputError


class FileSource:
    """Bits of a regular file, most significant bit of each byte first, none of them twice.

    What is handed out was claimed before, in the file's account (`protocol.sources.used_bits`).

    Args:
        path: the file.
        offset: first bit to use; the first that nobody has claimed unless given.

    Raises:
        InputError: the file cannot be read, or a negative offset; from `expect`, `claim` and
            `bits`, it has too few bits left, or its account cannot be read or written.
    """

    def __init__(self, path: str, offset: int | None = None) -> None:
        self.name = f"file:{path}"
        if offset is not None:
            check_offset(offset)
        open_regular(path, "source file").close()
        self._path = Path(path)
        self._offset = offset
        self._next = self._stop = 0

    def expect(self, total: int) -> None:
        """Compare `total` with what is left of the file."""
        check_left(self._path, total, self._offset)

    def claim(self, total: int) -> None:
        """Claim `total` bits."""
        total = check_count(total)
        if self._stop - self._next < total:
            self._next = reserve(self._path, total, exactly=self._offset)
            self._stop = self._next + total
            self._offset = None

    def bits(self, count: int) -> Bits:
        """The next `count` bits."""
        count = check_count(count)
        self.claim(count)
        start, self._next = self._next, self._next + count
        return file_bits(self._path, start, count)

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Unknown, so taken as uniform."""
        return None


class _Claimed:
    """Bits of a file from a position on, which the run has claimed before."""

    def __init__(self, path: Path, start: int) -> None:
        self.name = f"file:{path}"
        self._path, self._next = path, start

    def bits(self, count: int) -> Bits:
        """The next `count` bits."""
        count = check_count(count)
        start, self._next = self._next, self._next + count
        return file_bits(self._path, start, count)

    def expect(self, total: int) -> None:
        """Nothing to check: they were claimed."""

    def claim(self, total: int) -> None:
        """Nothing to claim, likewise."""

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Unknown, so taken as uniform."""
        return None


def open_file(path: str, offset: int | None = None) -> FileSource | StreamSource:
    """The source in a file: a regular one by its account, anything else as it flows.

    Raises:
        InputError: it cannot be read, or an offset into what is no regular file.
    """
    if Path(path).exists() and not Path(path).is_file():
        if offset is not None:
            raise InputError(f"source offset {offset} of {path!r}, expected a regular file")
        return StreamSource(path)
    return FileSource(path, offset)


class _Kind(SourceKind):
    """A file on the command line; a pipe or a device is read as it flows."""

    name = "file"
    help = "bytes of a file, most significant bit first, none of them twice"
    argument = "PATH"
    offsets = True
    named_again = "is a file, and a run folder does not choose which file is read or spent"

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> FileSource | StreamSource:
        """Open it."""
        return open_file(argument, offset)

    def resume(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, start: int
    ) -> Source:
        """A file at its position; what flows gives fresh bits whatever the position."""
        if self.accounted(argument):
            return _Claimed(Path(argument), start)
        return open_file(argument)

    def check_resumable(self, argument: str) -> None:
        """Refuse what stands for standard input."""
        if argument == "-":
            raise not_resumable()

    def reserve(self, argument: str, count: int, least: int, exactly: int | None) -> int:
        """Claim bits in the file's account (`protocol.sources.used_bits`).

        The claim is written down before this returns; a process that dies later wastes bits but
        never lets them be used again.
        """
        if self.accounted(argument):
            return reserve(Path(argument), count, least=least, exactly=exactly)
        return super().reserve(argument, count, least, exactly)

    def accounted(self, argument: str) -> bool:
        """Whether it is a regular file, or none that is there."""
        return not Path(argument).exists() or Path(argument).is_file()

    def absolute(self, argument: str) -> str:
        """The path from the root, unless it stands for standard input."""
        return argument if argument == "-" else str(Path(argument).absolute())


KIND = _Kind()
