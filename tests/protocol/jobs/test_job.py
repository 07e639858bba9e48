"""Jobs, chunks and what becomes of them are valid by construction."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from protocol.jobs.job import Chunk, Job
from protocol.jobs.resume import Collected
from protocol.plan.file import plan_to_json
from protocol.providers.local_spec import LocalSpec
from protocol.providers.queue import Setup
from qdevices.errors import InputError


@pytest.fixture
def job(plan):
    return Job(
        name="0123456789abcdef", backend="local:table", variant="static", order="run", noise=None,
        expect=None, source="uniform", seed=3, chunk=2500, plan=plan_to_json(plan),
    )  # fmt: skip


CHUNK = Chunk(0, 0, 10, 0, "planned", "tag", None, "", False)


def test_a_job_comes_back_from_json(job):
    assert Job.from_json(json.loads(json.dumps(asdict(job)))) == job


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "x" * 16}, "expected 16 digits 0-9a-f"),
        ({"backend": 5}, "has backend 5"),
        ({"variant": "dynamic"}, 'has variant "dynamic"'),
        ({"order": "recorded"}, 'has order "recorded"'),
        ({"noise": "white=7"}, r"outside \[0, 1\]"),
        ({"seed": -1}, "has seed -1"),
        ({"chunk": 0}, "has chunk 0"),
        ({"in_flight": 0}, "has in_flight 0"),
        ({"plan": {}}, "has no entry 'runs'"),
    ],
)
def test_a_job_cannot_be_made_wrong(job, changes, message):
    with pytest.raises(InputError, match=message):
        replace(job, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": -1},
        {"start": 10},
        {"attempt": -1},
        {"state": "odd"},
        {"state": "submitted"},
        {"job_id": "a"},
        {"state": "submitted", "job_id": ""},
        {"state": "done", "job_id": "a\x1b"},
    ],
)
def test_a_chunk_cannot_be_made_wrong(changes):
    with pytest.raises(InputError):
        replace(CHUNK, **changes)


def test_a_result_comes_with_its_digest_and_all_chunks_done(job):
    assert Collected(job, (CHUNK,), False, None).waiting
    done = replace(CHUNK, state="done", job_id="a")
    with pytest.raises(InputError, match="expected both or none"):
        Collected(job, (done,), False, None, "digest")
    with pytest.raises(InputError, match="expected all of its chunks to be done"):
        Collected(job, (CHUNK, done), False, object(), "digest")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inner": "nowhere"}, "backend 'nowhere' is unknown"),
        ({"inner": "ibm:fez"}, "expected no 'local:'"),
        ({"inner": "local:table"}, "expected no 'local:'"),
        ({"latency": -1.0}, "option latency=-1.0, expected a number from 0 to 1e"),
        ({"fail_job": 1.5}, "option fail_job=1.5, expected a number from 0 to 1"),
        ({"lose_reply": float("nan")}, "option lose_reply=nan"),
        ({"seed": -1}, "option seed=-1"),
    ],
)
def test_a_local_backend_cannot_be_made_wrong(changes, message):
    with pytest.raises(InputError, match=message):
        replace(LocalSpec("table"), **changes)


@pytest.mark.parametrize(
    "changes",
    [{"inner": 5}, {"variant": "odd"}, {"order": "recorded"}, {"noise": "white=2"}, {"noise": 1}],
)
def test_a_setup_cannot_be_made_wrong(changes):
    with pytest.raises(InputError):
        replace(Setup("table", "static", "run", None), **changes)
