"""The local provider's queue: jobs in an SQLite file, shared by any number of processes."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError
from protocol.jobs.provider import Status

NAME = "queue.sqlite"

_DIED = "the worker died while the device may have played this job, which is never played twice"
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS jobs (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tag TEXT NOT NULL, state TEXT NOT NULL,
    ready REAL NOT NULL, task TEXT NOT NULL, settings BLOB NOT NULL, outcomes BLOB,
    error TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX IF NOT EXISTS by_tag ON jobs (tag)",
)


@dataclass(frozen=True)
class Task:
    """A job that the worker takes up: its id, what to run, and the settings (n,) uint8."""

    id: str
    task: dict[str, Any]
    settings: NDArray[np.uint8]


class Queue:
    """The queue in a folder, made if it is not there; every call is one transaction."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"queue {str(folder)!r} cannot be made: {error.strerror}") from None
        with self._open() as base:
            for statement in _SCHEMA:
                base.execute(statement)

    def add(
        self, task: dict[str, Any], settings: NDArray[np.uint8], tag: str, latency_seconds: float
    ) -> str:
        """Queue a job that may start after `latency_seconds`; return its id."""
        job_id = uuid.uuid4().hex
        with self._open() as base:
            base.execute(
                "INSERT INTO jobs (id, tag, state, ready, task, settings) VALUES (?,?,?,?,?,?)",
                (
                    job_id,
                    tag,
                    "queued",
                    time.time() + latency_seconds,
                    json.dumps(task),
                    settings.tobytes(),
                ),
            )
        return job_id

    def find(self, tag: str) -> list[str]:
        """Ids of the jobs with this tag, oldest first."""
        with self._open() as base:
            rows = base.execute("SELECT id FROM jobs WHERE tag = ? ORDER BY place", (tag,))
            return [str(row[0]) for row in rows]

    def status(self, job_id: str) -> Status:
        """State of a job; an InputError if it is unknown."""
        return cast(Status, self._field("state", job_id))

    def error(self, job_id: str) -> str:
        """Why a job failed, one line."""
        return str(self._field("error", job_id))

    def task(self, job_id: str) -> dict[str, Any]:
        """What a job was queued with."""
        return cast(dict[str, Any], json.loads(self._field("task", job_id)))

    def outcomes(self, job_id: str) -> NDArray[np.uint8]:
        """Outcomes of a job that is done, (n,) uint8; an InputError if it is not."""
        blob = self._field("outcomes", job_id)
        if blob is None:
            raise InputError(f"job {job_id!r} has no result, it is {self.status(job_id)!r}")
        return np.frombuffer(blob, dtype=np.uint8)

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not ended."""
        with self._open() as base:
            base.execute(
                "UPDATE jobs SET state = 'cancelled' "
                "WHERE id = ? AND state IN ('queued', 'running')",
                (job_id,),
            )

    def take(self) -> Task | None:
        """The oldest job that may start, which is now running; None if there is none."""
        with self._open() as base:
            row = base.execute(
                "SELECT id, task, settings FROM jobs WHERE state = 'queued' AND ready <= ? "
                "ORDER BY place LIMIT 1",
                (time.time(),),
            ).fetchone()
            if row is None:
                return None
            base.execute("UPDATE jobs SET state = 'running' WHERE id = ?", (row[0],))
        return Task(row[0], json.loads(row[1]), np.frombuffer(row[2], dtype=np.uint8))

    def finish(self, job_id: str, outcomes: NDArray[np.uint8] | None, error: str = "") -> None:
        """Store the end of a running job: its outcomes, or None and why it failed."""
        with self._open() as base:
            base.execute(
                "UPDATE jobs SET state = ?, outcomes = ?, error = ? "
                "WHERE id = ? AND state = 'running'",
                (
                    "failed" if outcomes is None else "done",
                    None if outcomes is None else outcomes.tobytes(),
                    error,
                    job_id,
                ),
            )

    def requeue(self) -> None:
        """Put back what a dead worker left running; called by the only living one.

        A job whose task says "once" fails instead: its device may have played it.
        """
        with self._open() as base:
            rows = base.execute("SELECT id, task FROM jobs WHERE state = 'running'").fetchall()
            for job_id, task in rows:
                once = json.loads(task).get("once", False)
                base.execute(
                    "UPDATE jobs SET state = ?, error = ? WHERE id = ?",
                    ("failed" if once else "queued", _DIED if once else "", job_id),
                )

    def busy(self) -> bool:
        """Whether any job has not ended."""
        with self._open() as base:
            row = base.execute("SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1")
            return row.fetchone() is not None

    def _field(self, column: str, job_id: str) -> Any:
        with self._open() as base:
            row = base.execute(f"SELECT {column} FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise InputError(f"job {job_id!r} is unknown in queue {str(self.folder)!r}")
        return row[0]

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        base = sqlite3.connect(self.folder / NAME, timeout=30, isolation_level=None)
        try:
            # From the start, so that what is read still holds when something is written.
            base.execute("BEGIN IMMEDIATE")
            yield base
            base.execute("COMMIT")
        finally:
            base.close()  # which rolls back what was not committed
