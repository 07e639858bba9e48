"""The command as its users type it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from protocol.cli import main
from protocol.documents.fields import digest
from protocol.run import folder
from qdevices.errors import InputError

RUNS = ("--runs", "60000")
KEYS = {
    "accepted", "reasons", "runs", "epsilon", "L", "delta", "S", "mu1", "min_entropy_bits",
    "output_bits", "soundness_log2", "theorem9",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run folder that the tests below read; made once, by the command itself."""
    target = tmp_path_factory.mktemp("made") / "run"
    subprocess.run(
        [sys.executable, "-m", "protocol.cli", "run", *RUNS, "--seed", "5", "--out", target],
        check=True,
        capture_output=True,
    )
    return target


def _copy(source, target):
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def _record(run, **changes):
    """Edit the record as somebody who knows how to compute its digest."""
    record = json.loads((run / "run.json").read_text())
    record.update(changes)
    del record["sha256"]
    (run / "run.json").write_text(json.dumps({**record, "sha256": digest(record)}))


def test_run_goes_from_weak_bits_to_certified_bits(ksamp):
    answer = ksamp("run", *RUNS, "--seed", 1, "--json")
    assert answer.status == 0
    result = answer.json
    assert set(result) >= KEYS
    assert result["accepted"] is True
    assert result["reasons"] == []
    assert result["output_bits"] > 0
    assert len(result["output_hex"]) == 2 * -(-result["output_bits"] // 8)
    assert result["soundness_log2"] <= -64
    assert answer.err == ""
    nine = result["theorem9"]
    assert nine["applies"] is False
    assert 1e12 < nine["runs_needed"] < 1e30


def test_same_seed_same_bits_other_seed_other_bits(ksamp):
    def hexes(seed):
        return ksamp("run", *RUNS, "--seed", seed, "--json").json["output_hex"]

    assert hexes(1) == hexes(1) != hexes(2)


def test_same_seed_same_folder_bytes_whatever_the_threads(made, tmp_path):
    other = tmp_path / "run"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "protocol.cli", "run", *RUNS, "--seed", "5", "--out", other]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **threads})
    names = sorted(p.name for p in made.iterdir())
    assert names == sorted(p.name for p in other.iterdir())
    for name in names:
        if name != "run.json":
            assert (made / name).read_bytes() == (other / name).read_bytes()
    first, second = (json.loads((d / "run.json").read_text()) for d in (made, other))
    for record in (first, second):
        del record["seconds"], record["sha256"]  # which is that of the times, too
    assert first == second


def test_an_ideal_run_never_loses(ksamp):
    result = ksamp("run", *RUNS, "--noise", "ideal", "--seed", 3, "--json").json
    assert result["L"] == 0
    assert result["delta"] == 0
    assert result["accepted"]


def test_a_noisy_device_is_aborted_by_test_one(ksamp, tmp_path):
    target = tmp_path / "aborted"
    answer = ksamp(
        "run", *RUNS, "--noise", "white=0.2", "--expect", "white=0.001", "--seed", 1,
        "--out", target, "--json",
    )  # fmt: skip
    assert answer.status == 3
    assert answer.json["accepted"] is False
    assert answer.json["reasons"][0].startswith("test 1 failed")
    assert answer.json["output_bits"] == 0
    assert answer.json["output_hex"] == ""
    # The data are kept, without output, and the folder verifies.
    assert not (target / folder.OUTPUT).exists()
    assert ksamp("verify", target).status == 0


def test_a_plan_for_a_noisy_device_certifies_nothing(ksamp, tmp_path):
    answer = ksamp("run", "--noise", "white=0.2", "--out", tmp_path / "none", "--json")
    assert answer.status == 3
    assert answer.json["accepted"] is False
    assert "nothing can be certified" in answer.json["reasons"][0]
    assert answer.json["least_runs"] is None
    assert 0.03 < answer.json["largest_white_noise"] < 0.2
    assert not list(tmp_path.iterdir())
    text = ksamp("plan", "--noise", "white=0.2")
    assert text.status == 3
    assert "At this noise nothing can be certified with up to 1e9 runs." in text.out


