"""No weak bit is used twice."""

from __future__ import annotations

import json

import numpy as np
import pytest

from protocol.jobs.ledger import Ledger
from protocol.settings.ks18 import default_code
from protocol.sources.positions import WeakBits
from protocol.sources.used_bits import FORMAT, used_bits
from qdevices.errors import InputError
from tests.extras import needs


def _weak(name, seed=3):
    return WeakBits(name, 0.05, seed, default_code())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weak.bin"
    bits = np.random.default_rng(1).integers(0, 256, size=60_000, dtype=np.uint8)
    path.write_bytes(bits.tobytes())
    return path


@pytest.mark.parametrize("kind", ["uniform", "bias", "markov", "adversarial", "file"])
def test_bits_read_by_position_are_the_bits_read_in_one_go(kind, file):
    weak = _weak(f"file:{file}" if kind == "file" else kind)
    whole = weak.read(0, 5_000)
    assert np.array_equal(weak.read(1_003, 997), whole[1_003:2_000])
    pieces = list(weak.pieces(5, [1, 10, 3_000]))
    assert [len(piece) for piece in pieces] == [1, 10, 3_000]
    assert np.array_equal(np.concatenate(pieces), whole[5:3_016])


def test_runs_on_the_same_file_use_different_bits(file, laboratory, tmp_path):
    for name in ("a", "b"):
        laboratory.begin(tmp_path / name, source=f"file:{file}")
    spans = []
    for name in ("a", "b"):
        with Ledger(tmp_path / name) as ledger:
            ranges = ledger.weak_bits()
            spans.append((ranges[0][0], ranges[-1][1]))
    assert spans[0][1] == spans[1][0] == laboratory.plan.source_bits
    assert used_bits(file) == spans[1][1]


@needs("hardware")
def test_a_run_on_a_file_extracts_with_the_bits_after_its_settings(file, laboratory, tmp_path):
    plan, root = laboratory.plan, tmp_path / "run"
    laboratory.begin(root, source=f"file:{file}", source_offset=1_000)
    found = laboratory.collect(root, source=f"file:{file}")
    bits = np.unpackbits(np.frombuffer(file.read_bytes(), dtype=np.uint8))[1_000:]
    settings = plan.code.decode(bits[: plan.settings_bits])
    assert np.array_equal(np.load(root / "settings.npy"), settings)
    kept = found.result.extractor_bits
    assert np.array_equal(kept, bits[plan.settings_bits : plan.source_bits])


def test_an_offset_among_the_spent_bits_is_refused_with_the_first_free_one(file):
    weak = _weak(f"file:{file}")
    assert weak.reserve(1_000) == 0
    assert weak.reserve(1_000, exactly=5_000) == 5_000
    with pytest.raises(InputError, match=r"offset 5999 of .* is used already, expected 6000"):
        weak.reserve(10, exactly=5_999)
    assert weak.reserve(10) == 6_000


def test_a_file_with_too_few_bits_left_says_so_before_anything_is_spent(file):
    weak = _weak(f"file:{file}")
    weak.reserve(479_000)
    with pytest.raises(InputError, match=r"480001 bits needed .* 480000 bits found"):
        weak.reserve(1_001)
    assert used_bits(file) == 479_000


def test_a_note_of_spent_bits_that_cannot_be_read_is_not_taken_for_none(file):
    note = file.with_name("weak.bin.used.json")
    for said in (
        {"format": "other"},
        {"format": "ksamp-used-bits", "used_bits": -5},
        {"format": "ksamp-used-bits", "used_bits": True},
        {"format": "ksamp-used-bits", "used_bits": "5"},
        {"format": "ksamp-used-bits", "used_bits": 5.0},
        {"format": "ksamp-used-bits", "used_bits": 10**30},
        {"format": "ksamp-used-bits", "used_bits": 5, "more": 1},
        {**FORMAT.seal({"used_bits": 5}), "used_bits": 4},
        {**FORMAT.seal({"used_bits": 5}), "version": "3.0"},
        {"format": "ksamp-used-bits", "version": "2.1", "used_bits": 5},
        FORMAT.seal({"used_bits": -5}),
        FORMAT.seal({"used_bits": 5, "more": 1}),
        "x" * 10_000,
    ):
        note.write_text(json.dumps(said))
        with pytest.raises(InputError, match="does not say how many bits are used"):
            _weak(f"file:{file}").reserve(1)
    note.unlink()
    note.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="does not say how many bits are used"):
        _weak(f"file:{file}").reserve(1)


def test_a_note_of_before_2_1_is_read_and_the_next_one_has_a_header(file):
    note = file.with_name("weak.bin.used.json")
    note.write_text('{"format": "ksamp-used-bits", "used_bits": 100}\n')
    assert _weak(f"file:{file}").reserve(11) == 100
    assert json.loads(note.read_text()) == FORMAT.seal({"used_bits": 111})
    assert used_bits(file) == 111


def test_standard_input_is_refused_as_no_later_process_can_read_on():
    with pytest.raises(InputError, match="source 'stdin' ends with this process"):
        _weak("stdin")


def test_an_offset_without_a_file_is_refused():
    with pytest.raises(InputError, match="source offset 5 given for source 'uniform'"):
        _weak("uniform").reserve(10, exactly=5)
