"""A source for tests."""

from __future__ import annotations

from qdevices.errors import InputError


class Bits:
    """A source that gives these bits, whatever they are."""

    name = "bits"

    def __init__(self, bits):
        self._bits, self.asked = bits, 0

    def bits(self, count):
        found = self._bits[self.asked : self.asked + count]
        self.asked += count
        if len(found) < count:
            raise InputError(f"{count} bits asked for, {len(found)} are left")
        return found

    def expect(self, total):
        pass

    def claim(self, total):
        if len(self._bits) - self.asked < total:
            raise InputError(f"{total} bits needed, {len(self._bits) - self.asked} are left")

    def word_probabilities(self, width):
        return None
