"""Redrawn chunks pay for the choice that whoever fails a chunk has."""

from __future__ import annotations

import itertools
import math
from functools import cache

import pytest

from protocol.data.provenance import Provenance
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.run.redraws import SHARE_BITS, log2_share, redraw_charge
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


@pytest.fixture(scope="module")
def plan():
    return best_plan(Request(60_000, 0.01, KS18.noisy(0.001)))


@pytest.fixture(scope="module")
def tight():
    """A plan in which both parts of the extractor's error are nearly equal."""
    return best_plan(Request(100_000, 0.1, KS18.noisy(0.001)))


def test_a_plan_with_nearly_equal_parts_pays_for_that(plan, tight):
    def beyond(chosen):
        price = -log2_share(chosen.runs // 20_000, 1)
        charge = redraw_charge(chosen, _redrawn(1))
        return (charge - price * (1 + 2 * chosen.certificate.beta)) / chosen.certificate.beta

    assert beyond(plan) == pytest.approx(0, abs=1e-9)
    assert 0.1 < beyond(tight) < 1


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


@pytest.mark.parametrize("which", ["plan", "tight"])
def test_the_charge_makes_both_errors_of_a_pattern_its_share(request, which):
    """Markov's and the extractor's second term at the score that is asked for, by definition."""
    plan = request.getfixturevalue(which)
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
