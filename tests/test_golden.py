"""Documents as earlier versions wrote them: read, or refused with the version that is needed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from protocol.certificate.file import read as read_certificate
from protocol.documents.fields import digest
from protocol.run.folder import read_run
from protocol.run.record import read_planned
from protocol.security import Security
from protocol.sources.used_bits import used_bits
from qdevices.errors import InputError
from tests.extras import needs

GOLDEN = Path(__file__).parent / "golden"
#: Digests that were printed when these were made: they must not change with the version.
PLANS = {
    "plan-closed-form.json": "059f0e2ac24d79416b27bced482b9f0af4f4668400791ac35966d4788c5dfae3",
    "plan-optimised.json": "c1417e533a8845e767e9960029c668ebe8433ade07359a867241160162930bcc",
    "run/run.json": "c1417e533a8845e767e9960029c668ebe8433ade07359a867241160162930bcc",
}
#: As of 2.2 plans say their security model and charge level by level.
PLANS_2_2 = {
    "plan-closed-form.json": "66e15bff10cded32bb8f77504f1a234e775ddff1b7440ad3b1b6b6c8ddb72749",
    "plan-optimised.json": "ad3636672384a9ab4834bfed82715835ca834324f99fdfd2643d199af33a33dd",
    "run/run.json": "ad3636672384a9ab4834bfed82715835ca834324f99fdfd2643d199af33a33dd",
}
RECORDS = {
    "2.0": "29342bc833623cd3ab69a4a96d671c906aaafee98b5eb0f90ca34a7ac78e6d22",
    "2.1": "f91425e14b0ef74a25d94ec223c38a99b16153f36a154ec328fcadc4061a75ea",
}
#: Versions that are read.
READ = tuple(RECORDS)
OUTPUT = {"2.0": "5d31f7bffa348fbc68", "2.1": "5d31f7bffa348fbc68", "2.2": "441df8e2e077699c"}


def _plans(version):
    return PLANS_2_2 if version == "2.2" else PLANS


@pytest.mark.parametrize("version", READ)
@pytest.mark.parametrize("name", PLANS)
def test_plans_are_read_with_the_digest_that_they_had(version, name):
    assert read_planned(GOLDEN / version / name).digest == _plans(version)[name]


@pytest.mark.parametrize("version", READ)
def test_a_run_is_read_and_verified_against_digests_kept_then(ksamp, version):
    run, record = GOLDEN / version / "run", RECORDS[version]
    assert read_run(run).record.sha256 == record
    assert (run / "output.bin").read_bytes().hex() == OUTPUT[version]
    answer = ksamp(
        "verify", run, "--digest", record, "--plan-digest", _plans(version)["run/run.json"]
    )
    assert answer.status == 0, answer.out
    assert "all agrees" in answer.out


@pytest.mark.parametrize("version", READ)
def test_a_certificate_is_read_and_proved(ksamp, version):
    path = GOLDEN / version / "certificate.json"
    assert read_certificate(path).code.name == "compact"
    assert ksamp("certificate", "verify", path).status == 0
    assert len({read_certificate(GOLDEN / v / "certificate.json").digest for v in READ}) == 1


@pytest.mark.parametrize("version", READ[1:])
def test_a_closed_form_is_a_document_of_its_own(ksamp, version):
    path = GOLDEN / version / "certificate-closed-form.json"
    assert read_certificate(path).kind == "closed-form"
    assert ksamp("certificate", "verify", path).status == 0


@pytest.mark.parametrize("version", READ[1:])
def test_a_run_that_aborted_is_read_and_verified(ksamp, version):
    run = GOLDEN / version / "aborted"
    assert not read_run(run).record.extracted
    assert ksamp("verify", run).status == 0


def test_a_run_of_another_model_is_read_and_verified(ksamp):
    """Classical side information, secret weak bits, any source, devices that signal within 1e-4."""
    run = GOLDEN / "2.2" / "run-secret"
    plan = read_run(run).record.plan
    assert plan.security == Security("classical", "secret", 1e-4)
    assert plan.complete_for == "any"
    assert ksamp("verify", run).status == 0


@pytest.mark.parametrize("version", READ[1:])
def test_the_account_of_a_source_file_is_read(tmp_path, version):
    (tmp_path / "weak.bin").write_bytes(bytes(40_000))
    note = tmp_path / "weak.bin.used.json"
    note.write_bytes((GOLDEN / version / "used-bits.json").read_bytes())
    used = used_bits(tmp_path / "weak.bin")
    assert used == json.loads(note.read_text())["used_bits"] > 10_000
    # As it was before it had a digest.
    note.write_text(json.dumps({"format": "ksamp-used-bits", "used_bits": used}))
    assert used_bits(tmp_path / "weak.bin") == used


@pytest.mark.parametrize("version", READ)
def test_a_plan_certifies_today(ksamp, version):
    run = GOLDEN / version / "run"
    answer = ksamp(
        "certify", "--settings", run / "settings.npy", "--outcomes", run / "outcomes.npy",
        "--plan", GOLDEN / version / "plan-optimised.json", "--json",
    )  # fmt: skip
    assert answer.json["accepted"] is True


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("certify", "{}"), "run"),
        (("certificate", "verify", "{}"), "certificate.json"),
        (("certify", "--settings", "a", "--outcomes", "b", "--plan", "{}"), "plan.json"),
        (("run", "--runs", "1e5", "--certificate", "{}"), "certificate.json"),
        pytest.param(
            ("submit", "--backend", "local:table", "--out", "new", "--plan", "{}"),
            "plan.json",
            marks=needs("hardware"),
        ),
    ],
)
def test_version_1_is_refused_in_one_line_with_the_version_that_is_needed(
    ksamp, command, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = GOLDEN / "2.0" / "run"
    places = {"{}": GOLDEN / "1" / name, "a": run / "settings.npy", "b": run / "outcomes.npy"}
    answer = ksamp(*(places.get(word, word) for word in command))
    assert answer.status == 2
    assert "has version 1, expected 2 to 2.2 (version 1 numbers the outcomes" in answer.err
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_verify_says_of_a_run_of_version_1_which_version_is_needed(ksamp):
    answer = ksamp("verify", GOLDEN / "1" / "run")
    assert answer.status == 3
    assert "has version 1, expected 2 to 2.2" in answer.out


def _hostile(data, sealed):
    """The document with each entry in turn made something else, its digest made to match."""
    for key in data:
        value: Any
        for value in (None, [], {}, "", -1, 1e308, "x" * 5000, [[[]]], True):
            if value == data[key]:
                continue
            changed = {**data, key: value}
            if sealed and key != "sha256":
                rest = {k: v for k, v in changed.items() if k != "sha256"}
                changed["sha256"] = digest(rest)
            yield key, changed


def _refusal(read, path):
    """Why a document is refused; None if it is read."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("version", READ)
