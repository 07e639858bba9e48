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

from protocol import folder

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
    record = json.loads((run / "run.json").read_text())
    record.update(changes)
    (run / "run.json").write_text(json.dumps(record))


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
    del first["seconds"], second["seconds"]
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
def test_every_source_runs(ksamp, source):
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
    arrays += ("--code", "joint")
    answer = ksamp("certify", *arrays, "--epsilon", "0.01", "--json")
    assert answer.status == 0
    ran = json.loads((made / "run.json").read_text())["result"]
    assert answer.json["min_entropy_bits"] == pytest.approx(ran["min_entropy_bits"])
    assert answer.json["output_hex"] == ""

    target = tmp_path / "certified"
    bits = made / "extractor_bits.bin"
    full = ksamp("certify", *arrays, "--extract", "--source-bits", bits, "--out", target, "--json")
    assert full.status == 0
    assert (target / "output.bin").read_bytes() == (made / "output.bin").read_bytes()
    assert ksamp("verify", target).status == 0


def test_certify_refuses_a_plan_that_was_edited(ksamp, made, tmp_path):
    record = json.loads((made / "run.json").read_text())
    record["plan"]["extractor"]["output_bits"] = record["plan"]["output_bits"] = 5000
    plan = tmp_path / "greedy.json"
    plan.write_text(json.dumps(record))
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

    def certify():
        return ksamp("certify", run, "--extract", "--source-bits", bits, "--out", again)

    answer = certify()
    assert answer.status == 2
    assert "are those that chose the settings" in answer.err
    (tmp_path / "bits.used.json").write_text('{"format": "ksamp-used-bits", "used_bits": 543540}')
    assert "543540 bits of" in certify().err
    assert not again.exists()


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
    (("run", "--soundness", "-1"), "soundness -1.0 is not positive"),
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
    assert "bits needed, 8000 bits found" in answer.err
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
    answer = ksamp("certify", "--settings", made / "settings.npy", "--outcomes", tmp_path / "x.npy")
    assert answer.status == 2
    assert "60000 settings but 59999 outcomes" in answer.err


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
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    text = subprocess.run(
        [sys.executable, "-m", "protocol.cli", "--help"], check=True, capture_output=True, text=True
    ).stdout
    for command in ("run", "plan", "certify", "verify"):
        assert f"  {command} " in text
