"""The start of a run is there as a whole or not at all."""

from __future__ import annotations

import logging

import pytest

from protocol.documents import files
from protocol.jobs.ledger import Ledger
from qdevices.errors import InputError
from tests.extras import imported


def test_a_begin_that_fails_leaves_nothing(laboratory, tmp_path, monkeypatch):
    def fail(*_):
        raise InputError("ledger cannot be used: database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "create", fail)
        with pytest.raises(InputError, match="disk is full"):
            laboratory.begin(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_begin_left_is_named_and_cleared_by_the_next_one(
    laboratory, tmp_path, caplog
):
    left = tmp_path / ".run.partial-abcdefgh"
    left.mkdir()
    (left / "ledger.sqlite").write_text("half of it")
    with caplog.at_level(logging.WARNING, "ksamp"):
        laboratory.begin(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert str(left) in caplog.text


def test_a_folder_that_is_being_written_is_not_taken_for_a_leftover(
    laboratory, tmp_path, monkeypatch
):
    create, found = Ledger.create, []

    def watched(*arguments):
        found.append(list(files.leftovers(tmp_path / "run")))
        create(*arguments)

    monkeypatch.setattr(Ledger, "create", watched)
    laboratory.begin(tmp_path / "run")
    assert found == [[]]


def test_what_a_ledger_could_not_give_back_is_refused_before_bits_are_spent(laboratory, tmp_path):
    with pytest.raises(InputError, match=r"has seed .*expected a whole number in 0"):
        laboratory.begin(tmp_path / "run", seed=1 << 128)
    with pytest.raises(InputError, match="has in_flight"):
        laboratory.begin(tmp_path / "run", in_flight=1 << 40)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_of_a_game_that_no_provider_plays_is_refused(tmp_path):
    from protocol.jobs.start import begin
    from protocol.plan.choose import best_plan
    from protocol.request import Request
    from protocol.search.optimise import optimise, optimised_certificate
    from protocol.sources.positions import WeakBits
    from tests.games.unequal import UNEQUAL, code

    request = Request(20_000, 0.01, UNEQUAL.noisy(0.001), 8, code=code())
    found = optimise(request, code())
    assert found is not None
    plan = best_plan(
        Request(20_000, 0.01, UNEQUAL.noisy(0.001), 8, certificate=optimised_certificate(found))
    )
    weak = WeakBits("uniform", plan.epsilon, 1, plan.code)
    with pytest.raises(InputError, match="is of game 'unequal', but providers play 'ks18'"):
        begin(
            tmp_path / "run", plan, weak, backend="local:table", variant="static", order="run",
            chunk=1000, noise="ideal", expect=None,
        )  # fmt: skip
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backend": "nonsense", "noise": None}, "unknown"),
        ({"weak": ("uniform", 0.3)}, "is for epsilon 0.3"),
    ],
)
def test_what_submit_would_refuse_costs_no_weak_bits_in_the_library(
    laboratory, tmp_path, changes, message
):
    from protocol.jobs.start import begin
    from protocol.sources.positions import WeakBits

    imported("ibm")
    path = tmp_path / "weak"
    path.write_bytes(bytes(10**6))
    plan = laboratory.plan
    epsilon = changes.pop("weak", (None, plan.epsilon))[1]
    weak = WeakBits(f"file:{path}", epsilon, 1, plan.code)
    given = {"backend": "local:table", "noise": "ideal", **changes}
    with pytest.raises(InputError, match=message):
        begin(
            tmp_path / "run", plan, weak, variant="static", order="run", chunk=1000, expect=None,
            **given,
        )  # fmt: skip
    assert not path.with_name("weak.used.json").exists()
