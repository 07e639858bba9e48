"""Submitted runs as ksamp wrote them before: read, gone on with, or refused with what is needed."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from protocol.jobs.ledger import FORMAT, NAME, Ledger
from protocol.providers.queue import NAME as QUEUE
from protocol.providers.queue import Queue
from tests.extras import needs
from tests.protocol.jobs.conftest import FILES, contents

GOLDEN = Path(__file__).parents[2] / "golden"


def _copy(version, name, tmp_path):
    return shutil.copytree(GOLDEN / version / name, tmp_path / name)


def _header(path):
    with contextlib.closing(sqlite3.connect(path)) as base:
        rows = base.execute("SELECT key, value FROM about WHERE key != 'job'").fetchall()
    return dict(rows)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_a_finished_run_is_listed_said_again_and_verified(ksamp, version, tmp_path):
    root = _copy(version, "submitted-finished", tmp_path)
    assert _header(root / NAME).get("version", "2.0") == version
    listed = ksamp("jobs", root, "--json")
    assert [row["state"] for row in listed.json["chunks"]] == ["done"] * 3
    before = {name: (root / name).read_bytes() for name in FILES}
    said = ksamp("collect", root, "--json")
    assert said.status == 0
    assert said.json["output_hex"] == before["output.bin"].hex()
    assert ksamp("verify", root).status == 0
    assert before == {name: (root / name).read_bytes() for name in FILES}


@needs("hardware")
@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_an_unfinished_run_goes_on_and_ends_like_the_finished_one(ksamp, version, tmp_path):
    root = _copy(version, "submitted-unfinished", tmp_path)
    states = [row["state"] for row in ksamp("jobs", root, "--json").json["chunks"]]
    assert states == ["done", "submitted", "planned"]
    assert ksamp("collect", root, "--wait").status == 0
    finished = GOLDEN / version / "submitted-finished"
    for name in FILES:
        assert (root / name).read_bytes() == (finished / name).read_bytes()
    assert ksamp("verify", root).status == 0
    queue = Queue(root / "queue")
    with Ledger(root) as ledger:
        assert [queue.find(chunk.tag) for chunk in ledger.chunks()] == [
            [chunk.job_id] for chunk in ledger.chunks()
        ]


@needs("hardware")
def test_an_unfinished_run_of_version_2_0_can_be_cancelled(ksamp, tmp_path):
    root = _copy("2.0", "submitted-unfinished", tmp_path)
    assert ksamp("cancel", root, "--json").json["cancelled"] == 2
    assert ksamp("collect", root).status == 3


@pytest.mark.parametrize("command", ["jobs", "collect", "cancel"])
def test_a_hostile_run_of_version_2_0_is_refused(command, ksamp, tmp_path):
    """Its ledger has a trigger that forgets which weak bits are spent."""
    root = _copy("2.0", "submitted-hostile", tmp_path)
    answer = ksamp(command, root)
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert "has a trigger 'forget', expected none" in answer.err


@pytest.mark.parametrize(("version", "reason"), [(1, "M7"), (3, "a newer ksamp wrote it")])
def test_a_ledger_of_another_major_version_is_refused_with_the_one_that_is_needed(
    version, reason, ksamp, tmp_path
):
    root = _copy("2.0", "submitted-unfinished", tmp_path)
    with contextlib.closing(sqlite3.connect(root / NAME)) as base:
        base.execute(f"PRAGMA user_version = {version}")
        base.commit()
    for command in ("jobs", "collect", "cancel"):
        answer = ksamp(command, root)
        assert answer.status == 2
        assert f"has version {version}, expected 2 to {FORMAT.version}" in answer.err
        assert reason in answer.err


def test_a_new_ledger_and_its_queue_say_name_version_and_game(laboratory, uninterrupted):
    header = {"version": FORMAT.version, "game": "ks18"}
    found = _header(uninterrupted / NAME)
    assert {key: found[key] for key in ("format", *header)} == {"format": "ksamp-ledger", **header}
    assert _header(laboratory.queue / QUEUE) == {"format": "ksamp-queue", **header}


def test_a_run_under_an_old_header_equals_that_under_a_new_one(laboratory, uninterrupted, tmp_path):
    """As an upgrade between submit and collect would have it."""
    root = tmp_path / "run"
    laboratory.begin(root)
    with contextlib.closing(sqlite3.connect(root / NAME)) as base:
        base.execute("DELETE FROM about WHERE key IN ('format', 'version', 'game')")
        base.commit()
    laboratory.collect(root)
    assert contents(root) == contents(uninterrupted)
