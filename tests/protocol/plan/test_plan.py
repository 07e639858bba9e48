"""Plans: what is fixed before the run (theory 4.4)."""

from __future__ import annotations

import dataclasses
import decimal
import functools
import json
import math
import re

import numpy as np
import pytest
from scipy.stats import binom

from protocol.certificate.closed_form import ClosedForm
from protocol.plan.file import plan_from_json, plan_to_json
from protocol.run.play import execute
from protocol.run.record import read_planned
from protocol.security import Security
from protocol.settings.ks18 import default_code
from protocol.sources.uniform import UniformSource
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18, starred_event
from tests.protocol.plans import closed_form_plan, plan_for
from tests.test_golden import GOLDEN


def _plan(runs=1_000_000, epsilon=0.01, white=0.001, **demands):
    behaviour = KS18.noisy(white)
    return closed_form_plan(runs, epsilon, behaviour, default_code(), **demands)


_SMALL = _plan(runs=100_000)


@pytest.mark.parametrize(
    ("epsilon", "white", "figure"),
    [(0.01, 0.001, 2600), (0.05, 0.001, 1100), (0.1, 0.0, 460), (0.01, 0.01, 930)],
)
def test_outputs_reach_the_figures_of_theory_4_4(epsilon, white, figure):
    """The theory quotes the expected output; the plan promises it with completeness 0.99."""
    assert _plan(epsilon=epsilon, white=white).output_bits > 0.85 * figure


def test_thresholds_are_exact_binomial_quantiles():
    plan = _plan()
    joint = default_code().probabilities()[:, None] * KS18.noisy(0.001)
    lost, starred = joint[KS18.losing].sum(), joint[starred_event()].sum()
    assert binom.sf(plan.losing_limit, plan.runs, lost) <= 0.0002
    assert binom.sf(plan.losing_limit - 1, plan.runs, lost) > 0.0002
    assert binom.cdf(plan.event_least - 1, plan.runs, starred) <= 0.0002
    assert binom.cdf(plan.event_least, plan.runs, starred) > 0.0002


def _distance(plan, m, least, p, step=1):
    """2^price·(2·2^{−s₀+βk₀} + 2D) of theory 4.4.4 for Raz, its sum written down in decimals.

    Independent of the levels that the plan takes: even steps, no logarithms that may cancel.
    """
    power = functools.partial(decimal.Decimal.__pow__, decimal.Decimal(2))
    exponent = decimal.Decimal
    score, beta = plan.guaranteed_score, plan.certificate.beta
    r, source1 = plan.extractor.degree, plan.extractor.source1
    norm = power(exponent(float(source1.log2_norm(p))))
    pairs = math.prod(range(1, p, 2))
    levels, k = [], least
    while k < score / beta:
        levels.append((k, min(0.0, beta * (k + step) - score)))
        k += step
    levels.append((k, 0.0))
    roots = sum(power(exponent((mass - k) / 2)) for k, mass in levels)
    steps = math.ceil(math.log2(p))
    first = power(exponent((steps - r) / p))
    second = exponent(pairs) ** (1 / exponent(p)) * roots
    distance = norm / 2 * power(exponent(m) / 2) * (first + second)
    price = m if plan.security.side_information == "no-signalling" else 0
    bad = power(exponent(beta * least - score))
    return float((power(exponent(price)) * (2 * bad + 2 * distance)).log10() / exponent(2).log10())


@pytest.mark.parametrize("side", ["no-signalling", "classical"])
def test_the_planned_output_is_the_largest_sound_one(side):
    plan = _plan(runs=300_000, security=Security(side))
    m, beta, p = plan.output_bits, plan.certificate.beta, plan.extractor.moment
    with decimal.localcontext(prec=60, Emin=-(10**9), Emax=10**9):
        found = min(_distance(plan, m, plan.min_entropy_bits, p, step) for step in (2, 4, 8))
        assert found <= -64
        assert found == pytest.approx(plan.soundness_log2, abs=0.02)
        # One per cent more is not sound, wherever k₀ is put and whatever p is.
        more = math.ceil(1.01 * m)
        price = more if side == "no-signalling" else 0
        most = (plan.guaranteed_score - 64 - price - 1) / beta
        for least in (most, most - 0.1 / beta, most - 1 / beta):
            for q in {p - 20, p - 8, p - 2, p, p + 2, p + 8, p + 20} & set(range(2, 10**4)):
                assert _distance(plan, more, least, q, 4) > -64


