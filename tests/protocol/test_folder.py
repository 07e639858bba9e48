"""Run folders: never half there, never over something precious."""

from __future__ import annotations

import json
import resource

import numpy as np
import pytest

from protocol import folder
from protocol.errors import InputError

BLOCK = np.arange(80, dtype=np.uint8), np.arange(80, dtype=np.uint8) % 16
BITS = np.ones(13, dtype=np.uint8)


def _write(path, overwrite=False, note="first"):
    with folder.RunWriter(path, 160, overwrite=overwrite) as writer:
        for _ in range(2):
            writer.add(*BLOCK)
        writer.publish({"note": note}, BITS, BITS[:3])


def test_what_is_written_is_read_back_and_nothing_else_is_left(tmp_path):
    _write(tmp_path / "run")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    for name, block in zip((folder.SETTINGS, folder.OUTCOMES), BLOCK, strict=True):
        assert np.array_equal(np.load(tmp_path / "run" / name), np.tile(block, 2))
    record = folder.read_record(tmp_path / "run")
    assert record["note"] == "first"
    assert record["files"] == {
        name: folder.sha256(tmp_path / "run" / name)
        for name in ("extractor_bits.bin", "outcomes.npy", "output.bin", "settings.npy")
    }
    assert np.array_equal(folder.read_bits(tmp_path / "run" / folder.EXTRACTOR_BITS, 13), BITS)


def test_an_earlier_run_is_replaced_when_told(tmp_path):
    _write(tmp_path / "run")
    with pytest.raises(InputError, match="exists, expected a new one"):
        _write(tmp_path / "run")
    _write(tmp_path / "run", overwrite=True, note="second")
    assert folder.read_record(tmp_path / "run")["note"] == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_run_that_fails_leaves_the_earlier_one(tmp_path):
    _write(tmp_path / "run")

    def fail():
        with folder.RunWriter(tmp_path / "run", 160, overwrite=True) as writer:
            writer.add(*BLOCK)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert folder.read_record(tmp_path / "run")["note"] == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("record", ['{"name": "a web page"}', "no JSON", "[]"])
def test_a_run_json_of_something_else_makes_no_run_folder(tmp_path, record):
    project = tmp_path / "project"
    project.mkdir()
    (project / "run.json").write_text(record)
    with pytest.raises(InputError, match="is no run folder, so it is not overwritten"):
        _write(project, overwrite=True)
    assert (project / "run.json").read_text() == record


def test_notes_beside_a_run_are_not_thrown_away_with_it(tmp_path):
    _write(tmp_path / "run")
    (tmp_path / "run" / "NOTES.txt").write_text("mine")
    with pytest.raises(InputError, match=r"also holds 'NOTES\.txt', so it is not overwritten"):
        _write(tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "NOTES.txt").read_text() == "mine"


def test_a_link_and_the_current_folder_are_not_overwritten(tmp_path, monkeypatch):
    _write(tmp_path / "run")
    (tmp_path / "link").symlink_to("run")
    monkeypatch.chdir(tmp_path / "run")
    for path in (tmp_path / "link", "."):
        with pytest.raises(InputError, match="is no folder's own name"):
            _write(path, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "run"]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        with folder.RunWriter(tmp_path / "run", 160) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
            for _ in range(2):
                writer.add(*BLOCK)
            writer.publish({}, BITS, BITS)

    try:
        with pytest.raises(InputError, match="cannot be written: File too large"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_appears_meanwhile_is_kept(tmp_path):
    with folder.RunWriter(tmp_path / "run", 160) as writer:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "other").write_text("first")
        with pytest.raises(InputError, match="cannot be written: Directory not empty"):
            writer.publish({}, BITS, BITS)
    assert [p.name for p in tmp_path.rglob("*")] == ["run", "other"]


def test_names_that_the_system_refuses_are_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        folder.check_target(tmp_path / ("a" * 300))


def test_a_parent_without_permission_to_write_is_named(tmp_path, monkeypatch):
    # Permissions do not bind the superuser, as whom tests may run.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=f"folder '{tmp_path}' is not writable"):
        _write(tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_records_of_something_else_are_refused(tmp_path):
    (tmp_path / "run.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="is no JSON"):
        folder.read_record(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"format": folder.FORMAT, "version": 7}))
    with pytest.raises(InputError, match="has version 7, expected 1"):
        folder.read_record(tmp_path)
