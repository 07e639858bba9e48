"""What a provider of quantum computing time must be able to do, and how it may fail."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.documents.format import FIRST_GAME
from qdevices.errors import KsampError
from qdevices.games import GAMES

Status = Literal["queued", "running", "done", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = ("queued", "running", "done", "failed", "cancelled")

#: Largest seed of a job's simulated outcomes: SQLite's whole numbers have 63 bits.
MOST_JOB_SEED = (1 << 62) - 1

#: The game that the devices behind providers play; a run of another one cannot be submitted.
PLAYED = GAMES[FIRST_GAME]


class TransientError(KsampError):
    """The provider could not answer just now; whether the request took effect is unknown."""


class Provider(Protocol):
    """Takes chunks of runs as jobs.  Every method may raise `TransientError`.

    It is assumed to play the jobs of a run in the order in which they were sent, and the runs of
    a job in the order of `submit`: that is the order of the weak bits that chose the settings, and
    the proof rests on it.  One job in flight at a time (`Job.in_flight`) enforces it for whoever
    does not want to assume it.
    """

    def prepare(self, tag: str, seed: int) -> str:
        """Run the known-answer circuits; called once a run, before anything else is sent.

        Args:
            tag: of the job that runs them, if there is one; a second call finds it again.
            seed: of simulated randomness.

        Returns:
            What a later process has to know to read the results, kept in the ledger; may be empty.

        Raises:
            InputError: bits or parameters come back in another order, or there is no such backend.
        """
        ...

    def submit(self, settings: NDArray[np.uint8], tag: str, seed: int) -> str:
        """Send the runs with these settings 9u1+u2, (n,) uint8, and return the job's id.

        Args:
            settings: in the order in which they are to be played.
            tag: stored with the job, so that `find` can tell whether it arrived.
            seed: of simulated randomness, at most `MOST_JOB_SEED`; real hardware ignores it.

        Raises:
            TransientError: the job may or may not have arrived.
            InputError: the provider refuses the job for good.
        """
        ...

    def find(self, tag: str) -> list[str]:
        """Ids of all jobs that were sent with this tag, oldest first; empty if none arrived."""
        ...

    def status(self, job_id: str) -> Status:
        """Where the job stands.

        Raises:
            InputError: the provider knows no such job.
        """
        ...

    def result(self, job_id: str, settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Outcomes 4x1+x2 of a job that is done, (n,) uint8, in the order of `settings`.

        Args:
            job_id: of the job.
            settings: as they were sent, (n,) uint8.
        """
        ...

    def reason(self, job_id: str) -> str:
        """Why a job failed, one line; empty if the provider does not say."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask to stop the job; nothing happens to a job that has ended."""
        ...
