"""The plan: everything that is fixed before the run.

From n, ε, the behaviour expected of the device, the wanted soundness and completeness, the plan
fixes the certificate with its β, the thresholds of the tests, the extractor's field and the
number m of output bits.  Soundness 2^−σ splits as in design 4.4:

    d_c·p(ACC) ≤ 2^m·(2ξ + 2ε')  with  ξ = ε' = 2^−(m+σ+2),

ξ the extractor's error at the min-entropy that the score threshold guarantees, except with
probability ε'.  The device's behaviour and fair bits are assumed only for completeness.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.score import ScoreCertificate, beta_limit, closed_form
from protocol.documents.fields import Fields, digest
from protocol.errors import InputError
from protocol.extract import raz
from protocol.extract.bounds import Source1
from protocol.extract.fields import smallest_field
from protocol.paper.theorem9 import Theorem9, theorem9
from protocol.plan.tails import binomial_lower, binomial_upper, score_quantile
from protocol.settings.code import SettingCode, check_epsilon
from qdevices.ks18.game import losing_table, paper_event

BITS_PER_OUTCOME = 4
#: Shares of the allowed failures 1 − completeness.  Only the score decides how much comes out,
#: so it gets nearly all; the two tests of the paper are then all but implied by it.
_SHARE_TESTS = 0.02
_SHARE_CAPACITY = 0.01
MAX_RUNS = 10**9
#: Entries of a document that follow from the others; whoever reads it computes them anew.
_DERIVED = ("delta", "mu1", "soundness_log2", "source_bits", "theorem9")
#: Relative difference that the floating point of another machine may make.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Plan:
    """What a run commits itself to before the device is touched.

    Attributes:
        runs: n.
        epsilon: ε of the source, for settings and extractor alike.
        soundness: σ; output and ideal output differ by at most 2^−σ.
        completeness: probability that a device as expected is accepted, at least.
        certificate: the score table with its setting code and β.
        losing_limit: test 1 accepts up to this many lost rounds; δ = losing_limit/n.
        event_least: test 2 accepts from this many rounds in the event on; μ₁ = event_least/n.
        score_least: the score test accepts from this Σ log₂F on, bits.
        capacity: outcomes at u0 for which the extractor has room.
        output_bits: m; 0 when nothing can be certified.
        min_entropy_bits: min-entropy guaranteed at `score_least`, except with probability ε'.
        extractor: the extractor's parameters; None when nothing can be certified.
        expected_losing, expected_event, expected_score: means of L, S and Σ log₂F.
        expected_paper_event: mean of S for the paper's own (u*, x*).
        reason: why nothing can be certified; None otherwise.
    """

    runs: int
    epsilon: float
    soundness: float
    completeness: float
    certificate: ScoreCertificate
    losing_limit: int
    event_least: int
    score_least: float
    capacity: int
    output_bits: int
    min_entropy_bits: float
    extractor: raz.RazPlan | None
    expected_losing: float
    expected_event: float
    expected_score: float
    expected_paper_event: float
    reason: str | None

    def __post_init__(self) -> None:
        # Plain numbers of one kind, so that a plan has one digest whoever made it.
        for name, kind in get_type_hints(Plan).items():
            if kind in (int, float):
                # Zero has one sign.
                object.__setattr__(self, name, kind(getattr(self, name)) + kind(0))

    @property
    def code(self) -> SettingCode:
        """The setting code."""
        return self.certificate.code

    @property
    def delta(self) -> float:
        """δ of test 1."""
        return self.losing_limit / self.runs

    @property
    def mu1(self) -> float:
        """μ₁ of test 2."""
        return self.event_least / self.runs

    @property
    def event(self) -> NDArray[np.bool_]:
        """D of test 2: the outcomes at u0 that the certificate credits, an (81, 16) mask."""
        return self.certificate.credited_event()

    @property
    def log2_failure(self) -> float:
        """log₂ ε', the failure probability of the min-entropy bound."""
        return -(self.output_bits + self.soundness + 2)

    @property
    def soundness_log2(self) -> float | None:
        """log₂ of the bound 2^m(2ξ+2ε') at the planned numbers; None without output."""
        if self.extractor is None:
            return None
        return (
            self.output_bits
            + 1
            + float(np.logaddexp2(self.extractor.log2_error, self.log2_failure))
        )

    @property
    def theorem9(self) -> Theorem9:
        """What the paper's own certificate says of δ and the paper's event, for one output bit."""
        nine = _theorem9(
            self.runs, self.epsilon, self.delta, self.expected_paper_event, self.soundness
        )
        # Its test 1 speaks of all 81 pairs; under a code that omits some it says nothing.
        tested = bool(self.code.settings_used.all())
        return nine if tested else replace(nine, applies=False)

    @property
    def settings_bits(self) -> int:
        """Weak bits that choose the settings."""
        return self.runs * self.code.bits_per_run

    @property
    def source_bits(self) -> int:
        """Weak bits in all: settings and extractor."""
        return self.settings_bits + (self.extractor.source1_bits if self.extractor else 0)

    @property
    def digest(self) -> str:
        """SHA-256 of all that the plan fixes, 64 hexadecimal digits.

        The same on every machine and in every file that holds the plan; the certificate enters by
        its own digest.
        """
        return digest({**self._fixed(), "certificate": self.certificate.digest})

    def _fixed(self) -> dict[str, Any]:
        """The entries of a document that the others follow from, but for the certificate."""
        return {
            "runs": self.runs,
            "epsilon": self.epsilon,
            "soundness": self.soundness,
            "completeness": self.completeness,
            "losing_limit": self.losing_limit,
            "event_least": self.event_least,
            "score_least": _finite(self.score_least),
            "capacity": self.capacity,
            "output_bits": self.output_bits,
            "min_entropy_bits": self.min_entropy_bits,
            "extractor": self.extractor.to_json() if self.extractor else None,
            "expected_losing": self.expected_losing,
            "expected_event": self.expected_event,
            "expected_score": _finite(self.expected_score),
            "expected_paper_event": self.expected_paper_event,
            "reason": self.reason,
        }

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for JSON files, from which `from_json` restores the plan."""
        return {
            **self._fixed(),
            "certificate": self.certificate.to_json(),
            "delta": self.delta,
            "mu1": self.mu1,
            "soundness_log2": self.soundness_log2,
            "source_bits": self.source_bits,
            "theorem9": self.theorem9.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Inverse of `to_json`; derived entries are recomputed.

        Raises:
            InputError: missing, unknown or unusable entries, or an output that does not follow
                from the thresholds, as in a plan that was edited.
        """
        entries = Fields(data, "the plan")
        certificate = ScoreCertificate.from_json(entries.object("certificate"))
        runs = entries.integer("runs", 1, MAX_RUNS)
        plan = cls(
            runs=runs,
            epsilon=entries.number("epsilon", 0, 0.5),
            soundness=entries.number("soundness", 0),
            completeness=entries.number("completeness", 0, 1),
            certificate=certificate,
            losing_limit=entries.integer("losing_limit", 0, runs),
            event_least=entries.integer("event_least", 0, runs),
            score_least=_or_minus_inf(entries, "score_least"),
            capacity=entries.integer("capacity", 0, runs),
            output_bits=entries.integer("output_bits", 0, BITS_PER_OUTCOME * runs),
            min_entropy_bits=entries.number("min_entropy_bits", 0, BITS_PER_OUTCOME * runs),
            extractor=None
            if entries.missing("extractor")
            else raz.RazPlan.from_json(entries.any("extractor")),
            expected_losing=entries.number("expected_losing", -_ROUNDING, 1 + _ROUNDING),
            expected_event=entries.number("expected_event", -_ROUNDING, 1 + _ROUNDING),
            expected_score=_or_minus_inf(entries, "expected_score"),
            expected_paper_event=entries.number("expected_paper_event", -_ROUNDING, 1 + _ROUNDING),
            reason=None if entries.missing("reason") else entries.text("reason"),
        )
        for derived in _DERIVED:
            entries.any(derived)
        entries.done()
        return justified(plan)


