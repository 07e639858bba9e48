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
import json
import math
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from protocol.documents.files import PRIVATE
from protocol.documents.lock import Lock
from protocol.errors import InputError
from protocol.providers.provider import Order, Status, TransientError
from protocol.providers.queue import Queue, Setup
from qdevices.noise import NoiseSpec

WORKER_LOCK = "worker.lock"
_LOG = "worker.log"
#: Backends that are no device of this machine; one of them is an account.
_NOT_HERE = ("ibm:", "local:")
#: A child's first words: its import path is what the parent says, before anything is imported.
_START = (
    "import json, sys\n"
    "given = json.loads(sys.argv[1])\n"
    "sys.path[:] = given + [entry for entry in sys.path if entry not in given]\n"
    "sys.path += [entry for entry in [sys.argv[2]] if entry not in sys.path]\n"
    "from protocol.providers.worker import main\n"
    "main(sys.argv[3:])\n"
)
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
            InputError: no inner device or one that is not run here, an unknown option, or a value
                out of range.
        """
        inner, *options = text.split(",")
        while inner.startswith("aer:") and options and options[0].partition("=")[0] in _NOISES:
            inner = f"{inner},{options.pop(0)}"  # the simulator's own options
        if not inner or ("=" in inner and not inner.startswith("aer:")):
            raise InputError(f"backend 'local:{text}' names no device, expected local:table or so")
        if inner.startswith(_NOT_HERE):
            raise InputError(
                f"backend 'local:{text}' has a provider of its own, expected no 'local:'"
            )
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
    """The provider of a queue folder; see `protocol.providers.provider.Provider` for its methods.

    Args:
        queue: the folder.
        spec: the backend.
        variant, order, noise: as in `ledger.Job`.
        named: the device that the user named on this machine; nothing is imported for a device
            `python:...` that is not it, so neither played nor checked, only found and cancelled.
    """

    def __init__(
        self,
        queue: Path,
        spec: LocalSpec,
        *,
        variant: str,
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

    def prepare(self, tag: str, seed: int) -> str:
        """Run the known-answer circuits here, there is no queue for them; see the protocol."""
        self._check_named()
        if self._spec.inner != "table":
            # By name, as `protocol` imports Qiskit only when a device needs it.
            hardware = importlib.import_module("qdevices.hardware")
            hardware.verify(self._spec.inner, self._setup.variant, seed)
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


def start_worker(folder: Path, setup: Setup) -> None:
    """Start a worker that plays the jobs of a queue which were queued for `setup`.

    Nothing that lies in the current folder, the queue's or one that an environment variable names
    in passing is imported by it: it is isolated (`python -I`), and takes over this process's
    import path without the current folder.  A device `python:...` alone is also looked for there,
    after everything that is installed (`qdevices.hardware.catalogue`).

    Raises:
        InputError: the log in the queue's folder cannot be written, or is no regular file.
    """
    path, home = import_path()
    folder = folder.absolute()
    with _open_log(folder / _LOG) as log:
        subprocess.Popen(
            [sys.executable, "-I", "-c", _START, json.dumps(path), home, str(folder),
             json.dumps(asdict(setup))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=None if setup.code else "/",
            start_new_session=True,  # a Ctrl-C or the end of the submitter is not its own
        )  # fmt: skip


def import_path() -> tuple[list[str], str]:
    """Where a child may import from as this process does, and where this package lies.

    The current folder is left out, which `python -m` and an empty entry of PYTHONPATH put first;
    if this package lies in it, the child looks there last.
    """
    try:
        here = Path.cwd().resolve()
    except OSError:  # it was removed
        here = None
    entries = [entry for entry in sys.path if isinstance(entry, str) and Path(entry).is_absolute()]
    home = str(Path(__file__).resolve().parents[2])
    return [entry for entry in entries if Path(entry).resolve() != here], home


def _open_log(path: Path) -> BinaryIO:
    """The worker's log, for its owner only; it is appended to, so it must not be a link."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, PRIVATE)
    except OSError as error:
        raise InputError(f"log {str(path)!r} cannot be written: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"log {str(path)!r} is no regular file, expected one")
    return os.fdopen(descriptor, "ab")
