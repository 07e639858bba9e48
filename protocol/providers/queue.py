"""The local provider's queue: jobs in an SQLite file, shared by any number of processes.

It lies in the run folder and may have been received with it, so what a job is to be played with is
checked against what the worker was told by whoever started it, and what comes back is checked too.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from protocol.data.recorded import check_runs
from protocol.documents.database import ABOUT, Database, Row, check_id, create
from protocol.documents.fields import Fields, parse_json, printable
from protocol.documents.format import Format
from protocol.providers.kinds import find_kind
from protocol.providers.provider import MOST_JOB_SEED, PLAYED, STATUSES, Status
from qdevices.errors import InputError
from qdevices.noise import NoiseSpec
from qdevices.variants import MOST_EXECUTIONS, ORDERS, VARIANTS, Order, Variant

NAME = "queue.sqlite"
#: Held by the one worker of a queue, beside it.
WORKER_LOCK = "worker.lock"
#: The device that samples the exact table of the simulated laboratory.
TABLE = "table"

_WHAT = "queue"
_DIED = "the worker died while the device may have played this job, which is never played twice"
FORMAT = Format("ksamp-queue", "queue")
_JOBS = (
    """CREATE TABLE jobs (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tag TEXT NOT NULL, state TEXT NOT NULL,
    ready REAL NOT NULL, task TEXT NOT NULL, settings BLOB NOT NULL, outcomes BLOB,
    error TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX by_tag ON jobs (tag)",
)
_SCHEMA = (ABOUT, *_JOBS)
#: Before 2.1 there was no header, and SQLite's version was left at 0.
_OLDER = {0: _JOBS}
_WHOSE, _MOST_ID = "a queued job", 64


@dataclass(frozen=True)
class Setup:
    """What plays jobs.

    Attributes:
        inner: the device: "table" or a backend's name.
        variant: of the circuits.
        order: "run" or "grouped".
        noise: of the table, as text; None for the ideal one and for backends.

    Raises:
        InputError: an entry of another type or out of range.
    """

    inner: str
    variant: Variant
    order: Order
    noise: str | None

    def __post_init__(self) -> None:
        entries = Fields(asdict(self), "the worker's setup")
        entries.text("inner")
        entries.choice("variant", *VARIANTS)
        entries.choice("order", *ORDERS)
        if not entries.missing("noise"):
            NoiseSpec.parse(entries.text("noise"))

    @classmethod
    def read(cls, entries: Fields) -> Setup:
        """Take a setup's entries out of a document.

        Raises:
            InputError: one is missing, of another type or out of range.
        """
        return cls(
            inner=entries.text("inner"),
            variant=cast(Variant, entries.choice("variant", *VARIANTS)),
            order=cast(Order, entries.choice("order", *ORDERS)),
            noise=None if entries.missing("noise") else entries.text("noise"),
        )

    @property
    def code(self) -> bool:
        """Whether it is a Python callable: somebody's own, and perhaps a real device."""
        return (kind := find_kind(self.inner)) is not None and kind.runs_code(self.inner)


@dataclass(frozen=True)
class Task:
    """A job that the worker takes up.

    Attributes:
        id: the job's.
        setup: what it was queued for.
        seed: of simulated outcomes, at most `MOST_JOB_SEED`.
        doomed: whether it shall fail, on demand.
        settings: 9u1+u2 in the order in which they are played, (n,) uint8.
    """

    id: str
    setup: Setup
    seed: int
    doomed: bool
    settings: NDArray[np.uint8]