def justified(plan: Plan) -> Plan:
    """Return `plan` if its output follows from its thresholds at its soundness.

    A plan from a file may have been edited; whoever runs it would believe what it promises.  That
    the extractor's error follows from its parameters was checked when the extractor was read.

    Raises:
        InputError: otherwise, with both numbers that disagree.
    """
    check_demands(plan.runs, plan.soundness, plan.completeness)
    _covered(plan.certificate, plan.epsilon)
    given = plan.certificate.min_entropy(plan.score_least, plan.log2_failure)
    room = _ROUNDING * max(1.0, abs(given))
    if not abs(plan.min_entropy_bits - max(0.0, given)) <= room:
        raise InputError(
            f"the plan promises {plan.min_entropy_bits:.1f} bits of min-entropy, the score "
            f"threshold gives {given:.1f}"
        )
    extractor = plan.extractor
    if extractor is None:
        if plan.output_bits or plan.reason is None:
            raise InputError(f"the plan promises {plan.output_bits} bits without an extractor")
        return plan
    source1 = Source1(extractor.source1_bits, epsilon=plan.epsilon)
    for name, found, expected in (
        ("reason for no output", plan.reason, None),
        ("extractor's output", extractor.output_bits, plan.output_bits),
        ("extractor's source 1", extractor.source1, source1),
        ("extractor's strength", extractor.strong, "source1"),
    ):
        if found != expected:
            raise InputError(f"the plan's {name} is {found}, expected {expected}")
    if extractor.length2 != BITS_PER_OUTCOME * plan.capacity:
        raise InputError(
            f"the plan keeps {plan.capacity} outcomes, expected {extractor.length2} bits of them "
            "as its extractor has it"
        )
    if extractor.field != smallest_field(extractor.length2):
        raise InputError(
            f"the plan's extractor works over {extractor.field}, expected the smallest field for "
            f"{extractor.length2} bits"
        )
    if not extractor.min_entropy2 <= given + room:
        raise InputError(
            f"the plan's {plan.output_bits} bits need {extractor.min_entropy2:.1f} bits of "
            f"min-entropy, the score threshold gives {given:.1f}"
        )
    worth = plan.soundness_log2
    assert worth is not None
    if not worth <= -plan.soundness + _ROUNDING * abs(extractor.log2_error):
        raise InputError(
            f"the plan promises soundness 2^-{plan.soundness:g}, its numbers give 2^{worth:.1f}"
        )
    return plan


