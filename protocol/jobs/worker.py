"""The local provider's worker: `python -m protocol.jobs.worker QUEUE_DIR`.

It runs the jobs of a queue one after the other and ends when nothing is left to do.  Outcomes
depend only on device, settings and the job's seed, so a job that a killed worker left is run again.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError
from protocol.jobs.local import WORKER_LOCK
from protocol.jobs.lock import Lock
from protocol.jobs.queue import NAME as QUEUE
from protocol.jobs.queue import Queue, Task
from qdevices.device import Device, TableDevice
from qdevices.game import honest_table, with_white_noise
from qdevices.noise import NoiseSpec

_IDLE_SECONDS = 2.0
_LOOK_SECONDS = 0.02
_MOST_SECONDS = 0.1
_LOCK_TRIES = 5


def play(task: dict[str, Any], settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Outcomes 4x1+x2 of the runs with settings 9u1+u2, (n,) uint8 each.

    Args:
        task: "inner", "variant", "order", "noise", "seed" as the provider queued them.
        settings: in the order in which they are played.

    Raises:
        InputError: an unknown device, or one that refuses.
    """
    if task["inner"] == "table":
        rng = np.random.default_rng(task["seed"])
        return _table(task["noise"] or "ideal").sample(settings, rng)
    # By name, as `protocol` imports Qiskit only when a device needs it.
    hardware = importlib.import_module("qdevices.hardware")
    outcomes = hardware.run_chunk(
        task["inner"], task["variant"], settings, task["order"], task["seed"]
    )
    return np.asarray(outcomes, dtype=np.uint8)


@lru_cache(maxsize=4)
def _table(noise: str) -> Device:
    spec = NoiseSpec.parse(noise)
    if replace(spec, white=0.0) == NoiseSpec():
        # The same numbers without a simulator, which takes seconds to get going.
        return TableDevice(with_white_noise(honest_table(), spec.white))
    from protocol.cli._laboratory import open_device

    return open_device("table", noise)


def _end(queue: Queue, task: Task) -> None:
    if task.task["doomed"]:
        queue.finish(task.id, None, "failed on demand, fail_job=")
        return
    try:
        outcomes = play(task.task, task.settings)
    except Exception as error:  # whatever it is, the job ends and its owner learns why
        line = " ".join(str(error).split()) or type(error).__name__
        queue.finish(task.id, None, line)
        return
    queue.finish(task.id, outcomes)


def work(folder: Path, idle_seconds: float = _IDLE_SECONDS) -> None:
    """Run jobs until there has been none for `idle_seconds`; at once back if a worker is there."""
    with contextlib.ExitStack() as stack:
        for _ in range(_LOCK_TRIES):  # who looks whether a worker is there holds it a moment
            try:
                stack.enter_context(Lock(folder / WORKER_LOCK))
                break
            except InputError:
                time.sleep(_LOOK_SECONDS)
        else:
            return
        queue = Queue(folder)
        queue.requeue()
        last, pause = time.monotonic(), _LOOK_SECONDS
        while time.monotonic() - last < idle_seconds and (folder / QUEUE).is_file():
            if (task := queue.take()) is not None:
                _end(queue, task)
                last, pause = time.monotonic(), _LOOK_SECONDS
                continue
            if queue.busy():
                last = time.monotonic()
            time.sleep(pause)
            pause = min(2 * pause, _MOST_SECONDS)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
