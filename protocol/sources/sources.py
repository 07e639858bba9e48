"""Weak sources: where the bits that choose settings and feed the extractor come from.

Every source hands out bits in order and declares nothing by itself: the ε of the
Santha-Vazirani promise is an assumption of the run, and a simulated source leans by at most
the ε it was built with (design 3).  A source never runs dry silently.

The simulated sources draw one uniform number a bit from the generator they are given, so the
same seed gives the same bits however the requests are cut.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.documents.files import open_regular
from protocol.errors import InputError
from protocol.settings.code import SettingCode, check_epsilon
from protocol.sources.used_bits import check_left, file_bits, reserve

Bits = NDArray[np.uint8]


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


class _Endless:
    """What all sources without an end share."""

    def expect(self, total: int) -> None:
        """Nothing to check: such a source has no end."""

    def claim(self, total: int) -> None:
        """Nothing to set aside: no bit comes twice."""

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Uniform."""
        return None


class UniformSource(_Endless):
    """Fair simulated bits, whatever ε is declared of them."""

    name = "uniform"

    def __init__(self, rng: Generator) -> None:
        self._rng = rng

    def bits(self, count: int) -> Bits:
        """Fair bits."""
        return (self._rng.random(count) < 0.5).astype(np.uint8)


class BiasedSource(_Endless):
    """Independent bits that are 1 with probability ½+ε."""

    name = "bias"

    def __init__(self, epsilon: float, rng: Generator) -> None:
        self._one = 0.5 + check_epsilon(epsilon)
        self._rng = rng

    def bits(self, count: int) -> Bits:
        """Bits that are 1 with probability ½+ε."""
        return (self._rng.random(count) < self._one).astype(np.uint8)

    def word_probabilities(self, width: int) -> NDArray[np.float64]:
        """The product distribution."""
        words = np.ones(1)
        for _ in range(width):
            words = np.concatenate([words * (1 - self._one), words * self._one])
        # Built with the last bit most significant; a product does not mind the order of bits.
        return words


class MarkovSource(_Endless):
    """Each bit repeats the one before with probability ½+ε; the first is fair."""

    name = "markov"

    def __init__(self, epsilon: float, rng: Generator) -> None:
        self._change = 0.5 - check_epsilon(epsilon)
        self._rng = rng
        self._last: int | None = None

    def bits(self, count: int) -> Bits:
        """The next bits of the chain."""
        uniform = self._rng.random(count)
        flips = (uniform < self._change).astype(np.uint8)
        if count and self._last is None:
            flips[0] = uniform[0] < 0.5
        result: Bits = np.bitwise_xor.accumulate(flips) ^ np.uint8(self._last or 0)
        if count:
            self._last = int(result[-1])
        return result

    def word_probabilities(self, width: int) -> NDArray[np.float64]:
        """The stationary distribution of words."""
        words = np.arange(2**width)
        changes = np.bitwise_count((words ^ (words >> 1)) & (2 ** (width - 1) - 1))
        stay = width - 1 - changes
        return np.asarray(0.5 * self._change**changes * (1 - self._change) ** stay)


