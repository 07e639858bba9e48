"""Bits that flow: from standard input, a pipe or a device."""

from __future__ import annotations

import os
import stat
import sys
from typing import BinaryIO

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.documents.files import open_now
from protocol.settings.code import SettingCode
from protocol.sources.source import Bits, SourceKind, check_count
from qdevices.errors import InputError


class StreamSource:
    """Bits from standard input, a pipe or a device, most significant bit of each byte first.

    No more is read than is asked for.

    Raises:
        InputError: it cannot be read, or ends too early (bits needed, bits found).
    """

    def __init__(self, path: str) -> None:
        self.name = f"file:{path}" if path != "-" else "stdin"
        self._label = f"source file {path!r}" if path != "-" else "standard input"
        self._needed = 0
        self._given = 0
        self._rest: Bits = np.empty(0, dtype=np.uint8)
        if path == "-":
            if sys.stdin is None:
                raise InputError("standard input is closed, expected the source's bits on it")
            self._stream: BinaryIO = sys.stdin.buffer
            return
        try:
            # Not waiting for somebody to write into a pipe: one that nobody fills is empty.
            descriptor = open_now(path, os.O_RDONLY)
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise InputError(
                    f"source file {path!r} is a folder, expected a file, pipe or device"
                )
            os.set_blocking(descriptor, True)
        except OSError as error:
            raise InputError(f"source file {path!r} cannot be read: {error.strerror}") from None
        self._stream = os.fdopen(descriptor, "rb", buffering=0)

    def expect(self, total: int) -> None:
        """Remember `total` for messages; too few bits show when they are read."""
        self._needed = total

    def claim(self, total: int) -> None:
        """As `expect`: what was read is gone."""
        self.expect(total)

    def bits(self, count: int) -> Bits:
        """The next `count` bits."""
        count = check_count(count)
        missing = max(0, count - len(self._rest))
        data = bytearray()
        try:
            while len(data) < -(-missing // 8):
                part = self._stream.read(min(-(-missing // 8) - len(data), 1 << 24))
                if not part:
                    break
                data += part
        except OSError as error:
            raise InputError(f"{self._label} cannot be read: {error.strerror}") from None
        stock = np.concatenate([self._rest, np.unpackbits(np.frombuffer(data, dtype=np.uint8))])
        if len(stock) < count:
            raise InputError(
                f"{self._label} is too short: {max(self._needed, self._given + count)} bits "
                f"needed, {self._given + len(stock)} bits found"
            )
        self._given += count
        self._rest = stock[count:]
        return stock[:count]

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Unknown, so taken as uniform."""
        return None


def not_resumable() -> InputError:
    """Why standard input is no source of a run that outlives this process."""
    return InputError(
        "source 'stdin' ends with this process, but the extractor's bits are read when "
        "the outcomes are there; expected 'file:PATH' or another source"
    )


class _Kind(SourceKind):
    """Standard input on the command line."""

    name = "stdin"
    help = "bytes of standard input, most significant bit first"
    named_again = None

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> StreamSource:
        """Open it."""
        return StreamSource("-")

    def check_resumable(self, argument: str) -> None:
        """Refuse: a later process cannot read on."""
        raise not_resumable()


KIND = _Kind()
