"""Run folders: never half there, never over something precious, believed only as far as checked."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from protocol.documents import files
from protocol.documents.fields import digest
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.run import folder
from protocol.run.play import execute
from protocol.sources.uniform import UniformSource
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18

NAMES = ["extractor_bits.bin", "outcomes.npy", "output.bin", "run.json", "settings.npy"]


@pytest.fixture(scope="module")
def plan():
    return best_plan(Request(20_000, 0.01, KS18.honest, certificate="closed-form", soundness=2))


def _result(plan, sink=None, seed=1):
    rng = np.random.default_rng(seed)
    device = TableDevice(KS18.noisy(0.0), KS18)
    return execute(plan, device, UniformSource(rng), rng, sink=sink)


def _write(path, plan, *, overwrite=False, seed=1):
    with folder.RunWriter(path, plan.runs, overwrite=overwrite) as writer:
        result = _result(plan, writer.add, seed)
        return result, writer.publish(result, {"run": float(seed)})


def _names(path):
    return sorted(p.name for p in path.iterdir())


def _resign(run, **changes):
    """Edit the record as somebody who knows how to compute its digest."""
    record = json.loads((run / "run.json").read_text())
    record.update(changes)
    del record["sha256"]
    (run / "run.json").write_text(json.dumps({**record, "sha256": digest(record)}))


def test_what_is_written_is_read_back_and_nothing_else_is_left(tmp_path, plan):
    result, printed = _write(tmp_path / "run", plan)
    assert result.verdict.accepted
    assert _names(tmp_path) == ["run"]
    assert _names(tmp_path / "run") == NAMES
    stored = folder.read_run(tmp_path / "run")
    assert stored.record.sha256 == printed
    assert stored.record.plan.digest == plan.digest
    assert stored.record.provenance == result.provenance
    assert np.array_equal(stored.output, result.output)
    assert np.array_equal(stored.extractor_bits, result.extractor_bits)
    assert np.bincount(stored.data.settings).argmax() == plan.code.starred
    assert len(stored.data.outcomes) == plan.runs


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_all_files_are_private_whatever_the_umask(tmp_path, plan, umask):
    before = os.umask(umask)
    try:
        _write(tmp_path / "run", plan)
    finally:
        os.umask(before)
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "run").iterdir()}
    assert modes == dict.fromkeys(NAMES, 0o600)


def test_an_earlier_run_is_replaced_when_told(tmp_path, plan):
    _, first = _write(tmp_path / "run", plan)
    with pytest.raises(InputError, match="exists, expected a new one"):
        _write(tmp_path / "run", plan, seed=2)
    assert folder.read_run(tmp_path / "run").record.sha256 == first
    _, second = _write(tmp_path / "run", plan, overwrite=True, seed=2)
    assert folder.read_run(tmp_path / "run").record.sha256 == second != first
    assert _names(tmp_path) == ["run"]


def test_a_run_of_an_older_version_is_replaced_when_told_and_never_read(tmp_path, plan):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"format": "ksamp-run", "version": 1}')
    with pytest.raises(InputError, match=r"has version 1, expected 2 to 2.2 .version 1"):
        folder.read_run(tmp_path / "run")
    _write(tmp_path / "run", plan, overwrite=True)
    assert folder.read_run(tmp_path / "run").record.extracted


def test_a_run_that_fails_leaves_the_earlier_one(tmp_path, plan):
    _, first = _write(tmp_path / "run", plan)

    def fail():
        with folder.RunWriter(tmp_path / "run", plan.runs, overwrite=True) as writer:
            writer.add(np.zeros(5, np.uint8), np.zeros(5, np.uint8))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert folder.read_run(tmp_path / "run").record.sha256 == first
    assert _names(tmp_path) == ["run"]


@pytest.mark.parametrize("record", ['{"name": "a web page"}', "no JSON", "[]"])
def test_a_run_json_of_something_else_makes_no_run_folder(tmp_path, record):
    project = tmp_path / "project"
    project.mkdir()
    (project / "run.json").write_text(record)
    with pytest.raises(InputError, match="is no run folder, so it is not overwritten"):
        folder.RunWriter(project, 5, overwrite=True)
    assert (project / "run.json").read_text() == record


def test_notes_beside_a_run_are_not_thrown_away_with_it(tmp_path, plan):
    _write(tmp_path / "run", plan)
    (tmp_path / "run" / "NOTES.txt").write_text("mine")
    with pytest.raises(InputError, match=r"also holds 'NOTES\.txt', so it is not overwritten"):
        folder.RunWriter(tmp_path / "run", 5, overwrite=True)
    assert (tmp_path / "run" / "NOTES.txt").read_text() == "mine"


def test_a_link_and_the_current_folder_are_not_overwritten(tmp_path, plan, monkeypatch):
    _write(tmp_path / "run", plan)
    (tmp_path / "link").symlink_to("run")
    monkeypatch.chdir(tmp_path / "run")
    for path in (tmp_path / "link", "."):
        with pytest.raises(InputError, match="is no folder's own name"):
            folder.RunWriter(path, 5, overwrite=True)
    assert _names(tmp_path) == ["link", "run"]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, plan):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    result = _result(plan)

    def fill():
        with folder.RunWriter(tmp_path / "run", plan.runs) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
            writer.add(np.zeros(500, np.uint8), np.zeros(500, np.uint8))
            writer.publish(result, {})

    try:
        with pytest.raises(InputError, match="cannot be written: File too large"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _names(tmp_path) == []


def test_a_folder_that_appears_meanwhile_is_kept(tmp_path, plan):
    result = _result(plan)
    with folder.RunWriter(tmp_path / "run", plan.runs) as writer:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "other").write_text("first")
        with pytest.raises(InputError, match="cannot be written: Directory not empty"):
            writer.publish(result, {})
    assert [p.name for p in tmp_path.rglob("*")] == ["run", "other"]


def test_names_that_the_system_refuses_are_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        folder.check_target(tmp_path / ("a" * 300))
    with pytest.raises(InputError, match="null"):
        folder.check_target(tmp_path / "a\0b")


def test_a_parent_that_takes_no_folders_is_found_before_any_work(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    # Permissions do not bind the superuser, as whom tests may run.
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(InputError, match="run' cannot be written: Permission denied"):
        folder.check_target(tmp_path / "run")


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_what_was_killed_around_the_two_renames_is_put_right(tmp_path, plan, when, caplog):
    """SIGKILL just before the old run is moved aside, between the renames, and after both."""
    _, first = _write(tmp_path / "run", plan)
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.protocol.run.test_folder import _write
from protocol.request import Request
from protocol.plan.choose import best_plan
from qdevices.ks18.game import KS18

plan = best_plan(Request(20_000, 0.01, KS18.honest, 2, certificate="closed-form"))
rename, calls = Path.rename, []

def dying(self, target):
    kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
    calls.append(target)
    if {when!r} == "before":
        kill()
    rename(self, target)
    if {when!r} == "between" or len(calls) == 2:
        kill()

Path.rename = dying
_write(Path(sys.argv[1]), plan, overwrite=True, seed=2)
"""
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "run"], check=False)
    assert killed.returncode == -9
    assert _names(tmp_path) != ["run"]
    if when == "between":
        assert not (tmp_path / "run").exists()
        found = folder.read_run(tmp_path / "run")  # the next command
        assert found.record.sha256 != first
        assert "moved" in caplog.text
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o777 & ~files.umask()
    else:
        folder.check_target(tmp_path / "run", overwrite=True)
        found = folder.read_run(tmp_path / "run")
        assert (found.record.sha256 == first) == (when == "before")
    left = [name for name in _names(tmp_path) if name != "run"]
    # A complete run whose name is taken is named, not thrown away.
    assert len(left) == (when == "before")
    assert all(name.startswith(".run.partial-") for name in left)
    assert caplog.text.count("ksamp: ") >= 1


