"""Whatever a provider answers, the ledger stays readable and the other chunks go on."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.jobs.drive import cancel, fetch, send
from protocol.jobs.ledger import Ledger
from qdevices.errors import InputError
from tests.extras import needs
from tests.protocol.jobs.conftest import QUICK

pytestmark = needs("hardware")  # every step may have to be asked for again


class Fake:
    """A provider that plays at once; answers of a chunk's job can be replaced by others."""

    def __init__(self, **odd):
        self.odd, self.sent = odd, {}

    def _answer(self, method, key, right):
        number = key.removeprefix("job of ").split("-")[-2]
        return self.odd[method] if method in self.odd and number == "1" else right

    def prepare(self, tag, seed):
        return self.odd.get("prepare", "")

    def submit(self, settings, tag, seed):
        self.sent[tag] = settings
        return self._answer("submit", tag, f"job of {tag}")

    def find(self, tag):
        return self._answer("find", tag, [f"job of {tag}"] if tag in self.sent else [])

    def status(self, job_id):
        return self._answer("status", job_id, "done")

    def result(self, job_id, settings):
        return self._answer("result", job_id, settings % np.uint8(16))

    def reason(self, job_id):
        return self._answer("reason", job_id, "")

    def cancel(self, job_id):
        pass


@pytest.fixture
def root(laboratory, tmp_path):
    laboratory.begin(tmp_path / "run")
    return tmp_path / "run"


def _states(root):
    with Ledger(root) as ledger:
        return [chunk.state for chunk in ledger.chunks()]


@pytest.mark.parametrize("answer", [None, "", 5, b"id", ["id"], "a\x1b[2J", "x" * 201, "a\nb"])
def test_a_job_without_a_usable_id_fails_its_chunk_and_no_other(answer, ksamp, root):
    fake = Fake(submit=answer)
    with Ledger(root) as ledger:
        assert send(ledger, fake, patience=QUICK) == 3
        assert fetch(ledger, fake, patience=QUICK) == 0
        chunk = ledger.chunks()[1]
        assert (chunk.job_id, chunk.note.isprintable()) == (None, True)
        assert "unusable id: the provider's job has id" in chunk.note
    assert _states(root) == ["done", "failed", "done", "done"]
    listed = ksamp("jobs", root)
    assert (listed.err, "unusable id" in listed.out) == ("", True)


def test_a_ledger_takes_no_submitted_chunk_without_an_id(root):
    with Ledger(root) as ledger, pytest.raises(InputError, match="has id None, expected a print"):
        ledger.mark(ledger.chunks()[0], "submitted")
    assert _states(root) == 4 * ["planned"]


@pytest.mark.parametrize("answer", [None, b"qubits", 5, ["0"]])
def test_known_answers_that_cannot_be_kept_are_refused_before_they_are_written(answer, root):
    with (
        Ledger(root) as ledger,
        pytest.raises(InputError, match=r"known answers gave a .* to keep, expected a text"),
    ):
        send(ledger, Fake(prepare=answer), patience=QUICK)
    with Ledger(root) as ledger:
        assert ledger.prepared() is None
        assert send(ledger, Fake(), patience=QUICK) == 4


@pytest.mark.parametrize("answer", [None, [1, 2], "outcomes", b"\0" * 2500, 5, {}])
def test_a_result_that_is_no_array_fails_its_chunk_and_no_other(answer, root):
    fake = Fake(result=answer)
    with Ledger(root) as ledger:
        send(ledger, fake, patience=QUICK)
        assert fetch(ledger, fake, patience=QUICK) == 0
        note = f"unusable result: outcomes are a {type(answer).__name__}, expected an array"
        assert note in ledger.chunks()[1].note
    assert _states(root) == ["done", "failed", "done", "done"]


@pytest.mark.parametrize("answer", [None, "error", 5, "DONE", ["done"], np.zeros(2), "\x1b[2J"])
def test_a_state_that_there_is_not_is_never_taken_for_done(answer, root):
    fake = Fake(status=answer)
    with Ledger(root) as ledger:
        send(ledger, fake, patience=QUICK)
        with pytest.raises(InputError, match=r"of chunk 1 has state .*, expected one of") as error:
            fetch(ledger, fake, patience=QUICK)
    assert str(error.value).isprintable()
    assert _states(root) == ["done", "submitted", "done", "done"]
    with Ledger(root) as ledger:  # when the provider comes to its senses
        assert fetch(ledger, Fake(), patience=QUICK) == 0
    assert _states(root) == 4 * ["done"]


@pytest.mark.parametrize("answer", [None, 5, "", ["a", "b"], np.zeros(2)])
def test_a_reason_that_is_no_text_counts_as_none(answer, root):
    fake = Fake(status="failed", reason=answer)
    with Ledger(root) as ledger:
        send(ledger, fake, patience=QUICK)
        fetch(ledger, fake, patience=QUICK)
        assert ledger.chunks()[1].note == "the provider gives no reason"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "finds a NoneType of jobs"),
        ("id", "finds a str of jobs"),
        ([None], "has id None"),
        ([""], "has id ''"),
    ],
)
def test_jobs_found_that_can_be_none_change_nothing(answer, message, root):
    fake = Fake(find=answer)
    with Ledger(root) as ledger:
        ledger.mark(ledger.chunks()[1], "submitting")
        with pytest.raises(InputError, match=message):
            send(ledger, fake, patience=QUICK)
    assert _states(root) == ["submitted", "submitting", "planned", "planned"]
    with Ledger(root) as ledger, pytest.raises(InputError, match=message):
        cancel(ledger, fake, patience=QUICK)
    with Ledger(root) as ledger:
        assert cancel(ledger, Fake(), patience=QUICK) == 3
