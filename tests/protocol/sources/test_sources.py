"""Weak sources."""

from __future__ import annotations

import io
import math
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.settings.ks18 import default_code
from protocol.settings.sv_tree import sv_maximum
from protocol.sources.adversarial import StarvingSource
from protocol.sources.file import FileSource, open_file
from protocol.sources.kept import KeptBits
from protocol.sources.kinds import open_source
from protocol.sources.source import Source
from protocol.sources.stream import StreamSource
from qdevices.errors import InputError

SIMULATED = ("uniform", "bias", "markov", "adversarial")
EPSILON = 0.2


def _open(name, seed=0):
    return open_source(name, EPSILON, np.random.default_rng(seed), default_code())


@pytest.mark.parametrize("name", SIMULATED)
@given(cuts=st.lists(st.integers(0, 700), max_size=6))
def test_bits_do_not_depend_on_how_they_are_asked_for(name, cuts):
    total = sum(cuts) + 11
    whole = _open(name).bits(total)
    source = _open(name)
    parts = [source.bits(count) for count in (*cuts, 11)]
    assert whole.dtype == np.uint8
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("name", SIMULATED)
def test_leans_stay_within_epsilon(name):
    """Given the word so far and the bit before, every conditional frequency is within ε.

    6 standard deviations on the at most 512 contexts: false alarm below 1e-6.
    """
    bits = _open(name, 1).bits(8 * 100_000)
    words = bits.reshape(-1, 8).astype(int)
    before = np.concatenate([[0], bits[:-1]]).reshape(-1, 8)
    for position in range(8):
        prefix = words[:, :position] @ (1 << np.arange(position)[::-1])
        context = 2 * prefix + before[:, position]
        total = np.bincount(context)
        ones = np.bincount(context, weights=words[:, position])
        seen = total > 0
        frequency = ones[seen] / total[seen]
        margin = EPSILON + 6 * 0.5 / np.sqrt(total[seen])
        assert (np.abs(frequency - 0.5) <= margin).all()


@pytest.mark.parametrize("name", SIMULATED)
def test_announced_word_probabilities_are_the_frequencies(name):
    """6 standard deviations on 256 words: false alarm below 1e-6."""
    source = _open(name, 2)
    announced = source.word_probabilities(8)
    if announced is None:
        announced = np.full(256, 1 / 256)
    assert announced.sum() == pytest.approx(1)
    words = np.packbits(source.bits(8 * 400_000))
    frequency = np.bincount(words, minlength=256) / 400_000
    assert (np.abs(frequency - announced) <= 6 * np.sqrt(announced / 400_000)).all()


def test_the_adversarial_source_attains_the_least_probability_of_the_starred_pair():
    code = default_code()
    announced = _open("adversarial").word_probabilities(8)
    low, _ = code.extreme_probabilities(EPSILON)
    assert code.probabilities(announced)[code.starred] == pytest.approx(low[code.starred])


@given(st.lists(st.integers(-9, 9), min_size=8, max_size=8), st.sampled_from([0.0, 0.05, 0.4]))
def test_a_starving_source_makes_the_mean_worth_least(worth, epsilon):
    source = StarvingSource(epsilon, np.random.default_rng(0), worth)
    words = source.word_probabilities(3)
    least = -sv_maximum(-np.array(worth, dtype=float), epsilon)
    assert words @ worth == pytest.approx(float(least), abs=1e-12)
    assert source.word_probabilities(4) is None


def test_a_starving_source_leans_as_it_announces():
    """6 standard deviations on 8 words: false alarm below 1e-7."""
    source = StarvingSource(0.2, np.random.default_rng(5), [3, 1, 4, 1, 5, 9, 2, 6])
    announced = source.word_probabilities(3)
    assert announced is not None
    words = source.bits(3 * 200_000).reshape(-1, 3) @ np.array([4, 2, 1])
    frequency = np.bincount(words, minlength=8) / 200_000
    assert (np.abs(frequency - announced) <= 6 * np.sqrt(announced / 200_000)).all()


@pytest.mark.parametrize(
    "worth", [[1.0], [1, 2, 3], [[1, 2], [3, 4]], [0, math.nan], [], "ab", 3.0]
)
def test_a_worth_that_is_none_is_refused(worth):
    with pytest.raises(InputError, match="worth of the words is"):
        StarvingSource(0.1, np.random.default_rng(0), worth)


def test_a_file_gives_its_bits_most_significant_first(tmp_path):
    path = tmp_path / "bits"
    path.write_bytes(bytes([0b10110000, 0b00000001]))
    source = open_source(f"file:{path}", 0.1, np.random.default_rng(0), default_code())
    source.expect(16)
    assert source.bits(3).tolist() == [1, 0, 1]
    assert source.bits(13).tolist() == [1, 0, 0, 0, 0] + [0] * 7 + [1]


