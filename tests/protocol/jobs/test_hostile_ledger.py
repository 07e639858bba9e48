"""A ledger that came from somebody else is refused in one line unless it can be one of ours."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from dataclasses import asdict

import numpy as np
import pytest

from protocol.jobs import resume
from protocol.jobs.ledger import NAME, Ledger
from protocol.jobs.resume import collect
from protocol.jobs.start import redraw
from protocol.plan.file import plan_to_json
from protocol.providers.queue import NAME as QUEUE
from protocol.providers.queue import Queue
from protocol.sources.uniform import UniformSource
from qdevices.errors import InputError
from tests.extras import needs


@pytest.fixture(scope="module")
def original(laboratory, tmp_path_factory):
    root = tmp_path_factory.mktemp("original") / "run"
    laboratory.begin(root)
    return root


@pytest.fixture
def root(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def _change(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as base:
        for statement, *values in statements:
            base.execute(statement, values)
        base.commit()


def _job(root, **entries):
    with Ledger(root) as ledger:
        job = {**asdict(ledger.job), **entries}
    _change(root / NAME, ("UPDATE about SET value = ? WHERE key = 'job'", json.dumps(job)))


def _text(root, old, new):
    """Put a piece of text into the job's JSON that no writer of JSON would write."""
    with Ledger(root) as ledger:
        text = json.dumps(asdict(ledger.job))
    assert old in text
    _change(root / NAME, ("UPDATE about SET value = ? WHERE key = 'job'", text.replace(old, new)))


def _refused(ksamp, root, message):
    with pytest.raises(InputError) as error:
        Ledger(root).__exit__(None, None, None)
    assert message in str(error.value)
    for name in ("jobs", "collect", "cancel"):
        answer = ksamp(name, root)
        assert answer.status == 2
        assert message in answer.err
        assert answer.err.count("\n") == 1
        assert "\x1b" not in answer.err


