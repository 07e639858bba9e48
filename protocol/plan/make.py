"""Making plans: a certificate's thresholds at the wanted completeness, and the largest output."""

from __future__ import annotations

import numpy as np

from protocol.certificate.score import ScoreCertificate
from protocol.extract.extractor import Extractor
from protocol.extract.kinds import EXTRACTORS
from protocol.paper.theorem9 import second_event
from protocol.plan.plan import Plan
from protocol.plan.tails import binomial_lower, binomial_upper, score_quantile
from protocol.request import Request, check_covered, same_code
from qdevices.errors import InputError

#: Shares of the allowed failures 1 − completeness.  Only the score decides how much comes out,
#: so it gets nearly all; the two tests of the paper are then all but implied by it.
_SHARE_TESTS = 0.02
_SHARE_CAPACITY = 0.01


def plan_with(request: Request, certificate: ScoreCertificate) -> Plan:
    """Plan a run for a given certificate.

    Args:
        request: what is asked for, but for the certificate.
        certificate: the score table with setting code, ε and β.

    Returns:
        The plan; `output_bits` 0 and a `reason` when nothing can be certified.

    Raises:
        InputError: n → ∞, or a certificate for another code or a smaller ε than asked for.
    """
    if request.runs is None:
        raise InputError("a plan is for a number of runs, expected one")
    code, runs, soundness = certificate.code, request.runs, request.soundness
    if request.code is not None and not same_code(code, request.code):
        raise InputError(
            f"the certificate is for setting code {code.name!r}, not {request.code.name!r}"
        )
    check_covered(certificate, request.epsilon)
    settings = code.probabilities(request.word_probabilities)
    joint = settings[:, None] * request.behaviour
    event = certificate.credited_event()
    failure = 1 - request.completeness
    expected_losing = float(joint[code.game.losing].sum())
    expected_event = float(joint[event].sum())
    finite = np.where(joint > 0, certificate.log2_factors, 0.0)
    expected_score = float(runs * (joint * finite).sum())

    capacity = binomial_upper(runs, float(settings[code.starred]), _SHARE_CAPACITY * failure)
    score_least = score_quantile(
        certificate.log2_factors,
        joint,
        runs,
        failure * (1 - 2 * _SHARE_TESTS - _SHARE_CAPACITY),
    )
    output_bits, min_entropy, extractor = _largest_output(
        request, certificate.beta, score_least, code.game.outcome_bits * capacity
    )
    losing_limit = binomial_upper(runs, expected_losing, _SHARE_TESTS * failure)
    event_least = binomial_lower(runs, expected_event, _SHARE_TESTS * failure)
    reason = None
    if extractor is None:
        reason = _why_nothing(
            request, certificate, expected_score, score_least, code.game.outcome_bits * capacity
        )
    return Plan(
        runs=runs,
        epsilon=request.epsilon,
        soundness=soundness,
        completeness=request.completeness,
        certificate=certificate,
        losing_limit=losing_limit,
        event_least=event_least,
        score_least=score_least,
        capacity=capacity,
        output_bits=output_bits,
        min_entropy_bits=min_entropy,
        extractor=extractor,
        expected_losing=expected_losing,
        expected_event=expected_event,
        expected_score=expected_score,
        expected_paper_event=float(joint[second_event(code.game)].sum()),
        reason=reason,
    )


def _largest_output(
    request: Request, beta: float, score: float, length2: int
) -> tuple[int, float, Extractor | None]:
    """Largest m with its min-entropy and extractor, at a guaranteed score (bits)."""
    kind, soundness = EXTRACTORS[request.extractor], request.soundness

    def min_entropy(m: int) -> float:
        return (score - (m + soundness + 2)) / beta

    def attempt(m: int) -> Extractor | None:
        available = min(min_entropy(m), float(length2))
        try:
            found = kind.for_output(request.epsilon, length2, m, -(m + soundness + 2))
        except InputError:
            return None  # no parameters reach this error with a source this short
        return found if found.min_entropy2 <= available else None

    if min_entropy(1) <= 0 or (best := attempt(1)) is None:
        return 0, max(0.0, min_entropy(0)), None
    low, high = 1, 2
    while high <= length2 and (found := attempt(high)) is not None:
        best, low, high = found, high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if (found := attempt(middle)) is None:
            high = middle
        else:
            best, low = found, middle
    return low, min_entropy(low), best


def _why_nothing(
    request: Request,
    certificate: ScoreCertificate,
    expected: float,
    threshold: float,
    length2: int,
) -> str:
    """One line that says why a plan has no output."""
    epsilon, soundness = request.epsilon, request.soundness
    if expected <= 0:
        return (
            f"the {certificate.kind} certificate gives no credit at this noise and epsilon "
            f"{epsilon:g}: expected score {expected:.4g} bits"
        )
    certified = max(0.0, certificate.min_entropy(threshold, -(soundness + 3)))
    try:
        first = EXTRACTORS[request.extractor].for_output(epsilon, length2, 1, -(soundness + 3))
    except InputError as error:
        return f"the extractor cannot give one bit: {error}"
    return (
        f"too little min-entropy: {certified:.0f} bits certified, "
        f"{first.min_entropy2:.0f} needed for the first output bit at soundness 2^-{soundness:g}"
    )