def _covered(certificate: ScoreCertificate, epsilon: float) -> float:
    """Return `epsilon` if the certificate covers its sources.

    Raises:
        InputError: otherwise.
    """
    if check_epsilon(epsilon) > certificate.epsilon:
        raise InputError(
            f"the certificate covers sources up to epsilon {certificate.epsilon:g}, "
            f"not epsilon {epsilon:g}"
        )
    return float(epsilon) + 0.0  # zero has one sign


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_minus_inf(entries: Fields, key: str) -> float:
    return -math.inf if entries.missing(key) else entries.number(key)


def check_count(name: str, value: int) -> int:
    """Return `value` if it is a positive count of at most 10⁹.

    Raises:
        InputError: otherwise.
    """
    if not 0 < value <= MAX_RUNS:
        raise InputError(f"{name} {value} is outside 1..{MAX_RUNS}")
    return int(value)


def check_demands(runs: int, soundness: float, completeness: float) -> None:
    """Check n, σ and the completeness.

    Raises:
        InputError: a value out of range, or σ beyond what n runs could give on any device.
    """
    check_count("runs", runs)
    if not 0 < completeness < 1:
        raise InputError(f"completeness {completeness} is outside (0, 1)")
    if not soundness > 0:
        raise InputError(f"soundness {soundness} is not positive (it is σ of 2^−σ)")
    # Raz needs k₂ > 2·log₂(1/ξ) ≥ 2(σ+3), and four bits a run are all that there are.
    if not 2 * (soundness + 3) < BITS_PER_OUTCOME * runs:
        raise InputError(
            f"soundness {soundness} can never be met: {runs} runs have at most "
            f"{BITS_PER_OUTCOME * runs} bits of min-entropy, "
            f"2(σ+3) = {2 * (soundness + 3):g} are needed"
        )


def plan_run(
    runs: int,
    behaviour: NDArray[np.float64],
    certificate: ScoreCertificate,
    *,
    epsilon: float | None = None,
    soundness: float = 64,
    completeness: float = 0.99,
    word_probabilities: NDArray[np.float64] | None = None,
) -> Plan:
    """Plan a run for a given certificate.

    Args:
        runs: n.
        behaviour: P(x|u) expected of the device, shape (81, 16).
        certificate: the score table with setting code, ε and β.
        epsilon: ε of the source, at most the certificate's, which is the default.
        soundness: σ, security parameter 2^−σ.
        completeness: wanted probability that a device as expected is accepted.
        word_probabilities: expected distribution of the code's words, (2**bits_per_run,);
            uniform unless given.

    Returns:
        The plan; `output_bits` 0 and a `reason` when nothing can be certified.

    Raises:
        InputError: an argument out of range.
    """
    check_demands(runs, soundness, completeness)
    code = certificate.code
    epsilon = _covered(certificate, certificate.epsilon if epsilon is None else epsilon)
    settings = code.probabilities(word_probabilities)
    joint = settings[:, None] * behaviour
    event = certificate.credited_event()
    failure = 1 - completeness
    expected_losing = float(joint[losing_table()].sum())
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
        score_least, certificate.beta, epsilon, soundness, BITS_PER_OUTCOME * capacity
    )
    losing_limit = binomial_upper(runs, expected_losing, _SHARE_TESTS * failure)
    event_least = binomial_lower(runs, expected_event, _SHARE_TESTS * failure)
    reason = None
    if extractor is None:
        reason = _why_nothing(
            expected_score,
            score_least,
            certificate,
            epsilon,
            soundness,
            BITS_PER_OUTCOME * capacity,
        )
    return Plan(
        runs=runs,
        epsilon=epsilon,
        soundness=soundness,
        completeness=completeness,
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
        expected_paper_event=float(joint[paper_event()].sum()),
        reason=reason,
    )