_TRIGGER = "CREATE TRIGGER t AFTER UPDATE ON chunks BEGIN DELETE FROM weak_bits; END"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([("DROP TABLE past_jobs",)], "has no 'past_jobs'"),
        ([("DROP TABLE about",)], "has no 'about'"),
        (
            [("DROP TABLE past_jobs",), ("CREATE VIEW past_jobs AS SELECT * FROM chunks",)],
            "has no 'past_jobs'",
        ),
        ([(_TRIGGER,)], "has a trigger 't', expected none"),
        ([("CREATE VIEW v AS SELECT 1",)], "has a view 'v', expected none"),
        ([("CREATE TABLE more (a)",)], "has a table 'more', expected none"),
        ([("CREATE INDEX i ON chunks (start)",)], "has a index 'i', expected none"),
        ([("ALTER TABLE chunks ADD COLUMN more",)], "has no 'chunks'"),
        ([('CREATE TABLE "a\x1b[2J" (a)',)], "has a table 'a\\\\x1b[2J', expected none"),
        ([("PRAGMA user_version = 1",)], "has version 1, expected 2 to 2.2 (version 1 numbers"),
        ([("PRAGMA user_version = 3",)], "has version 3, expected 2 to 2.2 (a newer ksamp"),
        ([("PRAGMA user_version = 0",)], "has version 0, expected 2 to 2.2"),
        ([("UPDATE about SET value = '2.3' WHERE key = 'version'",)], "version '2.3', expected 2"),
        ([("UPDATE about SET value = '3.0' WHERE key = 'version'",)], "version '3.0', expected 2"),
        ([("UPDATE about SET value = '1.0' WHERE key = 'version'",)], "version '1.0', expected 2"),
        ([("UPDATE about SET value = '2.01' WHERE key = 'version'",)], "version '2.01', expected"),
        ([("UPDATE about SET value = 2.1 WHERE key = 'version'",)], "version 2.1, expected 2"),
        ([("UPDATE about SET value = x'322e31' WHERE key = 'version'",)], "version b'2.1'"),
        (
            [("UPDATE about SET value = 'ksamp-queue' WHERE key = 'format'",)],
            'format "ksamp-queue"',
        ),
        (
            [("UPDATE about SET value = 'chsh' WHERE key = 'game'",)],
            "game \"chsh\", expected 'ks18'",
        ),
        ([("UPDATE about SET value = 5 WHERE key = 'game'",)], "has game 5"),
        ([("DELETE FROM about WHERE key = 'format'",)], "has no entry 'format'"),
        ([("DELETE FROM about WHERE key = 'version'",)], "has no entry 'version'"),
        ([("DELETE FROM about WHERE key = 'game'",)], "has no entry 'game'"),
        ([("PRAGMA journal_mode = WAL",)], "not in rollback mode"),
        ([("INSERT INTO about VALUES ('more', 1)",)], "unknown entry 'more'"),
        ([("DELETE FROM about",)], "is no JSON"),
        ([("UPDATE about SET value = 5 WHERE key = 'job'",)], "has job of type int, expected str"),
        (
            [("UPDATE about SET value = x'7b7d' WHERE key = 'job'",)],
            "has job of type bytes, expected str",
        ),
        ([("UPDATE about SET value = CAST(x'ff' AS TEXT) WHERE key = 'job'",)], "cannot be used"),
        ([("UPDATE about SET value = ? WHERE key = 'job'", "[" * 100_000)], "nested too deeply"),
        ([("DELETE FROM chunks WHERE number = 3",)], "has 3 chunks or more, expected 4"),
        ([("UPDATE chunks SET number = 7 WHERE number = 3",)], "has number 7"),
        ([("UPDATE chunks SET number = -1 WHERE number = 0",)], "has number -1"),
        ([("UPDATE chunks SET start = 1 WHERE number = 0",)], "has start 1"),
        ([("UPDATE chunks SET stop = 2501 WHERE number = 0",)], "has stop 2501"),
        ([("UPDATE chunks SET stop = 'x' WHERE number = 0",)], 'has stop "x"'),
        ([("UPDATE chunks SET attempt = -1 WHERE number = 0",)], "has attempt -1"),
        ([("UPDATE chunks SET attempt = 1 WHERE number = 0",)], "has tag"),
        ([("UPDATE chunks SET tag = 'x' WHERE number = 0",)], 'has tag "x"'),
        ([("UPDATE chunks SET state = 'odd' WHERE number = 0",)], 'has state "odd"'),
        ([("UPDATE chunks SET repeated = 2 WHERE number = 0",)], "has repeated 2"),
        ([("UPDATE chunks SET note = x'00' WHERE number = 0",)], "has note"),
        ([("UPDATE chunks SET state = 'submitted' WHERE number = 0",)], "with job None"),
        ([("UPDATE chunks SET job_id = 'a' WHERE number = 0",)], "is planned with job 'a'"),
        (
            [("UPDATE chunks SET state = 'submitted', job_id = ? WHERE number = 0", "a\x1b[2J")],
            "printable text",
        ),
        ([("UPDATE chunks SET settings = x'00' WHERE number = 0",)], "has settings of type blob"),
        ([("UPDATE chunks SET settings = 'x' WHERE number = 0",)], "has settings of type text"),
        ([("UPDATE chunks SET outcomes = x'00' WHERE number = 0",)], "has outcomes of type blob"),
        ([("UPDATE chunks SET state = 'done' WHERE number = 0",)], "has outcomes of type null"),
        ([("UPDATE weak_bits SET start = -1",)], "has start -1"),
        ([("UPDATE weak_bits SET start = stop + 1",)], "has stop"),
        ([("UPDATE weak_bits SET start = 0, stop = 10",)], "claimed twice"),
        ([("UPDATE weak_bits SET purpose = 'settings'",)], "no range for the extractor's bits"),
        ([("DELETE FROM weak_bits",)], "no range for the extractor's bits"),
        ([("INSERT INTO weak_bits VALUES (1e300, 1, 'x')",)], "has start 1e+300"),
    ],
)
def test_a_ledger_with_such_content_is_refused(statements, message, ksamp, root):
    _change(root / NAME, *statements)
    _refused(ksamp, root, message)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"name": "x" * 16}, "expected 16 digits 0-9a-f"),
        ({"name": "abc"}, "expected 16 digits 0-9a-f"),
        ({"backend": 5}, "has backend 5"),
        ({"backend": "x" * 5000}, "has backend"),
        ({"variant": "dynamic"}, 'has variant "dynamic"'),
        ({"order": "sorted"}, 'has order "sorted"'),
        ({"noise": "white=7"}, "outside [0, 1]"),
        ({"noise": 0.1}, "has noise 0.1"),
        ({"expect": []}, "has expect []"),
        ({"source": None}, "has source null"),
        ({"seed": -1}, "has seed -1"),
        ({"seed": 1 << 128}, "has seed 34028236692093846346337460743176821145"),
        ({"seed": 7.0}, "has seed 7.0"),
        ({"seed": True}, "has seed true"),
        ({"chunk": 0}, "has chunk 0"),
        ({"chunk": 10_000_001}, "has chunk 10000001"),
        ({"chunk": 1}, "has 2 chunks or more, expected 10000"),
        ({"in_flight": 0}, "has in_flight 0"),
        ({"plan": []}, "has plan []"),
        ({"plan": {}}, "has no entry 'runs'"),
        ({"plan": {"runs": 10**12}}, "has runs 1000000000000"),
        ({"plan": {"runs": 10**9}}, "has 4 chunks or more, expected 400000"),
        ({"more": 1}, "unknown entry 'more'"),
    ],
)
def test_a_ledger_with_such_a_job_is_refused(entries, message, ksamp, root):
    if entries == {"chunk": 1}:
        message = "has 4 chunks or more, expected 10000"
    _job(root, **entries)
    _refused(ksamp, root, message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"seed": 7', '"seed": NaN', "NaN is no number"),
        ('"seed": 7', '"seed": 1e400', "1e400 is no finite number"),
        ('"seed": 7', '"seed": 7, "seed": 8', "the key 'seed' occurs twice"),
        ('"seed": 7', f'"seed": {"9" * 5000}', "is no JSON"),
        ('"seed": 7', '"seed": ' + "[" * 2000 + "]" * 2000, "nested too deeply"),
    ],
)
def test_a_ledger_with_such_json_is_refused(old, new, message, ksamp, root):
    _text(root, old, new)
    _refused(ksamp, root, message)


