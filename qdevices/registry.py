"""Kinds of a thing by name: each in a file of its own, imported when it is first asked for.

A registry is a table of names and places, so listing what there is imports nothing, and adding a
kind is one file and one line: here, or `REGISTRY.add(name, "module:attribute")` from outside.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from qdevices.errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Kinds of one thing, by the name that the command line and documents have for them.

    Attributes:
        what: one of them in a message, such as "certificate kind".
        entries: by name the kind itself, or where it is: "module:attribute".
    """

    def __init__(self, what: str, entries: dict[str, str | T]) -> None:
        self.what = what
        self.entries = entries

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def add(self, name: str, kind: str | T) -> None:
        """Enter a kind, or where it is: "module:attribute".

        Raises:
            InputError: the name is taken.
        """
        if name in self.entries:
            raise InputError(f"there is a {self.what} {name!r:.60} already, expected a new name")
        self.entries[name] = kind

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order in which they were entered."""
        return tuple(self.entries)

    def __getitem__(self, name: str) -> T:
        """The kind of this name.

        Raises:
            InputError: there is none.
        """
        if not isinstance(name, str) or name not in self.entries:
            raise InputError(f"{self.what} {name!r:.60}, expected one of {', '.join(self.entries)}")
        found: Any = self.entries[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = getattr(importlib.import_module(module), attribute)
        return found  # type: ignore[no-any-return]
