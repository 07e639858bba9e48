"""Weak bits by position, so that a run that is taken up again uses none of them twice.

A source is a numbered sequence of bits.  Simulated sources are played again from their seed up
to a position; a file is read at its position, by the account of `protocol.sources.used_bits`.  The
system's generator and devices such as pipes give fresh bits whatever the position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from protocol.sources.kinds import source_kind
from protocol.sources.seeds import MOST_SEED, source_seed
from protocol.sources.source import SourceKind
from qdevices.errors import InputError


@dataclass(frozen=True)
class WeakBits:
    """A source whose bits are addressed by position.

    Attributes:
        name: as for `open_source`; a file's path is absolute.
        epsilon: ε of the source.
        seed: of the run, whose simulated sources follow from it.
        code: the setting code that an adversarial source attacks.

    Raises:
        InputError: an unknown source, an ε or a seed out of range, or standard input, which cannot
            be read on by a later process.
    """

    name: str
    epsilon: float
    seed: int
    code: SettingCode

    def __post_init__(self) -> None:
        kind, argument = source_kind(self.name)
        kind.check_resumable(argument)
        check_epsilon(self.epsilon)
        if type(self.seed) is not int or not 0 <= self.seed <= MOST_SEED:
            raise InputError(
                f"the source has seed {self.seed!r:.60}, expected a whole number in 0..{MOST_SEED}"
            )

    @property
    def accounted(self) -> bool:
        """Whether an account says which of its bits are spent: it is a file."""
        kind, argument = source_kind(self.name)
        return kind.accounted(argument)

    @property
    def in_a_row(self) -> bool:
        """Whether what a run claims stands in a row from bit 0 on, as kinds without account do."""
        return type(source_kind(self.name)[0]).reserve is SourceKind.reserve

    def read(self, start: int, count: int) -> NDArray[np.uint8]:
        """Bits `start` to `start + count`, (count,) uint8.

        Raises:
            InputError: a file that cannot be read or is too short.
        """
        return next(self.pieces(start, [count]))

    def pieces(self, start: int, counts: list[int]) -> Iterator[NDArray[np.uint8]]:
        """Consecutive pieces of these lengths from position `start` on; see `read`."""
        kind, argument = source_kind(self.name)
        rng = np.random.default_rng(source_seed(self.seed))
        source = kind.resume(argument, self.epsilon, rng, self.code, start)
        for count in counts:
            yield source.bits(count)

    def reserve(self, count: int, least: int = 0, exactly: int | None = None) -> int:
        """Claim `count` bits for this run and return the position of the first.

        Args:
            count: how many.
            least: the position is not below this one.
            exactly: the position, if the user gave it.

        Raises:
            InputError: the file has too few bits left, `exactly` lies in the part that is
                spent, or the claim cannot be written and no position was given.
        """
        kind, argument = source_kind(self.name)
        return kind.reserve(argument, count, least, exactly)
