"""Certificates as files, and the commands that make and check them."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from protocol.certificate.file import from_json, read, to_json, write
from protocol.certificate.proof import FACTOR_BITS
from protocol.certificate.table import TableCertificate
from protocol.documents.fields import digest
from qdevices.errors import InputError


@pytest.fixture
def certificate(proved):
    return TableCertificate(proved[0], proved[1], {"noise": "white=0.01"})


def test_a_file_comes_back_the_same_and_verified(certificate, tmp_path):
    path = tmp_path / "c.json"
    write(certificate, path)
    again = read(path)
    assert np.array_equal(again.log2_factors, certificate.log2_factors)
    assert to_json(again) == to_json(certificate) == json.loads(path.read_text())
    assert from_json(to_json(certificate)).kind == "optimised"


def test_logarithms_never_exceed_the_proved_factors(certificate):
    """2^(log₂F) in double precision is at most the rational factor."""
    factors = certificate.table.factors / 2.0**FACTOR_BITS
    assert (np.exp2(certificate.log2_factors) <= factors * (1 + 2e-16)).all()
    assert np.allclose(np.exp2(certificate.log2_factors), factors, rtol=1e-14)


def _with_fresh_digest(data):
    return {**data, "sha256": digest({k: v for k, v in data.items() if k != "sha256"})}


def test_an_edited_file_fails_with_the_reason(certificate):
    data = to_json(certificate)
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


def _changed(data, path, value):
    """`data` with one entry replaced, or removed if `value` is None."""
    key, *rest = path
    changed = dict(data)
    if rest:
        changed[key] = _changed(data[key], rest, value)
    elif value is None:
        del changed[key]
    else:
        changed[key] = value
    return changed


def _packed(raw):
    return base64.b64encode(raw).decode()


_ROW = " ".join(["0"] * 16)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], "other", 'has format "other", expected'),
        (["format"], None, "no entry 'format'"),
        (
            ["version"],
            1,
            "has version 1, expected 2 to 2.2 .version 1 numbers",
        ),
        (["version"], 9, "version 9, expected"),
        (["version"], 2.0, r"has version 2.0, expected 2 to 2.2"),
        (["version"], "2", "version '2', expected"),
        (["kind"], "closed-form", "has beta"),
        (["kind"], ["optimised"], "has kind"),
        (["unheard"], 1, "unknown entry 'unheard'"),
        (["epsilon"], None, "no entry 'epsilon'"),
        (["epsilon"], "0.05", "has epsilon"),
        (["epsilon"], True, "has epsilon"),
        (["epsilon"], 0.5, r"epsilon 0\.5 is outside"),
        (["epsilon"], -0.1, "has epsilon -0.1"),
        (["proof"], {}, "proof has no entry 'grid'"),
        (["proof"], [], "has proof"),
        (["proof", "more"], 1, "proof has an unknown entry"),
        (["proof", "grid"], [512.0, 1024], "grid"),
        (["proof", "grid"], ["512", 1024], "grid"),
        (["proof", "grid"], [[512], {}], "grid"),
        (["proof", "grid"], [1] * 65, "has grid"),
        (["proof", "grid"], 1024, "has grid"),
        (["proof", "potentials"], "!!!!", "potentials are unusable"),
        (["proof", "potentials"], "é" * 8, "potentials are unusable"),
        (["proof", "potentials"], "", "potentials are cut short"),
        (["proof", "potentials"], "AAAA\nAAAA", "printable characters"),
        (["proof", "potentials"], _packed(b"abc"), "potentials are unusable"),
        (["proof", "potentials"], _packed(zlib.compress(b"")), "potentials have 0 bytes"),
        (["proof", "potentials"], _packed(zlib.compress(b"1234567")), "potentials have 7 bytes"),
        (["proof", "potentials"], _packed(zlib.compress(bytes(5192))[:-1]), "cut short"),
        (["proof", "potentials"], _packed(zlib.compress(bytes(5192)) + b"x"), "followed by more"),
        (["proof", "potentials"], _packed(zlib.compress(bytes(1 << 27))), "longer than any proof"),
        (["factors"], {"log2_denominator": 40, "rows": ["1 2"]}, "1 factor rows, expected 81"),
        (["factors", "log2_denominator"], 3, "log2_denominator 3"),
        (["factors", "rows"], [0] * 81, "expected 81 texts"),
        (["factors", "rows"], ["0 0"] * 81, "a row of 2 factors, expected 16"),
        (["factors", "rows"], [_ROW] * 82, "a list of at most 81"),
        (["factors", "rows"], [_ROW.replace("0", "-1", 1)] * 81, "hold '-1'"),
        (["factors", "rows"], [_ROW.replace("0", "9" * 19, 1)] * 81, "hold '9999"),
        (["factors", "rows"], [_ROW.replace("0", "9" * 500, 1)] * 81, "hold '9999"),
        (["factors", "rows"], [_ROW.replace("0", "1_0", 1)] * 81, "hold '1_0'"),
        (["factors", "rows"], [_ROW.replace("0", "٣", 1)] * 81, "hold '٣'"),
        (["factors", "rows"], [_ROW.replace("0", "1.0", 1)] * 81, r"hold '1\.0'"),
        (["beta", "numerator"], 0, "numerator 0"),
        (["beta", "numerator"], 5.7, r"numerator 5\.7"),
        (["beta", "numerator"], "5", 'numerator "5"'),
        (["beta", "numerator"], True, "numerator true"),
        (["beta", "log2_denominator"], 21, "log2_denominator 21"),
        (["code"], {"name": "x", "words": "1 2 3", "starred": 2}, "power of two"),
        (["code", "name"], "x\x1b[2J", "printable characters"),
        (["code", "name"], "x" * 65, "has name"),
        (["code", "name"], "", "has name"),
        (["code", "starred"], 2.0, "has starred"),
        (["code", "starred"], True, "has starred"),
        (["code", "words"], "2 " * 64, "words hold ''"),
        (["code", "words"], "2 81", "hold '81'"),
        (["code", "words"], "2 " * (1 << 18), "has words"),
        (["code", "extra"], 1, "unknown entry 'extra'"),
        (["about"], [], "has about"),
        (["about", "noise"], ["white"], "note 'noise' is"),
        (["about", "noise"], {"a": 1}, "note 'noise' is"),
        (["about", "noise"], True, "note 'noise' is 'True'"),
        (["about", "noise"], 10**30, "note 'noise' is"),
        (["about", "noise"], "line\nline", "note 'noise' is"),
        (["about", "noise"], "x" * 201, "note 'noise' is"),
        (["about", "\x07"], "bell", "has a note"),
        (["about"], {str(k): k for k in range(17)}, "no object of at most 16"),
    ],
)
def test_malformed_files_are_refused_in_one_line(certificate, path, value, message):
    with pytest.raises(InputError, match=message) as refusal:
        from_json(_with_fresh_digest(_changed(to_json(certificate), path, value)))
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text.replace('"epsilon": 0.05', '"epsilon": 0.05, "epsilon": 0.05'),
        lambda text: text.replace('"epsilon": 0.05', '"epsilon": NaN'),
        lambda text: text.replace('"epsilon": 0.05', '"epsilon": 1e400'),
        lambda text: text.replace('"epsilon": 0.05', '"epsilon": ' + "9" * 5000),
        lambda text: text.replace('"epsilon": 0.05', '"epsilon": ' + "[" * 10**5 + "]" * 10**5),
        lambda text: text.replace('"epsilon": 0.05', '"epsilon": ' + "[" * 300 + "]" * 300),
        lambda text: text.replace('"epsilon": 0.05', '"epsilon": "\\ud800"'),
        lambda text: text + "{}",
        lambda text: "",
        lambda text: "null",
        lambda text: '{"format": ' + "[" * 10**5,
    ],
)
def test_files_that_are_no_strict_json_are_refused_in_one_line(certificate, tmp_path, spoilt):
    path = tmp_path / "c.json"
    write(certificate, path)
    text = spoilt(path.read_text())
    assert text != path.read_text()
    path.write_text(text)
    with pytest.raises(InputError) as refusal:
        read(path)
    assert str(refusal.value).isprintable()


def test_any_notes_that_are_read_can_be_shown(ksamp, proved, tmp_path):
    given: tuple[dict[str, Any], ...] = (
        {"noise": None, "runs": "many", "score_rate_bits_per_run": "much"},
        {"noise": 5, "runs": -1.5, "score_rate_bits_per_run": 2**60},
        {"noise": "", "runs": None, "score_rate_bits_per_run": None, "ε": 1e308},
        {},
    )
    for k, notes in enumerate(given):
        path = tmp_path / f"{k}.json"
        write(TableCertificate(proved[0], proved[1], notes), path)
        shown = ksamp("certificate", "verify", path)
        assert shown.status == 0
        assert "VERIFIED" in shown.out
        assert ksamp("certificate", "verify", path, "--json").json["about"] == notes


def test_the_digest_is_of_the_numbers_not_of_their_packing(certificate, proved):
    data = to_json(certificate)
    raw = zlib.decompress(base64.b64decode(data["proof"]["potentials"]))
    packed = _packed(zlib.compress(raw, 1))
    assert packed != data["proof"]["potentials"]
    again = from_json(_with_fresh_digest(_changed(data, ["proof", "potentials"], packed)))
    other_notes = TableCertificate(proved[0], proved[1], {"noise": "none"})
    assert certificate.digest == again.digest == other_notes.digest
    assert re.fullmatch("[0-9a-f]{64}", certificate.digest)
    table, proof = proved
    lower = table.factors.copy()
    lower[table.code.starred] -= 1
    changed = [
        TableCertificate(replace(table, factors=lower), proof, {}),
        TableCertificate(replace(table, epsilon=0.04), proof, {}),
        TableCertificate(table, replace(proof, alpha=proof.alpha - 1), {}),
    ]
    assert len({certificate.digest, *(other.digest for other in changed)}) == 4


def test_a_verified_certificate_cannot_be_changed(certificate):
    read_again = from_json(to_json(certificate))
    assert isinstance(read_again, TableCertificate)
    for numbers in (read_again.log2_factors, read_again.table.factors, read_again.proof.alpha):
        with pytest.raises(ValueError, match="read-only"):
            numbers[0] = 1


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
    with pytest.raises(InputError, match="does not exist, cannot write"):
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
    del record["sha256"]
    signed = {**record, "sha256": digest(record)}
    (tmp_path / "run" / "run.json").write_text(json.dumps(signed))
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
        (("certificate", "optimise", "--out", tmp_path / "no" / "c.json"), "does not exist"),
        (("certificate", "optimise", "--epsilon", 0.5, "--out", "x"), "epsilon 0.5 is outside"),
        (("certificate", "optimise", "--runs", 0, "--out", "x"), "runs 0 is outside"),
        (("certificate", "optimise", "--noise", "pink=1", "--out", "x"), "not understood"),
        (("certificate", "optimise", "--starred", "0,3", "--out", "x"), "label 0 is outside"),
        (("certificate", "optimise", "--starred", "1,1", "--out", "x"), "'best' does not go with"),
        (("certificate", "optimise", "--soundness", -1, "--out", "x"), "soundness -1 is below 1"),
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
