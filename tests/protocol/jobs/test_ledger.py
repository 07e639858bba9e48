"""The ledger and what stands around it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from protocol.jobs.ledger import NAME, Ledger
from protocol.plan.file import plan_from_json, plan_to_json
from protocol.providers.provider import TransientError
from protocol.providers.retry import Patience
from qdevices.errors import InputError
from tests.extras import needs


def test_a_ledger_gives_back_what_was_submitted(laboratory, tmp_path):
    job = laboratory.begin(tmp_path / "run")
    with Ledger(tmp_path / "run") as ledger:
        assert ledger.job == job
        assert plan_to_json(plan_from_json(ledger.job.plan)) == plan_to_json(laboratory.plan)
        assert len({chunk.tag for chunk in ledger.chunks()}) == 4
        assert ledger.chunks("done") == []


def test_a_folder_without_a_ledger_is_bad_input(tmp_path):
    with pytest.raises(InputError, match=r"has no ledger\.sqlite"):
        Ledger(tmp_path)


def test_a_file_that_is_no_ledger_is_bad_input(tmp_path):
    (tmp_path / NAME).write_bytes(b"something else" * 100)
    with pytest.raises(InputError, match="is no ledger"):
        Ledger(tmp_path)


def test_a_ledger_of_another_version_is_refused_with_both_versions(laboratory, tmp_path):
    laboratory.begin(tmp_path / "run")
    base = sqlite3.connect(tmp_path / "run" / NAME)
    base.execute("PRAGMA user_version = 9")
    base.close()
    with pytest.raises(InputError, match="has version 9, expected 2"):
        Ledger(tmp_path / "run")


def test_a_folder_that_exists_is_not_submitted_into(laboratory, tmp_path):
    laboratory.begin(tmp_path / "run")
    before = (tmp_path / "run" / NAME).read_bytes()
    with pytest.raises(InputError, match="exists, expected a new one"):
        laboratory.begin(tmp_path / "run")
    assert (tmp_path / "run" / NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@needs("hardware")
def test_only_transient_errors_are_waited_out():
    calls = []

    def refuse():
        calls.append(1)
        raise InputError("no")

    def fail():
        calls.append(2)
        raise TransientError("not now")

    patience = Patience(attempts=3, first_seconds=0.001, most_seconds=0.001)
    with pytest.raises(InputError):
        patience.call(refuse)
    with pytest.raises(TransientError):
        patience.call(fail)
    assert calls == [1, 2, 2, 2]


def test_jobs_import_no_quantum_software_and_no_retry_library():
    code = (
        "import sys, protocol.jobs.resume, protocol.providers.local, protocol.providers.worker;"
        "print([m for m in ('qiskit', 'qiskit_aer', 'tenacity') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
