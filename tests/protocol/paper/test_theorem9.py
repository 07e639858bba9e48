"""The paper's certificate made finite (theory 4.1)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.paper.theorem9 import delta_limit, log2_guess, log_delta1, runs_needed, theorem9


def _delta1_by_the_equations(n, epsilon, delta, mu1, kappa):
    """Eqs 71-85 as they stand, in plain floating point."""
    az1, az2 = 2 * math.exp(-n * delta**2 / 4), 2 * math.exp(-n * mu1**2 / 16)
    gamma = max(1 - kappa, (3 + 2 * math.sqrt(2 * delta) / (0.5 - epsilon) ** 8) / 4)
    mu3 = (mu1 - 2 * kappa) / (2 * (1 - kappa))
    mu4 = 1 - math.sqrt(2 * delta) + mu3 - 1
    return 2 * (az1 + az2) + gamma ** (mu4 * n)


@given(
    st.floats(0, 0.2),
    st.floats(0.01, 0.99),
    st.floats(0.05, 0.9),
    st.floats(0.01, 0.99),
    st.floats(1, 8),
)
def test_log_form_agrees_with_the_equations(epsilon, share, mu1, kappa_share, log_n):
    delta = share * min(delta_limit(epsilon), 0.5 * (mu1 / 4) ** 2)
    kappa, n = kappa_share * mu1 / 2, 10**log_n
    found = log_delta1(n, epsilon, delta, mu1, kappa)
    if math.isfinite(found):
        plain = _delta1_by_the_equations(n, epsilon, delta, mu1, kappa)
        assert math.exp(found) == pytest.approx(plain, rel=1e-6, abs=1e-290)


def test_outside_its_range_the_theorem_says_nothing():
    limit = delta_limit(0.1)
    assert limit == pytest.approx(0.4**16 / 8)
    assert log_delta1(1e30, 0.1, limit, 0.01, 1e-3) == math.inf
    assert log_delta1(1e30, 0.1, limit / 2, 0.01, 0.006) == math.inf  # κ ≥ μ₁/2
    assert runs_needed(0.1, 2 * limit, 0.01, -100) == math.inf


def test_without_the_papers_event_no_number_of_runs_suffices():
    judged = theorem9(10**6, 0.01, 0.0, 0.0, -260)
    assert not judged.applies
    assert judged.to_json()["runs_needed"] is None


def test_runs_needed_is_the_least():
    epsilon, delta, mu1 = 0.0, 1e-7, 1 / 64
    needed = runs_needed(epsilon, delta, mu1, -128)
    assert log2_guess(needed * 1.001, epsilon, delta, mu1) <= -128
    assert log2_guess(needed * 0.999, epsilon, delta, mu1) > -128
    # Only the term of test 1 binds here: 2·2·exp(−nδ²/4) = 2^−256.
    assert needed == pytest.approx(4 * math.log(4 * 2.0**256) / delta**2, rel=1e-3)


def test_no_better_delta_exists_than_the_reported_one():
    judged = theorem9(10**6, 0.05, 1e-3, 1 / 4096, -260)
    assert not judged.applies
    assert 1e15 < judged.runs_needed < 1e25
    assert 0 < judged.best_delta < judged.delta_limit
    for factor in (0.3, 0.9, 1.1, 3.0):
        other = runs_needed(0.05, judged.best_delta * factor, 1 / 4096, -260)
        assert other >= judged.runs_needed * (1 - 1e-5)


def test_a_long_enough_clean_run_applies():
    first = theorem9(10**6, 0.0, 0.0, 0.25, -50)
    runs = math.ceil(first.runs_needed * 1.01)
    assert theorem9(runs, 0.0, first.best_delta, 0.25, -50).applies
    assert not theorem9(runs // 2, 0.0, first.best_delta, 0.25, -50).applies