def best_closed_form(
    runs: int,
    epsilon: float,
    behaviour: NDArray[np.float64],
    code: SettingCode,
    *,
    soundness: float = 64,
    completeness: float = 0.99,
    word_probabilities: NDArray[np.float64] | None = None,
) -> Plan:
    """Plan a run with the closed form of design 4.2, its β chosen for the largest output.

    Arguments, result and errors as in `plan_run`.
    """
    check_demands(runs, soundness, completeness)
    joint = code.probabilities(word_probabilities)[:, None] * behaviour
    limit = beta_limit(code, epsilon)

    def output(beta: float) -> float:
        certificate = closed_form(code, epsilon, beta)
        return estimated_output(runs, certificate.log2_factors, joint, beta, soundness)

    grid = limit * np.geomspace(1e-4, 0.999, 200)
    beta = float(grid[int(np.argmax([output(b) for b in grid]))])
    return plan_run(
        runs,
        behaviour,
        closed_form(code, epsilon, beta),
        soundness=soundness,
        completeness=completeness,
        word_probabilities=word_probabilities,
    )


def estimated_output(
    runs: int | None,
    log2_factors: NDArray[np.float64],
    joint: NDArray[np.float64],
    beta: float,
    soundness: float,
) -> float:
    """About how many bits a table gives; negative when it gives none.

    For n → ∞ (None) bits of min-entropy a run.

    The score by its normal approximation with 3 standard deviations, and m ≈ (k₂ − const)/3 of
    Raz.  Only choices between sound certificates rest on it.

    Args:
        runs: n; None for n → ∞.
        log2_factors: log₂F, (81, 16).
        joint: expected probabilities of setting and outcome, (81, 16).
        beta: β of the table.
        soundness: σ.
    """
    finite = np.where(joint > 0, log2_factors, 0.0)
    mean = float((joint * finite).sum())
    if runs is None:
        return mean / beta
    deviation = math.sqrt(max(0.0, float((joint * finite**2).sum()) - mean**2))
    score = runs * mean - 3 * math.sqrt(runs) * deviation
    return ((score - soundness) / beta - 2 * soundness - 90) / (3 + 1 / beta)


def _largest_output(
    score: float, beta: float, epsilon: float, soundness: float, length2: int
) -> tuple[int, float, raz.RazPlan | None]:
    """Largest m with its min-entropy and extractor, at a guaranteed score (bits)."""

    def min_entropy(m: int) -> float:
        return (score - (m + soundness + 2)) / beta

    def attempt(m: int) -> raz.RazPlan | None:
        available = min(min_entropy(m), float(length2))
        try:
            plan = raz.plan_for_output(epsilon, length2, m, -(m + soundness + 2))
        except InputError:
            return None  # no parameters reach this error with a source this short
        return plan if plan.min_entropy2 <= available else None

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
    expected: float,
    threshold: float,
    certificate: ScoreCertificate,
    epsilon: float,
    soundness: float,
    length2: int,
) -> str:
    """One line that says why a plan has no output."""
    if expected <= 0:
        return (
            f"the {certificate.kind} certificate gives no credit at this noise and epsilon "
            f"{epsilon:g}: expected score {expected:.4g} bits"
        )
    certified = max(0.0, certificate.min_entropy(threshold, -(soundness + 3)))
    try:
        needed = raz.plan_for_output(epsilon, length2, 1, -(soundness + 3)).min_entropy2
    except InputError as error:
        return f"the extractor cannot give one bit: {error}"
    return (
        f"too little min-entropy: {certified:.0f} bits certified, "
        f"{needed:.0f} needed for the first output bit at soundness 2^-{soundness:g}"
    )


@lru_cache(maxsize=64)
def _theorem9(runs: int, epsilon: float, delta: float, mu1: float, soundness: float) -> Theorem9:
    # 2σ + 110 bits is what Raz needs for its first output bit, with log₂p up to 50.  Acceptance
    # is taken no less likely than 2^−σ: rarer runs are secure whatever they put out, as
    # d_c·p(ACC) ≤ p(ACC).
    return theorem9(runs, epsilon, delta, mu1, -(2 * soundness + 110), -soundness)
