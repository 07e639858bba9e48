"""The ledger of a run: plan, settings, weak bits spent, chunks and their jobs, in SQLite.

One transaction a step; what a method has returned from is on the disk.  The ledger appears in
the run folder complete, with every setting, before the first chunk is sent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from protocol.data.marks import RECORD
from protocol.documents.database import (
    ABOUT,
    ConflictError,
    Database,
    Row,
    check_id,
    create,
)
from protocol.documents.fields import Fields, parse_json, printable
from protocol.documents.format import Format
from protocol.jobs.job import MOST_JOB_ID, STATES, Chunk, Job, State
from protocol.providers.provider import PLAYED
from protocol.run.folder import recover
from protocol.sources.source import MOST_POSITION
from qdevices.errors import InputError

T = TypeVar("T")

NAME = "ledger.sqlite"
FORMAT = Format("ksamp-ledger", "ledger")
_WHAT = "ledger"
_SCHEMA = (
    ABOUT,
    """CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'planned',
    tag TEXT NOT NULL UNIQUE, job_id TEXT UNIQUE, note TEXT NOT NULL DEFAULT '',
    repeated INTEGER NOT NULL DEFAULT 0,
    settings BLOB NOT NULL, outcomes BLOB)""",
    """CREATE TABLE weak_bits (
    start INTEGER NOT NULL, stop INTEGER NOT NULL, purpose TEXT NOT NULL)""",
    """CREATE TABLE past_jobs (
    number INTEGER NOT NULL, attempt INTEGER NOT NULL, tag TEXT NOT NULL, job_id TEXT,
    note TEXT NOT NULL)""",
)
#: 2.0 had the same tables and no header.
_OLDER = {2: _SCHEMA}
_KEYS = ("job", "prepared", "extractor_bits", "cancelled")
_MOST_ATTEMPTS = 1 << 31
_ROW = (
    "number, start, stop, attempt, state, tag, job_id, note, repeated, "
    "typeof(settings), length(settings), typeof(outcomes), length(outcomes)"
)
_COLUMNS = (
    "number", "start", "stop", "attempt", "state", "tag", "job_id", "note", "repeated",
    "type of settings", "length of settings", "type of outcomes", "length of outcomes",
)  # fmt: skip


def is_published(folder: Path) -> bool:
    """Whether a folder, of a submitted run or not, holds a finished one."""
    return (folder / RECORD).is_file()


def check_finished(folder: Path) -> None:
    """Check that a folder, if it is one of a submitted run, has its result.

    Raises:
        InputError: jobs are missing.
    """
    if (folder / NAME).is_file() and not is_published(folder):
        raise InputError(
            f"run {str(folder)!r} is not finished, expected `ksamp collect {folder}` first"
        )


class Ledger:
    """An open ledger; use as a context manager.

    A ledger may have been received from anybody: what a method returns was checked.

    Raises:
        InputError: also from every method: there is none in the folder, or it is of another
            version, damaged, or holds what no ledger of ours can hold.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        if not os.path.lexists(path):
            recover(folder)
        if not os.path.lexists(path):
            raise InputError(f"{str(folder)!r} has no {NAME}, expected a folder of `ksamp submit`")
        self.folder = folder
        self._name = f"ledger {str(path)!r}"
        self._base = Database(path, _WHAT, _SCHEMA, FORMAT, _OLDER, keys=_KEYS)
        try:
            text = self._about("job", str) or ""
            self.job = Job.from_json(parse_json(text, f"the job of {self._name}"))
            self._check_chunks()
            self.weak_bits()
        except BaseException:
            self._base.close()
            raise

    @staticmethod
    def create(
        folder: Path,
        job: Job,
        chunks: Iterable[tuple[int, int, NDArray[np.uint8]]],
        spent: Iterable[tuple[int, int, str]],
    ) -> None:
        """Write a new ledger into an existing folder, all or nothing.

        Args:
            folder: must not have one.
            job: what is run.
            chunks: (first run, one past the last, settings of shape (runs,) uint8).
            spent: ranges of weak bits (first, one past the last, what for).
        """
        create(folder / NAME, _WHAT)
        opened = Database(folder / NAME, _WHAT, _SCHEMA, FORMAT, _OLDER, keys=_KEYS, fresh=True)
        with opened as base, base.transaction():
            base.execute("INSERT INTO about VALUES ('job', ?)", (json.dumps(asdict(job)),))
            for number, (start, stop, settings) in enumerate(chunks):
                base.execute(
                    "INSERT INTO chunks (number, start, stop, tag, settings) VALUES (?,?,?,?,?)",
                    (number, start, stop, job.tag(number, 0), settings.tobytes()),
                )
            for claim in spent:
                base.execute("INSERT INTO weak_bits VALUES (?,?,?)", claim)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def chunks(self, *states: State) -> list[Chunk]:
        """All chunks in run order, or those in one of these states."""
        wanted = states or STATES
        marks = ",".join("?" * len(wanted))
        rows = self._base.execute(
            f"SELECT {_ROW} FROM chunks WHERE state IN ({marks}) ORDER BY number", wanted
        )
        return [self._chunk(row[0], row) for row in rows]

    def count(self, *states: State) -> int:
        """How many chunks there are, or are in one of these states."""
        wanted = states or STATES
        marks = ",".join("?" * len(wanted))
        query = f"SELECT count(*) FROM chunks WHERE state IN ({marks})"
        return int(self._base.execute(query, wanted)[0][0])

    def _check_chunks(self) -> None:
        """Look at all chunks together, once: later only this process changes them."""
        rows = self._base.execute(
            f"SELECT {_ROW} FROM chunks ORDER BY number LIMIT ?", (self.job.chunks + 1,)
        )
        if len(rows) != self.job.chunks:
            raise InputError(
                f"{self._name} has {len(rows)} chunks or more, expected {self.job.chunks}"
            )
        chunks = [self._chunk(number, row) for number, row in enumerate(rows)]
        # A try that is forgotten would cost nothing: what was redrawn stands in two places.
        past = self._base.execute("SELECT number, attempt FROM past_jobs ORDER BY number, attempt")
        if past != [(c.number, attempt) for c in chunks for attempt in range(c.attempt)]:
            raise InputError(
                f"{self._name} lists {len(past)} earlier tries, expected one for each attempt of "
                f"its chunks, {sum(c.attempt for c in chunks)}"
            )
        ids = [chunk.job_id for chunk in chunks if chunk.job_id is not None]
        if len(set(ids)) < len(ids):
            raise InputError(f"{self._name} has one job for two chunks, expected one for each")

    def _chunk(self, number: int, row: Row) -> Chunk:
        """A chunk's row, if it is one that this ledger can hold."""
        start, stop = self.job.span(number)
        name = f"chunk {number} of {self._name}"
        entries = Fields(dict(zip(_COLUMNS, row, strict=True)), name)
        entries.integer("number", number, number)
        attempt = entries.integer("attempt", 0, _MOST_ATTEMPTS)
        missing = entries.missing("job_id")
        chunk = Chunk(
            number=number,
            start=entries.integer("start", start, start),
            stop=entries.integer("stop", stop, stop),
            attempt=attempt,
            state=cast(State, entries.choice("state", *STATES)),
            tag=entries.choice("tag", self.job.tag(number, attempt)),
            job_id=None if missing else check_id(entries.any("job_id"), "a job", MOST_JOB_ID),
            note=printable(entries.text("note", 1 << 20)),
            repeated=bool(entries.integer("repeated", 0, 1)),
        )
        for column, there in (("settings", True), ("outcomes", chunk.state == "done")):
            kind, size = entries.any(f"type of {column}"), entries.any(f"length of {column}")
            if (kind, size) != (("blob", stop - start) if there else ("null", None)):
                expected = f"{stop - start} bytes" if there else "none"
                raise InputError(f"{name} has {column} of type {kind} and length {size}, "
                                 f"expected {expected}")  # fmt: skip
        return chunk

    def settings(self, number: int) -> NDArray[np.uint8]:
        """Settings 9u1+u2 of a chunk in run order, (runs,) uint8."""
        return self._blob("settings", number, PLAYED.n_pairs)

    def outcomes(self, number: int) -> NDArray[np.uint8]:
        """Outcomes 4x1+x2 of a chunk that is done, in run order, (runs,) uint8."""
        return self._blob("outcomes", number, PLAYED.n_joint)

    def mark(
        self, chunk: Chunk, state: State, *, job_id: str | None = None, note: str = ""
    ) -> None:
        """Put a chunk in another state, with the job's id or a note if there is one.

        Raises:
            InputError: the id belongs to another chunk already, can be no job's, or is missing of
                a chunk that is submitted.
        """
        if job_id is not None or state == "submitted":
            check_id(job_id, "a job", MOST_JOB_ID)
        try:
            with self._base.transaction():
                self._base.execute(
                    "UPDATE chunks SET state = ?, job_id = coalesce(?, job_id), note = ? "
                    "WHERE number = ? AND state != 'done'",
                    (state, job_id, printable(note), chunk.number),
                )
        except ConflictError:
            raise InputError(
                f"job {job_id!r} was given to chunk {chunk.number} and to another one"
            ) from None

    def repeat(self, chunk: Chunk) -> None:
        """Write down that a chunk is about to be sent again under the same tag."""
        with self._base.transaction():
            self._base.execute("UPDATE chunks SET repeated = 1 WHERE number = ?", (chunk.number,))

    def store(self, chunk: Chunk, outcomes: NDArray[np.uint8]) -> None:
        """Store the outcomes of a chunk in run order, (runs,) uint8; it is then done.

        A chunk that is done already is left as it is: no chunk counts twice.
        """
        with self._base.transaction():
            self._base.execute(
                "UPDATE chunks SET state = 'done', outcomes = ?, note = '' "
                "WHERE number = ? AND state != 'done'",
                (outcomes.tobytes(), chunk.number),
            )

    def redraw(
        self,
        anew: Iterable[tuple[Chunk, NDArray[np.uint8]]],
        spent: Iterable[tuple[int, int, str]],
    ) -> None:
        """Plan chunks anew with fresh settings; what was tried before is kept on record.

        Args:
            anew: the chunks and their settings, (runs,) uint8.
            spent: ranges of weak bits claimed for all this, with the extractor's new one.
        """
        with self._base.transaction():
            self._base.execute("UPDATE weak_bits SET purpose = ? WHERE purpose = ?", (UNUSED, EXT))
            for claim in spent:
                self._base.execute("INSERT INTO weak_bits VALUES (?,?,?)", claim)
            for chunk, settings in anew:
                self._base.execute(
                    "INSERT INTO past_jobs VALUES (?,?,?,?,?)",
                    (chunk.number, chunk.attempt, chunk.tag, chunk.job_id, chunk.note),
                )
                attempt = chunk.attempt + 1
                self._base.execute(
                    "UPDATE chunks SET state = 'planned', attempt = ?, tag = ?, job_id = NULL, "
                    "note = '', repeated = 0, settings = ? WHERE number = ?",
                    (
                        attempt,
                        self.job.tag(chunk.number, attempt),
                        settings.tobytes(),
                        chunk.number,
                    ),
                )

    def weak_bits(self) -> list[tuple[int, int, str]]:
        """Ranges of the source that this run has claimed: (first, one past the last, purpose)."""
        rows = self._base.execute("SELECT start, stop, purpose FROM weak_bits ORDER BY start, stop")
        claims = []
        for row in rows:
            entries = Fields(
                dict(zip(("start", "stop", "purpose"), row, strict=True)),
                f"a range of weak bits in {self._name}",
            )
            start = entries.integer("start", 0, MOST_POSITION)
            stop = entries.integer("stop", start, MOST_POSITION)
            claims.append((start, stop, entries.text("purpose", 100)))
        if any(a[1] > b[0] for a, b in pairwise(claims)):
            raise InputError(f"{self._name} has weak bits that are claimed twice")
        # The extractor's bits come after all bits that the provider has seen.
        if [k for k, (*_, what) in enumerate(claims) if what == EXT] != [len(claims) - 1]:
            raise InputError(f"{self._name} has no range for the extractor's bits as its last one")
        return claims

    def keep_extractor_bits(self, bits: NDArray[np.uint8]) -> None:
        """Keep the extractor's weak bits, so that a second try uses the same ones."""
        with self._base.transaction():
            self._base.execute("INSERT INTO about VALUES ('extractor_bits', ?)", (bits.tobytes(),))

    def extractor_bits(self) -> NDArray[np.uint8] | None:
        """What `keep_extractor_bits` was given; None before."""
        value = self._about("extractor_bits", bytes)
        return None if value is None else self._small(value, 2, "extractor bits")

    def keep_prepared(self, kept: str) -> None:
        """Keep what `Provider.prepare` returned; the known answers were then right.

        Raises:
            InputError: it is no text, which nobody could read again.
        """
        if not isinstance(kept, str):
            raise InputError(
                f"the provider's known answers gave a {type(kept).__name__} to keep, expected a "
                "text"
            )
        with self._base.transaction():
            self._base.execute("INSERT OR REPLACE INTO about VALUES ('prepared', ?)", (kept,))

    def prepared(self) -> str | None:
        """What `keep_prepared` was given; None before."""
        return self._about("prepared", str)

    def cancel(self) -> None:
        """Decide that nothing more is sent; final."""
        with self._base.transaction():
            self._base.execute("INSERT OR REPLACE INTO about VALUES ('cancelled', 1)")

    @property
    def published(self) -> bool:
        """Whether the folder holds the finished run."""
        return is_published(self.folder)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._about("cancelled", int) is not None

    def _about(self, key: str, kind: type[T]) -> T | None:
        rows = self._base.execute("SELECT value FROM about WHERE key = ?", (key,))
        if not rows:
            return None
        value = rows[0][0]
        if not isinstance(value, kind):
            raise InputError(
                f"{self._name} has {key} of type {type(value).__name__}, expected {kind.__name__}"
            )
        return value

    def _blob(
        self, column: Literal["settings", "outcomes"], number: int, bound: int
    ) -> NDArray[np.uint8]:
        start, stop = self.job.span(number)
        rows = self._base.execute(f"SELECT {column} FROM chunks WHERE number = ?", (number,))
        if not rows or type(rows[0][0]) is not bytes or len(rows[0][0]) != stop - start:
            raise InputError(f"{self._name} has no {column} of chunk {number}")
        return self._small(rows[0][0], bound, f"{column} of chunk {number}")

    def _small(self, blob: bytes, bound: int, what: str) -> NDArray[np.uint8]:
        values = np.frombuffer(blob, dtype=np.uint8)
        if len(values) and (most := int(values.max())) >= bound:
            raise InputError(f"{self._name} has {what} up to {most}, expected 0..{bound - 1}")
        return values


#: Purpose of the range of weak bits that the extractor will read.
EXT = "extractor"
#: And of such a range of before a redraw.
UNUSED = "unused"
