"""What a weak source is, and what the rest of the house has to know of a kind of source.

Every source hands out bits in order and declares nothing by itself: the ε of the
Santha-Vazirani promise is an assumption of the run, and a simulated source leans by at most
the ε it was built with (theory 3).  A source never runs dry silently.

The simulated sources draw one uniform number a bit from the generator they are given, so the
same seed gives the same bits however the requests are cut.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.documents.fields import printable
from protocol.settings.code import SettingCode
from qdevices.arrays import is_whole
from qdevices.errors import InputError

Bits = NDArray[np.uint8]
#: One more than any bit's position can be; SQLite's and NumPy's whole numbers have 63 bits.
MOST_POSITION = 1 << 62
_BLOCK = 1 << 22


class Source(Protocol):
    """A stream of weak bits."""

    @property
    def name(self) -> str:
        """The text that selects this source on the command line."""
        ...

    def bits(self, count: int) -> Bits:
        """The next `count` bits, shape (count,) uint8.

        Raises:
            InputError: the source cannot give that many.
        """
        ...

    def expect(self, total: int) -> None:
        """Be told that `total` bits will be needed in all; nothing is set aside.

        Raises:
            InputError: the source already knows that it has fewer.
        """
        ...

    def claim(self, total: int) -> None:
        """Set `total` bits aside for this run, where the source keeps an account of them.

        Raises:
            InputError: the source knows that it has fewer left.
        """
        ...

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Expected distribution of words of `width` bits, (2**width,); None means uniform.

        Only the plan's completeness rests on it, never the certificate.
        """
        ...


class Endless:
    """What all sources without an end share; a base class."""

    def expect(self, total: int) -> None:
        """Nothing to check: such a source has no end."""

    def claim(self, total: int) -> None:
        """Nothing to set aside: no bit comes twice."""

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Uniform."""
        return None


class SourceKind:
    """A kind of source by name: its text is NAME, or NAME:ARGUMENT if it has an argument.

    A kind is one file with a class that derives from this one, and one line in
    `protocol.sources.kinds`; `open`, `name` and `help` are all that it must have.

    Attributes:
        name: the word before the colon.
        help: what it gives, a few words for the command line.
        argument: what the argument is, such as "PATH"; empty for a kind without one.
        offsets: whether the user may say at which bit to begin.
        named_again: why a run folder that was received does not choose it, as the end of a
            sentence that begins with its name; None for a kind that does no harm, which has to say
            so.
    """

    name: str
    help: str
    argument: str = ""
    offsets: bool = False
    named_again: str | None = "may be anything, and a run folder does not choose it"

    @property
    def form(self) -> str:
        """How its name is written, such as "file:PATH"."""
        return f"{self.name}:{self.argument}" if self.argument else self.name

    def open(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None
    ) -> Source:
        """A source of this kind, at its first bit.

        Args:
            argument: what stands after the colon.
            epsilon: ε of the source.
            rng: of simulated bits.
            code: the setting code that an adversarial source attacks.
            offset: the first bit to use; None unless the kind `offsets`.

        Raises:
            InputError: it cannot be opened.
        """
        raise NotImplementedError

    def resume(
        self, argument: str, epsilon: float, rng: Generator, code: SettingCode, start: int
    ) -> Source:
        """A source that was opened before by another process, at bit `start`; arguments as `open`.

        Unless a kind knows better it is played again from its beginning, which is right for bits
        that follow from the seed.

        Raises:
            InputError: it cannot be opened.
        """
        source = self.open(argument, epsilon, rng, code, None)
        for done in range(0, start, _BLOCK):
            source.bits(min(_BLOCK, start - done))
        return source

    def check_resumable(self, argument: str) -> None:
        """Check that a later process can go on where this one stops.

        Raises:
            InputError: it cannot.
        """

    def reserve(self, argument: str, count: int, least: int, exactly: int | None) -> int:
        """Claim `count` bits for one run and return the position of the first.

        Unless a kind keeps an account they are at `least`: no other run has bits of this one's
        seed.

        Args:
            argument: what stands after the colon.
            count: how many.
            least: the position is not below this one.
            exactly: the position, if the user gave it.

        Raises:
            InputError: too few bits are left, or a position that cannot be had.
        """
        if exactly is not None:
            raise no_offset(exactly, f"{self.name}:{argument}" if argument else self.name)
        return least

    def accounted(self, argument: str) -> bool:
        """Whether an account says which bits are spent, so that nobody uses them again."""
        return False

    def absolute(self, argument: str) -> str:
        """The argument as a process in another current folder has to say it."""
        return argument


def check_count(count: int) -> int:
    """Check that so many bits can be asked for, and return the number.

    Raises:
        InputError: no whole number, or one below 0 or that no source has.
    """
    if not (is_whole(count) and 0 <= count <= MOST_POSITION):
        raise InputError(
            f"{printable(repr(count), 60)} bits asked for, expected a whole number, 0 or more"
        )
    return int(count)


def no_offset(offset: int, text: str) -> InputError:
    """What is wrong with an offset into the source `text`, whose bits have no positions."""
    return InputError(f"source offset {offset} given for source {text!r}, expected a file")
