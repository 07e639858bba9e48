"""Killed at any step, a run goes on as if nothing had happened."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from protocol.documents.lock import Lock
from protocol.jobs.ledger import Ledger
from protocol.plan.file import write_plan
from protocol.providers.queue import WORKER_LOCK, Queue
from protocol.run.verification import verify_folder
from tests.extras import needs
from tests.protocol.jobs.conftest import Laboratory, contents

pytestmark = needs("hardware")

STEPS = (
    "known answers right",
    "before submit 2",
    "submitted 2",
    "saved 2",
    "received 1",
    "stored 1",
    "extractor bits read",
    "extractor bits kept",
    "write outcomes.npy",
    "move settings.npy",
    "move run.json",
    "published",
)


def _killed_at(laboratory, root, step):
    done = laboratory.script(
        root,
        f"laboratory.collect(root, observer=lambda step: step == {step!r} and die())\n",
    )
    assert done.returncode == -9, f"step {step!r} was not reached: {done.stderr}"


def _jobs_of(laboratory, root):
    queue = Queue(laboratory.queue)
    with Ledger(root) as ledger:
        return [queue.find(chunk.tag) for chunk in ledger.chunks()]


def _overlap(ranges):
    ordered = sorted(ranges)
    return any(a[1] > b[0] for a, b in pairwise(ordered))


@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_this_step_ends_like_the_uninterrupted_one(
    step, laboratory, uninterrupted, tmp_path
):
    root = tmp_path / "run"
    laboratory.begin(root)
    _killed_at(laboratory, root, step)
    if step != "published":
        assert not (root / "run.json").exists()
    found = laboratory.collect(root)
    assert found.result is not None
    assert contents(root) == contents(uninterrupted)
    assert verify_folder(root).agrees
    assert [len(jobs) for jobs in _jobs_of(laboratory, root)] == [1, 1, 1, 1]
    with Ledger(root) as ledger:
        assert not _overlap(ledger.weak_bits())


def test_a_run_killed_while_it_waits_ends_like_the_uninterrupted_one(plan, uninterrupted, tmp_path):
    own = Laboratory(plan, tmp_path / "queue")
    write_plan(plan, own.plan_file)
    own.queue.mkdir()
    root = tmp_path / "run"
    own.begin(root)
    with Lock(own.queue / WORKER_LOCK):  # no worker can start, so nothing can be done
        _killed_at(own, root, "waiting")
        with Ledger(root) as ledger:
            assert {chunk.state for chunk in ledger.chunks()} == {"submitted"}
    own.collect(root)
    assert contents(root) == contents(uninterrupted)
    assert [len(jobs) for jobs in _jobs_of(own, root)] == [1, 1, 1, 1]


def test_a_run_killed_at_every_step_in_turn_ends_like_the_uninterrupted_one(
    laboratory, uninterrupted, tmp_path
):
    root = tmp_path / "run"
    laboratory.begin(root)
    for step in (
        "submitted 1",
        "submitted 3",
        "received 0",
        "stored 2",
        "move run.json",
    ):
        _killed_at(laboratory, root, step)
    laboratory.collect(root)
    assert contents(root) == contents(uninterrupted)
    assert [len(jobs) for jobs in _jobs_of(laboratory, root)] == [1, 1, 1, 1]


def test_a_submit_killed_before_its_ledger_is_complete_leaves_no_run_and_spends_its_bits(
    laboratory, tmp_path
):
    root, source = tmp_path / "run", tmp_path / "weak.bin"
    needed = laboratory.plan.source_bits
    bits = np.random.default_rng(3).integers(0, 256, size=2 * needed // 8 + 2, dtype=np.uint8)
    source.write_bytes(bits.tobytes())
    done = laboratory.script(
        root,
        "from protocol.jobs.ledger import Ledger\n"
        "create = Ledger.create\n"
        "def killed(*arguments):\n"
        "    create(*arguments)\n"
        "    die()\n"
        "Ledger.create = killed\n"
        f"laboratory.begin(root, source='file:{source}')\n",
    )
    assert done.returncode == -9
    assert not root.exists()
    laboratory.begin(root, source=f"file:{source}")
    with Ledger(root) as ledger:
        assert ledger.weak_bits()[0][0] == needed
        assert {chunk.state for chunk in ledger.chunks()} == {"planned"}


def test_bits_of_the_system_that_were_kept_are_used_and_not_read_again(laboratory, tmp_path):
    root = tmp_path / "run"
    laboratory.begin(root, source="os")
    _killed_at(laboratory, root, "extractor bits kept")
    with Ledger(root) as ledger:
        kept = ledger.extractor_bits()
    found = laboratory.collect(root)
    assert kept is not None
    assert np.array_equal(found.result.extractor_bits, kept)


def test_while_one_process_works_another_is_refused_and_a_killed_ones_lock_is_free(
    laboratory, tmp_path
):
    root = tmp_path / "run"
    laboratory.begin(root)
    done = laboratory.script(
        root,
        "from protocol.documents.lock import Lock, NAME\n"
        "with Lock(root / NAME):\n"
        "    try:\n"
        "        laboratory.collect(root)\n"
        "    except ValueError as error:\n"
        "        print(error, flush=True)\n"
        "    die()\n",
    )
    assert done.returncode == -9
    assert "is in use by process" in done.stdout
    assert laboratory.collect(root).result is not None


def test_a_finished_run_is_not_touched_by_collecting_again(laboratory, uninterrupted):
    def state():
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in Path(uninterrupted).iterdir()
            if path.name != "ledger.lock"
        }

    before = state()
    again = laboratory.collect(uninterrupted)
    assert state() == before
    claimed = json.loads((uninterrupted / "run.json").read_text())["result"]
    assert again.result.to_json() == claimed
