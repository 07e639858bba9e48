"""Runs submitted to processors: snapshots, somebody else's backend, and a cloud with tags."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from protocol.jobs.drive import cancel, send
from protocol.jobs.ledger import Ledger
from protocol.jobs.resume import collect
from protocol.jobs.start import begin
from protocol.providers.local import LocalProvider
from protocol.providers.queue import Queue, Setup
from protocol.providers.remote import RemoteProvider
from protocol.providers.worker import work
from qdevices.errors import InputError
from qdevices.ks18.game import KS18
from tests.extras import imported
from tests.protocol.jobs.conftest import QUICK, WITNESS, contents, plant
from tests.protocol.plans import closed_form_plan

fake_provider = imported("ibm", "fake_provider")

RUN = (
    "--runs", "6000", "--chunk", "1000", "--expect", "ideal", "--soundness", "8", "--seed", "2",
)  # fmt: skip


@pytest.fixture
def worker_here(monkeypatch):
    """Jobs run in this process as soon as they are sent, which saves a start of Qiskit."""
    with monkeypatch.context() as patch:
        patch.setattr(
            LocalProvider, "_work", lambda self: work(self._queue.folder, self._setup, 0.001)
        )
        yield patch


def test_runs_on_a_snapshot_interrupted_and_resumed_equal_the_uninterrupted_ones(
    ksamp, worker_here, tmp_path
):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    shaky = "local:fake_manila,lose_reply=0.3,fail_submit=0.3,fail_result=0.3,miss_tag=0.3"
    assert ksamp("submit", "--backend", "fake_manila", "--out", straight, *RUN).status == 0
    sent = ksamp("submit", "--backend", shaky, "--out", broken, *RUN, "--in-flight", "2", "--json")
    assert (sent.status, sent.json["chunks"]) == (0, 2)
    # A snapshot is far too noisy for this plan: an honest abort, and everything is kept.
    for root in (straight, broken):
        ended = ksamp("collect", root, "--wait", "--poll", "0.1")
        assert (ended.status, "test 1 failed" in ended.out) == (3, True)
        assert ksamp("verify", root).status == 0
    for name in ("settings.npy", "outcomes.npy"):
        assert (straight / name).read_bytes() == (broken / name).read_bytes()
    ours, theirs = (json.loads((r / "run.json").read_text()) for r in (straight, broken))
    assert ours["result"] == theirs["result"]
    assert ours["plan"] == theirs["plan"]


def test_without_expect_the_plan_is_made_for_what_the_processor_reports(
    ksamp, worker_here, tmp_path
):
    noisy = ksamp("submit", "--backend", "fake_manila", "--out", tmp_path / "a", "--runs", "5000")
    assert noisy.status == 3
    assert "expected noise as fake_manila reports" in noisy.out
    assert not (tmp_path / "a").exists()
    good = ("--backend", "aer:gate2=1e-4,readout=1e-4", *RUN[:4], "--soundness", "8")
    sent = ksamp("submit", *good, "--runs", "20000", "--chunk", "20000", "--seed", "1", "--out",
                 tmp_path / "b")  # fmt: skip
    assert sent.status == 0
    assert ksamp("collect", tmp_path / "b", "--wait").status == 0
    assert ksamp("verify", tmp_path / "b").status == 0


def test_anybodys_backend_is_run_from_a_file_beside_the_data(ksamp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from qiskit_ibm_runtime.fake_provider import FakeManilaV2\n"
        "class Backwards(FakeManilaV2):\n"
        "    def run(self, circuits, **options):\n"
        "        turned = [c.copy() for c in circuits]\n"
        "        for circuit in turned:\n"
        "            steps = [s for s in circuit.data if s.operation.name == 'measure']\n"
        "            circuit.data = [s for s in circuit.data if s not in steps]\n"
        "            for step, other in zip(steps, reversed(steps)):\n"
        "                circuit.measure(step.qubits[0], other.clbits[0])\n"
        "        return super().run(turned, **options)\n"
        "def simulator():\n"
        "    from qiskit_aer import AerSimulator\n"
        "    return AerSimulator(seed_simulator=1)\n"
    )
    plant(tmp_path, "numpy", "scipy", "sitecustomize")
    small = (
        *RUN,
        "--runs",
        "3000",
        "--soundness",
        "1",
        "--epsilon",
        "0",
        "--chunk",
        "100",
        "--in-flight",
        "2",
    )
    root = tmp_path / "run"
    sent = ksamp("submit", "--backend", "python:mine:simulator", "--out", root, *small)
    assert (sent.status, sent.err) == (0, "")
    with Ledger(root) as ledger:
        while len(ledger.chunks("done")) < 2:
            assert ksamp("collect", root, "--backend", "python:mine:simulator").status == 4
            time.sleep(0.05)
        for chunk in ledger.chunks("done"):
            settings = ledger.settings(chunk.number)
            assert not KS18.losing[settings, ledger.outcomes(chunk.number)].any()
    assert ksamp("cancel", root).status == 0
    assert not (tmp_path / WITNESS).exists()

    wrong = tmp_path / "wrong"
    refused = ksamp("submit", "--backend", "python:mine:Backwards", "--out", wrong, *small)
    assert refused.status == 2
    assert "known-answer circuit 'bit order'" in refused.err
    assert {row["state"] for row in ksamp("jobs", wrong, "--json").json["chunks"]} == {"planned"}


def test_a_backend_that_cannot_be_opened_from_here_fails_no_chunk(ksamp, laboratory, tmp_path):
    root = tmp_path / "run"
    begin(
        root, laboratory.plan, laboratory.weak(), backend="python:elsewhere:make",
        variant="static", order="run", chunk=5000, noise=None, expect="ideal",
    )  # fmt: skip
    with Ledger(root) as ledger:
        ledger.keep_prepared("")
        answer = ksamp("collect", root, "--wait", "--backend", "python:elsewhere:make")
        assert (answer.status, "No module named 'elsewhere'" in answer.err) == (2, True)
        assert {chunk.state for chunk in ledger.chunks()} == {"planned"}


def test_a_job_of_a_strangers_device_is_never_played_twice(tmp_path):
    settings = np.zeros(3, dtype=np.uint8)
    for inner, state, error in (
        ("python:mine:make", "failed", "never played twice"),
        ("table", "queued", ""),
    ):
        queue = Queue(tmp_path / state)
        setup = Setup(inner, "static", "run", None)
        job = queue.add(setup, 1, settings, "t")
        assert queue.take() is not None
        queue.requeue(once=setup.code)
        assert queue.status(job) == state
        assert error in queue.error(job)


class Cloud:
    """A service like IBM's on this machine: real samplers run the jobs, tags find them."""

    def __init__(self, monkeypatch):
        from qdevices.hardware import ibm

        self.jobs: dict[str, Any] = {}
        self.sent: Counter[str] = Counter()
        self.busy = 0
        self._make = ibm.make_sampler
        monkeypatch.setattr(ibm, "service", lambda: self)
        monkeypatch.setattr(ibm, "make_sampler", self.sampler)
        self.client = ibm

    def backend(self, name):
        return fake_provider.FakeManilaV2()

    def sampler(self, backend, tags=()):
        cloud, real = self, self._make(backend, tags)

        class Sampler:
            def run(self, pubs, **options):
                job = real.run(pubs, **options)
                cloud.jobs[job.job_id()] = (tags, Job(job))
                cloud.sent[tags] += 1
                if cloud.busy:
                    cloud.busy -= 1
                    raise ConnectionError("the reply was lost")
                return job

        return Sampler()

    def job(self, job_id):
        return self.jobs[job_id][1]

    def jobs_of(self, tag):
        return [job for tags, job in self.jobs.values() if tag in tags]


