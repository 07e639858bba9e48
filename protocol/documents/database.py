"""SQLite files that may come from anybody: the ledger and the queue of a run folder.

Opening one touches nothing but the file itself and its rollback journal, and nothing is believed
of it but what our own schema can hold: no view, no trigger, no table more or less.  What stands in
the rows is checked by `ledger` and `queue`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from protocol.documents.fields import Fields, printable
from protocol.documents.files import MissingError, create_private, open_regular
from protocol.documents.format import FIRST_GAME, Format
from qdevices.errors import InputError

Row = tuple[Any, ...]
#: Statements that make tables; one of them is `ABOUT`.
Schema = tuple[str, ...]
#: The table of what there is once in a database: its header, and whatever its owner keeps.
ABOUT = "CREATE TABLE about (key TEXT PRIMARY KEY, value) WITHOUT ROWID"
#: The header of a database, as rows of that table.
HEADER_KEYS = ("format", "version", "game")

_HEADER = b"SQLite format 3\x00"
_ROLLBACK = b"\x01\x01"
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
#: Longest row that SQLite may hand out: its own default.  Settings and outcomes of a chunk have
#: 20 MB together, extractor bits a byte each.
_MOST_ROW_BYTES = 10**9
_PRAGMAS = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
)


class ConflictError(InputError):
    """A row that would be the second of a kind of which there is one."""


def create(path: Path, what: str) -> None:
    """Make an empty file for a database, readable by its owner only whatever the umask.

    Its journals get the same permissions from SQLite.

    Raises:
        FileExistsError: there is something of that name.
        InputError: it cannot be made.
    """
    try:
        create_private(path).close()
    except FileExistsError:
        raise
    except OSError as error:
        raise InputError(f"{what} {str(path)!r} cannot be made: {error.strerror}") from None


class Database:
    """An open database with a known schema; close it, or use it as a context manager.

    Args:
        path: the file; it must be there.
        what: what it is, for messages: "ledger" or "queue".
        schema: its statements; an empty file gets them, and the header, if `fresh`.
        format: name and version, which stand with the game in the table "about"; the major version
            is also SQLite's user_version.
        older: by user_version the statements of what was written without such a header.
        keys: what else may stand in the table "about".
        fresh: whether an empty file is taken.

    Raises:
        InputError: also from every method: the file is none of ours, or SQLite refuses.
    """

    def __init__(
        self,
        path: Path,
        what: str,
        schema: Schema,
        format: Format,
        older: Mapping[int, Schema],
        *,
        keys: tuple[str, ...] = (),
        fresh: bool = False,
    ) -> None:
        self._path, self._what = path, what
        _check_file(path, what)
        with self._refusing():
            # SQLite's defaults, a rollback journal and full syncing, are what a ledger wants.
            self._base = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            with self._refusing():
                self._base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_ROW_BYTES)
                self._base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            for pragma in _PRAGMAS:
                self.execute(pragma)
            if fresh:
                self._fill(schema, format)
            self._check(schema, format, older, (*HEADER_KEYS, *keys))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was not committed is rolled back."""
        self._base.close()

    def execute(self, statement: str, values: Iterable[Any] = ()) -> list[Row]:
        """All rows that a statement gives."""
        with self._refusing():
            return self._base.execute(statement, tuple(values)).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """What is executed inside happens as a whole or not at all."""
        # From the start, so that what is read still holds when something is written.
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            raise

    def _fill(self, schema: Schema, format: Format) -> None:
        with self.transaction():
            if self.execute("SELECT 1 FROM sqlite_master LIMIT 1"):
                return
            for statement in schema:
                self.execute(statement)
            header = (format.name, format.version, FIRST_GAME)
            for row in zip(HEADER_KEYS, header, strict=True):
                self.execute("INSERT INTO about VALUES (?,?)", row)
            self.execute(f"PRAGMA user_version = {format.major:d}")

    def _check(
        self, schema: Schema, format: Format, older: Mapping[int, Schema], keys: tuple[str, ...]
    ) -> None:
        name = f"{self._what} {str(self._path)!r}"
        try:
            found = self.execute("PRAGMA user_version")[0][0]
            # Not the statements' text only: a view in place of a table, or a trigger, is code.
            objects = self.execute(_OBJECTS)
        except InputError as error:
            raise InputError(f"{str(self._path)!r} is no {self._what}: {error}") from None
        if found != format.major and found not in older:
            format.header(Fields({"format": format.name, "version": found}, name), name)
        self._check_objects(name, schema if found == format.major else older[found], objects)
        if not any(row[:2] == ("table", "about") for row in objects):
            return
        query = f"SELECT key FROM about WHERE key NOT IN ({','.join('?' * len(keys))}) LIMIT 1"
        if unknown := self.execute(query, keys):
            raise InputError(f"{name} has an unknown entry {printable(unknown[0][0], 60)!r}")
        rows = self.execute(_HEADER_ROWS)
        if not rows and found in older:
            return
        fields = Fields(dict(rows), name)
        _, game = format.header(fields, name)
        fields.done()  # a game beside a version that has none would say nothing, and be believed
        if game != FIRST_GAME:
            raise InputError(f"{name} is of game {printable(game, 60)!r}, expected {FIRST_GAME!r}")

    def _check_objects(self, name: str, schema: Schema, objects: list[Row]) -> None:
        ours, theirs = _objects(schema), frozenset(objects)
        if missing := sorted(str(row[1]) for row in ours - theirs):
            raise InputError(f"{name} has no {missing[0]!r} as ksamp makes it, expected one")
        if foreign := sorted((str(row[0]), str(row[1])) for row in theirs - ours):
            kind, called = foreign[0]
            raise InputError(
                f"{name} has a {printable(kind, 20)} {printable(called, 60)!r}, expected none"
            )

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn whatever SQLite or its Python module says into one line."""
        name = f"{self._what} {str(self._path)!r}"
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise ConflictError(f"{name} refuses: {printable(error, 200)}") from None
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
            raise InputError(f"{name} cannot be used: {printable(error, 200)}") from None


def check_id(value: Any, what: str, most: int) -> str:
    """Return `value` if it can be the id of a job, which is printed and sent to providers.

    Raises:
        InputError: it is no printable text of 1 to `most` characters.
    """
    if not (isinstance(value, str) and 0 < len(value) <= most and value.isprintable()):
        raise InputError(
            f"{what} has id {printable(repr(value), 60)}, expected a printable text of at most "
            f"{most} characters"
        )
    return value


_HEADER_ROWS = "SELECT key, value FROM about WHERE key IN ('format', 'version', 'game')"
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master"


@lru_cache(maxsize=4)
def _objects(schema: Schema) -> frozenset[Row]:
    """What SQLite makes of the schema."""
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        for statement in schema:
            base.execute(statement)
        return frozenset(base.execute(_OBJECTS))


def _check_file(path: Path, what: str) -> None:
    """Check what SQLite would open, before it does."""
    with open_regular(path, what, follow=False) as file:
        head = file.read(100)
    if head and (len(head) < 100 or not head.startswith(_HEADER)):
        raise InputError(f"{str(path)!r} is no {what}: no SQLite file")
    # A write-ahead log would be two more files, one of them mapped into memory.
    if head and head[18:20] != _ROLLBACK:
        raise InputError(f"{str(path)!r} is no {what}: not in rollback mode, as ksamp makes it")
    for suffix in ("-wal", "-shm"):
        if os.path.lexists(beside := path.with_name(path.name + suffix)):
            raise InputError(f"{str(beside)!r} lies beside the {what}, expected no such file")
    _check_journal(path.with_name(f"{path.name}-journal"), what)


def _check_journal(journal: Path, what: str) -> None:
    """Check the rollback journal that a killed process may have left.

    One that ends with the name of a "super-journal", as transactions over several databases have
    it, would make SQLite delete the file of that name, wherever it lies.
    """
    try:
        # Another process may make and remove its own at any moment: one look, not two.
        file = open_regular(journal, f"journal of the {what}", follow=False)
    except MissingError:
        return
    with file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_JOURNAL_MAGIC)))
        if file.read(len(_JOURNAL_MAGIC)) == _JOURNAL_MAGIC:
            raise InputError(f"{str(journal)!r} names another journal, expected that of one {what}")
