"""A source is one file and one entry of the registry."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from protocol.settings.ks18 import default_code, joint_code
from protocol.sources.kinds import (
    SOURCES,
    absolute_source,
    open_source,
    source_forms,
    source_kind,
)
from protocol.sources.positions import WeakBits
from protocol.sources.seeds import MOST_SEED, device_seed, run_seed, source_seed
from qdevices.errors import InputError
from tests.extras import imported

RUN = ("--runs", "10000", "--noise", "ideal", "--soundness", "8", "--seed", "3")


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(SOURCES.entries, "parity", "tests.strangers.parity:KIND")


def test_a_strangers_source_is_one_file_and_one_entry(toy, ksamp, tmp_path):
    source = ("--source", "parity:3")
    assert ksamp("run", *RUN, *source, "--out", tmp_path / "run").status == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["provenance"]["source"] == "parity:3"
    assert source_forms()[-1] == "parity:WIDTH"
    for bad, message in (("parity:x", "expected a width"), ("parity", "parity:WIDTH")):
        refused = ksamp("run", *RUN, "--source", bad)
        assert (refused.status, message in refused.err) == (2, True)
    refused = ksamp("run", *RUN, *source, "--source-offset", "3")
    assert (refused.status, "given for source 'parity:3', expected a file" in refused.err) == (
        2,
        True,
    )


def test_a_strangers_source_is_taken_up_again_by_position(toy, ksamp, tmp_path):
    imported("hardware")
    weak = WeakBits("parity:3", 0.0, 5, default_code())
    assert np.array_equal(weak.read(1_003, 997), weak.read(0, 2_000)[1_003:])
    root = tmp_path / "run"
    submit = ("submit", "--backend", "local:table", "--chunk", "5000", "--source", "parity:3")
    assert ksamp(*submit, *RUN, "--out", root).status == 0
    assert ksamp("collect", root, "--wait").status == 0
    assert ksamp("run", *RUN, "--source", "parity:3", "--out", tmp_path / "same").status == 0
    same = (tmp_path / "same" / "settings.npy").read_bytes()
    assert (root / "settings.npy").read_bytes() == same


@pytest.mark.parametrize(
    ("name", "code", "digest"),
    [
        ("uniform", default_code, "be1808f95d555110"),
        ("bias", default_code, "1751001997ffdb5d"),
        ("markov", default_code, "af23eb4d66207e49"),
        ("adversarial", default_code, "ad02a436bfb7c63a"),
        ("adversarial", joint_code, "03d3f3cc92c44dee"),
    ],
)
def test_the_same_seed_gives_the_same_bits_as_ever(name, code, digest):
    source = open_source(name, 0.1, np.random.default_rng(5), code())
    bits = np.concatenate([source.bits(1001), source.bits(7), source.bits(5000)])
    assert hashlib.sha256(bits.tobytes()).hexdigest()[:16] == digest


def test_only_a_file_has_to_be_named_again_and_has_an_account(tmp_path):
    again = [name for name in SOURCES if SOURCES[name].named_again]
    assert again == ["file"]
    for name in SOURCES:
        argument = str(tmp_path / "x") if SOURCES[name].argument else ""
        assert SOURCES[name].accounted(argument) is (name == "file")
    assert not SOURCES["file"].accounted("/dev/zero")


def test_a_files_name_is_made_absolute_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute_source("file:weak.bin") == f"file:{tmp_path}/weak.bin"
    assert absolute_source("file:-") == "file:-"
    assert absolute_source("markov") == "markov"
    assert source_kind("file:a:b")[1] == "a:b"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "dice"}, "source 'dice' is unknown"),
        ({"name": "file:-"}, "source 'stdin' ends with this process"),
        ({"epsilon": 0.5}, "outside"),
        ({"seed": -1}, "has seed -1"),
        ({"seed": MOST_SEED + 1}, "has seed"),
        ({"seed": 1.0}, "has seed 1.0"),
    ],
)
def test_weak_bits_are_valid_by_construction(changes, message):
    good: dict[str, Any] = {"name": "uniform", "epsilon": 0.1, "seed": 1, "code": default_code()}
    WeakBits(**good)
    with pytest.raises(InputError, match=message):
        WeakBits(**{**good, **changes})


def test_a_runs_seed_is_that_which_was_given_or_a_fresh_one():
    assert run_seed(12) == 12
    assert run_seed(None) != run_seed(None)
    assert 0 <= run_seed(None) <= MOST_SEED
    with pytest.raises(InputError, match="seed -1 is negative, expected 0 or more"):
        run_seed(-1)
    first, second = np.random.SeedSequence(12).spawn(2)
    assert source_seed(12).spawn_key == first.spawn_key
    assert device_seed(12).spawn_key == second.spawn_key
