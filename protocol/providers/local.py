"""A provider on this machine that behaves like one far away; its backends are `local:...`.

Jobs wait in a queue on the disk and are run by a worker process of its own, which outlives whoever
submitted them.  Failures on demand are drawn from the spec's `seed`, the job and the number of the
try, so they come back at every repetition.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.documents.lock import Lock
from protocol.providers.kind import Opening, ProviderKind
from protocol.providers.kinds import provider_kind
from protocol.providers.local_spec import LocalSpec
from protocol.providers.provider import Status, TransientError
from protocol.providers.queue import TABLE, WORKER_LOCK, Queue, Setup
from protocol.providers.retry import Patience
from protocol.providers.spawn import start_worker
from qdevices.errors import InputError
from qdevices.variants import Order, Variant

#: A queue on this machine answers at once or never.
PATIENCE = Patience(attempts=10, first_seconds=0.01, most_seconds=0.2)
_QUEUE = "queue"
_SECONDS_BETWEEN_STARTS = 3.0


class LocalProvider:
    """The provider of a queue folder; see `protocol.providers.provider.Provider` for its methods.

    Args:
        queue: the folder.
        spec: the backend.
        variant, order, noise: as in `kind.Opening`.
        named: the device that the user named on this machine; nothing is imported for a device
            `python:...` that is not it, so neither played nor checked, only found and cancelled.
    """

    def __init__(
        self,
        queue: Path,
        spec: LocalSpec,
        *,
        variant: Variant,
        order: Order,
        noise: str | None,
        named: str | None = None,
    ) -> None:
        self._queue = Queue(queue)
        self._spec = spec
        self._setup = Setup(spec.inner, variant, order, noise)
        self._named = named
        self._tries: Counter[str] = Counter()
        self._started = -math.inf

    @classmethod
    def of(cls, opening: Opening, spec: LocalSpec) -> LocalProvider:
        """The provider of a run, with its queue in the run's folder."""
        return cls(
            opening.folder / _QUEUE,
            spec,
            variant=opening.variant,
            order=opening.order,
            noise=opening.noise,
            named=spec.inner if opening.named else None,
        )

    def prepare(self, tag: str, seed: int) -> str:
        """Run the known-answer circuits here, there is no queue for them; see the protocol."""
        self._check_named()
        if self._spec.inner != TABLE:
            # By name, as `protocol` imports Qiskit only when a device needs it.
            hardware = importlib.import_module("qdevices.hardware")
            hardware.check_answers(self._spec.inner, self._setup.variant, seed)
        return ""

    def submit(self, settings: NDArray[np.uint8], tag: str, seed: int) -> str:
        """Queue a job; see the protocol."""
        self._check_named()
        self._perhaps("fail_submit", f"{seed}", "the job was not taken")
        doomed = self._chance("fail_job", f"{seed}") < self._spec.fail_job
        latency = self._spec.latency
        job_id = self._queue.add(self._setup, seed, settings, tag, latency, doomed=doomed)
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
        return str(self._queue.seed(job_id))  # ids are random, seeds come back

    def _check_named(self) -> None:
        if self._setup.code and self._named != self._setup.inner:
            raise InputError(
                f"device {self._setup.inner!r} is code, which a run folder cannot choose; expected "
                "it named again by whoever uses it here"
            )

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
        self._check_named()
        if time.monotonic() - self._started < _SECONDS_BETWEEN_STARTS:
            return
        try:
            with Lock(self._queue.folder / WORKER_LOCK):
                pass
        except InputError:
            return
        self._started = time.monotonic()
        start_worker(self._queue.folder, self._setup)


class _Kind(ProviderKind):
    """The simulated laboratory, or any device of this machine with latency and failures."""

    name = "local"
    forms = ("local:table", "local:DEVICE,latency=SECONDS,...")
    help = "the simulated laboratory, or one of the devices here with failures on demand"
    patience = PATIENCE

    def open(self, opening: Opening) -> LocalProvider:
        """The provider of the queue in the run's folder."""
        return LocalProvider.of(opening, _spec(opening.backend))

    def check(self, backend: str, variant: Variant) -> None:
        """As the device does; a table has no circuits."""
        if (inner := _spec(backend).inner) != TABLE:
            provider_kind(inner).check(inner, variant)

    def check_again(self, backend: str, variant: Variant) -> None:
        """As the device does."""
        if (inner := _spec(backend).inner) != TABLE:
            provider_kind(inner).check_again(inner, variant)

    def behaviour(self, backend: str, variant: Variant) -> NDArray[np.float64]:
        """As the device reports."""
        if (inner := _spec(backend).inner) == TABLE:
            return super().behaviour(backend, variant)
        return provider_kind(inner).behaviour(inner, variant)

    def takes_noise(self, backend: str) -> bool:
        """The table is the simulated laboratory."""
        return _spec(backend).inner == TABLE

    def named_again(self, backend: str) -> str | None:
        """As the device says."""
        inner = _spec(backend).inner
        return None if inner == TABLE else provider_kind(inner).named_again(inner)

    def runs_code(self, backend: str) -> bool:
        """As the device does."""
        inner = _spec(backend).inner
        return inner != TABLE and provider_kind(inner).runs_code(inner)


def _spec(backend: str) -> LocalSpec:
    return LocalSpec.parse(backend.partition(":")[2])


KIND = _Kind()