def test_an_old_run_that_was_only_moved_aside_is_put_back(tmp_path, plan, caplog):
    _, first = _write(tmp_path / "run", plan)
    (tmp_path / "run").rename(tmp_path / ".run.partial-abcdefgh.old")
    (tmp_path / ".run.partial-abcdefgh").mkdir()
    (tmp_path / ".run.partial-abcdefgh" / "settings.npy").write_bytes(b"half")
    assert folder.read_run(tmp_path / "run").record.sha256 == first
    assert _names(tmp_path) == ["run"]
    assert "removed" in caplog.text
    assert "moved" in caplog.text


def test_a_run_that_was_killed_while_it_wrote_its_record_is_not_taken_for_complete(
    tmp_path, plan, caplog
):
    _write(tmp_path / "run", plan)
    left = tmp_path / ".run.partial-abcdefgh"
    (tmp_path / "run").rename(left)
    text = (left / "run.json").read_text()
    (left / "run.json").write_text(text[: len(text) // 2])
    folder.check_target(tmp_path / "run")
    assert _names(tmp_path) == []
    assert "removed" in caplog.text


def test_a_way_through_the_folder_itself_loses_nothing(tmp_path, plan, monkeypatch):
    _, first = _write(tmp_path / "run", plan)
    monkeypatch.chdir(tmp_path / "run")
    _, second = _write(Path("../run"), plan, overwrite=True, seed=2)
    monkeypatch.chdir(tmp_path)
    assert folder.read_run("run").record.sha256 == second != first
    _, third = _write(Path("run/../run"), plan, overwrite=True, seed=3)
    assert folder.read_run("run").record.sha256 == third
    assert _names(tmp_path) == ["run"]


def test_what_only_looks_like_a_leftover_is_left_alone(tmp_path, plan):
    _, first = _write(tmp_path / "run", plan)
    kept = [".run.partial-mine", ".run.partial-ABCDEFGH", ".run.partial-abcdefgh.txt", "run.old"]
    for name in kept:
        (tmp_path / name).mkdir()
    (tmp_path / ".run.partial-abcdefgh").write_text("a file where a folder is written")
    folder.check_target(tmp_path / "run", overwrite=True)
    files.check_new(tmp_path / "run2", "file")
    assert _names(tmp_path) == sorted([*kept, ".run.partial-abcdefgh", "run"])
    (tmp_path / "run").rename(tmp_path / ".run.partial-zzzzzzzz")  # complete, and never moved
    files.check_new(tmp_path / "run", "plan file")
    assert (tmp_path / ".run.partial-zzzzzzzz" / "run.json").exists()
    assert folder.read_run(tmp_path / "run").record.sha256 == first


def test_what_a_living_process_is_writing_is_left_alone(tmp_path, plan):
    with folder.RunWriter(tmp_path / "run", plan.runs):
        before = _names(tmp_path)
        folder.check_target(tmp_path / "run")
        assert _names(tmp_path) == before
    assert _names(tmp_path) == []


def test_records_of_something_else_are_refused(tmp_path):
    for text, message in (
        ("[" * 100_000, "nested too deeply"),
        ("{}", "has no entry 'format'"),
        ('{"format": "anything", "version": 2}', "expected 'ksamp-run'"),
        (
            '{"format": "ksamp-run", "version": 7}',
            "has version 7, expected 2 to 2.2 .a newer",
        ),
        ('{"format": "ksamp-run", "version": "2"}', "has version '2', expected 2"),
        ('{"format": "ksamp-run", "version": 2}', "has no entry 'sha256'"),
        ('{"format": "ksamp-run", "version": 2, "x": 1e400}', "no finite number"),
        ('{"format": "ksamp-run", "format": "ksamp-run"}', "occurs twice"),
    ):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(InputError, match=message):
            folder.read_run(tmp_path)
    (tmp_path / "run.json").unlink()
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(InputError, match="is no regular file"):
        folder.read_run(tmp_path)


@pytest.fixture
def run(tmp_path, plan):
    _write(tmp_path / "run", plan)
    return tmp_path / "run"


@pytest.mark.parametrize("name", [n for n in NAMES if n != "run.json"])
def test_a_file_that_is_not_what_the_record_says_is_refused(run, tmp_path, name):
    path, kept = run / name, (run / name).read_bytes()

    def refused(message):
        with pytest.raises(InputError, match=message):
            folder.read_run(run)

    path.write_bytes(kept + b"\0")
    refused(f"{name} was changed")
    path.write_bytes(kept[:-1])
    refused(f"{name} was changed")
    path.unlink()
    refused(f"{name} is missing")
    (tmp_path / "elsewhere").write_bytes(kept)
    path.symlink_to(tmp_path / "elsewhere")
    refused("is a link, expected a regular file")
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    refused("is a link, expected a regular file")
    path.unlink()
    os.mkfifo(path)
    refused("is no regular file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extracted": "yes"}, 'extracted "yes", expected true or false'),
        ({"extracted": False}, r"extractor_bits\.bin is in run folder"),
        ({"provenance": {"order": "run"}}, "no entry 'redraws'"),
        ({"provenance": {"order": "run", "redraws": 1}}, "do not fit together"),
        ({"provenance": None}, "expected a JSON object"),
        ({"files": {}}, "has no digest in the record"),
        ({"files": {"../../etc/passwd": "0" * 64}}, "lies elsewhere, expected plain names"),
        ({"versions": {"ksamp": "\x1b[2J"}}, "printable"),
        ({"seconds": {"run": "1"}}, "expected a number"),
        ({"inputs": {"order": "run"}}, "unknown entry 'inputs'"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused_however_well_signed(run, changes, message):
    _resign(run, **changes)
    with pytest.raises(InputError, match=message):
        folder.read_run(run)


def test_an_edited_record_is_refused(run):
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"run": 1.0', '"run": 2.0'))
    with pytest.raises(InputError, match="was edited: its SHA-256 digest does not match"):
        folder.read_run(run)


@pytest.mark.parametrize("entry", ["min_entropy_bits", "output_bits"])
def test_a_plan_that_promises_more_or_less_than_its_thresholds_give_is_refused(run, entry):
    plan = json.loads((run / "run.json").read_text())["plan"]
    for factor in (0.5, 2):
        _resign(run, plan={**plan, entry: type(plan[entry])(plan[entry] * factor)})
        with pytest.raises(InputError):
            folder.read_run(run)


_ASIDE = ".run.partial-abcdefgh.old"


def _occupy(path, kind, plan):
    match kind:
        case "file":
            path.write_text("mine")
        case "link":
            path.symlink_to(path.parent / "nowhere")
        case "folder":
            path.mkdir()
            (path / "run.json").write_text('{"name": "a web page"}')
        case "sealed":  # as another document is, which is no run
            path.mkdir()
            content = {"format": "ksamp-plan"}
            sealed = {**content, "sha256": digest(content)}
            (path / "run.json").write_text(json.dumps(sealed))
        case "version 1":
            path.mkdir()
            (path / "run.json").write_text('{"format": "ksamp-run", "version": 1}')
        case "submitted":
            path.mkdir()
            (path / "ledger.sqlite").write_text("x")


@pytest.mark.parametrize("kind", ["file", "link", "folder", "sealed", "version 1", "submitted"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_run_that_was_moved_aside_is_kept_unless_a_complete_one_has_its_name(
    tmp_path, plan, kind, version, caplog
):
    aside = tmp_path / _ASIDE
    if version == 2:
        _write(tmp_path / "run", plan)
        (tmp_path / "run").rename(aside)
    else:
        _occupy(aside, "version 1", plan)
    before = {p.name: p.read_bytes() for p in aside.iterdir()}
    _occupy(tmp_path / "run", kind, plan)
    folder.recover(tmp_path / "run")
    assert {p.name: p.read_bytes() for p in aside.iterdir()} == before
    assert f"left {aside} alone, an earlier run whose name is taken by no run" in (
        caplog.text.replace("\n", " ")
    )


def test_a_run_of_version_1_that_was_moved_aside_is_put_back_or_replaced(tmp_path, plan, caplog):
    aside = tmp_path / _ASIDE
    _occupy(aside, "version 1", plan)
    folder.recover(tmp_path / "run")
    assert _names(tmp_path) == ["run"]
    assert "moved" in caplog.text
    (tmp_path / "run").rename(aside)
    _write(tmp_path / "other", plan)
    (tmp_path / "other").rename(tmp_path / "run")
    folder.recover(tmp_path / "run")
    assert _names(tmp_path) == ["run"]
    assert "which the run at its name has replaced" in caplog.text


def test_a_record_that_nobody_can_read_is_not_thrown_away_with_what_was_moved_aside(tmp_path):
    (tmp_path / _ASIDE).mkdir()
    (tmp_path / _ASIDE / "run.json").write_text("[" * 100_000)
    (tmp_path / "run").write_text("mine")
    folder.recover(tmp_path / "run")
    assert _names(tmp_path) == [_ASIDE, "run"]
    (tmp_path / _ASIDE / "run.json").unlink()  # as half removed: what is left is no run
    folder.recover(tmp_path / "run")
    assert _names(tmp_path) == ["run"]


def test_a_leftover_that_is_nested_as_deeply_as_only_the_parser_bears_is_no_run(tmp_path):
    for depth in range(800, 1000):
        left = tmp_path / ".run.partial-abcdefgh"
        left.mkdir()
        text = '{"sha256": "0", "x": ' + "[" * depth + "]" * depth + "}"
        (left / "run.json").write_text(text)
        folder.check_target(tmp_path / "run")
        assert _names(tmp_path) == []


def test_a_run_that_is_replaced_while_it_is_waited_for_is_not_lost(tmp_path, plan, monkeypatch):
    _write(tmp_path / "run", plan)
    held = files.hold

    def another_was_faster(descriptor, path):
        path.rename(tmp_path / "older")
        _, second = _write(path, plan, seed=3)
        digests.append(second)
        held(descriptor, path)

    digests: list[str] = []
    with folder.RunWriter(tmp_path / "run", plan.runs, overwrite=True) as writer:
        result = _result(plan, writer.add, 2)
        monkeypatch.setattr(folder, "hold", another_was_faster)
        with pytest.raises(InputError, match="was replaced by another process meanwhile"):
            writer.publish(result, {})
    assert folder.read_run(tmp_path / "run").record.sha256 == digests[0]
    assert _names(tmp_path) == ["older", "run"]
