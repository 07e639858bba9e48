"""The audit of a plan: every number in range, and an output that follows from the thresholds.

A plan may have been edited, in a file or in a program, and whoever runs it would believe what it
promises; so a plan is audited whenever one is built.  That a certificate holds and an extractor's
error follows from its parameters was checked when those were built.
"""

from __future__ import annotations

import math
from typing import Any

from protocol.certificate.score import ScoreCertificate, check_shape
from protocol.extract.bounds import Source1
from protocol.extract.extractor import Extractor
from protocol.extract.kinds import EXTRACTORS
from protocol.plan.promise import Promise
from protocol.request import (
    COMPLETE_FOR,
    FAIR,
    MOST_OUTPUT,
    MOST_RUNS,
    check_covered,
    check_demands,
)
from protocol.security import PAPER, Security
from protocol.settings.sv_tree import check_epsilon
from qdevices.arrays import is_real, is_whole
from qdevices.errors import InputError

#: Relative difference that the floating point of another machine may make.
ROUNDING = 1e-9
_DIGITS = 1e-12
#: Most that the exponent of the soundness may be off by, whatever its parts are, bits.
_MOST_SPARE = 1e-3


def check_plan(plan: Promise) -> dict[str, int | float]:
    """Check a plan, and return its numbers as plain ones.

    Returns:
        Every whole number as int and every other as float with one sign of zero, by name, so that
        a plan has one digest whoever made it.

    Raises:
        InputError: an entry of another type or out of range, or an output that does not follow from
            the thresholds at the plan's soundness, with both numbers that disagree.
    """
    if not isinstance(plan.certificate, ScoreCertificate):
        raise InputError(f"the plan's certificate is {plan.certificate!r:.60}, expected one")
    check_shape(plan.certificate)
    numbers = _numbers(plan)
    if plan.extractor is not None and not isinstance(plan.extractor, Extractor):
        raise InputError(f"the plan's extractor is {plan.extractor!r:.60}, expected one or None")
    if plan.reason is not None and not isinstance(plan.reason, str):
        raise InputError(f"the plan's reason is {plan.reason!r:.60}, expected a text or None")
    check_demands(plan.runs, plan.soundness, plan.completeness, plan.code.game)
    check_covered(plan.certificate, numbers["epsilon"])
    if type(plan.security) is not Security or plan.complete_for not in COMPLETE_FOR:
        raise InputError(
            f"the plan's security is {plan.security!r:.60} and it is complete for "
            f"{plan.complete_for!r:.20}, expected a Security and {' or '.join(COMPLETE_FOR)}"
        )
    if type(plan.by_levels) is not bool:
        raise InputError(f"the plan's by_levels is {plan.by_levels!r:.60}, expected a truth value")
    if not plan.by_levels and (plan.security, plan.complete_for) != (PAPER, FAIR):
        raise InputError("a plan without levels is of before 2.2, expected the paper's model")
    best = plan.runs * max(0.0, float(plan.certificate.log2_factors.max()))
    if plan.score_least > best * (1 + ROUNDING):
        raise InputError(
            f"the plan's score threshold is {plan.score_least:g} bits, but {plan.runs} runs reach "
            f"{best:g} at most"
        )
    if plan.extractor is None and (plan.output_bits or plan.reason is None):
        raise InputError(f"the plan promises {plan.output_bits} bits without an extractor")
    given = plan.certificate.min_entropy(plan.guaranteed_score, _log2_failure(plan))
    if given == math.inf or math.isnan(given):
        raise InputError(f"the plan's score threshold {plan.score_least} gives no min-entropy")
    room = ROUNDING * max(1.0, given)
    promised = plan.min_entropy_bits - max(0.0, given)
    # Level by level less may be promised: the levels start where the plan says.
    less = plan.by_levels and plan.extractor is not None
    if not promised <= room or not (less or promised >= -room):
        raise InputError(
            f"the plan promises {plan.min_entropy_bits:.1f} bits of min-entropy, the score "
            f"threshold gives {given:.1f}"
        )
    if plan.extractor is not None:
        _check_extractor(plan, plan.extractor, given, room)
    return numbers


def _log2_failure(plan: Promise) -> float:
    """log₂ of the largest ε' that the plan's soundness leaves room for."""
    half = 1 if plan.by_levels and plan.extractor is not None else 2
    return -(plan.security.log2_price(plan.output_bits) + plan.soundness + half)


