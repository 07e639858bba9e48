"""Tails under every ε-SV source, however it reacts to the past (theory 4.6.2-4.6.5)."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from protocol.plan.tails import binomial_lower, binomial_upper, score_quantile, score_tail_mean
from protocol.plan.tails_any import (
    _Scores,
    count_lower_any,
    count_upper_any,
    event_extremes,
    score_quantile_any,
)
from protocol.settings.code import SettingCode
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.ks18.game import KS18
from tests.protocol.tables import tables

TOY = Game(
    "toy",
    (2, 2),
    (2, 2),
    np.zeros((4, 4), dtype=np.bool_),
    np.full((4, 4), 0.25),
)
EPSILONS = st.sampled_from([0.0, 0.01, 0.1, 0.3])
FAILURES = st.sampled_from([0.3, 0.05, 0.0095, 1e-4])


@st.composite
def _toys(draw, least=-3, most=2, impossible=False):
    """Whole scores of the toy game, a behaviour of any kind, and a code of 2 or 3 bits."""
    whole = st.integers(least, most).map(float)
    score = st.one_of(whole, st.just(-math.inf)) if impossible else whole
    scores = draw(st.lists(score, min_size=16, max_size=16))
    weights = draw(st.lists(st.integers(0, 5), min_size=16, max_size=16))
    behaviour = np.reshape(weights, (4, 4)) + 1e-300 * np.eye(4)
    behaviour = behaviour / behaviour.sum(axis=1, keepdims=True)
    behaviour[behaviour < 1e-9] = 0.0
    words = draw(st.lists(st.integers(0, 3), min_size=8, max_size=8))[
        : draw(st.sampled_from([4, 8]))
    ]
    code = SettingCode("toy", tuple(words), words[0], TOY)
    return np.reshape(scores, (4, 4)), behaviour / behaviour.sum(axis=1, keepdims=True), code


def _lean_patterns(bits, epsilon):
    """Word distributions of all sources that lean fully one way at every node, one a row."""
    found = []
    for leans in product((-1, 1), repeat=2**bits - 1):
        words = np.ones(1)
        for level in range(bits):
            one = 0.5 + epsilon * np.array(leans[2**level - 1 : 2 ** (level + 1) - 1])
            words = np.stack([words * (1 - one), words * one], axis=1).ravel()
        found.append(words)
    return np.array(found)


def _worst_miss(scores, behaviour, code, epsilon, runs, missed):
    """Largest probability of `missed(sum)` over all adaptive sources, by dynamic programming.

    Value of a sum with k runs to go: the source picks, with all lean patterns at hand, the words of
    the next run.  Scores are whole numbers or −inf, which is kept as a state of its own.
    """
    patterns = _lean_patterns(code.bits_per_run, epsilon)
    finite = np.where(np.isinf(scores), 0, scores).astype(int)
    reach = int(np.abs(finite).max()) * runs
    sums = np.arange(-reach, reach + 1)
    value = np.array([float(missed(s)) for s in sums])
    lost = float(missed(-math.inf))
    for _ in range(runs):
        by_pair = np.zeros((4, len(sums)))
        for u, x in product(range(4), range(4)):
            if np.isinf(scores[u, x]):
                by_pair[u] += behaviour[u, x] * lost
            elif behaviour[u, x] > 0:
                # Sums beyond the reach are never asked for from the sum 0.
                moved = np.clip(np.arange(len(sums)) + finite[u, x], 0, len(sums) - 1)
                by_pair[u] += behaviour[u, x] * value[moved]
        value = (patterns @ by_pair[code.table]).max(axis=0)
    return value[reach]


@given(_toys(), EPSILONS, st.floats(0.01, 3.0))
def test_the_largest_mean_power_is_that_of_the_worst_lean_pattern(toy, epsilon, exponent):
    scores, behaviour, code = toy
    seen = _Scores.of(scores, behaviour, code, epsilon)
    found = seen.largest(np.exp2(-exponent * seen.values)[None, :])[0]
    means = (behaviour * np.exp2(-exponent * scores)).sum(axis=1)[code.table]
    worst = (_lean_patterns(code.bits_per_run, epsilon) @ means).max()
    assert found == pytest.approx(worst, rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(_toys(), EPSILONS, st.integers(1, 9), FAILURES)
def test_no_adaptive_source_misses_a_threshold_more_often_than_allowed(toy, epsilon, runs, failure):
    """Each of the three thresholds, so that none is hidden by a better one."""
    scores, behaviour, code = toy
    seen = _Scores.of(scores, behaviour, code, epsilon)
    thresholds = (
        score_quantile_any(scores, behaviour, code, epsilon, runs, failure),
        seen.exponential(runs, failure)[0],
        seen.tail_mean(runs, failure),
        seen.envelope(runs, failure),
    )
    for threshold in thresholds:
        missed = _worst_miss(
            scores, behaviour, code, epsilon, runs, lambda s, t=threshold: s < t - 1e-9
        )
        assert missed <= failure * (1 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(_toys(impossible=True), EPSILONS, st.integers(1, 6), FAILURES)
def test_factors_zero_count_as_missed(toy, epsilon, runs, failure):
    scores, behaviour, code = toy
    threshold = score_quantile_any(scores, behaviour, code, epsilon, runs, failure)
    if threshold > -math.inf:
        missed = _worst_miss(scores, behaviour, code, epsilon, runs, lambda s: s < threshold - 1e-9)
        assert missed <= failure * (1 + 1e-9)


def test_a_rare_factor_zero_costs_only_its_probability():
    code = SettingCode("toy", (0, 1, 2, 3), 0, TOY)
    scores = np.zeros((4, 4))
    scores[:, 0], scores[:, 1] = 1.0, -math.inf
    behaviour = np.full((4, 4), [0.5, 1e-9, 0.25, 0.25 - 1e-9])
    found = score_quantile_any(scores, behaviour, code, 0.1, 10_000, 0.01)
    assert found == pytest.approx(binom.ppf(0.01 - 1e-5, 10_000, 0.5), abs=2)
    behaviour = np.full((4, 4), [0.5, 1e-5, 0.25, 0.25 - 1e-5])
    assert score_quantile_any(scores, behaviour, code, 0.1, 10_000, 0.01) == -math.inf
    assert score_quantile_any(np.full((4, 4), -np.inf), behaviour, code, 0.1, 1, 0.9) == -math.inf


@settings(max_examples=100, deadline=None)
@given(_toys(0, 1), EPSILONS, st.integers(1, 9), FAILURES)
def test_limits_of_counts_are_the_best_for_all_adaptive_sources(toy, epsilon, runs, failure):
    """Exact optimum over sources on both sides of each limit."""
    scores, behaviour, code = toy
    event = scores > 0
    upper = count_upper_any(event, behaviour, code, epsilon, runs, failure)
    lower = count_lower_any(event, behaviour, code, epsilon, runs, failure)

    def worst(missed):
        return _worst_miss(scores, behaviour, code, epsilon, runs, missed)

    assert worst(lambda s: s > upper) <= failure * (1 + 1e-9)
    assert worst(lambda s: s < lower) <= failure * (1 + 1e-9)
    if upper > 0:
        assert worst(lambda s: s > upper - 1) >= failure * (1 - 1e-9)
    if lower < runs:
        assert worst(lambda s: s < lower + 1) >= failure * (1 - 1e-9)


def test_a_mask_of_settings_stands_for_all_outcomes():
    certificate = tables(0.01)[0]
    code = certificate.code
    starred = np.zeros((81, 1), dtype=np.bool_)
    starred[code.starred] = True
    low, high = code.extreme_probabilities(0.01)
    found = event_extremes(starred, KS18.noisy(0.1), code, 0.01)
    assert found == pytest.approx((low[code.starred], high[code.starred]))
    assert count_upper_any(starred, KS18.honest, code, 0.01, 1000, 0.01) == binomial_upper(
        1000, float(high[code.starred]), 0.01
    )
    assert count_lower_any(starred, KS18.honest, code, 0.01, 1000, 0.01) == binomial_lower(
        1000, float(low[code.starred]), 0.01
    )


@pytest.mark.parametrize("runs", [1000, 10**6, 10**9])
def test_at_epsilon_zero_the_threshold_is_that_of_fair_bits(runs):
    """Up to the lattice steps that are given away, n^(1/3) + 2 of at most 8e-4 deviations each."""
    for certificate in tables(0.01):
        code, behaviour = certificate.code, KS18.noisy(0.001)
        joint = code.probabilities()[:, None] * behaviour
        fair = score_quantile(certificate.log2_factors, joint, runs, 0.0095)
        found = score_quantile_any(certificate.log2_factors, behaviour, code, 0, runs, 0.0095)
        finite = np.where(joint > 0, certificate.log2_factors, 0.0)
        deviation = math.sqrt(runs * float((joint * finite**2).sum()))
        assert fair - 8e-4 * (runs ** (1 / 3) + 2) * deviation < found <= fair


@given(st.integers(1, 400), st.floats(0.05, 0.95), st.floats(1e-6, 0.5))
def test_the_tail_mean_is_that_of_the_binomial(runs, p, failure):
    """The mean of the lowest share, from the probabilities; the lattice only lowers it."""
    found = score_tail_mean(np.array([0.0, 1.0]), np.array([1 - p, p]), runs, failure)
    pmf = binom.pmf(np.arange(runs + 1), runs, p)
    before = np.concatenate([[0.0], np.cumsum(pmf)[:-1]])
    taken = np.clip(failure - before, 0, pmf)
    exact = (taken * np.arange(runs + 1)).sum() / failure
    assert exact * (1 - 2e-3) - 1e-3 <= found <= exact + 1e-6


def test_scores_that_never_vary_are_their_sum():
    code = SettingCode("toy", (0, 1, 2, 3), 0, TOY)
    scores = np.full((4, 4), 0.3)
    found = score_quantile_any(scores, TOY.honest, code, 0.1, 1000, 0.01)
    assert 300 - 1e-8 < found <= 300
    assert score_tail_mean(np.array([0.3]), np.ones(1), 1000, 0.01) == pytest.approx(300)


@pytest.mark.parametrize("epsilon", [-0.1, 0.5, math.nan])
def test_an_epsilon_that_is_none_is_refused(epsilon):
    code = SettingCode("toy", (0, 1, 2, 3), 0, TOY)
    with pytest.raises(InputError, match="outside"):
        score_quantile_any(np.zeros((4, 4)), TOY.honest, code, epsilon, 10, 0.1)
    with pytest.raises(InputError, match="outside"):
        count_upper_any(np.ones((4, 4), dtype=np.bool_), TOY.honest, code, epsilon, 10, 0.1)


def test_thresholds_for_any_source_keep_most_of_the_score():
    """At (0.01, 0.1 %) and a million runs, with those of the `joint` code: 94 to 95 %."""
    behaviour = KS18.noisy(0.001)
    for certificate in tables(0.01):
        code, factors = certificate.code, certificate.log2_factors
        joint = code.probabilities()[:, None] * behaviour
        fair = score_quantile(factors, joint, 10**6, 0.0095)
        found = score_quantile_any(factors, behaviour, code, 0.01, 10**6, 0.0095)
        assert found < fair
        if code.name == "joint" and fair > 14_000:
            assert found > 0.935 * fair
