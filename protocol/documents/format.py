"""Documents: one way to write and to read them, with a name, a version, a game and a digest.

    {"format": "ksamp-plan", "version": "2.2", "game": "ks18", ..., "sha256": "5f0c..."}

`sha256` is that of the canonical spelling of all the other entries, so a document that was edited
is not read; it says nothing of who wrote it.  A version is MAJOR.MINOR.  A reader reads every
document of its own major version up to its own minor one, so what 2.0 wrote stays readable for all
of 2.x: a new entry raises the minor version, a new meaning the major one.  Documents of before 2.1
have a whole number for a version, and no game, which was `FIRST_GAME`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol.documents.fields import Fields, digest, printable
from protocol.documents.files import MOST_JSON_BYTES, read_json, write_file
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.games import GAMES

#: The game of documents that do not name one.
FIRST_GAME = "ks18"
#: Why documents of a major version cannot be read.
_REPLACED = {1: "version 1 numbers the outcomes of basis M7 otherwise than the paper"}
_MOST_NAME = 64
_MOST_VERSION = 10**6
#: Entries of every document beside its content.
HEADER = ("format", "version", "game", "sha256")


@dataclass(frozen=True)
class Opened:
    """A document whose header and digest were checked.

    Attributes:
        fields: its content, to be taken entry by entry; end with `Fields.done`.
        minor: the minor version that wrote it.
        game: name of the game that it speaks of; "" if its format has none.
        sha256: its digest; "" if it was written without.
    """

    fields: Fields
    minor: int
    game: str
    sha256: str


@dataclass(frozen=True)
class Format:
    """A kind of document.

    Attributes:
        name: entry "format", such as "ksamp-plan".
        what: one of them in a message, such as "plan".
        major, minor: the version that is written; see the module for those that are read.
        about_game: whether it speaks of a game.
        sealed_from: the first minor version whose entry "sha256" is the document's digest; before
            it there is none, or it means something else and is left among the content.
    """

    name: str
    what: str
    major: int = 2
    minor: int = 2
    about_game: bool = field(default=True, kw_only=True)
    sealed_from: int = field(default=0, kw_only=True)

    @property
    def version(self) -> str:
        """The version that is written."""
        return f"{self.major}.{self.minor}"

    def seal(self, content: Mapping[str, Any], game: str = "") -> dict[str, Any]:
        """The document with this content: header first, digest last.

        Args:
            content: entries other than those of the header.
            game: name of the game that it speaks of.
        """
        assert not set(content) & set(HEADER)
        assert bool(game) == self.about_game
        data = {"format": self.name, "version": self.version}
        if self.about_game:
            data["game"] = game
        data = {**data, **content}
        return {**data, "sha256": digest(data)}

    def write(
        self,
        path: str | Path,
        content: Mapping[str, Any],
        game: str = "",
        *,
        overwrite: bool = False,
        mode: int | None = None,
    ) -> str:
        """Write a document, whole or not at all, and return its digest.

        Args:
            path: its name.
            content, game: as in `seal`.
            overwrite: replace a regular file of that name.
            mode: permissions, as in `files.write_file`.

        Raises:
            InputError: the file exists (unless `overwrite`) or cannot be written.
        """
        data = self.seal(content, game)
        what = f"{self.what} file"
        write_file(path, spelled(data), what, overwrite=overwrite, mode=mode)
        return str(data["sha256"])

    def read(self, path: str | Path, *, most: int = MOST_JSON_BYTES, follow: bool = True) -> Opened:
        """Read a document from a file.

        Args:
            path: its name.
            most: bytes that it may have.
            follow: whether a link is followed.

        Raises:
            InputError: no such file, or as `open`.
        """
        what = f"{self.what} file"
        return self.open(read_json(path, what, most=most, follow=follow), f"{what} {str(path)!r}")

    def open(self, data: Any, what: str | None = None) -> Opened:
        """Check the header and the digest of a document's JSON value.

        Args:
            data: what should be such a document.
            what: it in a message; "the plan" or the like unless given.

        Raises:
            InputError: no JSON object, another format, a version that is not read, a game that is
                not known, or a digest that does not match.
        """
        what = f"the {self.what}" if what is None else what
        fields = Fields(data, what)
        minor, game = self.header(fields, what)
        if minor < self.sealed_from:
            return Opened(fields, minor, game, "")
        sha256 = fields.text("sha256", _MOST_NAME)
        try:
            found = digest({key: value for key, value in data.items() if key != "sha256"})
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{what} is no JSON: {printable(error, 100)}") from None
        if sha256 != found:
            raise InputError(f"{what} was edited: its SHA-256 digest does not match")
        return Opened(fields, minor, game, sha256)

    def header(self, fields: Fields, what: str) -> tuple[int, str]:
        """Take "format", "version" and "game" out of a document: its minor version and its game.

        Raises:
            InputError: another format, a version that is not read, or an unusable game.
        """
        fields.choice("format", self.name)
        minor = self._minor(fields.any("version"), what)
        if not self.about_game:
            return minor, ""
        return minor, FIRST_GAME if minor == 0 else fields.choice("game", *GAMES)

    def _minor(self, version: Any, what: str) -> int:
        major, dot, text = version.partition(".") if type(version) is str else ("", "", "")
        if type(version) is int and 0 < version <= _MOST_VERSION:
            found = (version, 0)
        elif dot and all(_is_number(part) for part in (major, text)):
            found = (int(major), int(text))
        else:
            found = None
        if found is not None and found[0] == self.major and found[1] <= self.minor:
            return found[1]
        reads = f"{self.major} to {self.version}" if self.minor else self.version
        if found is None:
            reason = ""
        elif found > (self.major, self.minor):
            reason = " (a newer ksamp wrote it)"
        else:
            reason = f" ({_REPLACED[found[0]]})" if found[0] in _REPLACED else ""
        raise InputError(f"{what} has version {_shown(version)}, expected {reads}{reason}")


def game_entry(game: Game) -> dict[str, Any]:
    """What a digest says of its game, as entries: nothing of the first.

    So no two games share a digest, and those taken before there were others stay as they were.
    """
    return {} if game == GAMES[FIRST_GAME] else {"game": game.identity}


def is_sealed(data: Any) -> bool:
    """Whether a JSON value has its own digest as the entry "sha256", whatever else it is."""
    if not isinstance(data, Mapping) or "sha256" not in data:
        return False
    try:
        found = digest({key: value for key, value in data.items() if key != "sha256"})
    except (TypeError, ValueError, RecursionError):  # nested as deeply as only the parser bears
        return False
    return bool(data["sha256"] == found)


def _is_number(text: str) -> bool:
    """Whether a part of a version is a whole number as `Format.version` writes it."""
    return text.isascii() and text.isdigit() and len(text) <= 6 and text == str(int(text))


def _shown(version: Any) -> str:
    if version is None or isinstance(version, (str, bytes, bool, int, float)):
        return printable(repr(version), 40)
    return f"a {type(version).__name__}"  # which may be nested too deeply to be shown


def spelled(data: Mapping[str, Any]) -> bytes:
    """A JSON document as it is written to a file."""
    return (json.dumps(data, indent=2, allow_nan=False) + "\n").encode()
