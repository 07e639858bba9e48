"""Counting runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.run.tally import (
    HEAD,
    Tally,
    _window_hashes,
    check_fresh,
    check_lean,
    check_settings,
)
from protocol.settings.ks18 import compact_code, default_code, joint_code, plain_code
from qdevices.errors import InputError
from qdevices.ks18.game import KS18, paper_event, starred_event

RUNS = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 15)), min_size=1, max_size=200)


@given(RUNS, st.integers(0, 200))
def test_tests_count_what_their_definitions_say(runs, cut):
    settings, outcomes = np.array(runs, dtype=np.uint8).T
    tally = Tally(default_code(), capacity=100)
    tally.add(settings[:cut], outcomes[:cut])
    tally.add(settings[cut:], outcomes[cut:])
    assert tally.runs == len(runs)
    assert tally.losing_rate() == sum(KS18.losing[u, x] for u, x in runs) / len(runs)
    for event in (starred_event(), paper_event()):
        assert tally.event_rate(event) == sum(event[u, x] for u, x in runs) / len(runs)


def test_the_papers_event_is_one_outcome_of_one_pair():
    tally = Tally(default_code(), 10)
    tally.add(np.array([1, 1, 2], dtype=np.uint8), np.array([2, 3, 2], dtype=np.uint8))
    assert tally.event_count(paper_event()) == 1


@given(RUNS, st.integers(0, 30), st.integers(0, 200))
def test_kept_outcomes_are_the_first_at_the_starred_pair(runs, capacity, cut):
    settings, outcomes = np.array([(u % 4, x) for u, x in runs], dtype=np.uint8).T
    tally = Tally(default_code(), capacity)
    tally.add(settings[:cut], outcomes[:cut])
    tally.add(settings[cut:], outcomes[cut:])
    starred = [int(x) for u, x in zip(settings, outcomes, strict=True) if u == 2]
    bits = tally.device_bits().reshape(-1, 4)
    assert (bits @ [8, 4, 2, 1]).tolist() == starred[:capacity]
    assert tally.starred_count == len(starred)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(HEAD, 2 * HEAD))
def test_remembered_settings_do_not_depend_on_how_the_runs_are_cut(cuts, stride):
    settings = np.random.default_rng(1).integers(0, 81, 1500).astype(np.uint8)
    outcomes, whole, parts = (
        settings % 16,
        Tally(default_code(), 9, stride),
        Tally(default_code(), 9, stride),
    )
    whole.add(settings, outcomes)
    start = 0
    for length in [*(37 * cut for cut in cuts), len(settings)]:
        parts.add(settings[start : start + length], outcomes[start : start + length])
        start += length
    expected = [settings[k : k + HEAD].tobytes() for k in range(0, len(settings), stride)]
    assert parts.heads == whole.heads
    assert whole.heads == expected


def test_bad_runs_are_refused():
    tally = Tally(default_code(), 10)
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
            bits = rng.random(10_000 * code.bits_per_run) < 0.5 + epsilon
            leaning = code.decode(bits.astype(np.uint8))
            counts = np.bincount(leaning, minlength=81)
            check_settings(counts, code, epsilon)
            for other, claimed in codes.items():
                if other != name:
                    with pytest.raises(InputError, match="chosen with another code"):
                        check_settings(counts, claimed, epsilon)


def _heads(code, bits, stride=1 << 12):
    settings = code.decode(bits[: len(bits) // code.bits_per_run * code.bits_per_run])
    tally = Tally(code, 10, stride)
    tally.add(settings, settings % 16)
    return tally.heads


@pytest.mark.parametrize("code", [joint_code(), default_code(), compact_code()])
def test_bits_that_chose_the_settings_are_not_fresh_wherever_they_come_from(code):
    rng = np.random.default_rng(5)
    width = code.bits_per_run
    bits = rng.integers(0, 2, width * 20_000).astype(np.uint8)
    heads, fresh = _heads(code, bits), rng.integers(0, 2, 6000).astype(np.uint8)
    reused = [
        bits,
        bits[:999],  # the extractor may want fewer or more than the settings took
        np.concatenate([bits, fresh]),
        np.concatenate([fresh[:5], bits[:1000]]),  # at another place, not at a word's beginning
        np.concatenate([fresh, bits[: 100 * width], fresh]),
        bits[1003 : 1003 + 5000 * width],  # from the middle, out of step
        bits[-5000 * width :],
    ]
    for part in reused:
        with pytest.raises(InputError, match=r"bits \d+ to \d+ for the extractor are those that"):
            check_fresh(part, code, 0.01, heads)
    for part in (bits[::-1], fresh, 1 - bits, bits[:0], bits[:3]):
        check_fresh(part, code, 0.01, heads)


def test_honest_bits_of_a_leaning_source_are_fresh_and_used_ones_still_are_not():
    code, rng = compact_code(), np.random.default_rng(6)
    bits = (rng.random(5 * 40_000) < 0.9).astype(np.uint8)  # nearly always the same pair
    heads = _heads(code, bits, 1 << 13)
    check_fresh((rng.random(100_000) < 0.9).astype(np.uint8), code, 0.4, heads)
    with pytest.raises(InputError, match="chose the settings"):
        check_fresh(bits[:50_000], code, 0.4, heads)


@given(st.integers(0, 6), st.integers(1, 40), st.integers(0, 2**32))
def test_window_hashes_agree_exactly_where_windows_do(symbols, length, seed):
    text = np.random.default_rng(seed).integers(0, symbols + 1, 300).astype(np.uint8).tobytes()
    hashes = _window_hashes(text, length).tolist()
    windows = [text[k : k + length] for k in range(len(text) - length + 1)]
    assert len(hashes) == len(windows)
    assert len(set(hashes)) == len(set(windows)) == len(set(zip(hashes, windows, strict=True)))


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.3])
def test_bits_that_lean_too_much_for_their_source_are_refused_and_others_never(epsilon):
    rng = np.random.default_rng(7)
    for lean in (-epsilon, epsilon):
        check_lean((rng.random(100_000) < 0.5 + lean).astype(np.uint8), epsilon)
    for bits in (np.zeros(1000), np.ones(1000), rng.random(100_000) < 0.53 + epsilon):
        with pytest.raises(InputError, match=r"bits for the extractor are ones, but any source"):
            check_lean(np.asarray(bits, dtype=np.uint8), epsilon)