def test_a_short_file_says_how_many_bits_were_needed_and_found(tmp_path):
    path = tmp_path / "bits"
    path.write_bytes(os.urandom(10))
    with pytest.raises(InputError, match=r"too short: 81 bits needed .*, 80 bits found"):
        FileSource(str(path)).expect(81)
    assert [p.name for p in tmp_path.iterdir()] == ["bits"]  # only asked, nothing claimed
    source = FileSource(str(path))
    source.bits(40)
    with pytest.raises(InputError, match=r"too short: 90 bits needed .40 before.*, 80 bits found"):
        source.bits(50)


def test_no_bit_of_a_file_comes_twice_whoever_opens_it(tmp_path):
    path = tmp_path / "bits"
    data = np.random.default_rng(1).integers(0, 256, 20, dtype=np.uint8)
    path.write_bytes(data.tobytes())
    stream = np.unpackbits(data)
    first, second = FileSource(str(path)), FileSource(str(path))
    first.claim(50)
    assert np.array_equal(second.bits(11), stream[50:61])
    assert np.array_equal(first.bits(20), stream[:20])
    assert np.array_equal(first.bits(30), stream[20:50])
    assert np.array_equal(first.bits(5), stream[61:66])  # beyond the claim it claims anew
    assert np.array_equal(FileSource(str(path), 100).bits(7), stream[100:107])
    (tmp_path / "link").symlink_to(path)
    assert np.array_equal(FileSource(str(tmp_path / "link")).bits(7), stream[107:114])
    with pytest.raises(InputError, match=r"source offset 113 .* is used already, expected 114"):
        FileSource(str(path), 113).bits(1)


def test_a_pipe_that_nobody_fills_is_empty_and_a_device_is_read_no_further_than_needed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    source = open_file(str(tmp_path / "pipe"))
    with pytest.raises(InputError, match="too short: 8 bits needed, 0 bits found"):
        source.bits(8)
    assert open_file("/dev/zero").bits(11).tolist() == [0] * 11
    with pytest.raises(InputError, match="source offset 3 of '/dev/zero', expected a regular"):
        open_file("/dev/zero", 3)


def test_a_pipe_is_read_as_it_flows(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = open_file(str(tmp_path / "pipe"))  # which does not wait for a writer
    with (tmp_path / "pipe").open("wb") as writer:
        writer.write(bytes([0b10100000, 255, 0]))
    assert reader.bits(3).tolist() == [1, 0, 1]
    assert reader.bits(13).tolist() == [0] * 5 + [1] * 8


def test_standard_input_is_read_and_runs_dry_loudly(monkeypatch):
    class Standard:
        buffer = io.BytesIO(bytes([255, 0]))

    monkeypatch.setattr("sys.stdin", Standard())
    source = StreamSource("-")
    source.expect(100)
    assert source.bits(12).tolist() == [1] * 8 + [0] * 4
    with pytest.raises(InputError, match="standard input is too short: 100 bits needed, 16"):
        source.bits(88)


def test_closed_standard_input_is_said(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        _open("stdin")


def test_the_operating_system_gives_fresh_bits():
    source = open_source("os", 0.0, np.random.default_rng(0), default_code())
    first, second = source.bits(1001), source.bits(1001)
    assert first.shape == (1001,)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("text", ["dice", "file:", "uniform:3", ""])
def test_unknown_sources_are_named(text):
    with pytest.raises(InputError, match="is unknown, expected one of uniform"):
        _open(text)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match="'/no/such' cannot be read"):
        _open("file:/no/such")


@pytest.mark.parametrize("name", [*SIMULATED, "os", "file", "file:/dev/zero", "kept"])
@pytest.mark.parametrize("count", [-1, None, 1.5, "8", True, 1 << 63, "\x1b[2J"])
def test_a_number_of_bits_that_is_none_is_refused_in_one_line(name, count, tmp_path):
    (tmp_path / "bits").write_bytes(bytes(100))
    source: Source
    if name == "kept":
        source = KeptBits(np.zeros(8, dtype=np.uint8))
    else:
        source = _open(f"file:{tmp_path}/bits" if name == "file" else name)
    with pytest.raises(InputError, match="bits asked for, expected a whole number, 0 or") as error:
        source.bits(count)
    assert str(error.value).isprintable()
    five: Any = np.int64(5)
    assert source.bits(five).shape == (5,)
    assert source.bits(0).shape == (0,)


@pytest.mark.parametrize("text", [None, 5, b"uniform", ["uniform"]])
def test_a_source_that_is_no_text_is_refused_in_one_line(text):
    with pytest.raises(InputError, match=r"source .*, expected a text"):
        _open(text)


def test_a_folder_is_no_source_file_and_is_named(tmp_path, ksamp):
    with pytest.raises(InputError, match=f"'{tmp_path}' is a folder, expected a file, pipe or"):
        _open(f"file:{tmp_path}")
    answer = ksamp(
        "run", "--runs", "10000", "--noise", "ideal", "--soundness", "8",
        "--source", f"file:{tmp_path}", "--out", tmp_path / "run",
    )  # fmt: skip
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert f"source file '{tmp_path}' is a folder" in answer.err
