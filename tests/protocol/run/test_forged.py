"""Objects that somebody put together: `judge` takes none that a kind would not have made."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from protocol.certificate.closed_form import ClosedForm
from protocol.certificate.file import read, write
from protocol.data.provenance import Provenance
from protocol.extract.raz import Raz
from protocol.plan.choose import best_plan
from protocol.plan.file import plan_from_json, plan_to_json
from protocol.plan.make import plan_with
from protocol.plan.plan import Plan
from protocol.request import Request
from protocol.run.judge import judge, new_tally
from protocol.security import Security
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import default_code
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.ks18.game import KS18

NOISY = KS18.noisy(0.001)


@pytest.fixture(scope="module")
def plan():
    return best_plan(Request(100_000, 0.01, NOISY))


def _judged(plan, behaviour=NOISY):
    rng = np.random.default_rng(1)
    words = rng.integers(0, len(plan.code.words), plan.runs)
    settings = plan.code.table[words]
    tally = new_tally(plan)
    tally.add(settings, TableDevice(behaviour, KS18).sample(settings, rng))
    return judge(plan, tally, Provenance("run"))


def _forged(thing, **changes):
    found = copy.copy(thing)
    for name, value in changes.items():
        object.__setattr__(found, name, value)
    return found


def test_arrays_that_a_promise_rests_on_cannot_be_opened_again(plan, tmp_path):
    write(plan.certificate, tmp_path / "c.json")
    certificate: Any = read(tmp_path / "c.json")
    code = default_code()
    for array in (
        certificate.log2_factors,
        certificate.table.factors,
        certificate.proof.alpha,
        certificate.proof.potentials,
        KS18.losing,
        KS18.honest,
        KS18.symmetries,
        code.rho(0.3),
        Request(1000, 0.0, NOISY).behaviour,
        ClosedForm(code, 0.01, 0.1).log2_factors,
    ):
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("name", ["log2_factors", "beta", "epsilon"])
def test_a_certificate_that_was_read_and_changed_is_not_compared_with_itself(plan, tmp_path, name):
    """It is in the cache of what was read; what it is compared with is made anew."""
    write(plan.certificate, tmp_path / "c.json")
    certificate = read(tmp_path / "c.json")
    factors = np.array(certificate.log2_factors)
    factors[certificate.code.starred] = 0.6
    value = {"log2_factors": factors, "beta": 1e-3, "epsilon": 0.02}[name]
    before = getattr(certificate, name)
    object.__setattr__(certificate, name, value)
    try:
        with pytest.raises(InputError):
            _judged(_forged(plan, certificate=certificate))
    finally:
        object.__setattr__(certificate, name, before)


def test_an_extractor_that_is_of_no_kind_is_in_no_plan(plan):
    class Lazy(Raz):
        def __post_init__(self) -> None:
            pass

        def extract(self, *_: Any, **__: Any) -> Any:
            return np.zeros(self.output_bits, dtype=np.uint8)

    own = dataclasses.asdict(plan.extractor)
    own = {f.name: getattr(plan.extractor, f.name) for f in dataclasses.fields(plan.extractor)}
    lazy = Lazy(**{**own, "min_entropy2": 0.0, "output_bits": 1400})
    given = (plan.score_least - 1466) / plan.certificate.beta
    with pytest.raises(InputError, match="is not what its kind is"):
        dataclasses.replace(plan, output_bits=1400, extractor=lazy, min_entropy_bits=given)


def test_a_plan_a_code_or_a_game_of_a_derived_class_is_not_judged(plan):
    class Boastful(Plan):
        @property
        def log2_failure(self) -> float:
            return 10_000.0

    entries = {f.name: getattr(plan, f.name) for f in dataclasses.fields(plan)}
    boast = _forged(plan)
    object.__setattr__(boast, "__class__", Boastful)
    with pytest.raises(InputError, match="no class derived"):
        judge(boast, new_tally(plan), Provenance("run"))
    assert entries

    class Lenient(Game):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    lenient = Lenient("ks18", KS18.settings, KS18.outcomes, np.zeros_like(KS18.losing), KS18.honest)
    code = SettingCode("default", default_code().words, default_code().starred, lenient)
    certificate = ClosedForm(code, 0.01, 0.1)
    with pytest.raises(InputError, match="is not entered under its name"):
        _judged(plan_with(Request(100_000, 0.01, NOISY), certificate))


def test_a_threshold_that_overflows_is_in_no_plan(plan):
    for score in (1e308, 1e300):
        with pytest.raises(InputError, match="runs reach"):
            dataclasses.replace(plan, score_least=score, min_entropy_bits=1.0)


def test_games_of_one_name_do_not_share_a_digest():
    games = [
        Game("toy", s, (2, 2), np.zeros((6, 4), bool), np.full((6, 4), 0.25))
        for s in ((2, 3), (3, 2))
    ]
    other = np.zeros((6, 4), bool)
    other[0, 0] = True
    games.append(Game("toy", (2, 3), (2, 2), other, np.full((6, 4), 0.25)))
    codes = [SettingCode("toy", (0, 1, 2, 3, 4, 5, 0, 0), 0, game) for game in games]
    behaviour = np.full((6, 4), 0.25)
    asked = {Request(1000, 0.0, behaviour, 8, code=code).digest for code in codes}
    assert len(asked) == 3


FORGED = 100_000


@pytest.fixture(scope="module")
def classical():
    return best_plan(Request(100_000, 0.01, NOISY, security=Security("classical")))


@pytest.mark.parametrize("log2_error", [1e12, math.inf, 5.0, 0.0])
def test_an_extractor_that_admits_a_huge_error_buys_no_room(classical, log2_error):
    """What a document says of its error must not widen what its soundness may be off by."""
    data = json.loads(json.dumps(plan_to_json(classical)))
    data["output_bits"] = data["extractor"]["output_bits"] = FORGED
    data["extractor"]["log2_error"] = log2_error
    with pytest.raises(InputError, match=r"promises soundness|is claimed|expected a number"):
        plan_from_json(data)


def test_huge_scores_buy_no_room_either(classical):
    with pytest.raises(InputError, match="runs reach"):
        dataclasses.replace(classical, score_least=1e15)


def _more(plan):
    """The plan's extractor for far more bits than it gives, as it says itself at an error of 1."""
    return dataclasses.replace(plan.extractor, output_bits=FORGED, log2_error=0.0)


