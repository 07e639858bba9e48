"""Nothing forged verifies, and the search that says so finds forgeries where a check is missing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.protocol.certificate.hostile import (
    WEAKENED,
    first_forgery,
    forged,
    hostile_certificates,
    refused,
    second_forgery,
    weakened,
)

COUNT = 1500


@pytest.fixture(scope="module")
def drawn():
    return list(hostile_certificates(COUNT, 20161130))


def test_no_hostile_certificate_verifies(drawn):
    kinds = Counter(hostile.kind for hostile in drawn)
    assert len(kinds) == 4, kinds
    assert min(kinds.values()) > COUNT // 20
    for hostile in drawn:
        assert refused(hostile, as_file=False)


def test_no_hostile_file_verifies(drawn):
    for hostile in drawn[::10]:
        if hostile.kind != "malformed":
            assert refused(hostile, as_file=True)


@pytest.mark.parametrize("part", WEAKENED)
def test_the_same_search_finds_forgeries_when_a_part_of_the_check_is_missing(drawn, part):
    with weakened(part):
        assert sum(forged(hostile) for hostile in drawn) >= 3


@pytest.mark.parametrize("forgery", [first_forgery, second_forgery])
def test_the_forgeries_that_were_accepted_are_refused(forgery):
    assert forgery().is_refuted(np.random.default_rng(1))
    assert refused(forgery(), as_file=False)
    assert refused(forgery(), as_file=True)
    with weakened("limits by absolute value"):
        assert forged(forgery())
