"""Runs are played in the order of their weak bits."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.jobs.ledger import Ledger
from protocol.jobs.resume import collect
from protocol.jobs.start import redraw
from qdevices.errors import InputError
from tests.extras import needs
from tests.protocol.jobs.conftest import QUICK

pytestmark = needs("hardware")


class Scripted:
    """A provider whose jobs end as a test says; it remembers the order in which they were sent."""

    def __init__(self, *failing, waiting=()):
        self.sent, self.failing, self.waiting = [], set(failing), set(waiting)
        self.looks = 0

    def prepare(self, tag, seed):
        return ""

    def submit(self, settings, tag, seed):
        self.sent.append(tag)
        return tag

    def find(self, tag):
        return [tag] if tag in self.sent else []

    def status(self, job_id):
        number, attempt = map(int, job_id.split("-")[-2:])
        if number in self.waiting:
            self.looks += 1
            if self.looks > 3:
                self.waiting.clear()
            return "running"
        return "failed" if number in self.failing and not attempt else "done"

    def result(self, job_id, settings):
        return np.zeros(len(settings), dtype=np.uint8)

    def reason(self, job_id):
        return "on demand"

    def cancel(self, job_id):
        pass


def _collect(root, provider, **options):
    return collect(root, lambda job: provider, patience=QUICK, poll_seconds=0.001, **options)


def _states(root):
    with Ledger(root) as ledger:
        return [chunk.state for chunk in ledger.chunks()]


@pytest.mark.parametrize("state", ["planned", "submitting", "submitted"])
def test_nothing_is_redrawn_while_another_chunk_is_on_its_way(state, laboratory, tmp_path):
    root = tmp_path / "run"
    laboratory.begin(root)
    with Ledger(root) as ledger:
        for chunk in ledger.chunks():
            ledger.mark(chunk, "failed")
        last = ledger.chunks()[-1]
        ledger.mark(last, state, job_id="a" if state == "submitted" else None)
        before = ledger.weak_bits()
        with pytest.raises(InputError, match=f"chunk 3 is {state}, expected no chunk on its way"):
            redraw(ledger, laboratory.plan, laboratory.weak())
        assert ledger.weak_bits() == before
        assert [chunk.attempt for chunk in ledger.chunks()] == [0, 0, 0, 0]
        ledger.mark(last, "cancelled")
        assert redraw(ledger, laboratory.plan, laboratory.weak()) == 4


def test_redrawn_chunks_wait_for_the_others_and_go_in_the_order_of_their_bits(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root)
    provider = Scripted(2, 0, waiting=[3])
    found = _collect(root, provider, wait=True, redraw=True)
    assert found.result is not None
    assert provider.sent == [job.tag(k, 0) for k in range(4)] + [job.tag(0, 1), job.tag(2, 1)]
    assert not provider.waiting  # the last of the others had ended
    with Ledger(root) as ledger:
        starts = {what: start for start, _, what in ledger.weak_bits()}
    assert starts["settings"] < starts["settings of chunk 0"] < starts["settings of chunk 2"]


def test_redraw_without_wait_refuses_as_long_as_others_are_on_their_way(
    ksamp, laboratory, tmp_path
):
    root = tmp_path / "run"
    job = laboratory.begin(root)
    provider = Scripted(1, waiting=[3])
    with pytest.raises(InputError, match=r"chunk 3 is submitted.*--redraw --wait") as refusal:
        _collect(root, provider, redraw=True)
    assert "\n" not in str(refusal.value)
    assert _states(root) == ["done", "failed", "done", "submitted"]  # one pass was made
    assert provider.sent == [job.tag(k, 0) for k in range(4)]
    provider.waiting.clear()
    # A chunk that is found failed after later ones were played: its new settings come later yet.
    assert _collect(root, provider, redraw=True).result is not None
    assert provider.sent[4:] == [job.tag(1, 1)]


def test_with_one_job_in_flight_none_is_sent_before_the_one_before_has_ended(laboratory, tmp_path):
    root = tmp_path / "run"
    job = laboratory.begin(root, in_flight=1)
    provider = Scripted(1, 3)

    def watch(step):
        if step.startswith("before submit"):
            assert "submitted" not in _states(root)

    _collect(root, provider, wait=True, redraw=True, observer=watch)
    tags = [job.tag(k, 0) for k in range(4)] + [job.tag(1, 1), job.tag(3, 1)]
    assert provider.sent == tags
