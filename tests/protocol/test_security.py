"""The security model as data: valid by construction, said in words, kept in documents."""

from __future__ import annotations

from itertools import product

import pytest

from protocol.plan.assumptions import assumptions
from protocol.plan.choose import best_plan
from protocol.request import Request, soundness_from
from protocol.security import EXTRACTOR_BITS, PAPER, SIDE_INFORMATION, Security
from qdevices.errors import InputError
from qdevices.ks18.game import KS18

MODELS = [Security(*names) for names in product(SIDE_INFORMATION, EXTRACTOR_BITS)]


@pytest.mark.parametrize("security", [*MODELS, Security(signalling=1e-3)])
def test_a_model_is_what_its_json_restores(security):
    assert Security.from_json(security.to_json()) == security


def test_each_model_says_another_sentence():
    assert len({security.sentence for security in MODELS}) == len(MODELS)
    assert MODELS[0] == PAPER
    assert "within 0.001" in Security(signalling=1e-3).sentence


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (("quantum",), "side information 'quantum' is unknown, expected no-signalling or class"),
        ((None,), "side information 'None' is unknown"),
        (("classical", "hidden"), "extractor bits 'hidden' is unknown, expected public or secret"),
        (("classical", "public", 1.0), r"signalling 1.0 is outside \[0, 1\)"),
        (("classical", "public", -1e-9), r"signalling -1e-09 is outside \[0, 1\)"),
        (("classical", "public", float("nan")), r"signalling nan is outside \[0, 1\)"),
        (("classical", "public", True), r"signalling True is outside"),
        (("classical", "public", "0.1"), r"signalling 0.1 is outside"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(bad, message):
    with pytest.raises(InputError, match=message) as refused:
        Security(*bad)
    assert "\n" not in str(refused.value)


def test_a_request_is_another_in_another_model():
    base = Request(1000, 0.01, KS18.honest)
    asked = [Request(1000, 0.01, KS18.honest, security=security) for security in (*MODELS, PAPER)]
    asked += [
        Request(1000, 0.01, KS18.honest, output_bits=5),
        Request(1000, 0.01, KS18.honest, complete_for="any"),
        Request(1000, 0.01, KS18.honest, security=Security(signalling=1e-3)),
    ]
    assert len({request.digest for request in asked}) == len(MODELS) + 3
    assert asked[0] == base


def test_assumptions_follow_the_model():
    said = {}
    for security in MODELS:
        plan = best_plan(Request(300_000, 0.01, KS18.noisy(0.001), security=security))
        said[security] = " ".join(assumptions(plan))
        assert ("Eve has to measure before" in said[security]) is (
            security.side_information == "classical"
        )
        assert ("all later bits of the same source, for ever" in said[security]) is (
            security.extractor_bits == "secret"
        )
        assert ("and the outcomes for ever" in said[security]) is (
            security.extractor_bits == "public"
        )
    assert len(set(said.values())) == len(MODELS)


@pytest.mark.parametrize("text", ["64", "64.0", 64, "2^-64", "2**-64", " 2 ^ -64 ", "2^−64"])
def test_soundness_is_understood_as_people_write_it(text):
    assert soundness_from(text) == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e-9", "is below 1: it is σ of 2.−σ; did you mean 30?"),
        ("5.421010862427522e-20", "did you mean 64?"),
        ("0", "is below 1"),
        ("2^64", "is not understood, expected σ of 2.−σ, such as 64 or 2.-64"),
        ("2^-", "is not understood"),
        ("many", "is not understood"),
        ("nan", "is no finite number"),
        ("inf", "is no finite number"),
        ("2^-0.5", "is below 1"),
    ],
)
def test_soundness_that_is_none_says_what_it_should_be(text, message):
    with pytest.raises(InputError, match=message):
        soundness_from(text)
