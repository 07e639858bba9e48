"""Making plans: a certificate's thresholds at the wanted completeness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.score import ScoreCertificate
from protocol.paper.theorem9 import second_event
from protocol.plan.output import largest_output, why_nothing
from protocol.plan.plan import Plan
from protocol.plan.tails import binomial_lower, binomial_upper, score_quantile
from protocol.plan.tails_any import count_lower_any, count_upper_any, score_quantile_any
from protocol.request import ANY, Request, check_covered, same_code
from qdevices.errors import InputError

#: Shares of the allowed failures 1 − completeness.  Only the score decides how much comes out,
#: so it gets nearly all; the two tests of the paper are then all but implied by it.
_SHARE_TESTS = 0.02
_SHARE_CAPACITY = 0.01
_SHARE_SCORE = 1 - 2 * _SHARE_TESTS - _SHARE_CAPACITY


@dataclass(frozen=True)
class Thresholds:
    """Where the tests of a plan accept; see `Promise`."""

    losing_limit: int
    event_least: int
    score_least: float
    capacity: int


def plan_with(request: Request, certificate: ScoreCertificate) -> Plan:
    """Plan a run for a given certificate.

    Args:
        request: what is asked for, but for the certificate.
        certificate: the score table with setting code, ε and β.

    Returns:
        The plan; `output_bits` 0 and a `reason` when nothing can be certified, or not as many bits
        as were asked for.

    Raises:
        InputError: n → ∞, or a certificate for another code or a smaller ε than asked for.
    """
    if request.runs is None:
        raise InputError("a plan is for a number of runs, expected one")
    code, runs = certificate.code, request.runs
    if request.code is not None and not same_code(code, request.code):
        raise InputError(
            f"the certificate is for setting code {code.name!r}, not {request.code.name!r}"
        )
    check_covered(certificate, request.epsilon)
    joint = code.probabilities(request.word_probabilities)[:, None] * request.behaviour
    finite = np.where(joint > 0, certificate.log2_factors, 0.0)
    expected_score = float(runs * (joint * finite).sum())
    tests = _thresholds(request, certificate, joint)
    score = tests.score_least - certificate.signalling_charge(request.security.signalling, runs)
    length2 = code.game.outcome_bits * tests.capacity
    found = largest_output(request, certificate.beta, score, length2)
    reason = None
    if found.extractor is None:
        reason = why_nothing(request, certificate, expected_score, score, length2)
    return Plan(
        runs=runs,
        epsilon=request.epsilon,
        soundness=request.soundness,
        completeness=request.completeness,
        certificate=certificate,
        losing_limit=tests.losing_limit,
        event_least=tests.event_least,
        score_least=tests.score_least,
        capacity=tests.capacity,
        output_bits=found.bits,
        min_entropy_bits=found.min_entropy,
        extractor=found.extractor,
        expected_losing=float(joint[code.game.losing].sum()),
        expected_event=float(joint[certificate.credited_event()].sum()),
        expected_score=expected_score,
        expected_paper_event=float(joint[second_event(code.game)].sum()),
        reason=reason,
        security=request.security,
        complete_for=request.complete_for,
    )


def _thresholds(
    request: Request, certificate: ScoreCertificate, joint: NDArray[np.float64]
) -> Thresholds:
    """At the wanted completeness, for the sources that it is to hold for (theory 4.6)."""
    assert request.runs is not None
    runs, failure = request.runs, 1 - request.completeness
    code, behaviour, factors = certificate.code, request.behaviour, certificate.log2_factors
    losing, event = code.game.losing, certificate.credited_event()
    starred = np.zeros(code.game.shape, dtype=np.bool_)
    starred[code.starred] = True
    tests, score = _SHARE_TESTS * failure, _SHARE_SCORE * failure
    if request.complete_for == ANY:
        source = (behaviour, code, request.epsilon, runs)
        return Thresholds(
            losing_limit=count_upper_any(losing, *source, tests),
            event_least=count_lower_any(event, *source, tests),
            score_least=score_quantile_any(factors, *source, score),
            capacity=count_upper_any(starred, *source, _SHARE_CAPACITY * failure),
        )
    return Thresholds(
        losing_limit=binomial_upper(runs, float(joint[losing].sum()), tests),
        event_least=binomial_lower(runs, float(joint[event].sum()), tests),
        score_least=score_quantile(factors, joint, runs, score),
        capacity=binomial_upper(runs, float(joint[starred].sum()), _SHARE_CAPACITY * failure),
    )
