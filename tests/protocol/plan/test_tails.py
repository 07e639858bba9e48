"""Tails that a plan's completeness rests on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from protocol.plan.tails import binomial_lower, binomial_upper, score_quantile


@given(st.integers(1, 10**6), st.floats(0.001, 0.999), st.floats(1e-9, 0.4))
def test_binomial_quantiles_are_the_exact_ones(runs, p, failure):
    upper, lower = binomial_upper(runs, p, failure), binomial_lower(runs, p, failure)
    assert binom.sf(upper, runs, p) <= failure * (1 + 1e-9)
    assert upper == 0 or binom.sf(upper - 1, runs, p) >= failure * (1 - 1e-9)
    assert binom.cdf(lower - 1, runs, p) <= failure * (1 + 1e-9)
    assert lower == runs or binom.cdf(lower, runs, p) >= failure * (1 - 1e-9)


def test_binomial_quantiles_at_the_ends():
    assert binomial_upper(1000, 0.0, 1e-6) == 0
    assert binomial_lower(1000, 1.0, 1e-6) == 1000
    assert binomial_lower(10, 0.01, 0.5) == 0


def test_score_quantile_of_one_category_is_binomial():
    for runs, p, failure in ((10_000, 0.125, 0.01), (1_000_000, 0.3, 1e-4)):
        exact = binom.ppf(failure, runs, p)
        found = score_quantile(np.array([0.0, 0.25]), np.array([1 - p, p]), runs, failure)
        assert found / 0.25 == pytest.approx(exact, abs=1)


def test_score_quantile_agrees_with_direct_convolution():
    values, p, runs = np.array([0.0, 3.0, -7.0, -40.0]), np.array([0.8, 0.15, 0.04, 0.01]), 300
    kernel = np.zeros(44)
    kernel[(values + 40).astype(int)] = p
    pmf = np.ones(1)
    for _ in range(runs):
        pmf = np.convolve(pmf, kernel)
    cdf = np.cumsum(pmf)  # index k is the sum k − 40·runs
    for failure in (0.3, 0.01, 1e-5):
        # Largest t with P(sum < t) ≤ failure.
        exact = int(np.searchsorted(cdf, failure, side="right")) - 40 * runs
        assert score_quantile(values, p, runs, failure) == pytest.approx(exact, abs=1)


@pytest.mark.parametrize("log_runs", [6, 8, 9])
def test_score_quantile_of_many_runs_is_the_normal_one_with_its_skewness(log_runs):
    """Cornish-Fisher to the second order, whose next term is below 1e-3 deviations here."""
    values = np.array([0, 0.0283, -0.0144, -0.1379, -2.15])
    p = np.array([0, 0.125, 1e-4, 2e-4, 1e-4])
    p[0] = 1 - p.sum()
    runs, z = 10**log_runs, norm.ppf(0.01)
    mean, deviation = values @ p, np.sqrt((values - values @ p) ** 2 @ p)
    skewness = (values - mean) ** 3 @ p / deviation**3 / np.sqrt(runs)
    kurtosis = ((values - mean) ** 4 @ p / deviation**4 - 3) / runs
    expected = z + (z**2 - 1) * skewness / 6 + (z**3 - 3 * z) * kurtosis / 24
    expected -= (2 * z**3 - 5 * z) * skewness**2 / 36
    found = score_quantile(values, p, runs, 0.01)
    assert (found - runs * mean) / deviation / np.sqrt(runs) == pytest.approx(expected, abs=2e-3)


def test_score_quantile_agrees_with_sampling():
    """Exceedances of the 1 % threshold in 2·10⁵ samples, within 6 deviations (alarm < 1e-8)."""
    values = np.array([0, 0.0283, -0.0144, -0.1379, -2.15])
    p = np.array([0, 0.125, 1e-4, 2e-4, 1e-4])
    p[0] = 1 - p.sum()
    samples = np.random.default_rng(8).multinomial(1_000_000, p, size=200_000) @ values
    missed = (samples < score_quantile(values, p, 1_000_000, 0.01)).mean()
    assert abs(missed - 0.01) < 6 * np.sqrt(0.01 / 200_000)


def test_impossible_scores_count_against_completeness():
    values, runs = np.array([0.1, -np.inf]), 1000
    assert score_quantile(values, np.array([0.999, 0.001]), runs, 0.01) == -np.inf
    rare = score_quantile(values, np.array([1 - 1e-9, 1e-9]), runs, 0.01)
    assert rare == pytest.approx(100)
    assert score_quantile(values, np.array([1.0, 0.0]), runs, 0.01) == pytest.approx(100)
