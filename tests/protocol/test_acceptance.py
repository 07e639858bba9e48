"""Counting runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.acceptance import Tally, check_fresh, check_settings
from protocol.errors import InputError
from protocol.setting_code import default_code, joint_code, plain_code
from qdevices.game import losing_table, paper_event, starred_event

RUNS = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 15)), min_size=1, max_size=200)


@given(RUNS, st.integers(0, 200))
def test_tests_count_what_their_definitions_say(runs, cut):
    settings, outcomes = np.array(runs, dtype=np.uint8).T
    tally = Tally(starred=2, capacity=100)
    tally.add(settings[:cut], outcomes[:cut])
    tally.add(settings[cut:], outcomes[cut:])
    assert tally.runs == len(runs)
    assert tally.losing_rate() == sum(losing_table()[u, x] for u, x in runs) / len(runs)
    for event in (starred_event(), paper_event()):
        assert tally.event_rate(event) == sum(event[u, x] for u, x in runs) / len(runs)


def test_the_papers_event_is_one_outcome_of_one_pair():
    tally = Tally(2, 10)
    tally.add(np.array([1, 1, 2], dtype=np.uint8), np.array([2, 3, 2], dtype=np.uint8))
    assert tally.event_count(paper_event()) == 1


@given(RUNS, st.integers(0, 30), st.integers(0, 200))
def test_kept_outcomes_are_the_first_at_the_starred_pair(runs, capacity, cut):
    settings, outcomes = np.array([(u % 4, x) for u, x in runs], dtype=np.uint8).T
    tally = Tally(2, capacity)
    tally.add(settings[:cut], outcomes[:cut])
    tally.add(settings[cut:], outcomes[cut:])
    starred = [int(x) for u, x in zip(settings, outcomes, strict=True) if u == 2]
    bits = tally.device_bits().reshape(-1, 4)
    assert (bits @ [8, 4, 2, 1]).tolist() == starred[:capacity]
    assert tally.overflow.tolist() == np.bincount(starred[capacity:], minlength=16).tolist()


def test_bad_runs_are_refused():
    tally = Tally(2, 10)
    good = np.zeros(3, dtype=np.uint8)
    with pytest.raises(InputError, match=r"settings\[1\] is 81, expected 0\.\.80"):
        tally.add(np.array([0, 81, 0], dtype=np.uint8), good)
    with pytest.raises(InputError, match=r"outcomes\[2\] is 16, expected 0\.\.15"):
        tally.add(good, np.array([0, 0, 16], dtype=np.uint8))
    with pytest.raises(InputError, match="3 settings but 2 outcomes"):
        tally.add(good, good[:2])
    with pytest.raises(InputError, match="dtype int64"):
        tally.add(good, np.zeros(3, dtype=np.int64))
    assert tally.runs == 0


def test_settings_of_another_code_are_noticed_and_honest_ones_never():
    rng = np.random.default_rng(4)
    codes = {"default": default_code(), "joint": joint_code(), "plain": plain_code()}
    for epsilon in (0.0, 0.1):
        for name, code in codes.items():
            leaning = code.decode((rng.random(10_000 * code.bits_per_run) < 0.5 + epsilon) * 1)
            counts = np.bincount(leaning, minlength=81)
            check_settings(counts, code, epsilon)
            for other, claimed in codes.items():
                if other != name:
                    with pytest.raises(InputError, match="chosen with another code"):
                        check_settings(counts, claimed, epsilon)


def test_bits_that_chose_the_settings_are_not_fresh_and_others_are():
    code, rng = joint_code(), np.random.default_rng(5)
    bits = rng.integers(0, 2, 6 * 1000).astype(np.uint8)
    settings = code.decode(bits)
    for part in (bits, bits[:999]):  # the extractor may want fewer or more than the settings took
        with pytest.raises(InputError, match="are those that chose the settings"):
            check_fresh(part, code, settings)
    with pytest.raises(InputError, match="the first 600 bits"):
        check_fresh(bits, code, settings[:100])
    check_fresh(bits[::-1], code, settings)
    check_fresh(bits[:0], code, settings)