def test_plan_and_run_agree(ksamp):
    planned = ksamp("plan", *RUNS, "--json")
    assert planned.status == 0
    run = ksamp("run", *RUNS, "--seed", 1, "--json").json
    assert planned.json["output_bits"] == run["output_bits"]
    assert planned.json["delta"] == run["delta"]
    assert planned.json["mu1"] == run["mu1"]


@pytest.mark.parametrize("source", ["uniform", "bias", "markov", "adversarial", "os"])
def test_every_source_runs(ksamp, source, monkeypatch):
    # The system's bits are others at every call, and one honest run in a hundred aborts.
    monkeypatch.setattr("os.urandom", np.random.default_rng(1).bytes)
    answer = ksamp("run", "--runs", 100_000, "--source", source, "--seed", 1, "--json")
    assert answer.status == 0
    assert answer.json["accepted"]


def test_real_bits_from_a_file_as_the_weak_source(ksamp, tmp_path):
    bits = tmp_path / "urandom"
    bits.write_bytes(os.urandom(100_000))
    target = tmp_path / "run"
    answer = ksamp("run", *RUNS, "--source", f"file:{bits}", "--seed", 1, "--out", target, "--json")
    # Fresh bytes at every call: an honest run is aborted with probability 0.01, and says so.
    assert answer.status == (0 if answer.json["accepted"] else 3)
    assert ksamp("verify", target).status == 0
    settings = np.load(target / "settings.npy")
    # Six bits a run, and the first 24 of the 64 words are the starred pair.
    weak = np.unpackbits(np.frombuffer(bits.read_bytes(), dtype=np.uint8))[: 6 * 60_000]
    words = weak.reshape(-1, 6) @ (32, 16, 8, 4, 2, 1)
    assert np.array_equal(settings == 2, words < 24)


def test_the_shots_device_runs_through_aer(ksamp):
    answer = ksamp("run", *RUNS, "--device", "shots", "--seed", 1, "--json")
    assert answer.status == 0


def test_verify_agrees_with_a_fresh_run(ksamp, made):
    answer = ksamp("verify", made, "--json")
    assert answer.status == 0
    assert answer.json["agrees"] is True
    assert {check["name"] for check in answer.json["checks"]} >= {"L", "S", "output bits", "plan"}


