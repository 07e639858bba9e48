"""JSON documents that may come from anybody: read strictly, taken apart entry by entry, digested.

A document is believed only as far as it was checked: no key twice, no number that is not finite,
nothing nested beyond reason, each entry of the type and in the range that is expected, and none
that is not.  The digest is that of the content, whatever the spacing and the order of keys.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from qdevices.errors import InputError

#: Longest text entry that a document may hold, unless a reader says otherwise.
MOST_TEXT = 4096


def printable(text: object, most: int = 2000) -> str:
    """`text` on one line and without characters that steer a terminal, at most `most` characters.

    Whatever `str.isprintable` denies (control characters, line ends, marks that turn the direction
    of writing) is shown as its escape.
    """
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)[: most + 1]
    )
    return line if len(line) <= most else line[: most - 1] + "…"


def parse_json(text: str | bytes, what: str) -> Any:
    """The value of a JSON text.

    Args:
        text: of bounded length.
        what: the document, for messages.

    Raises:
        InputError: no JSON, no UTF-8, a key twice in one object, a number that is not finite, or
            nesting too deep for the parser.
    """

    def pairs(entries: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(entries)
        if len(found) < len(entries):
            twice = next(k for k, times in Counter(k for k, _ in entries).items() if times > 1)
            raise ValueError(f"the key {printable(twice, 60)!r} occurs twice")
        return found

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is no number")

    def number(literal: str) -> float:
        if not math.isfinite(value := float(literal)):
            raise ValueError(f"{printable(literal, 40)} is no finite number")
        return value

    try:
        return json.loads(
            text, object_pairs_hook=pairs, parse_constant=constant, parse_float=number
        )
    except RecursionError:
        raise InputError(f"{what} is nested too deeply") from None
    except ValueError as error:  # also a UnicodeDecodeError, or a whole number of 5000 digits
        raise InputError(f"{what} is no JSON: {printable(error, 200)}") from None


def canonical(content: Any) -> bytes:
    """The one spelling of a JSON value that digests are taken of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(content: Any) -> str:
    """SHA-256 of a JSON value, 64 hexadecimal digits, whatever its spacing and order of keys."""
    return hashlib.sha256(canonical(content)).hexdigest()


class Fields:
    """The entries of a JSON object, taken out one after the other; see `done`.

    Args:
        data: what should be an object.
        what: its name in messages, such as "the plan".

    Raises:
        InputError: from every method, if the entry is missing, of another type or out of range;
            also if `data` is no object.
    """

    def __init__(self, data: Any, what: str) -> None:
        if not isinstance(data, Mapping):
            raise InputError(f"{what} is {_short(data)}, expected a JSON object")
        self._data, self._what, self._taken = data, what, set[str]()

    def any(self, key: str) -> Any:
        """The entry as it is; the caller checks it."""
        if key not in self._data:
            raise InputError(f"{self._what} has no entry {key!r}")
        self._taken.add(key)
        return self._data[key]

    def missing(self, key: str) -> bool:
        """Whether there is no such entry, or it is null; a null counts as taken."""
        if self._data.get(key) is None:
            self._taken.add(key)
            return True
        return False

    def integer(self, key: str, least: int, most: int) -> int:
        """A whole number in least..most; 5.0, "5" and true are none."""
        value = self.any(key)
        if type(value) is not int or not least <= value <= most:
            raise self._wrong(key, value, f"a whole number in {least}..{most}")
        return value

    def number(self, key: str, least: float = -math.inf, most: float = math.inf) -> float:
        """A finite number in [least, most], as float."""
        value = self.any(key)
        if type(value) not in (int, float) or not least <= value <= most:
            raise self._wrong(key, value, f"a number in [{least:g}, {most:g}]")
        try:
            return float(value)
        except OverflowError:
            raise self._wrong(key, value, "a finite number") from None

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.any(key)
        if type(value) is not bool:
            raise self._wrong(key, value, "true or false")
        return value

    def text(self, key: str, most: int = MOST_TEXT) -> str:
        """A text of at most `most` characters, all of them printable (see `printable`)."""
        value = self.any(key)
        if not isinstance(value, str) or len(value) > most or not value.isprintable():
            raise self._wrong(key, value, f"a text of at most {most} printable characters")
        return value

    def choice(self, key: str, *choices: str) -> str:
        """One of these texts."""
        value = self.any(key)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(key, value, " or ".join(map(repr, choices)))
        return value

    def list(self, key: str, most: int) -> list[Any]:
        """A list of at most `most` entries, which the caller checks."""
        value = self.any(key)
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(key, value, f"a list of at most {most} entries")
        return value

    def object(self, key: str) -> Mapping[str, Any]:
        """An object, whose entries the caller checks."""
        value = self.any(key)
        if not isinstance(value, Mapping):
            raise self._wrong(key, value, "a JSON object")
        return value

    def done(self) -> None:
        """Check that every entry was taken: what is not understood is not passed over."""
        if unknown := sorted(set(self._data) - self._taken):
            raise InputError(f"{self._what} has an unknown entry {printable(unknown[0], 60)!r}")

    def _wrong(self, key: str, value: Any, expected: str) -> InputError:
        return InputError(f"{self._what} has {key} {_short(value)}, expected {expected}")


def _short(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 60 else text[:59] + "…"