class Job:
    """A job with the words of the runtime, which a local one lacks."""

    def __init__(self, job):
        self.job_id, self.result, self.cancelled = job.job_id, job.result, False

    def status(self):
        return "CANCELLED" if self.cancelled else "DONE"

    def error_message(self):
        return None

    def cancel(self):
        self.cancelled = True


@pytest.fixture
def cloud(monkeypatch):
    made = Cloud(monkeypatch)
    monkeypatch.setattr(
        made.client, "find_by_tag", lambda tag: [j.job_id() for j in made.jobs_of(tag)]
    )
    return made


def test_a_run_on_the_runtime_is_checked_sent_found_again_and_fetched(laboratory, cloud, tmp_path):
    short = closed_form_plan(
        3000, 0.0, KS18.honest, laboratory.plan.code, soundness=1, completeness=0.5
    )
    root = tmp_path / "run"
    weak = replace(laboratory.weak(), epsilon=short.epsilon)
    job = begin(
        root, short, weak, backend="ibm:fake", variant="static", order="run",
        chunk=20, noise=None, expect="ideal", in_flight=2,
    )  # fmt: skip
    cloud.busy = 2  # the replies to the known answers and to the first chunk are lost

    def open_again(job):
        with Ledger(root) as ledger:
            return RemoteProvider(cloud.client, "fake", "static", ledger.prepared())

    first = collect(root, open_again, backend="ibm:fake", patience=QUICK)
    assert Counter(chunk.state for chunk in first.chunks)["done"] == 2
    assert json.loads(Ledger(root).prepared() or "")["shape"] == "line"
    found = collect(root, open_again, backend="ibm:fake", patience=QUICK)
    with Ledger(root) as ledger:
        # The runtime takes no seed: all runs together, so that chance fails this once in 10^5.
        done = [chunk.number for chunk in ledger.chunks("done")]
        settings = np.concatenate([ledger.settings(number) for number in done])
        outcomes = np.concatenate([ledger.outcomes(number) for number in done])
        assert len(done) == 4
        assert KS18.losing[settings, outcomes].mean() < 0.3
    known = [chunk.tag for chunk in found.chunks if chunk.state in ("done", "submitted")]
    assert len(known) == 6
    assert set(cloud.sent.values()) == {1}
    assert set(cloud.sent) == {(job.prepare_tag,), *((tag,) for tag in known)}


