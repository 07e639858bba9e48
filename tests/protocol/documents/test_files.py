"""Files are read within bounds and written whole."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from protocol.documents import files
from protocol.run.folder import recover
from qdevices.errors import InputError


def _names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", tmp_path / "pipe", tmp_path):
        with pytest.raises(InputError, match="is no regular file, expected one"):
            files.read_bytes(path, "plan file", 100)
    for path in (tmp_path / "absent", "a\0b", "x" * 5000):
        with pytest.raises(InputError, match="cannot be read"):
            files.read_bytes(path, "plan file", 100)


def test_links_are_followed_only_where_that_is_meant(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert files.read_bytes(tmp_path / "link", "file", 10) == b"content"
    with pytest.raises(InputError, match="is a link, expected a regular file"):
        files.read_bytes(tmp_path / "link", "file", 10, follow=False)


def test_no_more_is_read_than_the_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert files.read_bytes(tmp_path / "file", "file", 5) == b"12345"
    with pytest.raises(InputError, match="has more than 4 bytes"):
        files.read_bytes(tmp_path / "file", "file", 4)


def test_a_file_is_written_whole_and_nothing_beside_it(tmp_path):
    target = tmp_path / "file"
    files.check_new(target, "file")
    assert _names(tmp_path) == []
    files.write_file(target, b"first", "file")
    for call in (files.check_new, lambda *a: files.write_file(a[0], b"x", a[1])):
        with pytest.raises(InputError, match="exists, expected a new name"):
            call(target, "file")
    files.check_new(target, "file", overwrite=True)
    assert target.read_bytes() == b"first"
    files.write_file(target, b"second", "file", overwrite=True, mode=files.PRIVATE)
    assert target.read_bytes() == b"second"
    assert target.stat().st_mode & 0o777 == 0o600
    assert _names(tmp_path) == ["file"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_permissions_follow_the_umask_unless_private(tmp_path, umask):
    before = os.umask(umask)
    try:
        files.write_file(tmp_path / "open", b"", "file")
        files.write_file(tmp_path / "secret", b"", "file", mode=files.PRIVATE)
    finally:
        os.umask(before)
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_what_is_no_regular_file_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (tmp_path / "pipe", tmp_path / "link", "/dev/null", tmp_path):
        for call in (files.check_new, lambda p, w, **k: files.write_file(p, b"x", w, **k)):
            with pytest.raises(InputError, match="is no regular file, so it is not replaced"):
                call(path, "file", overwrite=True)
    assert _names(tmp_path) == ["link", "pipe"]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=f"folder '{tmp_path}/no' does not exist"):
        files.check_new(tmp_path / "no" / "file", "file")
    with pytest.raises(InputError, match=f"folder '{tmp_path}/no' does not exist"):
        files.write_file(tmp_path / "no" / "file", b"", "file")


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_clears_and_says_so(tmp_path, caplog):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    code = (
        "import os, signal, sys\n"
        "from protocol.documents import files\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_file(sys.argv[1], b'new', 'file', overwrite=True)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, target], check=False)
    assert killed.returncode == -9
    assert target.read_bytes() == b"old"
    assert len(_names(tmp_path)) == 2
    files.write_file(target, b"newer", "file", overwrite=True)
    assert _names(tmp_path) == ["file"]
    assert target.read_bytes() == b"newer"
    assert "left by an interrupted run" in caplog.text


def test_what_another_process_is_writing_is_left_alone(tmp_path):
    code = (
        "import os, sys\n"
        "from protocol.documents import files\n"
        "sync = os.fsync\n"
        "def wait(descriptor):\n"
        "    print('writing', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    sync(descriptor)\n"
        "os.fsync = wait\n"
        "files.write_file(sys.argv[1], b'theirs', 'file', overwrite=True)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "file"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout
    assert other.stdout.readline() == "writing\n"
    files.write_file(tmp_path / "file", b"ours", "file")
    assert len(_names(tmp_path)) == 2
    other.communicate("\n\n\n")
    assert other.returncode == 0
    assert (tmp_path / "file").read_bytes() == b"theirs"
    assert _names(tmp_path) == ["file"]


def test_a_folder_is_written_aside_privately_and_gets_its_name_as_a_whole(tmp_path):
    target = tmp_path / "folder"
    with files.staging(target) as hidden:
        assert _names(tmp_path) == [hidden.name]
        assert hidden.name.startswith(".folder.partial-")
        assert hidden.stat().st_mode & 0o777 == 0o700
        assert list(files.leftovers(target)) == []  # it is held
        (hidden / "file").write_text("x")
        files.move_to_name(hidden, target)
    assert _names(tmp_path) == ["folder"]
    assert target.stat().st_mode & 0o777 == 0o777 & ~files.umask()
    with pytest.raises(OSError, match="not empty"), files.staging(target) as hidden:
        files.move_to_name(hidden, target)
    assert _names(tmp_path) == ["folder"]
    assert _names(target) == ["file"]


def test_a_folder_that_was_not_finished_is_gone_whatever_happened(tmp_path):
    def fail(hidden):
        (hidden / "file").write_text("x")
        raise RuntimeError

    with pytest.raises(RuntimeError), files.staging(tmp_path / "folder") as hidden:
        fail(hidden)
    assert _names(tmp_path) == []


def test_what_a_killed_process_left_of_a_folder_is_found(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from protocol.documents import files\n"
        "with files.staging(Path(sys.argv[1])) as hidden:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    target = tmp_path / "folder"
    assert subprocess.run([sys.executable, "-c", code, target], check=False).returncode == -9
    assert len(_names(tmp_path)) == 1
    assert list(files.leftovers(target)) == list(tmp_path.iterdir())


def test_files_are_moved_in_with_the_one_that_makes_them_count_last(tmp_path):
    hidden, folder, told = tmp_path / "hidden", tmp_path / "folder", []
    for path in (hidden, folder):
        path.mkdir()
    for name in ("c", "a", "b"):
        (hidden / name).write_text(name)
    (folder / "c").write_text("old")
    files.move_in(hidden, folder, "b", lambda name: told.append((name, _names(folder))))
    assert told == [("a", ["c"]), ("c", ["a", "c"]), ("b", ["a", "c"])]
    assert [(folder / name).read_text() for name in "abc"] == ["a", "b", "c"]
    assert _names(tmp_path) == ["folder"]


def test_a_log_is_appended_to_and_never_through_a_link(tmp_path):
    for line in (b"one\n", b"two\n"):
        with files.open_log(tmp_path / "log", "log") as log:
            log.write(line)
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "log")
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("link", "is a link"), ("pipe", "cannot be written")):
        with pytest.raises(InputError, match=message):
            files.open_log(tmp_path / name, "log")
    with pytest.raises(files.MissingError, match="cannot be read"):
        files.open_regular(tmp_path / "absent", "file")


def _locked(path):
    """A lock as whoever looks for leftovers has it for a moment."""
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _after(monkeypatch, name, act):
    """Let somebody else act just after a new hidden file or folder was made, once."""
    make, left = getattr(tempfile, name), [act]

    def made(*arguments, **options):
        found = make(*arguments, **options)
        if left:
            left.pop()(found)
        return found

    monkeypatch.setattr(tempfile, name, made)


def test_a_look_at_a_new_folder_is_waited_for_so_that_it_is_held_afterwards(tmp_path, monkeypatch):
    target, looking, waits = tmp_path / "folder", [], []
    _after(monkeypatch, "mkdtemp", lambda made: looking.append(_locked(made)))

    def wait(seconds):
        waits.append(seconds)
        os.close(looking.pop())

    monkeypatch.setattr("time.sleep", wait)
    with files.staging(target) as hidden:
        assert len(waits) == 1
        assert list(files.leftovers(target)) == []
        (hidden / "file").write_text("x")
        recover(target)
        assert _names(hidden) == ["file"]
    assert _names(tmp_path) == []


@pytest.mark.parametrize("act", [recover, lambda path: list(files.leftovers(path))])
def test_a_new_folder_that_is_cleared_before_it_is_held_is_made_again(act, tmp_path, monkeypatch):
    target, found = tmp_path / "folder", []

    def clear(made):
        found.append(Path(made))
        act(target)

    _after(monkeypatch, "mkdtemp", clear)
    with files.staging(target) as hidden:
        assert hidden.is_dir()
        assert found[0].exists() == (found[0] == hidden)
        recover(target)
        assert _names(tmp_path) == [hidden.name]
        files.move_to_name(hidden, target)
    assert _names(tmp_path) == ["folder"]


def test_a_new_file_that_is_cleared_before_it_is_held_is_made_again(tmp_path, monkeypatch):
    target = tmp_path / "file"
    for call in (lambda: files.check_new(target, "file"),
                 lambda: files.write_file(target, b"x", "file")):  # fmt: skip
        with monkeypatch.context() as patch:
            _after(patch, "mkstemp", lambda made: files.sweep(target))
            call()
    assert target.read_bytes() == b"x"
    assert _names(tmp_path) == ["file"]


def test_a_folder_that_another_process_keeps_is_given_up_in_one_line(tmp_path, monkeypatch):
    looking: list[int] = []
    _after(monkeypatch, "mkdtemp", lambda made: looking.append(_locked(made)))
    monkeypatch.setattr(files, "_HOLD_SECONDS", 0.0)
    with pytest.raises(InputError, match="is in use by another process, expected it free"):
        files.staging(tmp_path / "folder").__enter__()
    os.close(looking.pop())
    assert len(list(files.leftovers(tmp_path / "folder"))) == 1


def test_names_that_are_always_cleared_are_given_up(tmp_path, monkeypatch):
    make = tempfile.mkdtemp

    def cleared(*arguments, **options):
        made = make(*arguments, **options)
        Path(made).rmdir()
        return made

    monkeypatch.setattr(tempfile, "mkdtemp", cleared)
    with pytest.raises(OSError, match="removed by another process"):
        files.staging(tmp_path / "folder").__enter__()


def test_what_is_cleared_is_held_so_that_nobody_else_takes_it_up(tmp_path):
    left = tmp_path / ".folder.partial-abcdefgh"
    left.mkdir()
    for found in files.leftovers(tmp_path / "folder"):
        assert found == left
        with pytest.raises(BlockingIOError):
            _locked(left)
    os.close(_locked(left))