@pytest.mark.parametrize(
    ("name", "read", "sealed"),
    [
        ("plan-closed-form.json", read_planned, False),
        ("certificate.json", read_certificate, True),
        ("run/run.json", read_planned, True),
    ],
)
def test_golden_documents_made_hostile_are_refused_in_one_line(
    version, name, read, sealed, tmp_path
):
    data = json.loads((GOLDEN / version / name).read_text())
    sealed = sealed or version != "2.0"
    read_anyway = set()
    for key, changed in _hostile(data, sealed):
        path = tmp_path / "hostile.json"
        path.write_text(json.dumps(changed))
        refusal = _refusal(read, path)
        if refusal is None:
            read_anyway.add(key)
        else:
            assert refusal.isprintable()
            assert len(refusal) < 1000
    # What proves nothing may say anything of its type.
    assert read_anyway <= {"about", "result", "versions", "seconds", "files", "extracted"}


@pytest.mark.parametrize("version", READ)
def test_a_golden_plan_with_an_edit_inside_is_refused(version, tmp_path):
    data = json.loads((GOLDEN / version / "plan-optimised.json").read_text())
    for key, changed in _hostile(data["plan"], sealed=False):
        path = tmp_path / "hostile.json"
        edited = {**data, "plan": changed}
        if version != "2.0":
            edited["sha256"] = digest({k: v for k, v in edited.items() if k != "sha256"})
        path.write_text(json.dumps(edited))
        if key in ("delta", "mu1", "soundness_log2", "source_bits", "theorem9"):
            continue  # derived: whoever reads them computes them anew
        with pytest.raises(InputError) as refused:
            read_planned(path)
        assert str(refused.value).isprintable(), key


@pytest.mark.parametrize("version", READ[1:])
@pytest.mark.parametrize("game", ["ks19", "", "KS18", "os:system", 5, None, ["ks18"]])
@pytest.mark.parametrize("name", ["plan-optimised.json", "certificate.json", "run/run.json"])
def test_a_document_of_another_game_than_its_content_is_refused(name, game, version, tmp_path):
    data = {**json.loads((GOLDEN / version / name).read_text()), "game": game}
    data["sha256"] = digest({k: v for k, v in data.items() if k != "sha256"})
    path = tmp_path / "game.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="has game"):
        (read_certificate if name.startswith("certificate") else read_planned)(path)


@pytest.mark.parametrize("version", READ)
def test_a_golden_run_with_any_file_changed_does_not_verify(ksamp, version, tmp_path):
    for name in ("settings.npy", "outcomes.npy", "extractor_bits.bin", "output.bin", "run.json"):
        target = tmp_path / name
        shutil.copytree(GOLDEN / version / "run", target)
        content = bytearray((target / name).read_bytes())
        content[-5] ^= 1
        (target / name).write_bytes(content)
        assert ksamp("verify", target).status != 0, name
