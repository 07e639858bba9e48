"""A provider is one file and one entry of the registry."""

from __future__ import annotations

import json

import pytest

from protocol.cli._providers import backend_help, in_flight_help
from protocol.jobs.ledger import Ledger
from protocol.providers.kinds import PROVIDERS, find_kind, provider_kind
from protocol.providers.local_spec import LocalSpec
from qdevices.errors import InputError
from qdevices.noise import TERMS
from qdevices.variants import MOST_EXECUTIONS
from tests.extras import imported

RUN = ("--runs", "12000", "--chunk", "3000", "--soundness", "8", "--seed", "3")


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(PROVIDERS.entries, "toy", "tests.strangers.tabled:KIND")


def test_a_strangers_provider_is_one_file_and_one_entry(toy, ksamp, tmp_path):
    imported("hardware")
    root = tmp_path / "run"
    sent = ksamp("submit", "--backend", "toy:1e-4", "--out", root, *RUN, "--json")
    assert (sent.status, sent.err) == (0, "")
    assert (sent.json["chunks"], sent.json["backend"]) == (2, "toy:1e-4")  # its own limit
    ended = ksamp("collect", root, "--wait", "--poll", "0.01", "--json")
    assert ended.status == 0
    assert ended.json["accepted"] is True
    assert ksamp("verify", root).status == 0
    record = json.loads((root / "run.json").read_text())
    assert record["provenance"]["device"] == "toy:1e-4"
    assert record["provenance"]["expect"] == "as toy:1e-4 reports"
    with Ledger(root) as ledger:
        assert ledger.prepared() == "prepared"
        assert [chunk.job_id for chunk in ledger.chunks()] == ["0", "1", "2", "3"]
    assert "toy:WHITE: a table with white noise, on the disk" in backend_help()
    assert "2 for toy:WHITE" in in_flight_help()


def test_what_a_strangers_provider_says_of_itself_holds_everywhere(toy, ksamp, tmp_path):
    imported("hardware")
    root = tmp_path / "run"
    submit = ("submit", "--out", root, *RUN)
    for arguments, message in (
        (("--backend", "toy:x"), "backend 'toy:x', expected a number after toy:"),
        (("--backend", "toy:0", "--variant", "literal"), "has no variant 'literal'"),
        (("--backend", "toy:0", "--noise", "ideal"), "which has its own"),
        (("--backend", "toy:0", "--chunk", "5000"), "chunk of 5000 runs, expected 1 to 4000"),
        (("--backend", "local:toy:0"), "expected no 'local:'"),
    ):
        refused = ksamp(*submit, *arguments)
        assert (refused.status, message in refused.err) == (2, True), refused.err
        assert not root.exists()
    sent = ksamp(*submit, "--backend", "toy:0")
    assert sent.status == 0
    assert "--backend toy:0" in sent.out
    refused = ksamp("collect", root)
    assert (refused.status, "does not choose toys; expected it named again" in refused.err) == (
        2,
        True,
    )
    assert ksamp("collect", root, "--backend", "toy:0", "--wait", "--poll", "0.01").status == 0


def test_a_ledger_whose_provider_is_not_installed_is_refused_in_one_line(
    ksamp, tmp_path, monkeypatch
):
    imported("hardware")
    root = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setitem(PROVIDERS.entries, "toy", "tests.strangers.tabled:KIND")
        assert ksamp("submit", "--backend", "toy:1e-4", "--out", root, *RUN).status == 0
    for command in ("collect", "cancel"):
        answer = ksamp(command, root)
        assert answer.status == 2
        assert "backend 'toy:1e-4' is unknown, expected one of local:table" in answer.err
        assert answer.err.count("\n") == 1
    assert ksamp("jobs", root).status == 0


@pytest.mark.parametrize(
    ("backend", "name", "noise", "code", "again"),
    [
        ("local:table", "local", True, False, False),
        ("local:table,latency=2", "local", True, False, False),
        ("local:fake_boston,fail_job=1", "local", False, False, False),
        ("local:aer:gate2=1e-3,readout=1e-3,latency=1", "local", False, False, False),
        ("local:python:mine:make,latency=1", "local", False, True, True),
        ("aer", "aer", False, False, False),
        ("aer:gate2=1e-3", "aer", False, False, False),
        ("fake_boston", "fake", False, False, False),
        ("fake:FakeBoston", "fake", False, False, False),
        ("ibm:fez", "ibm", False, False, True),
        ("python:mine:make", "python", False, True, True),
    ],
)
def test_every_backend_belongs_to_one_kind_that_knows_it(backend, name, noise, code, again):
    kind = provider_kind(backend)
    assert kind.name == name
    assert kind.takes_noise(backend) is noise
    assert kind.runs_code(backend) is code
    assert (kind.named_again(backend) is not None) is again
    assert [PROVIDERS[other].takes(backend) for other in PROVIDERS].count(True) == 1
    assert 0 < kind.most_executions <= MOST_EXECUTIONS


@pytest.mark.parametrize("backend", ["", "nowhere", "ibm:", "ibm", "fakeboston", "table", ":"])
def test_a_backend_that_nobody_has_is_unknown(backend):
    assert find_kind(backend) is None
    with pytest.raises(InputError, match="is unknown, expected one of local:table"):
        provider_kind(backend)


def test_a_term_of_noise_that_was_entered_later_stands_in_a_local_backends_name(monkeypatch):
    monkeypatch.setitem(TERMS.entries, "bitphase", "tests.strangers.bitphase:TERM")
    spec = LocalSpec.parse("aer:gate2=1e-3,bitphase=0.1,latency=2")
    assert (spec.inner, spec.latency) == ("aer:gate2=1e-3,bitphase=0.1", 2.0)
