"""Whole numbers as a line of text, the way tables stand in JSON files: read strictly."""

from __future__ import annotations

from protocol.documents.fields import printable
from qdevices.errors import InputError

_MOST_DIGITS = 20


def read_numbers(text: str, what: str, least: int, most: int) -> list[int]:
    """The whole numbers of a line such as "5 0 12", one space between them.

    Args:
        text: of bounded length; must be what `" ".join(map(str, numbers))` writes, so that every
            line of numbers has one spelling.
        what: of whom the numbers are, for messages.
        least: smallest number allowed.
        most: largest number allowed.

    Raises:
        InputError: another spelling, or a number outside least..most.
    """
    numbers = []
    for word in text.split(" "):
        try:
            number = int(word) if len(word) <= _MOST_DIGITS else None
        except ValueError:
            number = None
        if number is None or str(number) != word or not least <= number <= most:
            raise InputError(
                f"the {what} hold {printable(word, 40)!r}, expected a whole number in "
                f"{least}..{most}"
            )
        numbers.append(number)
    return numbers
