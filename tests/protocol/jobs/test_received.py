"""A folder that came from somebody else runs no code, and touches nothing but itself."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import struct
import subprocess
import sys
import time
import wave
from dataclasses import replace

import numpy as np
import pytest

from protocol.documents.lock import Lock
from protocol.jobs.ledger import NAME, Ledger
from protocol.jobs.resume import collect
from protocol.jobs.start import begin
from protocol.providers import local, spawn
from protocol.providers.local import LocalProvider
from protocol.providers.local_spec import LocalSpec
from protocol.providers.queue import NAME as QUEUE
from protocol.providers.queue import Queue, Setup
from protocol.providers.remote import RemoteProvider
from protocol.providers.worker import main, work
from protocol.sources.used_bits import used_bits, used_file
from qdevices.errors import InputError
from tests.extras import needs
from tests.protocol.jobs.conftest import QUICK, SEED, plant

SETUP = Setup("table", "static", "run", "ideal")
SETTINGS = np.arange(81, dtype=np.uint8)
RUN = (
    "--runs", "10000", "--chunk", "1000", "--noise", "ideal", "--soundness", "8", "--seed", "12",
)  # fmt: skip


def _received(laboratory, root, backend, **options):
    """A folder whose ledger names this backend, ready to be sent."""
    job = begin(
        root, laboratory.plan, laboratory.weak(options.pop("source", "uniform")), backend=backend,
        variant="static", order="run", chunk=5000, noise=None, expect="ideal", **options,
    )  # fmt: skip
    with Ledger(root) as ledger:
        ledger.keep_prepared("")
    return job


def _refused(answer, message):
    assert answer.status == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1


# --- modules in the current folder -------------------------------------------------------------


@needs("hardware")
def test_modules_in_the_current_folder_are_not_run_in_place_of_installed_ones(
    ksamp, tmp_path, monkeypatch
):
    witness = plant(tmp_path, "numpy", "scipy", "sitecustomize", "usercustomize", "protocol")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep)  # an empty entry is the current folder
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "numpy.py"))
    sent = ksamp("submit", "--backend", "local:table", "--out", "run", *RUN)
    assert sent.status == 0
    assert ksamp("collect", "run", "--wait").status == 0
    assert not witness.exists()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert witness.exists()  # so do those that are started without care


def test_a_worker_finds_the_users_module_in_the_current_folder_and_no_other(tmp_path, monkeypatch):
    witness = plant(tmp_path, "numpy", "scipy", "qiskit", "sitecustomize", "protocol")
    (tmp_path / "planted_worker.py").write_text("def make(): raise ValueError('it is mine')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    setup = Setup("python:planted_worker:make", "static", "run", None)
    queue = Queue(tmp_path / "queue")
    job = queue.add(setup, 1, SETTINGS, "t")
    spawn.start_worker(queue.folder, setup)
    while queue.status(job) in ("queued", "running"):
        time.sleep(0.05)
    assert "ValueError: it is mine" in queue.error(job)
    assert not witness.exists()


def test_a_child_imports_as_this_process_does_without_the_current_folder(tmp_path, monkeypatch):
    here, other = tmp_path / "here", tmp_path / "other"
    for folder in (here, other):
        folder.mkdir()
    (tmp_path / "link").symlink_to(here)
    monkeypatch.chdir(here)
    monkeypatch.setattr(
        sys, "path", ["", ".", "sub", str(here), str(tmp_path / "link"), str(other)]
    )
    assert spawn.import_path()[0] == [str(other)]


def test_a_backend_is_looked_for_in_the_current_folder_last_and_while_it_opens_only(
    tmp_path, monkeypatch
):
    from qdevices.hardware.catalogue import open_backend

    witness = plant(tmp_path, "wave", "planted_later")
    (tmp_path / "planted_beside.py").write_text("")
    (tmp_path / "planted_mine.py").write_text(
        "import planted_beside, wave\n"
        "def make():\n"
        "    from qiskit_aer import AerSimulator\n"
        "    return AerSimulator()\n"
    )
    (tmp_path / "elsewhere" / "planted_mine").mkdir(parents=True)  # a folder is no module
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "wave")
    before = list(sys.path)
    assert open_backend("python:planted_mine:make").target
    assert sys.path == before
    assert sys.modules["wave"].__file__ == wave.__file__
    with pytest.raises(ImportError):
        __import__("planted_later")
    assert not witness.exists()
    # What is installed under the name of a script is taken from where it is installed.
    with pytest.raises(InputError, match="has no attribute 'make'"):
        open_backend("python:wave:make")
    assert not witness.exists()
    with pytest.raises(InputError, match="is no Python name"):
        open_backend("python:.planted_later:make")


# --- code that a folder names ------------------------------------------------------------------


@needs("hardware")
@pytest.mark.parametrize("prefix", ["", "local:"])
def test_a_ledger_that_names_code_runs_it_only_if_the_user_names_it_again(
    prefix, ksamp, laboratory, tmp_path, monkeypatch
):
    module = f"planted_{'local' if prefix else 'plain'}"
    witness = plant(tmp_path, module, text="def make(): raise ValueError('seen')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "start_worker", lambda *_: pytest.fail("a worker was started"))
    backend = f"{prefix}python:{module}:make"
    root = tmp_path / "run"
    _received(laboratory, root, backend)
    with Ledger(root) as ledger:  # one job waits in the queue already
        chunk = ledger.chunks()[0]
        setup = Setup(f"python:{module}:make", "static", "run", None)
        job_id = Queue(root / "queue").add(setup, 1, ledger.settings(0), chunk.tag)
        ledger.mark(chunk, "submitted", job_id=job_id)

    for arguments in ((), ("--wait",), ("--redraw",), ("--redraw", "--wait")):
        _refused(ksamp("collect", root, *arguments), f"--backend '{backend}'")
    for other in ("python:other:make", "local:table", "aer"):
        _refused(ksamp("collect", root, "--backend", other), f"expected {backend!r}")
    assert ksamp("jobs", root).status == 0
    assert not witness.exists()
    with Ledger(root) as ledger:
        assert [chunk.state for chunk in ledger.chunks()] == ["submitted", "planned"]
    _refused(ksamp("collect", root, "--backend", backend), "ValueError: seen")
    assert witness.exists()
    witness.unlink()
    assert ksamp("cancel", root).status == 0
    assert not witness.exists()


@needs("hardware")
def test_another_backend_than_the_ledgers_is_refused_whatever_it_is(ksamp, laboratory, tmp_path):
    laboratory.begin(tmp_path / "run")
    _refused(ksamp("collect", tmp_path / "run", "--backend", "aer"), "expected 'local:table'")
    named = ksamp("collect", tmp_path / "run", "--backend", "local:table", "--wait")
    assert named.status == 0
    _refused(ksamp("collect", tmp_path / "run", "--backend", "aer"), "expected 'local:table'")


def test_an_account_is_used_only_if_the_user_names_the_processor_again(ksamp, laboratory, tmp_path):
    _received(laboratory, tmp_path / "run", "ibm:fez")
    _refused(ksamp("collect", tmp_path / "run"), "--backend 'ibm:fez'")
    _received(laboratory, tmp_path / "hidden", "local:ibm:fez")
    for arguments in ((), ("--backend", "local:ibm:fez")):
        _refused(ksamp("collect", tmp_path / "hidden", *arguments), "expected no 'local:'")


def test_the_provider_itself_plays_no_code_that_was_not_named(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "start_worker", lambda *_: pytest.fail("a worker was started"))
    device = "python:planted_none:make"
    for named in (None, "python:other:make", "table"):
        provider = LocalProvider(
            tmp_path / "queue", LocalSpec(device), variant="static", order="run", noise=None,
            named=named,
        )  # fmt: skip
        waiting = Queue(tmp_path / "queue").add(
            Setup(device, "static", "run", None), 1, SETTINGS, "t"
        )
        for call in (
            lambda: provider.prepare("t", 1),  # noqa: B023
            lambda: provider.submit(SETTINGS, "t", 1),  # noqa: B023
            lambda: provider.status(waiting),  # noqa: B023
        ):
            with pytest.raises(InputError, match="is code, which a run folder cannot choose"):
                call()
        provider.cancel(waiting)
        assert provider.status(waiting) == "cancelled"


def test_a_queued_job_for_another_device_is_never_played(tmp_path, monkeypatch):
    witness = plant(tmp_path, "planted_queue", text="def make(): raise ValueError\n")
    monkeypatch.chdir(tmp_path)
    queue = Queue(tmp_path / "queue")
    code = replace(SETUP, inner="python:planted_queue:make")
    changed = [
        code,
        replace(SETUP, variant="literal"),
        replace(SETUP, order="grouped"),
        replace(SETUP, noise="white=0.5"),
        replace(SETUP, noise=None),
    ]
    jobs = [queue.add(setup, SEED, SETTINGS, "t") for setup in (*changed, SETUP)]
    work(queue.folder, SETUP, 0.01)
    assert [queue.status(job) for job in jobs] == ["failed"] * 5 + ["done"]
    assert "not played: queued for Setup(inner='python:planted_queue:make'" in queue.error(jobs[0])
    assert not witness.exists()
    job = queue.add(code, SEED, SETTINGS, "t")
    work(queue.folder, code, 0.01)
    assert queue.status(job) == "failed"
    assert witness.exists()


@pytest.mark.parametrize(
    "setup",
    ["", "[]", "{}", '{"inner": "table"}', json.dumps({**vars(SETUP), "more": 1}),
     json.dumps({**vars(SETUP), "order": "backwards"}), json.dumps({**vars(SETUP), "inner": 5})],
)  # fmt: skip
def test_a_worker_is_told_exactly_what_it_may_play(setup, tmp_path):
    with pytest.raises(InputError, match="the worker's setup"):
        main([str(tmp_path), setup])


# --- queued jobs -------------------------------------------------------------------------------

_TASK = {**vars(SETUP), "seed": 1, "doomed": False}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("task", "{", "is no JSON"),
        ("task", "[" * 100_000, "nested too deeply"),
        ("task", "5", "expected a JSON object"),
        ("task", b"{}", "is a bytes, expected a text"),
        ("task", json.dumps({**_TASK, "seed": -1}), "has seed -1"),
        ("task", json.dumps({**_TASK, "seed": 1 << 62}), "has seed 4611686018427387904"),
        ("task", json.dumps({**_TASK, "seed": "1"}), 'has seed "1"'),
        ("task", json.dumps({**_TASK, "seed": float("nan")}), "NaN is no number"),
        ("task", json.dumps({**_TASK, "doomed": 1}), "has doomed 1, expected true or false"),
        ("task", json.dumps({**_TASK, "inner": ["table"]}), "has inner"),
        ("task", json.dumps({**_TASK, "noise": "white=2"}), "outside [0, 1]"),
        ("task", json.dumps({**_TASK, "path": "x"}), "unknown entry 'path'"),
        ("settings", bytes([81]), "settings[0] is 81, expected 0..80"),
        ("settings", b"", "has 0 settings, expected 1 to"),
        ("settings", "0123", "settings, expected 1 to"),
        ("id", "a\x1b[2J", "printable text"),
        ("ready", "soon", "may start at a str, expected a time"),
    ],
)
def test_a_queued_job_that_cannot_be_ours_fails_with_a_note(column, value, message, tmp_path):
    queue = Queue(tmp_path / "queue")
    queue.add(SETUP, 1, SETTINGS, "bad")
    good = queue.add(SETUP, 1, SETTINGS, "good")
    base = sqlite3.connect(queue.folder / QUEUE)
    base.execute(f"UPDATE jobs SET {column} = ? WHERE tag = 'bad'", (value,))
    base.commit()
    work(queue.folder, SETUP, 0.01)
    assert queue.status(good) == "done"
    state, error = base.execute("SELECT state, error FROM jobs WHERE tag = 'bad'").fetchone()
    assert (state, error.startswith("not played: "), message in error) == ("failed", True, True)
    base.close()


def test_what_a_queue_says_of_a_job_is_checked(tmp_path):
    queue = Queue(tmp_path / "queue")
    job = queue.add(SETUP, 1, SETTINGS, "t")
    base = sqlite3.connect(queue.folder / QUEUE)
    base.execute("UPDATE jobs SET state = 'odd', error = ?, outcomes = 'text'", ("a\x1b[2Jb\n",))
    base.commit()
    base.close()
    with pytest.raises(InputError, match="has state 'odd'"):
        queue.status(job)
    with pytest.raises(InputError, match="has a str as result"):
        queue.outcomes(job)
    assert queue.error(job) == "a\\x1b[2Jb\\n"


# --- files elsewhere ---------------------------------------------------------------------------


@needs("hardware")
def test_a_file_of_weak_bits_is_read_and_spent_only_if_the_user_names_it_again(
    ksamp, laboratory, tmp_path
):
    root, file = tmp_path / "run", tmp_path / "mine.bin"
    bits = np.random.default_rng(4).integers(0, 256, size=50_000, dtype=np.uint8)
    file.write_bytes(bits.tobytes())
    laboratory.begin(root, source=f"file:{file}")
    used_file(file).unlink()  # as on a machine where nothing was submitted
    for arguments in (("--wait",), ("--redraw",), ("--source", "file:/dev/zero"), ()):
        _refused(ksamp("collect", root, *arguments), f"'file:{file}'")
    with Ledger(root) as ledger:
        assert {chunk.state for chunk in ledger.chunks()} == {"planned"}
        ledger.mark(ledger.chunks()[0], "failed")
    with pytest.raises(InputError, match="does not choose which file is read"):
        laboratory.collect(root, redraw=True)
    assert used_bits(file) == 0
    found = laboratory.collect(root, redraw=True, source=f"file:{file}")
    assert found.result is not None
    assert used_bits(file) > 0


@needs("hardware")
def test_links_in_a_received_folder_lead_nowhere(ksamp, laboratory, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in (NAME, f"{NAME}-journal", "ledger.lock", "queue"):
        root = tmp_path / name
        laboratory.begin(root)
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(precious if name != "queue" else tmp_path)
        _refused(ksamp("collect", root), repr(str(root / name)))
    for name in (QUEUE, f"{QUEUE}-journal", "worker.log", "worker.lock"):
        root = tmp_path / f"queue-{name}"
        laboratory.begin(root)
        (root / "queue").mkdir()
        (root / "queue" / name).symlink_to(precious)
        answer = ksamp("collect", root)
        if name != "worker.lock":  # which is only taken for that of a living worker
            _refused(answer, repr(str(root / "queue" / name)))
        with pytest.raises(InputError), Lock(root / "queue" / name):
            pass
    assert precious.read_text() == "mine"
    assert not (tmp_path / QUEUE).exists()


@needs("hardware")
def test_a_link_where_the_result_is_put_together_leads_nowhere(ksamp, laboratory, tmp_path):
    root, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    laboratory.begin(root)
    (root / ".publishing").symlink_to(elsewhere)
    assert ksamp("collect", root, "--wait").status == 0
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]
    assert not (root / ".publishing").is_symlink()
    assert ksamp("verify", root).status == 0


def _journal(victim, pages):
    """A rollback journal that says it is one of several, whose list is the file `victim`."""
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(victim).encode()
    head = (magic + struct.pack(">5I", 0, 0, pages, 512, 4096)).ljust(512, b"\0")
    end = struct.pack(">I", 1048577) + name + struct.pack(">II", len(name), sum(name)) + magic
    return head + end


def test_a_journal_cannot_make_sqlite_delete_a_file_elsewhere(laboratory, tmp_path):
    precious, root = tmp_path / "precious", tmp_path / "run"
    precious.write_text("mine and nobody else's")
    laboratory.begin(root)
    Queue(root / "queue")
    for path, opened in (
        (root / NAME, lambda: Ledger(root)),
        (root / "queue" / QUEUE, lambda: Queue(root / "queue")),
    ):
        path.with_name(f"{path.name}-journal").write_bytes(
            _journal(precious, path.stat().st_size // 4096)
        )
        with pytest.raises(InputError, match="names another journal"):
            opened()
    journal = root / f"{NAME}-journal"
    journal.unlink()
    os.mkfifo(journal)
    with pytest.raises(InputError, match="is no regular file, expected one"):
        Ledger(root)
    journal.unlink()
    journal.write_bytes(_journal(precious, (root / NAME).stat().st_size // 4096))
    assert precious.exists()
    base = sqlite3.connect(root / NAME)  # so it does without that check
    base.execute("SELECT 1 FROM chunks").fetchall()
    base.close()
    assert not precious.exists()


def test_a_placement_kept_in_a_ledger_is_checked():
    class Client:
        def open_processor(self, name):
            from qiskit_aer import AerSimulator

            return AerSimulator()

        def is_transient(self, error):
            return False

    for kept, message in (
        ("{", "is no JSON"),
        ('{"qubits": [0, 1, 2], "shape": "line"}', "expected four different ones"),
        ('{"qubits": [0, 1, 2, 2], "shape": "line"}', "expected four different ones"),
        ('{"qubits": [0, 1, 2, -1], "shape": "line"}', "expected four different ones"),
        ('{"qubits": [0, 1, 2, true], "shape": "line"}', "expected four different ones"),
        ('{"qubits": [0, 1, 2, 3], "shape": "ring"}', 'has shape "ring"'),
        ('{"qubits": [0, 1, 2, 3], "shape": "line", "x": 1}', "unknown entry 'x'"),
    ):
        with pytest.raises(InputError, match=message.replace("(", r"\(")):
            RemoteProvider(Client(), "fez", "static", kept).submit(SETTINGS, "t", 1)


# --- permissions -------------------------------------------------------------------------------


@needs("hardware")
def test_ledger_queue_and_log_are_their_owners_only_whatever_the_umask(laboratory, tmp_path):
    root = tmp_path / "run"
    before = os.umask(0)
    try:
        laboratory.begin(root)

        def provider(job):
            return LocalProvider(
                root / "queue", LocalSpec("table"), variant="static", order="run", noise="ideal"
            )

        assert collect(root, provider, wait=True, patience=QUICK, poll_seconds=0.05).result
    finally:
        os.umask(before)
    for path in (root / NAME, root / "queue" / QUEUE, root / "queue" / "worker.log"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
