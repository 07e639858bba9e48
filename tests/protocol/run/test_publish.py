"""What of a run is published: by its model, and nothing of what must stay secret."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from protocol.data.marks import RECORD
from protocol.run.folder import EXTRACTOR_BITS, OUTCOMES, OUTPUT, PUBLIC_RECORD, SETTINGS
from protocol.run.publish import FORMAT
from protocol.run.record import RunRecord

RUN = ("run", "--runs", "60000", "--seed", "7", "--side-information", "classical")


@pytest.fixture(params=["public", "secret"])
def published(request, ksamp, tmp_path):
    bits = request.param
    run, out = tmp_path / "run", tmp_path / "out"
    assert ksamp(*RUN, "--extractor-bits", bits, "--out", run).status == 0
    answer = ksamp("publish", run, "--out", out)
    assert answer.status == 0, answer.err
    return bits, run, out, answer


def test_what_may_be_known_is_there_and_the_rest_is_not(published):
    bits, run, out, answer = published
    wanted = {"public": {SETTINGS, EXTRACTOR_BITS}, "secret": {SETTINGS, OUTCOMES}}[bits]
    assert {path.name for path in out.iterdir()} == {*wanted, PUBLIC_RECORD}
    for name in wanted:
        assert (out / name).read_bytes() == (run / name).read_bytes()
    assert all(name in answer.out for name in wanted)


def test_the_record_has_no_digest_of_a_secret_and_no_seed(published):
    bits, run, out, _ = published
    text = (out / PUBLIC_RECORD).read_text()
    record = RunRecord.from_json(json.loads((run / RECORD).read_text()))
    secret = {OUTPUT, EXTRACTOR_BITS if bits == "secret" else OUTCOMES}
    for name in secret:
        assert record.files[name] not in text
    assert record.sha256 not in text
    data = FORMAT.read(out / PUBLIC_RECORD).fields
    assert data.object("provenance").get("seed") is None
    assert set(data.object("files")) == {p.name for p in out.iterdir()} - {PUBLIC_RECORD}
    assert data.text("plan_sha256") == record.plan.digest
    assert data.text("model") == record.plan.security.sentence
    # Where outcomes stay secret, no number that is computed from them is told.
    result = dict(data.object("result"))
    assert result == ({"accepted": True} if bits == "public" else dict(record.result))
    assert not re.search('"(score|L|S)"', text) or bits == "secret"


def test_what_cannot_be_published_is_refused_in_one_line(published, ksamp, tmp_path):
    _, run, out, _ = published
    for words, message in (
        ((run, "--out", out), "exists, expected a new one"),
        ((tmp_path / "none", "--out", tmp_path / "x"), "is no folder"),
        ((run, "--out", tmp_path / "no" / "x"), "does not exist"),
        ((out, "--out", tmp_path / "x"), "cannot be read"),
    ):
        answer = ksamp("publish", *words)
        assert answer.status == 2
        assert re.search(message, answer.err), answer.err
        assert answer.err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_an_edited_run_is_not_published(published, ksamp, tmp_path):
    _, run, _, _ = published
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    raw = bytearray((copy / SETTINGS).read_bytes())
    raw[-1] ^= 1
    (copy / SETTINGS).write_bytes(bytes(raw))
    answer = ksamp("publish", copy, "--out", tmp_path / "x")
    assert answer.status == 2
    assert "was changed after the run" in answer.err
    assert not (tmp_path / "x").exists()


def test_what_was_published_is_not_certified_as_if_it_were_a_record(ksamp, tmp_path):
    """It would lose order and redraws, and be extracted from as if its outcomes were secret."""
    run, out = tmp_path / "run", tmp_path / "out"
    assert ksamp(*RUN, "--extractor-bits", "secret", "--out", run).status == 0
    assert ksamp("publish", run, "--out", out).status == 0
    files = ("--settings", out / SETTINGS, "--outcomes", out / OUTCOMES)
    answer = ksamp("certify", *files, "--code", "joint")
    assert answer.status == 2
    assert "was published from a run folder" in answer.err
