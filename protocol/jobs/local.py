"""A provider on this machine that behaves like one far away.

It is named `local:INNER[,OPTION=VALUE...]`, for example `local:table,latency=0.2,lose_reply=0.1`.
Jobs wait in a queue on the disk and are run by a worker process of its own, which outlives whoever
submitted them.  INNER is `table`, the exact noisy table of `--noise`, or a backend's name as
`qdevices.hardware.open_backend` takes it.
Failures on demand are drawn from `seed`, the job and the number of the try, so they come
back at every repetition.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError
from protocol.jobs.lock import Lock
from protocol.jobs.provider import Order, Status, TransientError
from protocol.jobs.queue import Queue
from qdevices.noise import NoiseSpec

WORKER_LOCK = "worker.lock"
_SECONDS_BETWEEN_STARTS = 3.0
_NOISES = tuple(field.name for field in fields(NoiseSpec))


@dataclass(frozen=True)
class LocalSpec:
    """What the text after `local:` says.

    Attributes:
        inner: the device: "table" or a backend's name.
        latency: seconds that a job waits in the queue at least.
        fail_submit: probability that a submit fails before the job arrives.
        lose_reply: probability that a job arrives but its id is lost.
        fail_status: probability that asking for a job's state fails.
        fail_result: probability that fetching a result fails.
        fail_job: probability that a job ends failed.
        miss_tag: probability that a search by tag finds nothing, as if it lagged behind.
        seed: of these failures.
    """

    inner: str
    latency: float = 0.0
    fail_submit: float = 0.0
    lose_reply: float = 0.0
    fail_status: float = 0.0
    fail_result: float = 0.0
    fail_job: float = 0.0
    miss_tag: float = 0.0
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> LocalSpec:
        """Read `INNER[,OPTION=VALUE...]`.

        Raises:
            InputError: no inner device, an unknown option, or a value out of range.
        """
        inner, *options = text.split(",")
        while inner.startswith("aer:") and options and options[0].partition("=")[0] in _NOISES:
            inner = f"{inner},{options.pop(0)}"  # the simulator's own options
        if not inner or ("=" in inner and not inner.startswith("aer:")):
            raise InputError(f"backend 'local:{text}' names no device, expected local:table or so")
        known = [field.name for field in fields(cls)][1:]
        values: dict[str, float] = {}
        for option in options:
            name, equals, value = option.partition("=")
            if name not in known or not equals or name in values:
                raise InputError(
                    f"option {option!r} of backend 'local:{text}', expected each at most once of "
                    f"{', '.join(f'{k}=' for k in known)}"
                )
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            most = 1.0 if name not in ("latency", "seed") else 1e9
            if not 0 <= number <= most:
                raise InputError(f"option {option!r}, expected a number from 0 to {most:g}")
            values[name] = number
        seed = int(values.pop("seed", 0))
        return cls(inner, seed=seed, **values)


class LocalProvider:
    """The provider of a queue folder; see `protocol.jobs.provider.Provider` for its methods."""

    def __init__(
        self, queue: Path, spec: LocalSpec, *, variant: str, order: Order, noise: str | None
    ) -> None:
        self._queue = Queue(queue)
        self._spec = spec
        self._task = {
            "inner": spec.inner,
            "variant": variant,
            "order": order,
            "noise": noise,
            # A backend of somebody else's may be a real device.
            "once": spec.inner.startswith("python:"),
        }
        self._tries: Counter[str] = Counter()
        self._started = -math.inf

    def prepare(self, tag: str, seed: int) -> str:
        """Run the known-answer circuits here, there is no queue for them; see the protocol."""
        if self._spec.inner != "table":
            # By name, as `protocol` imports Qiskit only when a device needs it.
            hardware = importlib.import_module("qdevices.hardware")
            hardware.verify(self._spec.inner, self._task["variant"], seed)
        return ""

    def submit(self, settings: NDArray[np.uint8], tag: str, seed: int) -> str:
        """Queue a job; see the protocol."""
        self._perhaps("fail_submit", f"{seed}", "the job was not taken")
        doomed = self._chance("fail_job", f"{seed}") < self._spec.fail_job
        task = {**self._task, "seed": seed, "doomed": doomed}
        job_id = self._queue.add(task, settings, tag, self._spec.latency)
        self._work()
        self._perhaps("lose_reply", f"{seed}", "the reply was lost")
        return job_id

    def find(self, tag: str) -> list[str]:
        """Jobs with this tag."""
        if self._chance("miss_tag", tag.rpartition("-")[0]) < self._spec.miss_tag:
            return []
        return self._queue.find(tag)

    def status(self, job_id: str) -> Status:
        """State of a job; starts a worker if the last one died."""
        self._perhaps("fail_status", self._key(job_id), "the state could not be read")
        status = self._queue.status(job_id)
        if status in ("queued", "running"):
            self._work()
        return status

    def result(self, job_id: str, settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Outcomes of a job that is done."""
        self._perhaps("fail_result", self._key(job_id), "the result could not be fetched")
        return self._queue.outcomes(job_id)

    def reason(self, job_id: str) -> str:
        """Why a job failed."""
        return self._queue.error(job_id)

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        self._queue.cancel(job_id)

    def _key(self, job_id: str) -> str:
        return str(self._queue.task(job_id)["seed"])  # ids are random, seeds come back

    def _perhaps(self, kind: str, key: str, what: str) -> None:
        if self._chance(kind, key) < getattr(self._spec, kind):
            raise TransientError(f"local provider: {what} (on demand, {kind}=)")

    def _chance(self, kind: str, key: str) -> float:
        """A number in [0, 1) from the seed, the kind, the job and how often it was asked."""
        name = f"{self._spec.seed}/{kind}/{key}"
        self._tries[name] += 1
        digest = hashlib.sha256(f"{name}/{self._tries[name]}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def _work(self) -> None:
        """See to it that a worker is there; a superfluous one ends by itself."""
        if time.monotonic() - self._started < _SECONDS_BETWEEN_STARTS:
            return
        try:
            with Lock(self._queue.folder / WORKER_LOCK):
                pass
        except InputError:
            return
        self._started = time.monotonic()
        with (self._queue.folder / "worker.log").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "protocol.jobs.worker", str(self._queue.folder.absolute())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C or the end of the submitter is not its own
            )
