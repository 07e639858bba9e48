"""The ledger of a run: plan, settings, weak bits spent, chunks and their jobs, in SQLite.

One transaction a step; what a method has returned from is on the disk.  The ledger appears in
the run folder complete, with every setting, before the first chunk is sent.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError
from protocol.jobs.provider import Order

NAME = "ledger.sqlite"
VERSION = 1
State = Literal["planned", "submitting", "submitted", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = (
    "planned", "submitting", "submitted", "done", "failed", "cancelled",
)  # fmt: skip

_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'planned',
    tag TEXT NOT NULL UNIQUE, job_id TEXT UNIQUE, note TEXT NOT NULL DEFAULT '',
    repeated INTEGER NOT NULL DEFAULT 0,
    settings BLOB NOT NULL, outcomes BLOB);
CREATE TABLE weak_bits (
    start INTEGER NOT NULL, stop INTEGER NOT NULL, purpose TEXT NOT NULL);
CREATE TABLE past_jobs (
    number INTEGER NOT NULL, attempt INTEGER NOT NULL, tag TEXT NOT NULL, job_id TEXT,
    note TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Job:
    """What a run was submitted as; fixed.

    Attributes:
        name: random name of this run at the provider, first part of every tag.
        backend: as given, for example "local:table".
        variant: of the circuits: static, literal or feedforward.
        order: "run" is faithful; "grouped" sorts each chunk by setting.
        noise: of a simulated device, as text.
        expect: what the plan expects, as text; None if a plan was given.
        source: name of the weak source, a file by its absolute path.
        seed: of all simulated randomness.
        chunk: runs in a chunk, at most.
        plan: `Plan.to_json()`.
        in_flight: jobs under way at a time, at most; None for no limit.
    """

    name: str
    backend: str
    variant: str
    order: Order
    noise: str | None
    expect: str | None
    source: str
    seed: int
    chunk: int
    plan: dict[str, Any]
    in_flight: int | None = None

    @property
    def prepare_tag(self) -> str:
        """The tag of the job with the known-answer circuits."""
        return f"ksamp-{self.name}-known-answers"

    @property
    def prepare_seed(self) -> int:
        """Seed of the known-answer circuits, 62 bits."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(2,))
        return int(sequence.generate_state(1, np.uint64)[0]) >> 2

    def tag(self, number: int, attempt: int) -> str:
        """The tag of a chunk's job, different for every attempt."""
        return f"ksamp-{self.name}-{number}-{attempt}"

    def job_seed(self, number: int, attempt: int) -> int:
        """Seed of a chunk's simulated outcomes, 62 bits; from the run's seed and the chunk only."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(1, number, attempt))
        return int(sequence.generate_state(1, np.uint64)[0]) >> 2


@dataclass(frozen=True)
class Chunk:
    """Runs `start` to `stop`, and the job that plays them.

    Attributes:
        number: from 0.
        start, stop: runs, half open.
        attempt: 0, and one more each time its settings were drawn anew.
        state: one of `STATES`.
        tag: by which the provider finds the job.
        job_id: the provider's, once known.
        note: why it failed, one line.
        repeated: it was sent again after the provider did not know its tag, so a second job with
            this tag may turn up.
    """

    number: int
    start: int
    stop: int
    attempt: int
    state: State
    tag: str
    job_id: str | None
    note: str
    repeated: int


class Ledger:
    """An open ledger; use as a context manager.

    Raises:
        InputError: there is none in the folder, or it is of another version or damaged.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        if not path.is_file():
            raise InputError(f"{str(folder)!r} has no {NAME}, expected a folder of `ksamp submit`")
        self._base = _connect(path)
        try:
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                raise InputError(f"{str(path)!r} has version {version}, expected {VERSION}")
            self.job = Job(**json.loads(self._about("job")))
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            self._base.close()
            if isinstance(error, InputError):
                raise
            raise InputError(f"{str(path)!r} is no ledger: {error}") from None

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
        base = _connect(folder / NAME)
        try:
            base.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION};")
            base.execute("INSERT INTO about VALUES ('job', ?)", (json.dumps(asdict(job)),))
            for number, (start, stop, settings) in enumerate(chunks):
                base.execute(
                    "INSERT INTO chunks (number, start, stop, tag, settings) VALUES (?,?,?,?,?)",
                    (number, start, stop, job.tag(number, 0), settings.tobytes()),
                )
            base.executemany("INSERT INTO weak_bits VALUES (?,?,?)", spent)
            base.execute("COMMIT")
        finally:
            base.close()

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
        rows = self._base.execute(
            "SELECT number, start, stop, attempt, state, tag, job_id, note, repeated FROM chunks "
            "ORDER BY number"
        )
        return [chunk for row in rows if (chunk := Chunk(*row)).state in (states or STATES)]

    def settings(self, number: int) -> NDArray[np.uint8]:
        """Settings 9u1+u2 of a chunk in run order, (runs,) uint8."""
        return self._blob("settings", number)

    def outcomes(self, number: int) -> NDArray[np.uint8]:
        """Outcomes 4x1+x2 of a chunk that is done, in run order, (runs,) uint8."""
        return self._blob("outcomes", number)

    def mark(
        self, chunk: Chunk, state: State, *, job_id: str | None = None, note: str = ""
    ) -> None:
        """Put a chunk in another state, with the job's id or a note if there is one.

        Raises:
            InputError: the id belongs to another chunk already.
        """
        try:
            with self._transaction():
                self._base.execute(
                    "UPDATE chunks SET state = ?, job_id = coalesce(?, job_id), note = ? "
                    "WHERE number = ? AND state != 'done'",
                    (state, job_id, note, chunk.number),
                )
        except sqlite3.IntegrityError:
            raise InputError(
                f"job {job_id!r} was given to chunk {chunk.number} and to another one"
            ) from None

    def repeat(self, chunk: Chunk) -> None:
        """Write down that a chunk is about to be sent again under the same tag."""
        with self._transaction():
            self._base.execute("UPDATE chunks SET repeated = 1 WHERE number = ?", (chunk.number,))

    def store(self, chunk: Chunk, outcomes: NDArray[np.uint8]) -> None:
        """Store the outcomes of a chunk in run order, (runs,) uint8; it is then done.

        A chunk that is done already is left as it is: no chunk counts twice.
        """
        with self._transaction():
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
        with self._transaction():
            self._base.execute("UPDATE weak_bits SET purpose = 'unused' WHERE purpose = ?", (EXT,))
            self._base.executemany("INSERT INTO weak_bits VALUES (?,?,?)", spent)
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
        rows = self._base.execute("SELECT start, stop, purpose FROM weak_bits ORDER BY start")
        return [(int(a), int(b), str(purpose)) for a, b, purpose in rows]

    def keep_extractor_bits(self, bits: NDArray[np.uint8]) -> None:
        """Keep the extractor's weak bits, so that a second try uses the same ones."""
        with self._transaction():
            self._base.execute("INSERT INTO about VALUES ('extractor_bits', ?)", (bits.tobytes(),))

    def extractor_bits(self) -> NDArray[np.uint8] | None:
        """What `keep_extractor_bits` was given; None before."""
        value = self._about("extractor_bits")
        return None if value is None else np.frombuffer(value, dtype=np.uint8)

    def keep_prepared(self, kept: str) -> None:
        """Keep what `Provider.prepare` returned; the known answers were then right."""
        with self._transaction():
            self._base.execute("INSERT OR REPLACE INTO about VALUES ('prepared', ?)", (kept,))

    def prepared(self) -> str | None:
        """What `keep_prepared` was given; None before."""
        value = self._about("prepared")
        return None if value is None else str(value)

    def cancel(self) -> None:
        """Decide that nothing more is sent; final."""
        with self._transaction():
            self._base.execute("INSERT OR REPLACE INTO about VALUES ('cancelled', 1)")

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._about("cancelled") is not None

    def _about(self, key: str) -> Any:
        row = self._base.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _blob(self, column: Literal["settings", "outcomes"], number: int) -> NDArray[np.uint8]:
        query = f"SELECT {column} FROM chunks WHERE number = ?"
        blob = self._base.execute(query, (number,)).fetchone()[0]
        return np.frombuffer(cast(bytes, blob), dtype=np.uint8)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")


#: Purpose of the range of weak bits that the extractor will read.
EXT = "extractor"


def _connect(path: Path) -> sqlite3.Connection:
    # SQLite's defaults, a rollback journal and full syncing, are what a ledger wants.
    return sqlite3.connect(path, timeout=30, isolation_level=None)