class AdversarialSource(_Endless):
    """An ε-SV source that leans every bit so that the starred setting pair comes up least often.

    It starves the certificate of credited runs: the bit-by-bit lean follows the recursion that
    gives the least probability of u0 (design 3).  After the settings it keeps walking the same
    tree.
    """

    name = "adversarial"

    def __init__(self, epsilon: float, rng: Generator, code: SettingCode) -> None:
        check_epsilon(epsilon)
        self._rng = rng
        value = (code.table == code.starred).astype(np.float64)
        self._one = np.full(len(value), 0.5)  # probability of a 1 at each inner node, heap order
        for level in range(code.bits_per_run - 1, -1, -1):
            low, high = value[0::2], value[1::2]
            lean = np.sign(low - high)  # towards the smaller value; 0 where it does not matter
            one = 0.5 + epsilon * lean
            self._one[2**level : 2 ** (level + 1)] = one
            value = (1 - one) * low + one * high
        self._width = code.bits_per_run
        self._rest: Bits = np.empty(0, dtype=np.uint8)

    def bits(self, count: int) -> Bits:
        """The next bits; whole words are drawn and what is left over is kept."""
        missing = max(0, count - len(self._rest))
        words = -(-missing // self._width)
        uniform = self._rng.random((words, self._width))
        node = np.ones(words, dtype=np.int64)
        drawn = np.empty((words, self._width), dtype=np.uint8)
        for position in range(self._width):
            drawn[:, position] = uniform[:, position] < self._one[node]
            node = 2 * node + drawn[:, position]
        stock = np.concatenate([self._rest, drawn.ravel()])
        self._rest = stock[count:]
        return stock[:count]

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Distribution of the words of its own code; None (uniform) for another width."""
        if width != self._width:
            return None
        words = np.ones(1)
        for level in range(width):
            one = self._one[2**level : 2 ** (level + 1)]
            words = np.stack([words * (1 - one), words * one], axis=1).ravel()
        return words


class SystemSource(_Endless):
    """The operating system's generator; not reproducible."""

    name = "os"

    def bits(self, count: int) -> Bits:
        """Bits of `os.urandom`."""
        return np.unpackbits(np.frombuffer(os.urandom(-(-count // 8)), dtype=np.uint8))[:count]


class FileSource:
    """Bits of a regular file, most significant bit of each byte first, none of them twice.

    What is handed out was claimed before, in the file's account (`protocol.sources.used_bits`).

    Args:
        path: the file.
        offset: first bit to use; the first that nobody has claimed unless given.

    Raises:
        InputError: the file cannot be read; from `expect`, `claim` and `bits`, it has too few bits
            left, or its account cannot be read or written.
    """

    def __init__(self, path: str, offset: int | None = None) -> None:
        self.name = f"file:{path}"
        open_regular(path, "source file").close()
        self._path = Path(path)
        self._offset = offset
        self._next = self._stop = 0

    def expect(self, total: int) -> None:
        """Compare `total` with what is left of the file."""
        check_left(self._path, total, self._offset)

    def claim(self, total: int) -> None:
        """Claim `total` bits."""
        if self._stop - self._next < total:
            self._next = reserve(self._path, total, exactly=self._offset)
            self._stop = self._next + total
            self._offset = None

    def bits(self, count: int) -> Bits:
        """The next `count` bits."""
        if count < 0:
            raise InputError(f"{count} bits asked for, expected 0 or more")
        self.claim(count)
        start, self._next = self._next, self._next + count
        return file_bits(self._path, start, count)

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Unknown, so taken as uniform."""
        return None


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
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
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


class KeptBits:
    """Bits that a finished run has used, to extract from its outcomes once more."""

    name = "bits kept with the run"

    def __init__(self, bits: Bits) -> None:
        self._bits = bits

    def bits(self, count: int) -> Bits:
        """The first `count` of them, the same at every call."""
        if count > len(self._bits):
            raise InputError(f"{count} bits asked for, {len(self._bits)} were kept with the run")
        return self._bits[:count]

    def expect(self, total: int) -> None:
        """Nothing to check before they are asked for."""

    def claim(self, total: int) -> None:
        """Nothing to claim: they are used already, for this."""

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Not asked for after the plan is made."""
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


SOURCES = ("uniform", "bias", "markov", "adversarial", "os", "stdin", "file:PATH")


def open_source(
    text: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None = None
) -> Source:
    """The source named by `text`, one of `SOURCES`; `offset` is the first bit of a file to use.

    Raises:
        InputError: an unknown name, a file that cannot be read, or an offset into something else.
    """
    kind, _, path = text.partition(":")
    if kind == "file" and path:
        return open_file(path, offset)
    if offset is not None:
        raise InputError(f"source offset {offset} given for source {text!r}, expected a file")
    if kind == "file" or path:
        raise InputError(f"source {text!r} is unknown, expected one of {', '.join(SOURCES)}")
    match kind:
        case "uniform":
            return UniformSource(rng)
        case "bias":
            return BiasedSource(epsilon, rng)
        case "markov":
            return MarkovSource(epsilon, rng)
        case "adversarial":
            return AdversarialSource(epsilon, rng, code)
        case "os":
            return SystemSource()
        case "stdin":
            return StreamSource("-")
    raise InputError(f"source {text!r} is unknown, expected one of {', '.join(SOURCES)}")
