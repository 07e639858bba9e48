"""What a provider of quantum computing time must be able to do, and how it may fail."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Status = Literal["queued", "running", "done", "failed", "cancelled"]
Order = Literal["run", "grouped"]


class TransientError(Exception):
    """The provider could not answer just now; whether the request took effect is unknown."""


class Provider(Protocol):
    """Takes chunks of runs as jobs.  Every method may raise `TransientError`."""

    def submit(self, settings: NDArray[np.uint8], tag: str, seed: int) -> str:
        """Send the runs with these settings 9u1+u2, (n,) uint8, and return the job's id.

        Args:
            settings: in the order in which they are to be played.
            tag: stored with the job, so that `find` can tell whether it arrived.
            seed: of simulated randomness, 0 ≤ seed < 2^62; real hardware ignores it.

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

    def result(self, job_id: str) -> NDArray[np.uint8]:
        """Outcomes 4x1+x2 of a job that is done, (n,) uint8, in the order of its settings."""
        ...

    def reason(self, job_id: str) -> str:
        """Why a job failed, one line; empty if the provider does not say."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask to stop the job; nothing happens to a job that has ended."""
        ...