def test_a_plan_that_was_edited_is_refused_by_whoever_uses_it(ksamp, laboratory, root):
    _job(root, plan={**plan_to_json(laboratory.plan), "output_bits": 10**4})
    answer = ksamp("collect", root)
    assert (answer.status, answer.err.count("\n")) == (2, 1)


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "empty", "text", "cut", "wal", "shm"])
def test_what_is_no_ledger_is_refused_and_never_waited_for(kind, ksamp, root, original):
    path = root / NAME
    data = path.read_bytes()
    if kind not in ("wal", "shm"):
        path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(original / NAME)
        case "empty":
            path.touch()
        case "text":
            path.write_text("something else" * 100)
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case _:
            (root / f"{NAME}-{kind}").touch()
    _refused(ksamp, root, NAME)


@pytest.mark.parametrize(
    "kind", ["fifo", "trigger", "text", "wal", "version", "game", "bare", "more"]
)
def test_what_is_no_queue_is_refused(kind, ksamp, root):
    queue = root / "queue" / QUEUE
    Queue(root / "queue")
    if kind == "trigger":
        _change(queue, ("CREATE TRIGGER t AFTER UPDATE ON jobs BEGIN DELETE FROM jobs; END",))
    elif kind == "version":
        _change(queue, ("UPDATE about SET value = '3.0' WHERE key = 'version'",))
    elif kind == "game":
        _change(queue, ("UPDATE about SET value = 'chsh' WHERE key = 'game'",))
    elif kind == "more":
        _change(queue, ("INSERT INTO about VALUES ('more', 1)",))
    elif kind == "bare":
        _change(queue, ("DELETE FROM about",))
    elif kind == "wal":
        queue.with_name(f"{QUEUE}-wal").touch()
    else:
        queue.unlink()
        if kind == "fifo":
            os.mkfifo(queue)
        else:
            queue.write_text("x" * 1000)
    for name in ("collect", "cancel"):
        answer = ksamp(name, root)
        assert (answer.status, answer.err.count("\n")) == (2, 1)
        assert QUEUE in answer.err


@needs("hardware")
def test_settings_and_outcomes_out_of_range_are_refused_before_use(laboratory, root):
    _change(root / NAME, ("UPDATE chunks SET settings = ? WHERE number = 1", bytes([81]) * 2500))
    with pytest.raises(InputError, match=r"settings of chunk 1 up to 81, expected 0\.\.80"):
        laboratory.collect(root)
    _change(
        root / NAME,
        ("UPDATE chunks SET settings = ?", bytes(2500)),
        ("UPDATE chunks SET state = 'done', outcomes = ?", bytes([16]) * 2500),
    )
    with pytest.raises(InputError, match=r"outcomes of chunk 0 up to 16, expected 0\.\.15"):
        laboratory.collect(root)


def test_bits_kept_for_the_extractor_are_as_many_as_the_plan_needs_and_read_last(laboratory, root):
    def refuse(job):
        pytest.fail("the provider was asked")

    needed = laboratory.plan.extractor.source1_bits
    for bits, message in (
        (bytes(needed - 1), f"has {needed - 1} bits for the extractor, expected {needed}"),
        (bytes([2]) * needed, r"extractor bits up to 2, expected 0\.\.1"),
        (bytes(needed), "before all chunks were done"),
    ):
        _change(root / NAME, ("INSERT OR REPLACE INTO about VALUES ('extractor_bits', ?)", bits))
        with pytest.raises(InputError, match=message):
            collect(root, refuse)
    _change(
        root / NAME,
        ("DELETE FROM about WHERE key = 'extractor_bits'",),
        ("UPDATE weak_bits SET stop = stop - 1 WHERE purpose = 'extractor'",),
    )
    with pytest.raises(InputError, match=f"has {needed - 1} bits for the extractor"):
        collect(root, refuse)


