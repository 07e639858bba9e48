"""The local provider's worker, a process of its own that `spawn.start_worker` starts.

It runs the jobs of a queue one after the other and ends when nothing is left to do.  Outcomes
depend only on device, settings and the job's seed, so a job that a killed worker left is run again.
What it may play it is told by whoever starts it: the queue may have been received from anybody.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.documents.fields import Fields, parse_json
from protocol.documents.lock import Lock
from protocol.providers.queue import NAME as QUEUE
from protocol.providers.queue import TABLE, WORKER_LOCK, Queue, Setup, Task
from qdevices.device import Device
from qdevices.errors import InputError
from qdevices.laboratory import open_device

_IDLE_SECONDS = 2.0
_LOOK_SECONDS = 0.02
_MOST_SECONDS = 0.1
_LOCK_TRIES = 5


def play(setup: Setup, seed: int, settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Outcomes 4x1+x2 of the runs with settings 9u1+u2, (n,) uint8 each.

    Args:
        setup: what plays.
        seed: of simulated outcomes.
        settings: in the order in which they are played.

    Raises:
        InputError: an unknown device, or one that refuses.
    """
    if setup.inner == TABLE:
        return _table(setup.noise or "ideal").sample(settings, np.random.default_rng(seed))
    # By name, as `protocol` imports Qiskit only when a device needs it.
    hardware = importlib.import_module("qdevices.hardware")
    outcomes = hardware.run_chunk(setup.inner, setup.variant, settings, setup.order, seed)
    return np.asarray(outcomes, dtype=np.uint8)


@lru_cache(maxsize=4)
def _table(noise: str) -> Device:
    return open_device("table", noise)


def _end(queue: Queue, task: Task, setup: Setup) -> None:
    if task.setup != setup:
        queue.finish(
            task.id, None, f"not played: queued for {task.setup}, this worker plays {setup}"
        )
        return
    if task.doomed:
        queue.finish(task.id, None, "failed on demand, fail_job=")
        return
    try:
        outcomes = play(setup, task.seed, task.settings)
    except Exception as error:  # whatever it is, the job ends and its owner learns why
        line = " ".join(str(error).split()) or type(error).__name__
        queue.finish(task.id, None, line)
        return
    queue.finish(task.id, outcomes)


def work(folder: Path, setup: Setup, idle_seconds: float = _IDLE_SECONDS) -> None:
    """Run jobs until there has been none for `idle_seconds`; at once back if a worker is there.

    Args:
        folder: of the queue.
        setup: the only one that is played; a job that was queued for another one fails.
        idle_seconds: how long to wait for more.
    """
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
        queue.requeue(once=setup.code)
        last, pause = time.monotonic(), _LOOK_SECONDS
        while time.monotonic() - last < idle_seconds and (folder / QUEUE).is_file():
            if (task := queue.take()) is not None:
                _end(queue, task, setup)
                last, pause = time.monotonic(), _LOOK_SECONDS
                continue
            if queue.busy():
                last = time.monotonic()
            time.sleep(pause)
            pause = min(2 * pause, _MOST_SECONDS)


def main(arguments: Sequence[str]) -> None:
    """Work on a queue: its folder, and the setup as JSON (see `spawn.start_worker`)."""
    folder, text = arguments
    entries = Fields(parse_json(text, "the worker's setup"), "the worker's setup")
    setup = Setup.read(entries)
    entries.done()
    work(Path(folder), setup)