def test_a_runtime_that_turns_bits_round_gets_no_run(laboratory, cloud, monkeypatch, tmp_path):
    from qdevices.hardware import ibm

    root = tmp_path / "run"
    job = begin(
        root, laboratory.plan, laboratory.weak(), backend="ibm:fake", variant="static",
        order="run", chunk=5000, noise=None, expect="ideal",
    )  # fmt: skip
    turned = np.array([int(f"{k:04b}"[::-1], 2) for k in range(16)])
    right = vars(ibm)["sampler_integers"]
    monkeypatch.setattr(
        ibm, "sampler_integers", lambda result: [turned[rows] for rows in right(result)]
    )
    for _ in range(2):  # for good: collecting again does not help
        with pytest.raises(InputError, match="known-answer circuit 'bit order'"):
            collect(
                root,
                lambda job: RemoteProvider(cloud.client, "fake", "static", None),
                backend="ibm:fake",
            )
    assert set(cloud.sent) == {(job.prepare_tag,)}


def test_errors_of_the_provider_are_transient_or_one_line(cloud):
    provider = RemoteProvider(cloud.client, "fake", "static", None)
    with pytest.raises(InputError, match="provider of 'fake': 'unknown'"):
        provider.status("unknown")
    assert cloud.client.is_transient(ConnectionResetError("gone"))
    assert not cloud.client.is_transient(ValueError("wrong"))
    busy = RuntimeError("busy")
    busy.status_code = 503  # type: ignore[attr-defined]
    assert cloud.client.is_transient(busy)
    busy.status_code = 404  # type: ignore[attr-defined]
    assert not cloud.client.is_transient(busy)


def test_what_a_lagging_search_let_through_twice_is_cancelled_but_for_the_oldest(
    laboratory, tmp_path
):
    root = tmp_path / "run"
    job = laboratory.begin(root)
    with Ledger(root) as ledger:
        lagging = laboratory.provider(job, lose_reply=0.6, miss_tag=1.0)
        send(ledger, lagging, patience=QUICK)
        queue = Queue(laboratory.queue)
        assert any(len(queue.find(chunk.tag)) > 1 for chunk in ledger.chunks())
    assert laboratory.collect(root).result is not None
    with Ledger(root) as ledger:
        for chunk in ledger.chunks():
            first, *others = queue.find(chunk.tag)
            assert chunk.job_id == first
            assert len(others) == 0 or chunk.repeated


def test_no_more_jobs_are_under_way_than_allowed(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root, in_flight=1)
    with Ledger(root) as ledger:
        provider = laboratory.provider(job, latency=3600.0)
        assert [send(ledger, provider, patience=QUICK) for _ in range(2)] == [1, 0]
        assert cancel(ledger, provider, patience=QUICK) == 4


def test_limited_runs_equal_unlimited_ones(laboratory, uninterrupted, tmp_path):
    root = tmp_path / "run"
    laboratory.begin(root, in_flight=1)
    laboratory.collect(root)
    assert contents(root) == contents(uninterrupted)
