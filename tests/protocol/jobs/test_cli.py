"""The commands submit, jobs, collect and cancel as their users type them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from protocol.cli import cli
from protocol.documents.fields import digest
from protocol.providers.queue import Queue
from protocol.run.folder import sha256
from tests.extras import imported, needs
from tests.protocol.jobs.conftest import FILES, contents

pytestmark = needs("hardware")

RUN = (
    "--runs", "10000", "--chunk", "1000", "--noise", "ideal", "--soundness", "8", "--seed", "12",
)  # fmt: skip
LOCAL = "local:table"
SHAKY = "local:table,lose_reply=0.3,fail_submit=0.3,fail_status=0.2,fail_result=0.3"


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run submitted and collected without interruption, by the commands themselves."""
    root = tmp_path_factory.mktemp("straight") / "run"
    submit = ["submit", "--backend", LOCAL, "--out", str(root), *RUN]
    for arguments in (submit, ["collect", str(root), "--wait"]):
        assert cli.main(arguments, standalone_mode=False) == 0
    return root


def _start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "protocol.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _kill_when(process, condition):
    """SIGKILL as soon as the condition holds; whether the process was still alive then."""
    while process.poll() is None and not condition():
        time.sleep(0.005)
    alive = process.poll() is None
    if alive:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def test_ten_thousand_runs_killed_and_taken_up_again_equal_the_uninterrupted_ones(
    ksamp, straight, tmp_path
):
    root = tmp_path / "run"

    def states():
        return [row["state"] for row in ksamp("jobs", root, "--json").json["chunks"]]

    submit = _start("submit", "--backend", SHAKY, "--out", root, *RUN)
    # Wherever these kills hit, the end is the same; one that comes too late is no kill at all.
    _kill_when(submit, lambda: root.exists() and states().count("submitted") >= 3)
    collect = _start("collect", root, "--wait")
    _kill_when(collect, lambda: states().count("done") >= 4)
    collect = _start("collect", root, "--wait")
    _kill_when(collect, lambda: (root / ".publishing").exists())

    assert ksamp("collect", root, "--wait").status == 0
    ours, theirs = contents(root), contents(straight)
    assert ours["run.json"]["provenance"].pop("device") == SHAKY
    assert theirs["run.json"]["provenance"].pop("device") == LOCAL
    assert ours == theirs
    assert ksamp("verify", root).status == 0
    queue = Queue(root / "queue")
    rows = ksamp("jobs", root, "--json").json["chunks"]
    assert [queue.find(row["tag"]) for row in rows] == [[row["job_id"]] for row in rows]


def test_settings_are_those_of_ksamp_run_with_the_same_seed(ksamp, straight, tmp_path):
    options = [option for option in RUN if option not in ("--chunk", "1000")]
    assert ksamp("run", *options, "--out", tmp_path / "run").status == 0
    same = (tmp_path / "run" / "settings.npy").read_bytes()
    assert same == (straight / "settings.npy").read_bytes()


def test_collecting_a_finished_run_says_the_same_result_again(ksamp, straight):
    before = {name: (straight / name).stat().st_mtime_ns for name in (*FILES, "run.json")}
    first, second = (ksamp("collect", straight, "--json") for _ in range(2))
    assert first == second
    assert first.status == 0
    assert first.json["accepted"] is True
    assert first.json["faithful"] is True
    assert first.json["output_hex"] == (straight / "output.bin").read_bytes().hex()
    assert before == {name: (straight / name).stat().st_mtime_ns for name in before}


def _signed(root, **files):
    """Replace files of a finished run as somebody who knows how to compute digests."""
    record = json.loads((root / "run.json").read_text())
    del record["sha256"]
    for name, content in files.items():
        path = next(p for p in root.iterdir() if p.stem == name)
        path.write_bytes(content)
        record["files"][path.name] = sha256(path)
    (root / "run.json").write_text(json.dumps({**record, "sha256": digest(record)}))


def test_collecting_a_finished_run_believes_nothing_that_does_not_follow_from_its_ledger(
    ksamp, straight, tmp_path
):
    noise = np.random.default_rng(1).integers(0, 16, 10_000).astype(np.uint8)
    np.save(tmp_path / "noise.npy", noise)
    size = (straight / "output.bin").stat().st_size
    for forged, message in (
        ({"output": bytes(size)}, "does not follow from its runs"),
        ({"outcomes": (tmp_path / "noise.npy").read_bytes()}, "is not that of its ledger's runs"),
    ):
        root = tmp_path / next(iter(forged))
        shutil.copytree(straight, root)
        _signed(root, **forged)
        for json_too in ((), ("--json",)):
            answer = ksamp("collect", root, *json_too)
            assert (answer.status, answer.out) == (2, "")
            assert message in answer.err
    # A good run, but another one's.
    other = tmp_path / "other"
    assert ksamp("submit", "--backend", LOCAL, "--out", other, *RUN[:-1], "99").status == 0
    assert ksamp("collect", other, "--wait").status == 0
    shutil.copy(straight / "ledger.sqlite", other / "ledger.sqlite")
    answer = ksamp("collect", other)
    assert (answer.status, "is not that of its ledger's runs" in answer.err) == (2, True)
    assert ksamp("collect", straight).status == 0


