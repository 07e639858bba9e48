"""Chunks on their way to a provider and back."""

from __future__ import annotations

import dataclasses
import sqlite3
from itertools import pairwise

import numpy as np
import pytest

from protocol.data.provenance import Provenance
from protocol.jobs.drive import cancel, fetch, send
from protocol.jobs.ledger import EXT, Ledger
from protocol.jobs.start import redraw
from protocol.providers.local_spec import LocalSpec
from protocol.providers.provider import TransientError
from protocol.providers.queue import Queue
from protocol.providers.retry import Patience
from protocol.run.folder import read_run
from protocol.run.redraws import redraw_charge
from protocol.run.replay import certify
from protocol.run.verification import verify_folder
from qdevices.errors import InputError
from tests.extras import needs
from tests.protocol.jobs.conftest import QUICK, RUNS, contents

pytestmark = needs("hardware")


def _tagged(laboratory, ledger):
    queue = Queue(laboratory.queue)
    return [len(queue.find(chunk.tag)) for chunk in ledger.chunks()]


@pytest.mark.parametrize("kind", ["fail_submit", "lose_reply", "fail_status", "fail_result"])
def test_transient_failures_of_this_kind_change_nothing(kind, laboratory, uninterrupted, tmp_path):
    root = tmp_path / "run"
    laboratory.begin(root)
    laboratory.collect(root, failures={kind: 0.5})
    assert contents(root) == contents(uninterrupted)
    with Ledger(root) as ledger:
        assert _tagged(laboratory, ledger) == [1, 1, 1, 1]


def test_a_submit_whose_reply_is_lost_is_found_by_its_tag_and_not_repeated(laboratory, tmp_path):
    job = laboratory.begin(tmp_path / "run")
    with Ledger(tmp_path / "run") as ledger:
        assert send(ledger, laboratory.provider(job, lose_reply=1.0), patience=QUICK) == 4
        assert _tagged(laboratory, ledger) == [1, 1, 1, 1]
        assert {chunk.state for chunk in ledger.chunks()} == {"submitted"}


def test_a_provider_that_never_answers_is_given_up_with_all_recorded(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root)
    impatient = Patience(attempts=2, first_seconds=0.001, most_seconds=0.01)
    with Ledger(root) as ledger:
        with pytest.raises(TransientError, match="not taken"):
            send(ledger, laboratory.provider(job, fail_submit=1.0), patience=impatient)
        assert [chunk.state for chunk in ledger.chunks()] == ["submitting"] + 3 * ["planned"]
    assert laboratory.collect(root).result is not None


def test_without_waiting_collect_says_what_is_under_way(laboratory, tmp_path):
    laboratory.begin(tmp_path / "run")
    found = laboratory.collect(tmp_path / "run", wait=False, failures={"latency": 60.0})
    assert found.waiting
    assert found.result is None
    assert {chunk.state for chunk in found.chunks} == {"submitted"}
    with Ledger(tmp_path / "run") as ledger:
        cancel(ledger, laboratory.provider(found.job))


def test_grouped_chunks_are_sorted_when_sent_and_put_back_after(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root, order="grouped")

    class Spy:
        """Answers every run with its setting modulo 16, so that its place can be told."""

        def __init__(self):
            self.sent = {}

        def prepare(self, tag, seed):
            return ""

        def submit(self, settings, tag, seed):
            self.sent[tag] = settings
            return tag

        def find(self, tag):
            return [tag] if tag in self.sent else []

        def status(self, job_id):
            return "done"

        def result(self, job_id, settings):
            assert np.array_equal(settings, self.sent[job_id])
            return self.sent[job_id] % np.uint8(16)

        def reason(self, job_id):
            return ""

        def cancel(self, job_id):
            pass

    spy = Spy()
    with Ledger(root) as ledger:
        send(ledger, spy)
        fetch(ledger, spy)
        for chunk in ledger.chunks():
            settings = ledger.settings(chunk.number)
            assert (np.diff(spy.sent[job.tag(chunk.number, 0)].astype(int)) >= 0).all()
            assert np.array_equal(np.sort(settings), spy.sent[chunk.tag])
            assert np.array_equal(ledger.outcomes(chunk.number), settings % 16)


def test_a_result_that_is_no_list_of_outcomes_fails_its_chunk(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root)
    provider = laboratory.provider(job)
    provider.status = lambda job_id: "done"
    provider.result = lambda job_id, settings: np.zeros(3, dtype=np.uint8)
    with Ledger(root) as ledger:
        send(ledger, provider)
        fetch(ledger, provider)
        chunk = ledger.chunks()[0]
        assert (chunk.state, "2500 settings but 3 outcomes" in chunk.note) == ("failed", True)


