"""The local provider: a queue that outlives everybody who uses it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from protocol.providers.local import LocalProvider
from protocol.providers.local_spec import LocalSpec
from protocol.providers.provider import TransientError
from protocol.providers.queue import Queue, Setup
from protocol.providers.worker import play, work
from qdevices.errors import InputError

SETUP, SEED = Setup("table", "static", "run", "ideal"), 5
SETTINGS = np.arange(81, dtype=np.uint8)


def _queue(tmp_path):
    return Queue(tmp_path / "queue")


def test_a_job_that_a_dead_worker_left_running_is_run_again_with_the_same_outcomes(tmp_path):
    queue = _queue(tmp_path)
    job = queue.add(SETUP, SEED, SETTINGS, "t")
    taken = queue.take()
    assert taken is not None
    assert taken.id == job
    assert queue.status(job) == "running"
    work(queue.folder, SETUP, idle_seconds=0.05)
    assert queue.status(job) == "done"
    assert np.array_equal(queue.outcomes(job), play(SETUP, SEED, SETTINGS))


def test_a_job_cancelled_while_it_runs_stays_cancelled(tmp_path):
    queue = _queue(tmp_path)
    job = queue.add(SETUP, SEED, SETTINGS, "t")
    queue.take()
    queue.cancel(job)
    queue.finish(job, SETTINGS % 16)
    assert queue.status(job) == "cancelled"


def test_a_job_does_not_start_before_its_latency(tmp_path):
    queue = _queue(tmp_path)
    queue.add(SETUP, SEED, SETTINGS, "t", 3600.0)
    assert queue.take() is None
    assert queue.busy()


def test_jobs_are_played_in_the_order_in_which_they_were_queued(tmp_path):
    queue = _queue(tmp_path)
    first = queue.add(SETUP, SEED, SETTINGS, "t", 3600.0)
    second = queue.add(SETUP, SEED, SETTINGS, "t")
    assert queue.take() is None  # not the second, which could start
    queue.cancel(first)
    taken = queue.take()
    assert taken is not None
    assert taken.id == second


def test_jobs_are_found_by_tag_in_the_order_of_their_arrival(tmp_path):
    queue = _queue(tmp_path)
    ids = [queue.add(SETUP, SEED, SETTINGS, tag) for tag in ("a", "b", "a")]
    assert queue.find("a") == [ids[0], ids[2]]
    assert queue.find("c") == []


def test_a_device_that_is_unknown_fails_the_job_with_its_reason(tmp_path):
    queue = _queue(tmp_path)
    unknown = replace(SETUP, inner="no_such")
    job = queue.add(unknown, SEED, SETTINGS, "t")
    work(queue.folder, unknown, idle_seconds=0.05)
    assert queue.status(job) == "failed"
    assert "no_such" in queue.error(job)


def test_an_unknown_job_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="job 'x' is unknown"):
        _queue(tmp_path).status("x")


def test_failures_on_demand_come_back_with_the_same_seed(tmp_path):
    def story(seed, name):
        spec = LocalSpec("table", fail_submit=0.5, latency=3600.0, seed=seed)
        provider = LocalProvider(
            tmp_path / name, spec, variant="static", order="run", noise="ideal"
        )
        provider._work = lambda: None  # type: ignore[method-assign]
        kinds = []
        for number in range(20):
            try:
                provider.submit(SETTINGS, "t", number)
                kinds.append(True)
            except TransientError:
                kinds.append(False)
        return kinds

    assert story(1, "a") == story(1, "b") != story(2, "c")
    assert 0 < sum(story(1, "d")) < 20
