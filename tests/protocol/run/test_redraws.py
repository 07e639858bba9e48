"""Redrawn chunks pay for the choice that whoever fails a chunk has."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from protocol.data.provenance import Provenance
from protocol.extract.levels import Levels, score_levels
from protocol.extract.raz import Raz
from protocol.extract.raz_levels import log2_parts
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.run.redraws import SHARE_BITS, log2_share, redraw_charge
from protocol.security import Security
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


@pytest.fixture(scope="module")
def plan():
    return best_plan(Request(60_000, 0.01, KS18.noisy(0.001)))


@pytest.fixture(scope="module")
def tight():
    """A plan in which both parts of the extractor's error are nearly equal."""
    return best_plan(Request(100_000, 0.1, KS18.noisy(0.001)))


def _of_before_2_2(plan):
    """The same plan as documents of 2.1 have it: the whole error charged at k₀ (theory 4.4.3)."""
    beta, length2 = plan.certificate.beta, plan.extractor.length2

    def at(m):
        level = (plan.score_least - (m + plan.soundness + 2)) / beta
        return level, Raz.for_output(plan.epsilon, length2, m, -(m + plan.soundness + 2))

    low, high = 1, plan.output_bits + 1
    while high - low > 1:
        middle = (low + high) // 2
        level, extractor = at(middle)
        low, high = (middle, high) if extractor.min_entropy2 <= level else (low, middle)
    level, extractor = at(low)
    return replace(
        plan, by_levels=False, output_bits=low, min_entropy_bits=level, extractor=extractor
    )


def test_plans_by_levels_pay_nothing_for_nearly_equal_parts_older_ones_do(plan, tight):
    def beyond(chosen):
        price = -log2_share(chosen.runs // 20_000, 1)
        charge = redraw_charge(chosen, _redrawn(1))
        return (charge - price * (1 + 2 * chosen.certificate.beta)) / chosen.certificate.beta

    assert beyond(plan) == pytest.approx(0, abs=1e-9)
    assert beyond(tight) == pytest.approx(0, abs=1e-9)
    assert beyond(_of_before_2_2(plan)) == pytest.approx(0, abs=1e-9)
    assert 0.1 < beyond(_of_before_2_2(tight)) < 1


def _redrawn(*numbers, chunk=20_000, redraws=None):
    return Provenance(
        "run", chunk=chunk, redraws=len(numbers) if redraws is None else redraws, redrawn=numbers
    )


def test_a_run_without_redraws_pays_nothing(plan):
    assert redraw_charge(plan, Provenance("run", chunk=10)) == 0


@cache
def _histories(chunks, redraws):
    """Sequences of rounds, each a nonempty set of the chunks, of so many redraws in all."""
    if not redraws:
        return 1
    return sum(
        math.comb(chunks, size) * _histories(chunks, redraws - size)
        for size in range(1, min(chunks, redraws) + 1)
    )


def test_histories_are_counted_as_they_are_listed():
    rounds = [set(r) for k in (1, 2) for r in itertools.combinations(range(2), k)]
    for redraws, expected in ((1, 2), (2, 5), (3, 12)):
        listed = [
            history
            for length in range(1, redraws + 1)
            for history in itertools.product(rounds, repeat=length)
            if sum(map(len, history)) == redraws
        ]
        assert len(listed) == _histories(2, redraws) == expected


@pytest.mark.parametrize("chunks", [1, 2, 5, 30, 1000])
def test_the_shares_of_all_histories_of_redraws_sum_to_less_than_their_budget(chunks):
    total = sum(_histories(chunks, r) * 2 ** log2_share(chunks, r) for r in range(1, 60))
    assert 2 ** -(SHARE_BITS + 1) < total < 2 ** -(SHARE_BITS - 1)


@pytest.mark.parametrize("side", ["no-signalling", "classical"])
@pytest.mark.parametrize("bits", ["public", "secret"])
def test_the_charge_makes_all_parts_of_a_pattern_its_share(side, bits):
    """Every level's mass, and the extractor's second part there, at the score asked for."""
    security = Security(side, bits)
    plan = best_plan(Request(60_000, 0.01, KS18.noisy(0.001), security=security))
    share, beta = log2_share(3, 2), plan.certificate.beta
    score = plan.score_least + redraw_charge(plan, _redrawn(1, redraws=2))
    levels = score_levels(plan.score_least, beta, plan.min_entropy_bits)
    raised = levels.min_entropy - 2 * share
    assert beta * raised[0] - score <= plan.log2_failure + share + 1e-9
    mass = beta * raised[1:] - score
    assert (mass <= beta * levels.min_entropy[1:] - plan.score_least + share + 1e-9).all()
    extractor = plan.extractor
    assert isinstance(extractor, Raz)

    def second(k):
        found = Levels(k, levels.log2_mass)
        p = np.array([float(extractor.moment)])
        return float(
            log2_parts(extractor.source1, plan.output_bits, found, p, extractor.strong)[1][0]
        )

    assert second(raised) <= second(levels.min_entropy) + share + 1e-6


@pytest.mark.parametrize("which", ["plan", "tight"])
def test_the_charge_of_an_older_plan_makes_both_errors_of_a_pattern_its_share(request, which):
    """Markov's and the extractor's second term at the score that is asked for, by definition."""
    plan = _of_before_2_2(request.getfixturevalue(which))
    provenance = _redrawn(1, redraws=2)
    share, beta = log2_share(3, 2), plan.certificate.beta
    score = plan.score_least + redraw_charge(plan, provenance)
    kappa = max(0.0, plan.extractor.min_entropy2_of_parts() - plan.extractor.min_entropy2)
    level = plan.extractor.min_entropy2 + kappa - 2 * share
    assert -score + beta * level <= plan.log2_failure + share + 1e-9
    # B of the corollary at that level, least over all p with A of half the error at most.
    m, extractor = plan.output_bits, plan.extractor
    parts = []
    for p in range(2, extractor.moment + 1, 2):
        scale = float(extractor.source1.log2_norm(p)) - 1 + m / 2
        if scale + (extractor.levels - extractor.degree) / p <= extractor.log2_error - 1:
            pairs = sum(math.log2(j) for j in range(1, p, 2))
            parts.append(scale + pairs / p - level / 2)
    assert min(parts) <= extractor.log2_error + share + 1e-9


def test_more_redraws_of_more_chunks_cost_more(plan):
    charges = [
        redraw_charge(plan, _redrawn(0)),
        redraw_charge(plan, _redrawn(0, redraws=2)),
        redraw_charge(plan, _redrawn(0, redraws=2, chunk=1000)),
    ]
    assert 0 < charges[0] < charges[1] < charges[2] < math.inf


def test_redraws_that_do_not_fit_the_run_are_refused(plan):
    with pytest.raises(InputError, match=r"chunk 3 was redrawn, but 60000 runs .* have only 3"):
        redraw_charge(plan, _redrawn(3))
    with pytest.raises(InputError, match="0 redraws of 3 chunks"):
        log2_share(3, 0)
    with pytest.raises(InputError, match="1 redraws of 0 chunks"):
        log2_share(0, 1)