def test_jobs_lists_every_chunk_with_its_state(ksamp, straight):
    text = ksamp("jobs", straight)
    assert text.status == 0
    assert "10 done; finished" in text.out
    data = ksamp("jobs", straight, "--json").json
    assert [row["first_run"] for row in data["chunks"]] == list(range(0, 10_000, 1_000))
    assert {row["state"] for row in data["chunks"]} == {"done"}
    assert data["published"] is True


def test_collect_without_wait_exits_with_4_while_jobs_are_under_way_and_cancel_is_final(
    ksamp, tmp_path
):
    root = tmp_path / "run"
    sent = ksamp("submit", "--backend", f"{LOCAL},latency=3600", "--out", root, *RUN, "--json")
    assert (sent.status, sent.json["chunks"]) == (0, 10)
    waiting = ksamp("collect", root, "--json")
    assert (waiting.status, waiting.json["chunks"]["submitted"]) == (4, 10)
    for name in ("verify", "certify"):
        early = ksamp(name, root)
        assert (early.status, "is not finished, expected `ksamp collect" in early.err) == (2, True)
    assert "Not finished yet" in ksamp("collect", root).out
    assert ksamp("cancel", root, "--json").json["cancelled"] == 10
    assert ksamp("cancel", root, "--json").json["cancelled"] == 0
    ended = ksamp("collect", root, "--wait")
    assert ended.status == 3
    assert "no output, and its weak bits are spent" in ended.out
    assert ksamp("collect", root, "--redraw").status == 2
    assert not (root / "run.json").exists()


def test_a_run_that_fails_its_tests_is_published_without_output(ksamp, tmp_path):
    root = tmp_path / "run"
    noisier = ("--noise", "white=0.2", "--expect", "ideal")
    ksamp("submit", "--backend", LOCAL, "--out", root, *RUN, *noisier)
    for _ in range(2):
        ended = ksamp("collect", root, "--wait")
        assert ended.status == 3
        assert "ABORTED, no output" in ended.out
    assert not (root / "output.bin").exists()
    assert ksamp("verify", root).status == 0


def test_failed_jobs_are_told_with_the_way_to_go_on(ksamp, tmp_path):
    root = tmp_path / "run"
    # A device better than expected can pay for some redraws, and does.
    better = ("--expect", "white=0.01", "--chunk", "2000")
    ksamp("submit", "--backend", f"{LOCAL},fail_job=0.4", "--out", root, *RUN, *better)
    failed = ksamp("collect", root, "--wait")
    assert failed.status == 3
    assert "failed on demand" in failed.out
    assert "--redraw` sends these again, with fresh weak bits" in failed.out
    for _ in range(20):
        ended = ksamp("collect", root, "--wait", "--redraw")
        if ended.status == 0:
            break
    assert "of the score, as whoever fails a chunk chooses which try counts" in ended.out
    assert ksamp("verify", root).status == 0
    redraws = ksamp("collect", root, "--json").json["redraws"]
    assert redraws > 0
    # Whoever certifies the same runs again charges the same.
    first, again = ksamp("collect", root, "--json").json, ksamp("certify", root, "--json").json
    assert first["score"] == again["score"]
    arrays = ("--settings", root / "settings.npy", "--outcomes", root / "outcomes.npy")
    other = ksamp("certify", *arrays, "--plan", root / "run.json", "--json").json
    assert first["score"] == other["score"]


def test_grouped_runs_are_labelled_everywhere_and_refused_by_certify(ksamp, straight, tmp_path):
    root = tmp_path / "run"
    sent = ksamp("submit", "--backend", LOCAL, "--out", root, *RUN, "--order", "grouped")
    assert "NOT FAITHFUL" in sent.out
    assert "NOT FAITHFUL" in ksamp("collect", root, "--wait").out
    assert "NOT FAITHFUL" in ksamp("jobs", root).out
    assert "NOT FAITHFUL" in ksamp("verify", root).out
    assert ksamp("verify", root, "--json").json["grouped"] is True
    assert json.loads((root / "run.json").read_text())["provenance"]["order"] == "grouped"
    # The same settings in the same places, answered by the same device in another order.
    assert (root / "settings.npy").read_bytes() == (straight / "settings.npy").read_bytes()

    arrays = ("--settings", root / "settings.npy", "--outcomes", root / "outcomes.npy")
    for data in ((root,), arrays):
        refused = ksamp("certify", *data)
        assert refused.status == 2
        assert "these runs were grouped by setting" in refused.err
    again = tmp_path / "again"
    allowed = ksamp("certify", root, "--allow-grouped", "--out", again)
    assert allowed.status == 0
    assert "NOT FAITHFUL" in allowed.out
    assert ksamp("certify", again).status == 2