@pytest.mark.parametrize("side", ["no-signalling", "classical"])
@pytest.mark.parametrize("bits", ["public", "secret"])
def test_each_model_says_what_it_is_and_keeps_its_promise(side, bits):
    security = Security(side, bits)
    plan = _plan(runs=200_000, security=security)
    assert plan.soundness_log2 <= -64
    assert plan.output_bits >= _plan(runs=200_000).output_bits
    assert plan_from_json(plan_to_json(plan)) == plan
    assert plan_from_json(plan_to_json(plan)).security == security
    assert plan.extractor.strong == security.strong
    assert plan.digest != dataclasses.replace(plan, complete_for="any").digest
    # The other model's promise does not follow.
    if side == "classical":
        with pytest.raises(InputError, match=r"min-entropy|soundness"):
            dataclasses.replace(plan, security=Security("no-signalling", bits))
    other = {"public": "secret", "secret": "public"}[bits]
    with pytest.raises(InputError, match="not strong in source"):
        dataclasses.replace(plan, security=Security(side, other))


def test_output_is_asked_for_by_its_number_of_bits():
    most = _plan().output_bits
    assert _plan(output_bits=most).output_bits == most
    assert _plan(output_bits=100).output_bits == 100
    none = _plan(output_bits=most + 1)
    assert none.output_bits == 0
    assert none.reason == (
        f"{most + 1:,} bits are beyond reach, {most:,} are possible; more would take more runs or "
        "secret extractor bits or classical side information"
    )


def test_secret_weak_bits_give_more_than_the_outcomes_hold():
    """A field as large as the output wants, for classical side information."""
    secret = Security("classical", "secret")
    usual, wanted = _plan(security=secret), _plan(security=secret, output_bits=3_000_000)
    assert wanted.output_bits == 3_000_000 > usual.output_bits
    assert wanted.extractor.degree > 3_000_000 > usual.extractor.degree
    assert wanted.soundness_log2 <= -64
    beyond = _plan(security=secret, output_bits=10**9)
    assert beyond.output_bits == 0
    possible = re.findall("beyond reach, ([0-9,]+) are possible; more would", beyond.reason)
    near = int(possible[0].replace(",", ""))
    assert _plan(security=secret, output_bits=near).output_bits == near
    assert not _plan(security=secret, output_bits=math.ceil(near * 1.02)).output_bits


def test_a_plan_of_before_2_2_promises_by_the_whole_error():
    old = read_planned(GOLDEN / "2.1" / "plan-optimised.json")
    assert not old.by_levels
    assert old.security == Security()
    assert old.log2_failure == -(old.output_bits + old.soundness + 2)
    with pytest.raises(InputError, match="is of before"):
        dataclasses.replace(old, security=Security("classical"))


def test_beta_is_nearly_the_best():
    plan = _plan()
    behaviour = KS18.noisy(0.001)
    for factor in (0.5, 0.8, 0.95, 1.03):
        certificate = ClosedForm(default_code(), 0.01, plan.certificate.beta * factor)
        assert plan_for(plan.runs, behaviour, certificate).output_bits <= 1.02 * plan.output_bits


def test_completeness_is_kept_by_honest_devices():
    """Aborts of 400 honest runs at completeness 0.9: at most 71 (false alarm 1e-6)."""
    runs, behaviour = 60_000, KS18.noisy(0.001)
    plan = closed_form_plan(runs, 0.01, behaviour, default_code(), completeness=0.9)
    joint = (default_code().probabilities()[:, None] * behaviour).ravel()
    counts = np.random.default_rng(0).multinomial(runs, joint, size=400).reshape(-1, 81, 16)
    aborted = 0
    for table in counts:
        lost, starred = table[KS18.losing].sum(), table[starred_event()].sum()
        score = plan.certificate.score(table)
        aborted += bool(
            lost > plan.losing_limit or starred < plan.event_least or score < plan.score_least
        )
    assert 0 < aborted <= binom.isf(1e-6, 400, 0.1)


def test_more_runs_give_more_and_more_noise_gives_less():
    outputs = [_plan(runs=n).output_bits for n in (30_000, 100_000, 1_000_000, 10_000_000)]
    assert outputs == sorted(outputs)
    noises = [_plan(white=q).output_bits for q in (0.0, 0.001, 0.01, 0.02)]
    assert noises == sorted(noises, reverse=True)
    assert noises[-1] > 0


def test_nothing_certified_says_why():
    noisy = _plan(white=0.2)
    assert noisy.output_bits == 0
    assert noisy.extractor is None
    assert "gives no credit at this noise" in noisy.reason
    short = _plan(runs=1000)
    assert "too little min-entropy" in short.reason