def test_a_failed_chunk_is_sent_again_only_with_fresh_settings_and_fresh_bits(
    laboratory, uninterrupted, tmp_path
):
    root = tmp_path / "run"
    laboratory.begin(root)
    found = laboratory.collect(root, failures={"fail_job": 0.5, "seed": 2})
    failed = [chunk.number for chunk in found.chunks if chunk.state == "failed"]
    assert 0 < len(failed) < 4
    assert not found.waiting
    assert found.chunks[failed[0]].note == "failed on demand, fail_job="
    with Ledger(root) as ledger:
        old = ledger.settings(failed[0])
    found = laboratory.collect(root, redraw=True)
    assert found.result is not None
    assert verify_folder(root).agrees
    with Ledger(root) as ledger:
        assert not np.array_equal(old, ledger.settings(failed[0]))
        ranges = ledger.weak_bits()
        assert all(a[1] <= b[0] for a, b in pairwise(ranges))
        # The extractor's bits come after all bits that the provider has seen.
        assert ranges[-1][2] == EXT
        assert [purpose for *_, purpose in ranges].count(EXT) == 1
        # One claim for all: the settings anew, one string for the extractor, one left unused.
        assert [purpose for *_, purpose in ranges].count("unused") == 1
        assert ranges[-1][1] == sum(
            (len(ledger.settings(k)) * laboratory.plan.code.bits_per_run for k in failed),
            laboratory.plan.source_bits + laboratory.plan.extractor.source1_bits,
        )
    data = read_run(root).data
    assert (data.provenance.redrawn, data.provenance.redraws) == (tuple(failed), len(failed))
    assert data.provenance.chunks(laboratory.plan.runs) == 4
    charge = redraw_charge(laboratory.plan, data.provenance)
    assert charge > 0
    undisturbed = dataclasses.replace(data, provenance=Provenance("run"))
    score = certify(laboratory.plan, undisturbed).verdict.score
    assert found.result.verdict.score == score - charge
    # Small as this run is, it cannot pay: an honest abort.
    assert "redrawn chunks cost" in found.result.verdict.reasons[0]
    assert (root / "settings.npy").read_bytes() != (uninterrupted / "settings.npy").read_bytes()


def test_a_ledger_that_forgets_its_redraws_is_refused(laboratory, tmp_path):
    root = tmp_path / "run"
    laboratory.begin(root)
    with Ledger(root) as ledger:
        ledger.mark(ledger.chunks()[1], "failed", note="on purpose")
        for chunk in ledger.chunks("planned"):
            ledger.store(chunk, np.zeros(chunk.stop - chunk.start, dtype=np.uint8))
        assert redraw(ledger, laboratory.plan, laboratory.weak()) == 1
        tag = ledger.job.tag(1, 0)
    Ledger(root).__exit__(None, None, None)
    with sqlite3.connect(root / "ledger.sqlite") as base:
        base.execute("UPDATE chunks SET attempt = 0, tag = ? WHERE number = 1", (tag,))
    base.close()
    with pytest.raises(InputError, match="lists 1 earlier tries, expected one for each"):
        Ledger(root)


def test_a_cancelled_run_sends_nothing_more_and_stops_what_is_under_way(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root)
    provider = laboratory.provider(job, latency=60.0)
    with Ledger(root) as ledger:
        send(ledger, provider)
        assert cancel(ledger, provider) == 4
        assert {provider.status(str(chunk.job_id)) for chunk in ledger.chunks()} == {"cancelled"}
        with pytest.raises(InputError, match="was cancelled"):
            redraw(ledger, laboratory.plan, laboratory.weak())
    found = laboratory.collect(root)
    assert (found.result, found.cancelled, found.waiting) == (None, True, False)


def test_a_job_that_was_on_its_way_when_its_sender_died_is_cancelled_too(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root)
    provider = laboratory.provider(job, latency=60.0)
    with Ledger(root) as ledger:
        chunk = ledger.chunks()[0]
        ledger.mark(chunk, "submitting")
        job_id = provider.submit(ledger.settings(0), chunk.tag, 1)
        cancel(ledger, provider)
        assert provider.status(job_id) == "cancelled"


def test_outcomes_depend_on_the_runs_seed_and_the_chunk_only(laboratory, uninterrupted, tmp_path):
    root = tmp_path / "other"
    job = laboratory.begin(root, seed=8)
    seeds = {job.job_seed(number, attempt) for number in range(50) for attempt in range(3)}
    assert len(seeds) == 150
    assert max(seeds) < 2**62
    laboratory.collect(root)
    same = laboratory.begin(tmp_path / "same")
    assert same.name != job.name
    assert contents(root)["outcomes.npy"] != contents(uninterrupted)["outcomes.npy"]


def test_a_store_of_a_chunk_that_is_done_is_ignored(laboratory, tmp_path):
    laboratory.begin(tmp_path / "run")
    with Ledger(tmp_path / "run") as ledger:
        chunk = ledger.chunks()[1]
        ledger.store(chunk, np.full(2500, 3, dtype=np.uint8))
        ledger.store(chunk, np.full(2500, 4, dtype=np.uint8))
        ledger.mark(chunk, "failed")
        assert set(ledger.outcomes(1)) == {3}
        assert ledger.chunks()[1].state == "done"


def test_one_job_is_never_taken_for_two_chunks(laboratory, tmp_path):
    laboratory.begin(tmp_path / "run")
    with Ledger(tmp_path / "run") as ledger:
        first, second, *_ = ledger.chunks()
        ledger.mark(first, "submitted", job_id="a")
        with pytest.raises(InputError, match="job 'a' was given to chunk 1 and to another one"):
            ledger.mark(second, "submitted", job_id="a")


def test_chunks_cover_the_run_without_gap_when_their_size_does_not_divide_it(
    laboratory, tmp_path, uninterrupted
):
    laboratory.begin(tmp_path / "run", chunk=3_333)
    with Ledger(tmp_path / "run") as ledger:
        chunks = ledger.chunks()
        assert [chunk.start for chunk in chunks] == [0, 3333, 6666, 9999]
        assert chunks[-1].stop == RUNS
        settings = np.concatenate([ledger.settings(chunk.number) for chunk in chunks])
    assert np.array_equal(settings, np.load(uninterrupted / "settings.npy"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no device"),
        ("latency=1", "names no device"),
        ("table,speed=1", "option 'speed=1'"),
        ("table,latency", "option 'latency'"),
        ("table,fail_job=2", "expected a number from 0 to 1"),
        ("table,fail_job=x", "expected a number from 0 to 1"),
        ("table,seed=1,seed=2", "at most once"),
    ],
)
def test_a_malformed_local_backend_is_refused_with_its_text(text, message):
    with pytest.raises(InputError, match=message):
        LocalSpec.parse(text)
