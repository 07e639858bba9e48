"""Redrawn chunks pay for the choice that whoever fails a chunk has."""

from __future__ import annotations

import itertools

import pytest

from protocol.errors import InputError
from protocol.redraws import SHARE_BITS, redraw_charge


def test_a_run_without_redraws_pays_nothing():
    assert redraw_charge(0.125, 10, 0) == 0


@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_the_shares_of_all_patterns_of_redraws_sum_to_less_than_their_budget(chunks):
    beta, total = 0.0, 0.0
    for redraws in range(1, 6):
        share = 2 ** -redraw_charge(beta, chunks, redraws)
        patterns = sum(
            sum(tries) == redraws for tries in itertools.product(range(redraws + 1), repeat=chunks)
        )
        total += patterns * share
    assert 0 < total <= 2**-SHARE_BITS


def test_a_number_that_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="-1 redraws of 3 chunks"):
        redraw_charge(0.1, 3, -1)
    with pytest.raises(InputError, match="0 redraws of 0 chunks"):
        redraw_charge(0.1, 0, 0)