def test_json_round_trip():
    for plan in (_plan(), _plan(white=0.2)):
        data = json.loads(json.dumps(plan_to_json(plan), allow_nan=False))
        assert plan_to_json(plan_from_json(data)) == plan_to_json(plan)
    with pytest.raises(InputError, match="the plan has no entry 'certificate'"):
        plan_from_json({"runs": 3})


_EDITS = [
    ({"score_least": 10.0}, "promises .* bits of min-entropy, the score threshold gives"),
    ({"score_least": 10.0, "min_entropy_bits": 0.0}, "the score threshold gives"),
    ({"score_least": math.nan}, "score_least NaN, expected a number"),
    ({"score_least": None, "min_entropy_bits": 0.0}, "the score threshold gives -inf"),
    ({"min_entropy_bits": 1e5}, "promises 100000.0 bits of min-entropy"),
    ({"min_entropy_bits": 1e9}, "min_entropy_bits 1000000000.0, expected a number in"),
    ({"min_entropy_bits": 100.0}, "promises soundness 2.-64, its numbers give"),
    ({"min_entropy_bits": None}, "min_entropy_bits null, expected a number"),
    ({"output_bits": 0}, "the plan's extractor's output is"),
    ({"runs": "100000"}, 'runs "100000", expected a whole number'),
    ({"runs": 1e5}, "runs 100000.0, expected a whole number"),
    ({"capacity": True}, "capacity true, expected a whole number"),
    ({"note": 1}, "unknown entry 'note'"),
    ({"output_bits": 5000}, "min-entropy"),
    ({"output_bits": 10**9}, "min-entropy"),
    ({"extractor": None}, "promises .* bits without an extractor"),
    ({"extractor": None, "output_bits": 0}, "the plan promises"),
    ({"reason": "x"}, "reason for no output is x, expected None"),
    ({"soundness": 100.0}, "min-entropy"),
    ({"soundness": math.nan}, "soundness NaN, expected a number"),
    ({"completeness": 1.0}, "completeness 1.0 is outside"),
    ({"capacity": -5}, "capacity -5, expected a whole number in 0"),
    ({"capacity": 90_000}, "keeps 90000 outcomes, expected"),
    ({"extractor.length2": _SMALL.extractor.length2 + 1}, "outcomes, expected"),
    ({"losing_limit": math.inf}, "losing_limit Infinity, expected a whole number in 0"),
    ({"expected_paper_event": math.nan}, "expected_paper_event NaN, expected a number in"),
    ({"certificate": ["closed-form"]}, "expected a JSON object"),
    ({"extractor.output_bits": 5000}, "is claimed, the theorem has"),
    ({"extractor.log2_error": -6000.0}, "an error of 2.-6000.0 is claimed, the theorem has"),
    ({"extractor.min_entropy2": 1e6}, "min-entropy 1000000 of source 2 is outside"),
    ({"extractor.min_entropy2": 0.0}, "is claimed, the theorem has"),
    ({"extractor.source1.epsilon": 0.0}, "extractor's source 1"),
    ({"extractor.strong": "source2"}, "not strong in source1"),
    ({"security.side_information": "quantum"}, "side_information"),
    ({"security.extractor_bits": "secret"}, "not strong in source2"),
    ({"security.signalling": 0.01}, "gives no min-entropy|the score threshold gives"),
    ({"security.signalling": 1.0}, "outside .0, 1."),
    ({"complete_for": "all"}, "complete_for"),
    ({"by_levels": False}, "by_levels"),
    ({"by_levels": None}, "unknown entry"),
    ({"extractor.levels": 10**12}, "l = 1000000000000 is outside"),
    ({"extractor.moment": 3}, "p = 3 is not even"),
]


@pytest.mark.parametrize(("edits", "message"), _EDITS)
def test_an_edited_plan_that_promises_more_than_its_thresholds_justify_is_refused(edits, message):
    data = json.loads(json.dumps(plan_to_json(_SMALL)))
    assert plan_to_json(plan_from_json(data)) == plan_to_json(_SMALL)
    for key, value in edits.items():
        *path, last = key.split(".")
        target = data
        for name in path:
            target = target[name]
        target[last] = value
    with pytest.raises(InputError, match=message) as error:
        plan_from_json(data)
    assert "\n" not in str(error.value)


def test_a_plan_may_be_edited_to_promise_less():
    data, beta = plan_to_json(_SMALL), _SMALL.certificate.beta
    stricter = {**data, "score_least": data["score_least"] + 1, "losing_limit": 0}
    assert plan_from_json(stricter).output_bits == _SMALL.output_bits
    stricter["min_entropy_bits"] += 1 / beta
    assert plan_from_json(stricter).output_bits == _SMALL.output_bits
    stricter["min_entropy_bits"] += 1 / beta
    with pytest.raises(InputError, match="the score threshold gives"):
        plan_from_json(stricter)  # what it says of its min-entropy has to follow


