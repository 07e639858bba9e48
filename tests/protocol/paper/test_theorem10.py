"""The martingale bounds on honest devices under any source (theory 4.6.6)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from protocol.paper.theorem10 import theorem10
from protocol.plan.tails_any import event_extremes
from protocol.settings.ks18 import compact_code, default_code, joint_code, plain_code
from qdevices.ks18.game import KS18, paper_event

CODES = (default_code(), plain_code(), joint_code(), compact_code())


@given(st.sampled_from(CODES), st.floats(0, 0.3), st.floats(0, 0.2))
def test_zeta_and_mu5_enclose_the_exact_extremes(code, epsilon, noise):
    """The recursion over sources gives the exact probabilities; ζ and μ₅ are outside of them."""
    behaviour = KS18.noisy(noise)
    found = theorem10(10**6, epsilon, 0.5, 0.0, behaviour, code)
    assert event_extremes(KS18.losing, behaviour, code, epsilon)[1] <= found.zeta + 1e-15
    assert event_extremes(paper_event(), behaviour, code, epsilon)[0] >= found.mu5 - 1e-15
    assert found.zeta <= found.gamma + 1e-15


def test_the_numbers_of_white_noise():
    """Entries of ¼ shrink most, by 3q/4; pairs of one basis lose 12 of 16 outcomes."""
    found = theorem10(10**6, 0.1, 0.1, 1e-5, KS18.noisy(0.02), default_code())
    assert found.gamma == pytest.approx(0.015)
    assert found.zeta == pytest.approx(0.015)
    assert found.mu5 == pytest.approx(0.4**8 * (1 - 0.015) / 16)
    assert found.applies


@given(st.integers(1, 10**6), st.floats(0, 0.1), st.floats(0, 0.2))
def test_exact_binomial_tails_are_below_the_bound(runs, noise, epsilon):
    """Lost rounds and events at their extremes are binomial under the worst source."""
    code, behaviour, failure = joint_code(), KS18.noisy(noise), 0.01
    event = np.zeros(KS18.shape, dtype=np.bool_)
    event[code.starred] = True  # frequent enough for its bound to say something
    found = theorem10(runs, epsilon, 0.5, 0.0, behaviour, code, event)
    delta, mu1 = found.thresholds(failure)
    again = theorem10(runs, epsilon, delta, mu1, behaviour, code, event)
    assert again.log2_failure == pytest.approx(math.log2(failure))
    lost = event_extremes(KS18.losing, behaviour, code, epsilon)[1]
    seen = event_extremes(event, behaviour, code, epsilon)[0]
    missed = binom.sf(math.floor(delta * runs), runs, lost)
    missed += binom.cdf(math.ceil(mu1 * runs) - 1, runs, seen)
    assert missed <= failure


def test_thresholds_beyond_the_device_are_said_not_to_apply():
    code = default_code()
    assert theorem10(10**6, 0.01, 1e-4, 1e-5, KS18.noisy(0.01), code).log2_failure == 0
    assert not theorem10(10**6, 0.01, 1e-4, 1e-5, KS18.noisy(0.01), code).applies
    assert not theorem10(10**6, 0.01, 0.1, 0.2, KS18.noisy(0.0), code).applies
    never = np.zeros(KS18.shape, dtype=np.bool_)
    assert theorem10(10**6, 0.0, 0.1, 0.0, KS18.honest, code, never).mu5 == 0
