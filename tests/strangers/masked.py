"""A stranger's extractor: one bit, the inner product of both sources over GF(2).

Its error is ½·2^{(n+1−k₁−k₂)/2} (Chor and Goldreich 1988; Lindsey's lemma), strong in either
source, k₁ the collision entropy of source 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocol.documents.fields import Fields
from protocol.extract.bounds import InsufficientError, Source1
from protocol.extract.extractor import Extractor
from qdevices.errors import InputError


def log2_error(source1, min_entropy2):
    return (source1.bits + 1 - source1.collision_entropy() - min_entropy2) / 2 - 1


@dataclass(frozen=True)
class Masked(Extractor):
    """The inner product of two strings of n bits."""

    method = "masked"

    source1: Source1
    length2: int
    min_entropy2: float
    output_bits: int
    log2_error: float

    def __post_init__(self):
        if self.output_bits != 1 or self.source1.bits != self.length2:
            raise InputError(f"{self.output_bits} bits from {self.length2}, expected 1")
        if self.log2_error < log2_error(self.source1, self.min_entropy2) - 1e-9:
            raise InputError(f"an error of 2^{self.log2_error} is claimed, it is larger")

    @property
    def source1_bits(self):
        return self.source1.bits

    @property
    def title(self):
        return "inner product"

    def describe(self):
        return ()

    def strong_in(self, source):
        return True

    def to_json(self):
        return {
            "method": self.method,
            "source1": self.source1.to_json(),
            "min_entropy2": self.min_entropy2,
            "log2_error": self.log2_error,
        }

    @classmethod
    def from_json(cls, data):
        entries = Fields(data, "the inner product")
        entries.choice("method", cls.method)
        source1 = Source1.from_json(entries.any("source1"))
        k2, error = entries.number("min_entropy2", 0), entries.number("log2_error")
        entries.done()
        return cls(source1, source1.bits, k2, 1, error)

    @classmethod
    def source1_bits_for(cls, length2, available=None):
        return length2

    @classmethod
    def for_output(cls, epsilon, length2, output_bits, log2_wanted):
        source1 = Source1(length2, epsilon=epsilon)
        least = length2 - 1 - source1.collision_entropy() - 2 * log2_wanted
        if output_bits != 1 or least > length2:
            raise InsufficientError(f"{output_bits} bits at 2^{log2_wanted} cannot be had")
        reached = log2_error(source1, least)
        return cls(source1, length2, least, 1, min(reached, log2_wanted))

    @classmethod
    def largest(cls, source1, length2, min_entropy2, log2_wanted, *, strong="source1",
                output_bits=None):  # fmt: skip
        return cls(source1, length2, min_entropy2, output_bits or 1, log2_wanted)

    def extract(self, source1, source2, progress=None):
        n = min(len(source1), len(source2))
        return np.array([np.bitwise_and(source1[:n], source2[:n]).sum() % 2], dtype=np.uint8)