def test_zero_has_one_sign_and_a_tiny_probability_ends_no_command():
    assert _plan(epsilon=0.0).digest == _plan(epsilon=-0.0).digest
    data = {**plan_to_json(_SMALL), "expected_paper_event": 5e-324}
    assert not plan_from_json(data).theorem9.applies


def test_a_plan_has_one_digest_whoever_made_it_and_another_when_anything_is_changed():
    data = json.loads(json.dumps(plan_to_json(_SMALL)))
    assert plan_from_json(data).digest == _SMALL.digest
    assert _plan(soundness=64).digest == _plan(soundness=64.0).digest
    seen = {_SMALL.digest}
    for name, value in (
        ("completeness", 0.5), ("losing_limit", 1), ("event_least", 1), ("expected_score", 0.0),
        ("expected_losing", 0.5), ("expected_event", 0.5), ("expected_paper_event", 0.5),
        ("soundness", 63.5),
    ):  # fmt: skip
        changes = {name: value}
        if name == "soundness":  # then the min-entropy that follows is another
            more = 0.5 / _SMALL.certificate.beta
            changes["min_entropy_bits"] = _SMALL.min_entropy_bits + more
        seen.add(dataclasses.replace(_SMALL, **changes).digest)
    assert len(seen) == 9
    assert _plan(runs=100_001).digest not in seen


@pytest.mark.parametrize(
    "changes",
    [
        {"output_bits": 10**6},
        {"output_bits": _SMALL.output_bits + 1},
        {"epsilon": 0.001},
        {"score_least": 10.0},
        {"capacity": 1},
        {"reason": "x"},
        {"runs": 0},
        {"runs": 1e5},
        {"runs": True},
        {"losing_limit": -1},
        {"soundness": 100.0},
        {"min_entropy_bits": math.nan},
        {"score_least": math.inf},
        {"certificate": None},
        {"extractor": "raz"},
    ],
)
def test_a_plan_that_promises_what_does_not_follow_cannot_be_built(changes):
    with pytest.raises(InputError) as error:
        dataclasses.replace(_SMALL, **changes)
    assert "\n" not in str(error.value)


def test_numpy_numbers_make_the_same_plan():
    same = dataclasses.replace(
        _SMALL, runs=np.int64(_SMALL.runs), score_least=np.float64(_SMALL.score_least)
    )
    assert same.digest == _SMALL.digest
    assert type(same.runs) is int
    assert type(same.score_least) is float


def test_a_plan_is_what_its_document_restores():
    again = plan_from_json(plan_to_json(_SMALL))
    assert (again.digest, again.extractor) == (_SMALL.digest, _SMALL.extractor)


def test_a_leaning_source_is_planned_for():
    """Under words from a biased source u0 is rarer, and the plan knows."""
    words = np.full(256, 1 / 256)
    words[:128] *= 0.8
    words[128:] *= 1.2
    behaviour = KS18.noisy(0.001)
    plan = closed_form_plan(1_000_000, 0.1, behaviour, default_code(), word_probabilities=words)
    assert plan.expected_event == pytest.approx(0.8 * 0.125)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": 0}, "runs 0 is outside"),
        ({"runs": -5}, "runs -5 is outside"),
        ({"epsilon": 0.5}, "epsilon 0.5 is outside"),
        ({"epsilon": -0.1}, "epsilon -0.1 is outside"),
        ({"soundness": 0}, "soundness 0 is below 1"),
        ({"soundness": math.nan}, "soundness nan is no finite number"),
        ({"soundness": 1e9}, "can never be met"),
        ({"completeness": 1.0}, "completeness 1.0 is outside"),
    ],
)
def test_bad_demands_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        _plan(**changes)


def test_a_device_by_the_plan_is_accepted_and_a_noisy_one_aborted_by_test_one():
    plan = _plan(runs=100_000)
    rng = np.random.default_rng(1)
    good = TableDevice(KS18.noisy(0.001), KS18)
    assert execute(plan, good, UniformSource(rng), rng).verdict.accepted
    bad = TableDevice(KS18.noisy(0.2), KS18)
    verdict = execute(plan, bad, UniformSource(rng), rng).verdict
    assert not verdict.accepted
    assert verdict.reasons[0].startswith("test 1 failed: L = 0.0")