def _numbers(plan: Promise) -> dict[str, int | float]:
    runs = _whole("runs", plan.runs, 1, MOST_RUNS)
    most = plan.code.game.outcome_bits * runs
    return {
        "runs": runs,
        "epsilon": float(check_epsilon(plan.epsilon)) + 0.0,
        "soundness": _real("soundness", plan.soundness, 0, math.inf),
        "completeness": _real("completeness", plan.completeness, 0, 1),
        "losing_limit": _whole("losing_limit", plan.losing_limit, 0, runs),
        "event_least": _whole("event_least", plan.event_least, 0, runs),
        "score_least": _real("score_least", plan.score_least, -math.inf, math.inf),
        "capacity": _whole("capacity", plan.capacity, 0, runs),
        "output_bits": _whole("output_bits", plan.output_bits, 0, MOST_OUTPUT),
        "min_entropy_bits": _real("min_entropy_bits", plan.min_entropy_bits, 0, most),
        "expected_losing": _real("expected_losing", plan.expected_losing, -ROUNDING, 1 + ROUNDING),
        "expected_event": _real("expected_event", plan.expected_event, -ROUNDING, 1 + ROUNDING),
        "expected_score": _real("expected_score", plan.expected_score, -math.inf, math.inf),
        "expected_paper_event": _real(
            "expected_paper_event", plan.expected_paper_event, -ROUNDING, 1 + ROUNDING
        ),
    }


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not is_whole(value):
        raise InputError(f"the plan's {name} is {value!r:.60}, expected a whole number")
    if not least <= value <= most:
        raise InputError(f"the plan's {name} is {value}, expected {least}..{most}")
    return int(value)


def _real(name: str, value: Any, least: float, most: float) -> float:
    if not is_real(value):
        raise InputError(f"the plan's {name} is {value!r:.60}, expected a number")
    if isinstance(value, int) and abs(value) > 1 << 1000:
        raise InputError(f"the plan's {name} is {value!r:.60}, expected a finite number")
    if not least <= value <= most or value == math.inf:
        raise InputError(f"the plan's {name} is {value}, expected {least:g} to {most:g}")
    return float(value) + 0.0


def _check_extractor(plan: Promise, extractor: Extractor, given: float, room: float) -> None:
    """Check that the plan's extractor gives its output from `given` bits, but for rounding."""
    kind = EXTRACTORS[extractor.method]
    if type(extractor) is not kind or kind.from_json(extractor.to_json()) != extractor:
        raise InputError(
            f"the plan's extractor {extractor.method!r:.60} is not what its kind is, expected one "
            "as it was made or read"
        )
    bits1 = extractor.source1.bits
    for name, found, expected in (
        ("reason for no output", plan.reason, None),
        ("extractor's output", extractor.output_bits, plan.output_bits),
        ("extractor's weak bits", extractor.source1_bits, bits1),
        ("extractor's source 1", extractor.source1, Source1(bits1, epsilon=plan.epsilon)),
    ):
        if found != expected:
            raise InputError(f"the plan's {name} is {found}, expected {expected}")
    if not extractor.strong_in(plan.security.strong):
        raise InputError(
            f"the plan's extractor is not strong in {plan.security.strong}, expected one that is, "
            f"as its weak bits are {plan.security.extractor_bits}"
        )
    if extractor.length2 != plan.code.game.outcome_bits * plan.capacity:
        raise InputError(
            f"the plan keeps {plan.capacity} outcomes, expected {extractor.length2} bits of them "
            "as its extractor has it"
        )
    if not extractor.min_entropy2 <= given + room:
        raise InputError(
            f"the plan's {plan.output_bits} bits need {extractor.min_entropy2:.1f} bits of "
            f"min-entropy, the score threshold gives {given:.1f}"
        )
    worth = plan.soundness_log2
    assert worth is not None
    # Sums of exponents as large as the score keep some 12 digits of it on any machine.  What the
    # document says of its extractor's error has no part in the sum, nor in what it may be off by.
    spare = min(_MOST_SPARE, _DIGITS * abs(plan.score_least) + _DIGITS)
    if not plan.by_levels:
        spare = min(_MOST_SPARE, ROUNDING * abs(extractor.log2_error))
    if not worth <= -plan.soundness + spare:
        raise InputError(
            f"the plan promises soundness 2^-{plan.soundness:g}, its numbers give 2^{worth:.1f}"
        )
