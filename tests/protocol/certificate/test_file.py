"""Certificates as files, and the commands that make and check them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from protocol.certificate.file import _digest, certify_table, from_json, read, write
from protocol.certificate.proof import FACTOR_BITS
from protocol.errors import InputError
from protocol.score import ScoreCertificate


@pytest.fixture
def certificate(proved):
    return certify_table(*proved, {"noise": "white=0.01"})


def test_a_file_comes_back_the_same_and_verified(certificate, tmp_path):
    path = tmp_path / "c.json"
    write(certificate, path)
    again = read(path)
    assert np.array_equal(again.log2_factors, certificate.log2_factors)
    assert again.to_json() == certificate.to_json() == json.loads(path.read_text())
    assert ScoreCertificate.from_json(certificate.to_json()).kind == "optimised"


def test_logarithms_never_exceed_the_proved_factors(certificate):
    """2^(log₂F) in double precision is at most the rational factor."""
    factors = certificate.table.factors / 2.0**FACTOR_BITS
    assert (np.exp2(certificate.log2_factors) <= factors * (1 + 2e-16)).all()
    assert np.allclose(np.exp2(certificate.log2_factors), factors, rtol=1e-14)


def _with_fresh_digest(data):
    return {**data, "sha256": _digest({k: v for k, v in data.items() if k != "sha256"})}


def test_an_edited_file_fails_with_the_reason(certificate):
    data = certificate.to_json()
    edited = {**data, "epsilon": 0.04}
    with pytest.raises(InputError, match="was edited: its SHA-256"):
        from_json(edited)
    # With a digest to match, only what is still proved is accepted.
    assert from_json(_with_fresh_digest(edited)).epsilon == 0.04
    with pytest.raises(InputError, match=r"does not hold: E\[F·q\^β\] may exceed 1"):
        from_json(_with_fresh_digest({**data, "epsilon": 0.06}))
    beta = {**data["beta"], "numerator": data["beta"]["numerator"] // 2}
    with pytest.raises(InputError, match="does not hold"):
        from_json(_with_fresh_digest({**data, "beta": beta}))
    rows = list(data["factors"]["rows"])
    star = rows[2].split()
    star[0] = str(int(star[0]) + round(1e-6 * 2**FACTOR_BITS))
    rows[2] = " ".join(star)
    raised = {**data, "factors": {**data["factors"], "rows": rows}}
    with pytest.raises(InputError, match="does not hold"):
        from_json(_with_fresh_digest(raised))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format 'other' version 1, expected"),
        ({"version": 9}, "version 9, expected"),
        ({"proof": {}}, "is unusable"),
        ({"factors": {"log2_denominator": 40, "rows": ["1 2"]}}, "shape"),
        ({"factors": {"log2_denominator": 3, "rows": ["0 " * 16] * 81}}, r"units of 2\^-3"),
        ({"code": {"name": "x", "words": "1 2 3", "starred": 2}}, "power of two"),
    ],
)
def test_malformed_files_are_refused(certificate, change, message):
    with pytest.raises(InputError, match=message):
        from_json(_with_fresh_digest({**certificate.to_json(), **change}))


def test_files_that_cannot_be_read_or_written(certificate, tmp_path):
    path = tmp_path / "c.json"
    with pytest.raises(InputError, match="cannot be read"):
        read(path)
    path.write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        read(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="holds no certificate"):
        read(path)
    with pytest.raises(InputError, match="exists, expected a new name"):
        write(certificate, path)
    with pytest.raises(InputError, match="cannot be written"):
        write(certificate, tmp_path / "no" / "c.json")


def test_the_command_optimises_verifies_and_runs(ksamp, tmp_path):
    path = tmp_path / "mine.json"
    made = ksamp(
        "certificate", "optimise", "--epsilon", 0.02, "--noise", "white=0.002", "--runs", "2e5",
        "--code", "joint", "--out", path, "--json",
    )  # fmt: skip
    assert made.status == 0
    assert made.json["output_bits"] > 0
    checked = ksamp("certificate", "verify", path, "--json")
    assert checked.status == 0
    assert checked.json["verified"] is True
    run = ksamp(
        "run", "--runs", "2e5", "--epsilon", 0.02, "--noise", "white=0.002", "--seed", 4,
        "--certificate", path, "--out", tmp_path / "run", "--json",
    )  # fmt: skip
    assert run.status == 0
    assert run.json["output_bits"] == made.json["output_bits"]
    assert ksamp("verify", tmp_path / "run").status == 0
    # A run folder whose certificate was tampered with does not verify.
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["plan"]["certificate"]["epsilon"] = 0.03
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    refused = ksamp("verify", tmp_path / "run")
    assert refused.status == 3
    assert "the certificate was edited" in refused.out


def test_the_command_refuses_with_one_line(ksamp, certificate, tmp_path):
    path = tmp_path / "c.json"
    write(certificate, path)
    data = json.loads(path.read_text())
    data["epsilon"] = 0.02
    path.write_text(json.dumps(data))
    cases = [
        (("certificate", "verify", path), "was edited"),
        (("certificate", "verify", tmp_path / "none"), "cannot be read"),
        (("certificate", "optimise", "--out", path), "exists"),
        (("certificate", "optimise", "--epsilon", 0.5, "--out", "x"), "epsilon 0.5 is outside"),
        (("certificate", "optimise", "--runs", 0, "--out", "x"), "runs 0 is outside"),
        (("certificate", "optimise", "--noise", "pink=1", "--out", "x"), "not understood"),
        (("certificate", "optimise", "--starred", "0,3", "--out", "x"), "label 0 is outside"),
        (("certificate", "optimise", "--starred", "1,1", "--out", "x"), "'best' does not go with"),
        (("certificate", "optimise", "--soundness", -1, "--out", "x"), "soundness -1.0 is not"),
        (("run", "--certificate", "nowhere.json"), "'nowhere.json' is no file and none of best"),
    ]
    for arguments, message in cases:
        answer = ksamp(*arguments)
        assert answer.status == 2, arguments
        assert message in answer.err
        assert answer.err.count("\n") == 1


def test_an_infeasible_request_names_the_nearest(ksamp, tmp_path):
    answer = ksamp(
        "certificate", "optimise", "--epsilon", 0.05, "--noise", "white=0.3", "--runs", "inf",
        "--code", "joint", "--out", tmp_path / "c.json",
    )  # fmt: skip
    assert answer.status == 3
    assert "nothing can be certified" in answer.out
    assert "the nearest that can be is white=0.0" in answer.out
    assert not (tmp_path / "c.json").exists()
