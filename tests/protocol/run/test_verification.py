"""Verification: every number of a record is recomputed, and each that is not so is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from protocol.documents.fields import digest
from protocol.run.verification import verify_folder
from qdevices.errors import InputError

RUN = Path(__file__).parents[2] / "golden" / "2.0" / "run"
RECORD = json.loads((RUN / "run.json").read_text())


@pytest.fixture
def resigned(tmp_path):
    """Edits a copy of a good run as somebody who knows how to compute a digest."""

    def edit(**changes):
        target = tmp_path / "run"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(RUN, target)
        record = {**RECORD, **changes}
        del record["sha256"]
        (target / "run.json").write_text(json.dumps({**record, "sha256": digest(record)}))
        return target

    return edit


def _differing(found):
    return [check.name for check in found.checks if not check.agrees]


def test_a_good_run_agrees_in_everything():
    found = verify_folder(RUN, expected_record=RECORD["sha256"])
    assert found.agrees
    assert not found.grouped
    assert found.record_digest == RECORD["sha256"]
    names = {check.name for check in found.checks}
    assert set(RECORD["result"]) <= names
    assert {"record", "plan", "file digests", "output bits", "record's digest"} <= names


@pytest.mark.parametrize("key", sorted(RECORD["result"]))
def test_every_number_of_the_result_is_recomputed(resigned, key):
    """Each in turn is made another of its type."""
    old = RECORD["result"][key]
    new: object
    if isinstance(old, bool):
        new = not old
    elif isinstance(old, (int, float)):
        new = type(old)(old * 1.001 + 1)
    elif isinstance(old, str):
        new = old + "x"
    elif isinstance(old, list):
        new = ["made up"]
    else:
        new = {**old, "applies": not old["applies"]}
    found = verify_folder(resigned(result={**RECORD["result"], key: new}))
    assert _differing(found) == [key]


def test_last_digits_of_another_machine_are_no_difference(resigned):
    score = RECORD["result"]["score"]
    assert verify_folder(resigned(result={**RECORD["result"], "score": score * (1 + 1e-11)})).agrees


@pytest.mark.parametrize("key", ["delta", "mu1", "soundness_log2", "source_bits"])
def test_what_follows_from_a_plan_is_recomputed_too(resigned, key):
    step = 0.001 if key in ("delta", "mu1") else 1
    plan = {**RECORD["plan"], key: RECORD["plan"][key] + step}
    assert _differing(verify_folder(resigned(plan=plan))) == [f"plan's {key}", "plan"]


def test_what_is_missing_or_too_much_is_named(resigned):
    result = dict(RECORD["result"])
    del result["L"]
    assert "L" in _differing(verify_folder(resigned(result=result)))
    found = verify_folder(resigned(result={**RECORD["result"], "\x1b[2J": 1}))
    assert _differing(found) == ["result"]
    assert all(check.detail.isprintable() for check in found.checks)


def test_a_record_that_denies_its_output_does_not_agree(resigned):
    assert "file digests" in _differing(verify_folder(resigned(extracted=False)))


def test_another_run_than_was_kept_is_told_by_its_digests():
    found = verify_folder(RUN, expected_plan="0" * 64, expected_record="f" * 64)
    assert _differing(found) == ["record's digest", "plan's digest"]
    for wrong in ("", "0" * 63, "g" * 64):
        with pytest.raises(InputError, match="expected 64 hexadecimal digits"):
            verify_folder(RUN, expected_plan=wrong)


def test_what_is_no_run_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        verify_folder(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read"):
        verify_folder(tmp_path)
