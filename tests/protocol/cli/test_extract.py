"""`ksamp extract` as its users type it."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import protocol.extract
from protocol.extract import Source1
from protocol.extract.dodis import Dodis
from protocol.extract.raz import Raz


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for name, size in (("s1", 300), ("s2", 125), ("s3", 125)):
        (tmp_path / name).write_bytes(rng.bytes(size))
    return tmp_path


def _bits(path):
    return np.unpackbits(np.frombuffer(path.read_bytes(), dtype=np.uint8))


def _arguments(files, **changes):
    options = {
        "source1": files / "s1", "source2": files / "s2", "epsilon1": "0.01",
        "min-entropy2": "600", "error": "2^-40", **changes,
    }  # fmt: skip
    return [x for k, v in options.items() if v is not None for x in (f"--{k}", v)]


def test_raz_on_files_is_raz_on_arrays(ksamp, files):
    out = files / "out"
    answer = ksamp("extract", *_arguments(files, out=out))
    assert answer.status == 0
    plan = Raz.largest(None, 1000, 600, -40.0, epsilon=0.01)
    assert f"{plan.title}, {plan.output_bits} bits within 2^" in answer.out
    expected = plan.extract(_bits(files / "s1")[: plan.source1_bits], _bits(files / "s2"))
    assert out.read_bytes() == np.packbits(expected).tobytes()
    assert out.stat().st_mode & 0o777 == 0o600


def test_dodis_on_files_is_dodis_on_arrays(ksamp, files):
    answer = ksamp(
        "extract", "--method", "dodis",
        *_arguments(files, source1=files / "s3", epsilon1=None, **{"min-entropy1": "900"}),
        "--output-bits", "64", "--json",
    )  # fmt: skip
    assert answer.status == 0
    plan = Dodis.largest(Source1(1000, min_entropy=900), 1000, 600, -40.0, output_bits=64)
    expected = plan.extract(_bits(files / "s3"), _bits(files / "s2"))
    assert answer.json["output_hex"] == np.packbits(expected).tobytes().hex()
    assert answer.json["length"] == plan.length


def test_a_longer_source_1_is_cut_and_its_min_entropy_with_it(ksamp, files):
    answer = ksamp(
        "extract",
        *_arguments(files, epsilon1=None, **{"min-entropy1": "2300"}),
        "--json",
    )
    assert answer.status == 0
    assert answer.json["source1"] == {"bits": 2036, "min_entropy": 1936.0, "epsilon": None}


def test_sources_that_do_not_suffice_exit_three_with_the_arithmetic(ksamp, files):
    answer = ksamp("extract", *_arguments(files, **{"min-entropy2": "20"}), "--out", files / "out")
    assert answer.status == 3
    assert answer.out == ""
    assert "bits of min-entropy in source 2, it has 20" in answer.err
    too_many = ksamp("extract", *_arguments(files), "--output-bits", "900")
    assert too_many.status == 3
    assert "900 bits cannot be extracted" in too_many.err
    assert sorted(p.name for p in files.iterdir()) == ["s1", "s2", "s3"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source1": "/no/such"}, "'/no/such' cannot be read"),
        ({"length1": "5000"}, "asked for 5000 bits"),
        ({"length1": "500"}, "source 1 has 500 bits, Raz needs 2r = 2036"),
        ({"min-entropy2": "-1"}, "min-entropy -1 of source 2 is outside [0, 1000]"),
        ({"min-entropy2": "1001"}, "min-entropy 1001 of source 2 is outside"),
        ({"min-entropy1": "5", "epsilon1": None, "length1": None}, None),
        ({"min-entropy1": "2401", "epsilon1": None}, "min-entropy 2401 of source 1 is outside"),
        ({"min-entropy1": "5"}, "either a min-entropy or an epsilon"),
        ({"epsilon1": None}, "either a min-entropy or an epsilon"),
        ({"epsilon1": "0.6"}, "epsilon 0.6 is outside"),
        ({"error": "0"}, "'0' is no error in (0, 1)"),
        ({"error": "2"}, "'2' is no error in (0, 1)"),
        ({"error": "2^3"}, "'2^3' is no error in (0, 1)"),
        ({"error": "tiny"}, "'tiny' is no error in (0, 1)"),
        ({"output-bits": "0"}, "0 output bits"),
        ({"output-bits": "1e6"}, "1000000 output bits are outside 1..1018"),
        ({"min-entropy1": "1e6", "epsilon1": None}, "min-entropy 1000000 of source 1 is outside"),
        ({"out": "/no/such/folder/out"}, "folder '/no/such/folder' does not exist"),
        ({"out": "/"}, "output file '/' exists"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(ksamp, files, changes, message):
    answer = ksamp("extract", *_arguments(files, **changes))
    if message is None:
        assert answer.status == 3
    else:
        assert answer.status == 2
        assert message in answer.err
        assert answer.err.startswith("ksamp: error: ")
    assert answer.err.count("\n") == 1
    assert sorted(p.name for p in files.iterdir()) == ["s1", "s2", "s3"]


@pytest.mark.parametrize("method", ["raz", "dodis"])
def test_lengths_need_not_be_multiples_of_8(ksamp, files, method):
    length1 = 2399 if method == "raz" else 997
    answer = ksamp(
        "extract", "--method", method, *_arguments(files), "--length1", length1,
        "--length2", 993, "--output-bits", 13, "--json",
    )  # fmt: skip
    assert answer.status == 0
    first, second = _bits(files / "s1"), _bits(files / "s2")[:993]
    if method == "raz":
        plan = Raz.largest(None, 993, 600, -40.0, epsilon=0.01, output_bits=13)
        expected = plan.extract(first[: plan.source1_bits], second)
    else:
        cyclic = Dodis.largest(Source1(997, epsilon=0.01), 993, 600, -40.0, output_bits=13)
        expected = cyclic.extract(first[:997], second)
    assert bytes.fromhex(answer.json["output_hex"]) == np.packbits(expected).tobytes()
    assert answer.json["output_bits"] == 13


@pytest.mark.parametrize("strong", ["source1", "source2"])
def test_the_plan_says_which_source_may_become_known(ksamp, files, strong):
    answer = ksamp("extract", *_arguments(files), "--strong", strong)
    assert f"strong in source {strong[-1]}, which may become known" in answer.out
    plan = Raz.largest(None, 1000, 600, -40.0, epsilon=0.01, strong=strong)
    assert f"{plan.title}, {plan.output_bits} bits within 2^{plan.log2_error:.1f}" in answer.out


def test_one_file_as_both_sources_is_refused(ksamp, files):
    (files / "copy").write_bytes((files / "s2").read_bytes())
    for name in ("s2", "copy"):
        answer = ksamp("extract", "--method", "dodis", *_arguments(files, source1=files / name))
        assert answer.status == 2
        assert "start with the same 1000 bits, expected independent sources" in answer.err


def test_a_source_is_never_overwritten(ksamp, files):
    before = (files / "s1").read_bytes()
    answer = ksamp("extract", *_arguments(files, out=files / "s1"), "--overwrite")
    assert answer.status == 2
    assert "is a source, expected another" in answer.err
    assert (files / "s1").read_bytes() == before


@pytest.mark.parametrize("method", ["raz", "dodis"])
def test_a_failed_or_interrupted_extraction_leaves_no_file(ksamp, files, monkeypatch, method):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("protocol.cli.extract.os.fsync", interrupted)
    answer = ksamp(
        "extract", "--method", method, *_arguments(files, out=files / "out"), "--length1", "2400"
        if method == "raz" else "1000",
    )  # fmt: skip
    assert answer.status == 130
    assert sorted(p.name for p in files.iterdir()) == ["s1", "s2", "s3"]


def test_an_existing_output_is_overwritten_only_when_told(ksamp, files):
    out = files / "out"
    out.write_text("years of work")
    assert ksamp("extract", *_arguments(files, out=out)).status == 2
    assert out.read_text() == "years of work"
    assert ksamp("extract", *_arguments(files, out=out), "--overwrite").status == 0
    assert len(out.read_bytes()) > 13


def test_the_example_of_the_package_runs():
    assert doctest.testmod(protocol.extract).failed == 0