def test_a_ledger_that_would_steer_a_terminal_is_refused_without_doing_so(ksamp, root):
    with Ledger(root) as ledger:  # a provider's words are made printable before they are kept
        ledger.mark(ledger.chunks()[0], "failed", note="a\x1b[2Jb\nc")
    assert "a\\x1b[2Jb\\nc" in ksamp("jobs", root).out
    kept = (root / NAME).read_bytes()
    for change in (
        lambda: _change(root / NAME, ("UPDATE chunks SET note = ? WHERE number = 0", "a\x1b[2J")),
        lambda: _job(root, backend="aer\x1b[2J"),
    ):
        (root / NAME).write_bytes(kept)
        change()
        for command in ("jobs", "collect", "cancel"):
            answer = ksamp(command, root)
            assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
            assert "\x1b" not in answer.err
            assert "printable" in answer.err


def test_errors_of_sqlite_are_one_line(root):
    with Ledger(root) as ledger:
        chunk = ledger.chunks()[0]
        ledger._base._base.execute("DROP TABLE chunks")
        for call in (
            ledger.chunks,
            lambda: ledger.mark(chunk, "failed"),
            lambda: ledger.settings(0),
        ):
            with pytest.raises(InputError, match="cannot be used: no such table: chunks"):
                call()
        ledger.cancel()  # what failed before has left no transaction open


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            ["UPDATE weak_bits SET start = start + 1000000000000, stop = stop + 1000000000000 "
             "WHERE purpose = 'extractor'"],
            "claims weak bits from 10000000",
        ),
        (["UPDATE weak_bits SET start = start + 1 WHERE purpose = 'settings'"], "from 1 on, exp"),
        (
            ["UPDATE weak_bits SET stop = stop + 1000000000000 WHERE purpose = 'settings'",
             "UPDATE weak_bits SET start = start + 1000000000000, stop = stop + 1000000000000 "
             "WHERE purpose = 'extractor'"],
            "claims 1000000",
        ),
        (
            ["UPDATE weak_bits SET start = start + 1000000000000, stop = stop + 1000000000000 "
             "WHERE purpose = 'extractor'",
             "INSERT INTO weak_bits SELECT min(stop), min(stop) + 1000000000000, 'unused' "
             "FROM weak_bits"],
            "has 2 ranges for the extractor, expected at most one",
        ),
        (
            ["UPDATE weak_bits SET start = start + 1000000000000, stop = stop + 1000000000000 "
             "WHERE purpose = 'extractor'",
             "INSERT INTO weak_bits SELECT min(stop), min(stop) + 1000000000000, 'more' "
             "FROM weak_bits"],
            "claims 1000000",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["uniform", "os"])
def test_claims_that_no_run_makes_are_refused_before_the_source_is_played_up_to_them(
    source, statements, message, ksamp, laboratory, tmp_path, monkeypatch
):
    def refuse(self, count):
        pytest.fail("the source was played")

    root = tmp_path / "run"
    laboratory.begin(root, source=source)
    with Ledger(root) as ledger:
        for chunk in ledger.chunks():
            ledger.store(chunk, np.zeros(chunk.stop - chunk.start, dtype=np.uint8))
    _change(root / NAME, *([statement] for statement in statements))
    monkeypatch.setattr(UniformSource, "bits", refuse)
    answer = ksamp("collect", root)
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert message in answer.err


def test_claims_of_redraws_are_taken_in_whatever_number_and_order(laboratory, root, monkeypatch):
    with Ledger(root) as ledger:
        for failing in ([0, 1, 3], [1, 3], [1], []):
            for chunk in ledger.chunks():
                if chunk.number in failing:
                    ledger.mark(chunk, "failed", note="on purpose")
                else:
                    ledger.store(chunk, np.zeros(2500, dtype=np.uint8))
            redraw(ledger, laboratory.plan, laboratory.weak())
    monkeypatch.setattr(resume, "_conclude", lambda *_: (None, None))
    found = collect(root, lambda job: pytest.fail("the provider was asked"))
    assert [chunk.attempt for chunk in found.chunks] == [1, 3, 0, 2]


@pytest.mark.parametrize("version", [2, "2.0"])
@pytest.mark.parametrize("game", ["toy", b"toy", None])
def test_a_game_beside_a_version_that_has_none_is_refused(version, game, ksamp, root):
    change = (
        ("UPDATE about SET value = ? WHERE key = 'version'", version),
        ("UPDATE about SET value = ? WHERE key = 'game'", game),
    )
    _change(root / NAME, *change)
    _refused(ksamp, root, "unknown entry 'game'")
    Queue(root / "queue")
    _change(root / "queue" / QUEUE, *change)
    with pytest.raises(InputError, match="unknown entry 'game'"):
        Queue(root / "queue")
