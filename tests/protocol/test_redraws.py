"""Redrawn chunks pay for the choice that whoever fails a chunk has."""

from __future__ import annotations

import itertools
import math

import pytest

from protocol.best_plan import best_plan
from protocol.errors import InputError
from protocol.extract import raz
from protocol.provenance import Provenance
from protocol.redraws import SHARE_BITS, log2_share, redraw_charge
from qdevices.game import honest_table, with_white_noise


@pytest.fixture(scope="module")
def plan():
    return best_plan(60_000, 0.01, with_white_noise(honest_table(), 0.001))


def _redrawn(*numbers, chunk=20_000, redraws=None):
    return Provenance(
        "run", chunk=chunk, redraws=len(numbers) if redraws is None else redraws, redrawn=numbers
    )


def test_a_run_without_redraws_pays_nothing(plan):
    assert redraw_charge(plan, Provenance("run", chunk=10)) == 0


@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_the_shares_of_all_patterns_of_redraws_sum_to_less_than_their_budget(chunks):
    total = 0.0
    for redraws in range(1, 6):
        patterns = sum(
            sum(tries) == redraws for tries in itertools.product(range(redraws + 1), repeat=chunks)
        )
        total += patterns * 2 ** log2_share(chunks, redraws)
    assert 0 < total <= 2**-SHARE_BITS


def test_the_charge_makes_both_errors_of_a_pattern_its_share(plan):
    """Markov's and the extractor's second term at the score that is asked for, by definition."""
    provenance = _redrawn(1, redraws=2)
    share, beta = log2_share(3, 2), plan.certificate.beta
    score = plan.score_least + redraw_charge(plan, provenance)
    kappa = max(0.0, raz.min_entropy2_of_parts(plan.extractor) - plan.extractor.min_entropy2)
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