class Queue:
    """The queue in a folder, made if it is not there; every call is one transaction.

    Raises:
        InputError: also from every method: the folder is a link or no folder, or what is in it is
            no queue of ours.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.is_symlink():
            raise InputError(f"queue {str(folder)!r} is a link, expected a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"queue {str(folder)!r} cannot be made: {error.strerror}") from None
        with contextlib.suppress(FileExistsError):
            create(folder / NAME, _WHAT)
        self._open(fresh=True).close()

    def add(
        self,
        setup: Setup,
        seed: int,
        settings: NDArray[np.uint8],
        tag: str,
        latency_seconds: float = 0.0,
        *,
        doomed: bool = False,
    ) -> str:
        """Queue a job that may start after `latency_seconds`; return its id."""
        job_id = uuid.uuid4().hex
        task = json.dumps({**asdict(setup), "seed": seed, "doomed": doomed})
        ready = time.time() + latency_seconds
        with self._open() as base, base.transaction():
            base.execute(
                "INSERT INTO jobs (id, tag, state, ready, task, settings) VALUES (?,?,?,?,?,?)",
                (job_id, tag, "queued", ready, task, settings.tobytes()),
            )
        return job_id

    def find(self, tag: str) -> list[str]:
        """Ids of the jobs with this tag, oldest first."""
        with self._open() as base:
            rows = base.execute("SELECT id FROM jobs WHERE tag = ? ORDER BY place", (tag,))
        return [check_id(row[0], _WHOSE, _MOST_ID) for row in rows]

    def status(self, job_id: str) -> Status:
        """State of a job; an InputError if it is unknown."""
        state = self._field("state", job_id)
        if state not in STATUSES:
            raise InputError(
                f"job {job_id!r} has state {printable(state, 60)!r}, expected one of "
                f"{', '.join(STATUSES)}"
            )
        return cast(Status, state)

    def error(self, job_id: str) -> str:
        """Why a job failed, one line."""
        return printable(self._field("error", job_id))

    def seed(self, job_id: str) -> int:
        """The seed that a job was queued with."""
        return _read_task(self._field("task", job_id))[1]

    def outcomes(self, job_id: str) -> NDArray[np.uint8]:
        """Outcomes of a job that is done, (n,) uint8; an InputError if it is not."""
        blob = self._field("outcomes", job_id)
        if blob is None:
            raise InputError(f"job {job_id!r} has no result, it is {self.status(job_id)!r}")
        if not isinstance(blob, bytes):
            raise InputError(f"job {job_id!r} has a {type(blob).__name__} as result")
        return np.frombuffer(blob, dtype=np.uint8)

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not ended."""
        with self._open() as base, base.transaction():
            base.execute(
                "UPDATE jobs SET state = 'cancelled' "
                "WHERE id = ? AND state IN ('queued', 'running')",
                (job_id,),
            )

    def take(self) -> Task | None:
        """The oldest job, which is now running; None if there is none or it may not start yet.

        Jobs are played in the order in which they were queued, whatever the clock does meanwhile.
        One that cannot be ours fails with a note, and the next one is looked at.
        """
        while True:
            with self._open() as base, base.transaction():
                rows = base.execute(
                    "SELECT place, ready, id, task, settings FROM jobs WHERE state = 'queued' "
                    "ORDER BY place LIMIT 1"
                )
                if not rows:
                    return None
                place, ready = rows[0][:2]
                if isinstance(ready, float) and ready > time.time():
                    return None
                try:
                    task = _read_row(rows[0])
                except InputError as error:
                    base.execute(
                        "UPDATE jobs SET state = 'failed', error = ? WHERE place = ?",
                        (f"not played: {printable(error)}", place),
                    )
                    continue
                base.execute("UPDATE jobs SET state = 'running' WHERE place = ?", (place,))
            return task

    def finish(self, job_id: str, outcomes: NDArray[np.uint8] | None, error: str = "") -> None:
        """Store the end of a running job: its outcomes, or None and why it failed."""
        with self._open() as base, base.transaction():
            base.execute(
                "UPDATE jobs SET state = ?, outcomes = ?, error = ? "
                "WHERE id = ? AND state = 'running'",
                (
                    "failed" if outcomes is None else "done",
                    None if outcomes is None else outcomes.tobytes(),
                    printable(error),
                    job_id,
                ),
            )

    def requeue(self, *, once: bool) -> None:
        """Put back what a dead worker left running; called by the only living one.

        Args:
            once: a job fails instead, as its device may have played it.
        """
        with self._open() as base, base.transaction():
            base.execute(
                "UPDATE jobs SET state = ?, error = ? WHERE state = 'running'",
                ("failed" if once else "queued", _DIED if once else ""),
            )

    def busy(self) -> bool:
        """Whether any job has not ended."""
        with self._open() as base:
            query = "SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1"
            return bool(base.execute(query))

    def _field(self, column: str, job_id: str) -> Any:
        with self._open() as base:
            rows = base.execute(f"SELECT {column} FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise InputError(f"job {job_id!r} is unknown in queue {str(self.folder)!r}")
        return rows[0][0]

    def _open(self, *, fresh: bool = False) -> Database:
        return Database(self.folder / NAME, _WHAT, _SCHEMA, FORMAT, _OLDER, fresh=fresh)


def _read_task(text: Any) -> tuple[Setup, int, bool]:
    """Setup, seed and doom of a job's task, as `Queue.add` writes it."""
    what = "the task of a queued job"
    if not isinstance(text, str):
        raise InputError(f"{what} is a {type(text).__name__}, expected a text")
    entries = Fields(parse_json(text, what), what)
    task = Setup.read(entries), entries.integer("seed", 0, MOST_JOB_SEED), entries.flag("doomed")
    entries.done()
    return task


def _read_row(row: Row) -> Task:
    _, ready, job_id, text, blob = row
    if not isinstance(ready, float):
        raise InputError(f"a queued job may start at a {type(ready).__name__}, expected a time")
    setup, seed, doomed = _read_task(text)
    if not isinstance(blob, bytes) or not 0 < len(blob) <= MOST_EXECUTIONS:
        size = len(blob) if isinstance(blob, bytes) else math.nan
        raise InputError(f"a queued job has {size} settings, expected 1 to {MOST_EXECUTIONS}")
    settings = np.frombuffer(blob, dtype=np.uint8)
    check_runs(settings, np.zeros(len(settings), dtype=np.uint8), PLAYED)
    return Task(check_id(job_id, _WHOSE, _MOST_ID), setup, seed, doomed, settings)