def _edited(plan, **fields):
    """A copy with fields put past all checks."""
    found = copy.copy(plan)
    for name, value in fields.items():
        object.__setattr__(found, name, value)
    return found


def _with(found, name, value):
    """The object with an attribute of its own."""
    object.__setattr__(found, name, value)
    return found


@pytest.mark.parametrize(
    "forge",
    [
        lambda plan: _edited(plan, output_bits=FORGED, extractor=_more(plan)),
        lambda plan: _edited(
            plan,
            output_bits=FORGED,
            extractor=_with(_more(plan), "log2_distance", lambda levels: -1e9),
        ),
        lambda plan: _edited(
            plan,
            output_bits=FORGED,
            extractor=dataclasses.replace(
                _more(plan),
                source1=_with(
                    copy.copy(plan.extractor.source1), "log2_norm", lambda p: np.zeros(np.shape(p))
                ),
            ),
        ),
        lambda plan: _edited(
            plan,
            output_bits=FORGED,
            extractor=_more(plan),
            security=_with(copy.copy(plan.security), "log2_price", lambda m: -(10**6)),
        ),
        lambda plan: _edited(plan, security=Security("no-signalling")),
        lambda plan: _edited(plan, security=Security("classical", "secret")),
        lambda plan: _edited(
            plan, security=_with(copy.copy(plan.security), "side_information", "classical ")
        ),
    ],
)
def test_a_plan_that_was_edited_past_its_checks_is_not_judged(classical, forge):
    forged = forge(classical)
    tally = new_tally(forged)
    with pytest.raises(InputError) as refused:
        judge(forged, tally, Provenance("run"))
    assert "runs counted" not in str(refused.value)


def test_the_plan_itself_is_judged(classical):
    with pytest.raises(InputError, match="0 runs counted, but the plan is for 100000"):
        judge(classical, new_tally(classical), Provenance("run"))
