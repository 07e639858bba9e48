"""Honest devices under the source that harms the score most, with thresholds for any source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binom

from protocol.plan.tails import binomial_lower, binomial_upper, score_quantile
from protocol.plan.tails_any import (
    count_lower_any,
    count_upper_any,
    score_quantile_any,
    starving_worth,
)
from protocol.sources.adversarial import StarvingSource
from qdevices.device import TableDevice
from qdevices.ks18.game import KS18
from tests.protocol.tables import tables

EPSILON, NOISE, RUNS, COMPLETENESS, PLAYED = 0.05, 0.001, 20_000, 0.9, 400
BEHAVIOUR = KS18.noisy(NOISE)
#: Shares of 1 − completeness: score, each test, capacity (theory 4.6.1).
SCORE, TEST, CAPACITY = (share * (1 - COMPLETENESS) for share in (0.95, 0.02, 0.01))


@dataclass(frozen=True)
class Thresholds:
    score: float
    lost: int
    event: int
    capacity: int


@pytest.fixture(scope="module")
def certificate():
    return next(c for c in tables(EPSILON) if c.code.name == "joint")


@pytest.fixture(scope="module")
def counted(certificate):
    """Counts of `PLAYED` honest runs under the most harmful source, (PLAYED, pairs, joint)."""
    code = certificate.code
    rng = np.random.default_rng(20161130)
    worth = starving_worth(certificate.log2_factors, BEHAVIOUR, code, EPSILON, RUNS, SCORE)
    source, device = StarvingSource(EPSILON, rng, worth), TableDevice(BEHAVIOUR, KS18)
    counts = np.empty((PLAYED, *KS18.shape), dtype=np.int64)
    for k in range(PLAYED):
        chosen = code.decode(source.bits(RUNS * code.bits_per_run))
        entries = chosen.astype(np.int64) * KS18.n_joint + device.sample(chosen, rng)
        counts[k] = np.bincount(entries, minlength=KS18.entries).reshape(KS18.shape)
    return counts


def _starred(code):
    mask = np.zeros((KS18.n_pairs, 1), dtype=np.bool_)
    mask[code.starred] = True
    return mask


def _for_any(certificate):
    device = (BEHAVIOUR, certificate.code, EPSILON, RUNS)
    return Thresholds(
        score_quantile_any(certificate.log2_factors, *device, SCORE),
        count_upper_any(KS18.losing, *device, TEST),
        count_lower_any(certificate.credited_event(), *device, TEST),
        count_upper_any(_starred(certificate.code), *device, CAPACITY),
    )


def _for_fair(certificate):
    joint = certificate.code.probabilities()[:, None] * BEHAVIOUR
    return Thresholds(
        score_quantile(certificate.log2_factors, joint, RUNS, SCORE),
        binomial_upper(RUNS, float(joint[KS18.losing].sum()), TEST),
        binomial_lower(RUNS, float(joint[certificate.credited_event()].sum()), TEST),
        binomial_upper(RUNS, float(joint[certificate.code.starred].sum()), CAPACITY),
    )


def _accepted(certificate, counts, thresholds):
    event, starred = certificate.credited_event(), certificate.code.starred
    return sum(
        certificate.score(count) >= thresholds.score
        and count[KS18.losing].sum() <= thresholds.lost
        and count[event].sum() >= thresholds.event
        and count[starred].sum() <= thresholds.capacity
        for count in counts
    )


def test_honest_devices_are_accepted_as_often_as_promised(certificate, counted):
    """At least the 1e-6 quantile of binomial(400, 0.9): false alarm below 1e-6."""
    least = binom.ppf(1e-6, PLAYED, COMPLETENESS)
    assert _accepted(certificate, counted, _for_any(certificate)) >= least


def test_at_thresholds_for_fair_bits_they_are_not(certificate, counted):
    """So the source is harmful, and the test above has power: false alarm below 1e-6."""
    least = binom.ppf(1e-6, PLAYED, COMPLETENESS)
    fair = _for_fair(certificate)
    assert _accepted(certificate, counted, fair) < least
    scores = np.array([certificate.score(count) for count in counted])
    assert (scores >= fair.score).sum() < least  # by the score alone


def test_the_source_has_the_least_mean_score_and_no_threshold_much_higher_would_do(
    certificate, counted
):
    """The mean of 400 scores within 6 standard errors of the least one (false alarm < 1e-8).

    And half the failures that are allowed, at least, are there at a threshold one deviation higher.
    """
    code, factors = certificate.code, certificate.log2_factors
    scores = np.array([certificate.score(count) for count in counted])
    means = (BEHAVIOUR * factors).sum(axis=1)
    source = StarvingSource(EPSILON, np.random.default_rng(0), means[code.table])
    least = RUNS * float(source.word_probabilities(code.bits_per_run) @ means[code.table])
    assert abs(scores.mean() - least) < 6 * scores.std() / np.sqrt(PLAYED)
    threshold = score_quantile_any(factors, BEHAVIOUR, code, EPSILON, RUNS, SCORE)
    assert (scores < threshold + scores.std()).mean() > SCORE / 2
