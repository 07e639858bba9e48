"""Somebody else's certificate and extractor, each in one file, through the whole protocol."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.certificate.file import read, write
from protocol.certificate.kinds import CERTIFICATES
from protocol.extract.kinds import EXTRACTORS
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.run.folder import RunWriter, read_run
from protocol.run.play import execute
from protocol.run.verification import verify_folder
from protocol.sources.uniform import UniformSource
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.setitem(CERTIFICATES.entries, "halved", "tests.strangers.halved:Halved")
    monkeypatch.setitem(EXTRACTORS.entries, "masked", "tests.strangers.masked:Masked")


def _run(plan, path):
    rng = np.random.default_rng(5)
    device = TableDevice(KS18.noisy(0.001), KS18)
    with RunWriter(path, plan.runs) as writer:
        result = execute(plan, device, UniformSource(rng), rng, sink=writer.add)
        writer.publish(result, {})
    return result


def test_a_strangers_certificate_plans_runs_and_is_verified(kinds, tmp_path):
    behaviour = KS18.noisy(0.001)
    request = Request(100_000, 0.01, behaviour, certificate="halved")
    plan = best_plan(request)
    assert plan.certificate.kind == "halved"
    assert plan.output_bits > 0
    result = _run(plan, tmp_path / "run")
    assert result.verdict.accepted
    assert verify_folder(tmp_path / "run").agrees
    assert read_run(tmp_path / "run").record.plan.digest == plan.digest
    write(plan.certificate, tmp_path / "file.json")
    assert read(tmp_path / "file.json").digest == plan.certificate.digest


def test_it_is_one_of_the_best_that_are_at_hand(kinds):
    """Among all kinds, and named by the command line as one."""
    both = best_plan(Request(10**6, 0.01, KS18.honest))
    alone = best_plan(Request(10**6, 0.01, KS18.honest, certificate="halved"))
    assert both.output_bits >= alone.output_bits > 0


def test_the_command_line_names_them(kinds, ksamp):
    """`--certificate halved` and `extract --method masked`, in this process."""
    answer = ksamp("plan", "--runs", "1e5", "--certificate", "halved", "--json")
    assert answer.status == 0
    assert answer.json["certificate"]["kind"] == "halved"
    refused = ksamp("plan", "--runs", "1e5", "--certificate", "thirded")
    assert refused.status == 2
    assert "none of best, closed-form, optimised, halved" in refused.err


def test_best_takes_a_strangers_certificate_if_it_gives_more(kinds, monkeypatch):
    """With no other kind entered."""
    alone = best_plan(Request(10**6, 0.01, KS18.honest, certificate="halved"))
    only = {"halved": CERTIFICATES.entries["halved"]}
    monkeypatch.setattr(CERTIFICATES, "entries", only)
    found = best_plan(Request(10**6, 0.01, KS18.honest))
    assert (found.certificate.kind, found.output_bits) == ("halved", alone.output_bits)


def test_without_its_line_it_is_not_read(kinds, tmp_path):
    certificate = best_plan(Request(10**5, 0.01, KS18.honest, certificate="halved")).certificate
    write(certificate, tmp_path / "file.json")
    del CERTIFICATES.entries["halved"]
    with pytest.raises(InputError, match="kind \"halved\", expected 'closed-form' or 'optimised'"):
        read(tmp_path / "file.json")


def test_a_strangers_extractor_extracts(kinds, tmp_path):
    behaviour = KS18.noisy(0.001)
    request = Request(10**5, 0.0, behaviour, 1, certificate="closed-form", extractor="masked")
    plan = best_plan(request)
    assert plan.extractor is not None
    assert plan.extractor.method == "masked"
    assert plan.output_bits == 1
    result = _run(plan, tmp_path / "run")
    assert verify_folder(tmp_path / "run").agrees
    assert result.verdict.accepted
    stored = read_run(tmp_path / "run")
    kept = stored.data.outcomes[stored.data.settings == plan.code.starred]
    outcomes = np.unpackbits(kept[:, None], axis=1)[:, 4:].ravel()
    both = outcomes & stored.extractor_bits[: len(outcomes)]
    assert result.output.tolist() == [both.sum() % 2]


def test_an_extractor_that_nobody_entered_is_refused():
    with pytest.raises(InputError, match="extractor 'masked', expected one of raz, dodis"):
        Request(10**5, 0.0, KS18.honest, extractor="masked")