def test_certify_takes_a_faithful_run_folder_with_its_plan(ksamp, straight):
    answer = ksamp("certify", straight, "--json")
    assert answer.status == 0
    assert answer.json["order"] == "run"
    assert answer.json["output_bits"] == ksamp("collect", straight, "--json").json["output_bits"]
    both = ksamp("certify", straight, "--settings", "a.npy")
    assert (both.status, "cannot be given with --settings" in both.err) == (2, True)


def test_submit_takes_a_plan_that_was_written_before(ksamp, tmp_path):
    plan = tmp_path / "plan.json"
    options = [option for option in RUN[:-2] if option not in ("--chunk", "1000")]
    ksamp("plan", *options, "--out", plan)
    root = tmp_path / "run"
    source = tmp_path / "weak.bin"
    bits = np.random.default_rng(4).integers(0, 256, size=50_000, dtype=np.uint8)
    source.write_bytes(bits.tobytes())
    common = ("--backend", LOCAL, "--noise", "ideal", "--plan", plan, "--source", f"file:{source}")
    sent = ksamp("submit", *common, "--out", root, "--json")
    assert sent.status == 0
    assert sent.json["source_bits"]["first"] == 0
    assert ksamp("collect", root, "--wait", "--source", f"file:{source}").status == 0
    assert ksamp("verify", root).status == 0
    used = sent.json["source_bits"]["next"]
    spent = ksamp("submit", *common, "--source-offset", used - 1, "--out", tmp_path / "b")
    assert (spent.status, f"expected {used} bits or more" in spent.err) == (2, True)
    assert not (tmp_path / "b").exists()
    clash = ksamp("submit", *common, "--epsilon", "0.1", "--out", tmp_path / "c")
    assert (clash.status, "--epsilon cannot be given with --plan" in clash.err) == (2, True)


def test_nothing_is_sent_when_nothing_can_be_certified(ksamp, tmp_path):
    answer = ksamp("submit", "--backend", LOCAL, "--out", tmp_path / "run", "--runs", "100")
    assert answer.status == 3
    assert "nothing was sent" in answer.out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backend", "nowhere"), "backend 'nowhere' is unknown"),
        (("--backend", "local:table,speed=1"), "option 'speed=1'"),
        (("--backend", "local:nowhere"), "backend 'nowhere' is unknown"),
        (("--backend", "local:ibm:fez"), "expected no 'local:'"),
        (("--backend", "ibm:"), "backend 'ibm:' is unknown"),
        (("--backend", "python:json"), "expected python:MODULE:CALLABLE"),
        (("--backend", "python:json:dumps"), "cannot be opened: TypeError"),
        (("--backend", "python:no_such_thing:make"), "ModuleNotFoundError"),
        (("--backend", "python:builtins:exit"), "cannot be opened: SystemExit"),
        (("--backend", "python:builtins:list"), "is a list, expected a BackendV2"),
        (("--backend", "fake_atlantis"), "there is no fake backend 'fake_atlantis'"),
        (("--backend", "fake_kolkata", "--variant", "feedforward"), "no dynamic circuits"),
        (("--backend", "aer", "--noise", "ideal"), "which has its own"),
        (("--backend", LOCAL, "--in-flight", "0"), "0 jobs in flight"),
        (("--backend", LOCAL, "--chunk", "1e8"), "expected 1 to 10000000"),
        (("--backend", LOCAL, "--source", "stdin"), "source 'stdin' ends with this process"),
        (("--backend", LOCAL, "--source", "dice"), "source 'dice' is unknown"),
        (("--backend", LOCAL, "--chunk", "0"), "chunk of 0 runs"),
        (("--backend", LOCAL, "--seed", "-1"), "seed -1 is negative"),
        (("--backend", LOCAL, "--source-offset", "5"), "expected a file"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_folder(ksamp, tmp_path, arguments, message):
    small = ("--runs", "10000", "--expect", "ideal", "--soundness", "8")
    if "fake" in arguments[1]:
        imported("ibm")
    answer = ksamp("submit", *arguments, *small, "--out", tmp_path / "run")
    assert answer.status == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_commands_want_the_folder_of_a_submit(ksamp, tmp_path):
    for name in ("jobs", "collect", "cancel"):
        answer = ksamp(name, tmp_path)
        assert answer.status == 2
        assert "expected a folder of `ksamp submit`" in answer.err


def test_a_provider_that_never_answers_leaves_a_run_that_can_be_taken_up(ksamp, tmp_path):
    root = tmp_path / "run"
    answer = ksamp("submit", "--backend", f"{LOCAL},fail_submit=1", "--out", root, *RUN)
    assert answer.status == 2
    assert "the provider does not answer" in answer.err
    assert ksamp("jobs", root).status == 0