@pytest.mark.parametrize(
    "name", ["settings.npy", "outcomes.npy", "extractor_bits.bin", "output.bin"]
)
def test_verify_sees_one_changed_bit_in_any_file(ksamp, made, tmp_path, name):
    changed = _copy(made, tmp_path / "copy")
    data = bytearray((changed / name).read_bytes())
    data[len(data) // 2] ^= 1
    (changed / name).write_bytes(data)
    answer = ksamp("verify", changed)
    assert answer.status == 3
    assert f"{name} was changed" in answer.out


def test_verify_does_not_rest_on_the_digests(ksamp, made, tmp_path):
    changed = _copy(made, tmp_path / "copy")
    output = bytearray((changed / "output.bin").read_bytes())
    output[0] ^= 1
    (changed / "output.bin").write_bytes(output)
    record = json.loads((changed / "run.json").read_text())
    record["files"]["output.bin"] = folder.sha256(changed / "output.bin")
    _record(changed, files=record["files"])
    answer = ksamp("verify", changed)
    assert answer.status == 3
    assert "recomputed bits differ" in answer.out


def test_verify_refuses_a_result_or_plan_that_was_edited(ksamp, made, tmp_path):
    record = json.loads((made / "run.json").read_text())
    better = _copy(made, tmp_path / "result")
    _record(better, result={**record["result"], "L": 0.0})
    assert ksamp("verify", better).status == 3
    dull = _copy(made, tmp_path / "digests")
    _record(dull, files={})
    assert "extractor_bits.bin has no digest" in ksamp("verify", dull).out
    plain = _copy(made, tmp_path / "plain")
    (plain / "run.json").write_text(
        (made / "run.json").read_text().replace('"accepted": true', '"accepted": false')
    )
    assert "was edited: its SHA-256 digest does not match" in ksamp("verify", plain).out
    boast = _copy(made, tmp_path / "boast")
    _record(boast, plan={**record["plan"], "soundness_log2": -500.0})
    answer = ksamp("verify", boast)
    assert answer.status == 3
    assert "run.json says -500.0, recomputed -64.0" in answer.out
    greedy = _copy(made, tmp_path / "plan")
    _record(greedy, plan={**record["plan"], "score_least": record["plan"]["score_least"] / 2})
    answer = ksamp("verify", greedy)
    assert answer.status == 3
    assert "the score threshold gives" in answer.out


def test_certify_on_arrays_of_another_run(ksamp, made, tmp_path):
    arrays = ("--settings", made / "settings.npy", "--outcomes", made / "outcomes.npy")
    wrong = ksamp("certify", *arrays, "--epsilon", "0.01")
    assert wrong.status == 2
    assert "were the settings chosen with another code, or is the source weaker?" in wrong.err
    arrays = (*arrays, "--code", "joint")  # type: ignore[assignment]
    answer = ksamp("certify", *arrays, "--epsilon", "0.01", "--json")
    assert answer.status == 0
    ran = json.loads((made / "run.json").read_text())["result"]
    assert answer.json["min_entropy_bits"] == pytest.approx(ran["min_entropy_bits"])
    assert answer.json["output_hex"] == ""

    target = tmp_path / "certified"
    bits = made / "extractor_bits.bin"
    extract = ("--extract", "--source-bits", bits, "--out", target)
    answer = ksamp("certify", *arrays, *extract)
    assert answer.status == 2
    assert "lies in a run folder, whose bits are used" in answer.err
    bits = tmp_path / "copied.bin"
    bits.write_bytes((made / "extractor_bits.bin").read_bytes())
    full = ksamp("certify", *arrays, "--extract", "--source-bits", bits, "--out", target, "--json")
    assert full.status == 0
    assert (target / "output.bin").read_bytes() == (made / "output.bin").read_bytes()
    assert ksamp("verify", target).status == 0


def test_certify_refuses_a_plan_that_was_edited(ksamp, made, tmp_path):
    record = json.loads((made / "run.json").read_text())
    record["plan"]["extractor"]["output_bits"] = record["plan"]["output_bits"] = 5000
    plan = tmp_path / "greedy.json"
    data = {"format": "ksamp-plan", "version": 2, "plan": record["plan"], "sha256": "0" * 64}
    plan.write_text(json.dumps(data))
    answer = ksamp("certify", made, "--plan", plan)
    assert answer.status == 2
    assert "is claimed, the theorem has" in answer.err
    assert answer.out == ""


def test_no_weak_bit_is_used_for_settings_and_extractor(ksamp, tmp_path):
    bits = tmp_path / "bits"
    bits.write_bytes(np.random.default_rng(3).bytes(100_000))
    run, again = tmp_path / "run", tmp_path / "again"
    assert ksamp("run", *RUNS, "--source", f"file:{bits}", "--seed", 1, "--out", run).status == 0
    # The run itself went on where the settings ended.
    used = np.unpackbits(np.frombuffer((run / "extractor_bits.bin").read_bytes(), dtype=np.uint8))
    stream = np.unpackbits(np.frombuffer(bits.read_bytes(), dtype=np.uint8))
    whole = len(used) - 7  # the last byte is padded
    assert np.array_equal(used[:whole], stream[6 * 60_000 :][:whole])

    def certify(*offset):
        extract = ("--extract", "--source-bits", bits, *offset, "--out", again, "--json")
        return ksamp("certify", run, *extract)

    # The run's bits are spent; unless told otherwise the next ones are used.
    spent = json.loads((tmp_path / "bits.used.json").read_text())["used_bits"]
    assert len(used) - 8 < spent - 6 * 60_000 <= len(used)
    answer = certify("--source-offset", "0")
    assert answer.status == 2
    assert f"is used already, expected {spent} bits or more" in answer.err
    assert not again.exists()
    assert certify().status == 0
    used = np.unpackbits(np.frombuffer((again / "extractor_bits.bin").read_bytes(), dtype=np.uint8))
    assert np.array_equal(used[:whole], stream[spent:][:whole])
    assert ksamp("verify", again).status == 0
    # Without the account, and under another name, bits that chose the settings are still seen.
    for start in (0, 1, 1000):
        copy = tmp_path / f"copy{start}"
        copy.write_bytes(bits.read_bytes()[start:])
        extract = ("--extract", "--source-bits", copy, "--out", tmp_path / "x")
        answer = ksamp("certify", run, *extract)
        assert answer.status == 2
        assert "are those that chose the settings" in answer.err
    assert not (tmp_path / "x").exists()


def test_two_runs_on_one_file_use_different_bits_and_a_third_says_that_none_are_left(
    ksamp, tmp_path
):
    bits = tmp_path / "bits"
    bits.write_bytes(np.random.default_rng(4).bytes(136_000))
    for name in ("one", "two"):
        run = ("run", *RUNS, "--source", f"file:{bits}", "--seed", 1, "--out", tmp_path / name)
        assert ksamp(*run).status in (0, 3)
    first, second = (np.load(tmp_path / name / "settings.npy") for name in ("one", "two"))
    assert not np.array_equal(first, second)
    answer = ksamp("run", *RUNS, "--source", f"file:{bits}", "--out", tmp_path / "three")
    assert answer.status == 2
    assert "is too short: 1630620 bits needed (1087080 before this run)" in answer.err
    assert not (tmp_path / "three").exists()


def test_a_source_that_cannot_be_what_it_claims_is_refused(ksamp, tmp_path):
    answer = ksamp("run", *RUNS, "--source", "file:/dev/zero", "--seed", 1, "--out", tmp_path / "r")
    assert answer.status == 2
    assert "setting pair (1,1) occurs in 0 of 60000 runs" in answer.err
    assert "or is the source weaker?" in answer.err
    assert not list(tmp_path.iterdir())


def test_certify_reads_the_papers_labels_from_csv_and_a_plan_made_before(ksamp, made, tmp_path):
    settings, outcomes = np.load(made / "settings.npy"), np.load(made / "outcomes.npy")
    csv = tmp_path / "runs.csv"
    table = np.stack([settings // 9, settings % 9, outcomes // 4, outcomes % 4], axis=1) + 1
    np.savetxt(csv, table, fmt="%d", delimiter=",", header="u1,u2,x1,x2", comments="")
    plan = tmp_path / "plan.json"
    assert ksamp("plan", *RUNS, "--out", plan).status == 0
    answer = ksamp("certify", "--csv", csv, "--plan", plan)
    assert answer.status == 0
    assert "bits can be extracted" in answer.out
    clash = ksamp("certify", "--csv", csv, "--plan", plan, "--epsilon", "0.1")
    assert clash.status == 2
    assert "--epsilon cannot be given with --plan" in clash.err


BAD = [
    (("run", "--epsilon", "0.5"), "epsilon 0.5 is outside [0, 0.5)"),
    (("run", "--epsilon", "-0.01"), "epsilon -0.01 is outside"),
    (("run", "--epsilon", "much"), "'much' is not a valid float"),
    (("run", "--runs", "0"), "runs 0 is outside"),
    (("run", "--runs", "-3"), "runs -3 is outside"),
    (("run", "--runs", "1.5"), "'1.5' is no whole number"),
    (("run", "--noise", "pink=1"), "'pink=1' is not understood"),
    (("run", "--noise", "white=2"), "white=2.0 is outside [0, 1]"),
    (("run", "--expect", "readout=-1"), "readout=-1.0 is outside"),
    (("run", "--source", "dice"), "source 'dice' is unknown"),
    (("run", "--source", "file:/no/such"), "'/no/such' cannot be read"),
    (("run", "--soundness", "1e12"), "soundness 1000000000000.0 can never be met"),
    (("run", "--soundness", "-1"), "soundness -1 is below 1"),
    (("run", "--seed", "-1"), "seed -1 is negative"),
    (("run", "--out", "/no/such/folder/run"), "'/no/such/folder' does not exist"),
    (("run", "--code", "morse"), "'morse' is not one of"),
    (("plan", "--runs", "many"), "'many' is no whole number"),
    (("certify",), "expected either --settings with --outcomes, or --csv"),
    (("certify", "--csv", "/no/such.csv"), "'/no/such.csv' cannot be read"),
    (("certify", "--csv", "x.csv", "--extract"), "--extract needs --source-bits"),
    (("verify", "/no/such"), "'/no/such' is no folder"),
    (("dance",), "No such command 'dance'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_one_line_and_exit_two(ksamp, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    answer = ksamp(*arguments)
    assert answer.status == 2
    assert answer.out == ""
    assert message in answer.err
    assert answer.err.startswith("ksamp: error: ")
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_short_source_file_is_refused_before_anything_is_written(ksamp, tmp_path):
    bits = tmp_path / "bits"
    bits.write_bytes(bytes(1000))
    answer = ksamp("run", *RUNS, "--source", f"file:{bits}", "--out", tmp_path / "run")
    assert answer.status == 2
    assert "bits needed (0 before this run), 8000 bits found" in answer.err
    assert answer.out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["bits"]


def test_an_existing_folder_is_overwritten_only_when_told_and_only_a_run(ksamp, made, tmp_path):
    old = _copy(made, tmp_path / "run")
    before = (old / "output.bin").read_bytes()
    answer = ksamp("run", *RUNS, "--seed", 9, "--out", old)
    assert answer.status == 2
    assert "exists" in answer.err
    assert (old / "output.bin").read_bytes() == before
    assert ksamp("run", *RUNS, "--seed", 9, "--out", old, "--overwrite").status == 0
    assert (old / "output.bin").read_bytes() != before
    assert ksamp("verify", old).status == 0
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years")
    answer = ksamp("run", *RUNS, "--out", precious, "--overwrite")
    assert answer.status == 2
    assert "is no run folder" in answer.err
    assert (precious / "thesis.tex").read_text() == "years"


def test_unequal_arrays_are_refused(ksamp, made, tmp_path):
    np.save(tmp_path / "x.npy", np.load(made / "outcomes.npy")[:-1])
    np.save(tmp_path / "u.npy", np.load(made / "settings.npy"))
    for settings, message in (
        (tmp_path / "u.npy", "60000 settings but 59999 outcomes"),
        (made / "settings.npy", "are not of one run folder"),
    ):
        arrays = ("--settings", settings, "--outcomes", tmp_path / "x.npy")
        answer = ksamp("certify", *arrays)
        assert answer.status == 2
        assert message in answer.err


def test_certify_refuses_a_folder_whose_data_were_changed(ksamp, made, tmp_path):
    changed = _copy(made, tmp_path / "copy")
    data = bytearray((changed / "outcomes.npy").read_bytes())
    data[-1] ^= 1
    (changed / "outcomes.npy").write_bytes(data)
    arrays = ("--settings", changed / "settings.npy", "--outcomes", changed / "outcomes.npy")
    for given in ((changed,), (*arrays, "--code", "joint")):
        answer = ksamp("certify", *given)
        assert answer.status == 2
        assert "outcomes.npy was changed after the run" in answer.err
        assert answer.out == ""


def test_a_record_that_cannot_be_read_does_not_make_data_free_of_it(ksamp, made, tmp_path):
    odd = _copy(made, tmp_path / "copy")
    text = (odd / "run.json").read_text()
    (odd / "run.json").write_text(text.replace('"format"', '"format": "x", "format"', 1))
    arrays = ("--settings", odd / "settings.npy", "--outcomes", odd / "outcomes.npy")
    for command in (("certify", *arrays, "--code", "joint"), ("diagnose", *arrays)):
        answer = ksamp(*command)
        assert answer.status == 2
        assert "the key 'format' occurs twice" in answer.err


def test_what_a_folder_says_of_its_redraws_and_order_cannot_be_dropped(ksamp, made, tmp_path):
    redrawn = _copy(made, tmp_path / "copy")
    said = json.loads((made / "run.json").read_text())["provenance"]
    costly = {**said, "chunk": 6000, "redraws": 3, "redrawn": [1, 2]}
    _record(redrawn, provenance=costly)
    free, dear = (ksamp("certify", run, "--json").json["score"] for run in (made, redrawn))
    assert dear < free - 50
    # Removing it is an edit, and whoever signs the edit has another digest.
    before = json.loads((redrawn / "run.json").read_text())["sha256"]
    text = (redrawn / "run.json").read_text()
    (redrawn / "run.json").write_text(text.replace('"redraws": 3', '"redraws": 0'))
    assert ksamp("certify", redrawn).status == 2
    _record(redrawn, provenance=said)
    assert ksamp("certify", redrawn).status == 0
    assert ksamp("verify", redrawn, "--digest", before).status == 3
    _record(redrawn, provenance={**said, "order": "grouped"})
    answer = ksamp("certify", redrawn)
    assert answer.status == 2
    assert "were grouped by setting" in answer.err
    assert ksamp("certify", redrawn, "--allow-grouped").status == 0


def test_digests_printed_before_and_after_a_run_show_that_nothing_was_exchanged(ksamp, tmp_path):
    plan, run, csv = tmp_path / "plan.json", tmp_path / "run", tmp_path / "runs.csv"
    planned = ksamp("plan", *RUNS, "--out", plan)
    promised = planned.out.strip().rpartition("Digest of the plan: ")[2]
    assert ksamp("plan", *RUNS, "--json").json["plan_sha256"] == promised
    assert ksamp("run", *RUNS, "--seed", 5, "--out", tmp_path / "made").status == 0
    pair = [np.load(tmp_path / "made" / f"{name}.npy") for name in ("settings", "outcomes")]
    table = np.stack([pair[0] // 9, pair[0] % 9, pair[1] // 4, pair[1] % 4], axis=1) + 1
    np.savetxt(csv, table, fmt="%d", delimiter=",", header="u1,u2,x1,x2", comments="")
    answer = ksamp("certify", "--csv", csv, "--plan", plan, "--out", run)
    kept = answer.out.strip().rpartition("Digest of its record: ")[2]
    good = ksamp("verify", run, "--plan-digest", promised.upper(), "--digest", kept)
    assert good.status == 0
    assert f"  plan   {promised}\n  record {kept}\n" in good.out
    for option, value in (("--plan-digest", kept), ("--digest", promised)):
        answer = ksamp("verify", run, option, value, "--json")
        assert answer.status == 3
        [odd] = [check for check in answer.json["checks"] if not check["agrees"]]
        assert f"expected {value}" in odd["detail"]
    for wrong in ("", "abc", "g" * 64):
        answer = ksamp("verify", run, "--digest", wrong)
        assert answer.status == 2
        assert "expected 64 hexadecimal digits" in answer.err


def test_files_that_never_end_or_block_are_one_line(ksamp, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("deep.json").write_text("[" * 100_000)
    Path("twice.json").write_text('{"format": "ksamp-plan", "format": "ksamp-plan"}')
    Path("other.json").write_text('{"format": "anything", "version": 2, "plan": {}}')
    Path("old.json").write_text('{"format": "ksamp-plan", "version": 1, "plan": {}}')
    for endless in ("/dev/zero", "pipe"):
        for arguments in (
            ("certify", "--csv", endless),
            ("certify", "--settings", endless, "--outcomes", endless),
            ("certify", made, "--plan", endless),
            ("certificate", "verify", endless),
            ("run", "--certificate", endless),
            ("extract", "--source1", endless, "--source2", endless, "--min-entropy2", 5,
             "--epsilon1", 0.01, "--error", "1e-3"),
            ("verify", endless),
            ("diagnose", "--csv", endless),
            ("jobs", endless),
            ("run", "--source", f"file:{endless}", "--runs", "30000"),
        ):  # fmt: skip
            answer = ksamp(*arguments)
            assert answer.status == 2, arguments
            assert answer.err.startswith("ksamp: error: ")
            assert answer.err.count("\n") == 1
    for name in ("deep", "twice", "other", "old"):
        for arguments in (("certify", made, "--plan"), ("certificate", "verify")):
            answer = ksamp(*arguments, f"{name}.json")
            assert answer.status == 2
            assert answer.err.count("\n") == 1
            assert answer.out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "deep.json", "old.json", "other.json", "pipe", "twice.json",
    ]  # fmt: skip


def test_an_output_that_cannot_be_written_is_found_before_the_work(ksamp, tmp_path, monkeypatch):
    def work(*args, **kwargs):
        raise AssertionError("worked before the output was tried")

    for name in ("protocol.cli.plan.plan_for", "protocol.cli.certificate.expected_behaviour"):
        monkeypatch.setattr(name, work)
    (tmp_path / "file").write_text("precious")
    for out in (tmp_path / "no" / "file", tmp_path / "file", tmp_path, "/dev/null"):
        for command in (("plan",), ("certificate", "optimise")):
            answer = ksamp(*command, "--out", out)
            assert answer.status == 2, (command, out)
            assert answer.err.count("\n") == 1
    assert ksamp("plan", "--out", "/dev/null", "--overwrite").status == 2
    assert Path("/dev/null").is_char_device()
    assert (tmp_path / "file").read_text() == "precious"


def test_an_error_is_one_line_whatever_is_in_it(monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise InputError("a provider\x1b[2J\nsays\r\u202eso")

    monkeypatch.setattr("protocol.cli.cli.main", refuse)
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err == "ksamp: error: a provider\\x1b[2J\\nsays\\r\\u202eso\n"


def test_control_characters_of_a_file_reach_no_terminal(ksamp, made, tmp_path):
    odd = _copy(made, tmp_path / "copy")
    _record(odd, result={"\x1b[2J": 1}, versions={"k": "v"})
    evil = tmp_path / "\x1b[2J.json"
    evil.write_text('{"format": "\x1b]0;x\x07"}')
    for arguments in (("verify", odd), ("certify", made, "--plan", evil)):
        answer = ksamp(*arguments)
        assert answer.status in (2, 3)
        assert all(line.isprintable() for line in (answer.out + answer.err).splitlines())


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_never_looks_complete(tmp_path, stop):
    target = tmp_path / "run"
    command = [sys.executable, "-m", "protocol.cli", "run", "--runs", "30000000", "--seed", "1",
               "--out", str(target)]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        # Shells start background jobs, and so these tests, with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    for _ in range(600):  # until it has begun to write
        if list(tmp_path.glob(".run.partial-*/outcomes.npy")):
            break
        time.sleep(0.05)
    else:
        process.kill()
        pytest.fail("the run never began to write")
    process.send_signal(stop)
    _, said = process.communicate()
    assert not target.exists()
    assert not list(tmp_path.glob(".run.partial-*/run.json"))
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert said.strip() == "ksamp: interrupted"
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "protocol.cli", "--help"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "ksamp: error: No space left on device\n"


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys, protocol, protocol.cli\n"
        "assert not {m for m in sys.modules if m.split('.')[0] in ('qiskit', 'scipy')}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
    text = subprocess.run(
        [sys.executable, "-m", "protocol.cli", "--help"], check=True, capture_output=True, text=True
    ).stdout
    for command in ("run", "plan", "certify", "verify"):
        assert f"  {command} " in text
