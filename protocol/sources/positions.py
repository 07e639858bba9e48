"""Weak bits by position, so that a run that is taken up again uses none of them twice.

A source is a numbered sequence of bits.  Simulated sources are played again from their seed up
to a position; a file is read at its position, by the account of `protocol.sources.used_bits`.  The
system's generator and devices such as pipes give fresh bits whatever the position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError
from protocol.settings.code import SettingCode
from protocol.sources.sources import FileSource, StreamSource, open_source
from protocol.sources.used_bits import file_bits, reserve

_BLOCK = 1 << 22


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
                yield file_bits(self.file, start, count)
                start += count
            return
        rng = np.random.default_rng(np.random.SeedSequence(self.seed).spawn(2)[0])
        source = open_source(self.name, self.epsilon, rng, self.code)
        if self.name != "os" and not isinstance(source, FileSource | StreamSource):
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
        return reserve(self.file, count, least=least, exactly=exactly)


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file()
