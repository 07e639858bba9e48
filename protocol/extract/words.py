"""Polynomials over GF(2) as arrays of 64-bit words: packing, shifts, masks.

Bit i of a bit string is the coefficient of tⁱ; word w holds the coefficients 64w … 64w+63, least
significant first.  Lengths are counted in bits by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.documents.fields import printable
from protocol.extract.arguments import whole
from qdevices.errors import InputError

Words = NDArray[np.uint64]
Bits = NDArray[np.uint8]

WORD = 64
#: Byte b with its bits moved apart: bit i of b at bit 2i.
_SPREAD = np.array(
    [sum(((b >> i) & 1) << (2 * i) for i in range(8)) for b in range(256)], dtype="<u2"
)


#: Byte b with its bits in reverse order.
_REVERSED = np.array([int(f"{b:08b}"[::-1], 2) for b in range(256)], dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class PackedBits:
    """A bit string packed into bytes, first bit highest: as by `np.packbits`, as in ksamp's files.

    Attributes:
        data: bytes, or (n,) uint8.
        bits: length in bits; what the last byte has beyond them is ignored.

    Raises:
        InputError: another type or shape, or a length that the bytes do not have.
    """

    data: bytes | NDArray[np.uint8]
    bits: int

    def __post_init__(self) -> None:
        array = self.array()
        if array.ndim != 1 or array.dtype != np.uint8:
            raise InputError(
                f"packed bits have shape {array.shape} and dtype {array.dtype}, "
                "expected bytes or (n,) uint8"
            )
        object.__setattr__(self, "bits", whole("packed bits", self.bits))
        if not 0 <= self.bits <= 8 * len(array):
            raise InputError(f"{self.bits} bits are outside 0..{8 * len(array)}, what was given")

    def array(self) -> NDArray[np.uint8]:
        """The bytes as (n,) uint8."""
        if isinstance(self.data, bytes | bytearray | memoryview):
            return np.frombuffer(self.data, dtype=np.uint8)
        return np.asarray(self.data)

    def __len__(self) -> int:
        return self.bits


def check_independent(first: Words, bits1: int, second: Words, bits2: int) -> None:
    """Refuse one string, or a part of it, as both sources: they cannot be independent.

    Independent sources of which one is ε-SV agree in b bits with probability (½+ε)^b at most.

    Raises:
        InputError: all that both have is the same, 64 bits or more.
    """
    common = min(bits1, bits2)
    if common >= WORD and np.array_equal(truncate(first, common), truncate(second, common)):
        raise InputError(
            f"source 1 and source 2 start with the same {common} bits, expected independent sources"
        )


def as_words(source: ArrayLike | PackedBits, name: str) -> tuple[Words, int]:
    """A source, packed or as an array of 0 and 1, as words; and its length in bits.

    Raises:
        InputError: an array of another shape, or an entry other than 0 and 1.
    """
    if not isinstance(source, PackedBits):
        bits = check_bits(source, name)
        return pack(bits), len(bits)
    raw = np.zeros(8 * word_count(source.bits), dtype=np.uint8)
    used = _REVERSED[source.array()[: -(-source.bits // 8)]]
    raw[: len(used)] = used
    return truncate(raw.view("<u8").astype(np.uint64, copy=False), source.bits), source.bits


def check_bits(bits: ArrayLike, name: str) -> Bits:
    """Return `bits` as (n,) uint8 zeros and ones; an empty list is no bits.

    Raises:
        InputError: another shape, or an entry other than 0 and 1 (with its position).
    """
    try:
        array = np.asarray(bits)
    except ValueError:
        raise InputError(f"{name} is {printable(repr(bits), 60)}, expected (n,) bits") from None
    if array.shape == (0,):
        return np.zeros(0, dtype=np.uint8)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise InputError(
            f"{name} has shape {array.shape} and dtype {array.dtype}, expected (n,) bits"
        )
    bad = (array != 0) & (array != 1)
    if bad.any():
        at = int(bad.argmax())
        raise InputError(f"{name}[{at}] is {array[at]}, expected 0 or 1")
    return array.astype(np.uint8, copy=False)


def word_count(bits: int) -> int:
    """Words that hold `bits` bits."""
    return -(-bits // WORD)


def pack(bits: Bits) -> Words:
    """Bits (n,) uint8 to words (⌈n/64⌉,), padded with zeros."""
    packed = np.zeros(8 * word_count(len(bits)), dtype=np.uint8)
    raw = np.packbits(bits, bitorder="little")
    packed[: len(raw)] = raw
    return packed.view("<u8").astype(np.uint64, copy=False)


def unpack(words: Words, length: int) -> Bits:
    """The first `length` bits of `words`, (length,) uint8."""
    raw = words.astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(raw, count=length, bitorder="little")


def shifted_down(words: Words, amount: int) -> Words:
    """The polynomial divided by t^amount, the remainder dropped."""
    skip, shift = divmod(amount, WORD)
    kept = words[skip:]
    if shift == 0:
        return kept.copy()
    result = kept >> np.uint64(shift)
    result[:-1] |= kept[1:] << np.uint64(WORD - shift)
    return result


def xor_shifted_up(target: Words, words: Words, amount: int) -> None:
    """target ^= words · t^amount, in place; what would not fit must be zero."""
    skip, shift = divmod(amount, WORD)
    room = len(target) - skip
    low = words[:room]
    if shift == 0:
        target[skip : skip + len(low)] ^= low
        return
    target[skip : skip + len(low)] ^= low << np.uint64(shift)
    high = words[: room - 1]
    target[skip + 1 : skip + 1 + len(high)] ^= high >> np.uint64(WORD - shift)


def truncate(words: Words, length: int) -> Words:
    """The polynomial modulo t^length, in ⌈length/64⌉ words (a copy)."""
    result = np.zeros(word_count(length), dtype=np.uint64)
    kept = words[: len(result)]
    result[: len(kept)] = kept
    if length % WORD:
        result[-1] &= np.uint64((1 << (length % WORD)) - 1)
    return result


def square(words: Words) -> Words:
    """The square: Σ aᵢ t^(2i), in linear time; twice as many words."""
    raw = words.astype("<u8", copy=False).view(np.uint8)
    return _SPREAD[raw].view("<u8").astype(np.uint64, copy=False)
