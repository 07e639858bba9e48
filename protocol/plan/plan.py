"""The plan: everything that is fixed before the run, as data that checks itself.

Soundness 2^−σ splits as in theory 4.4:

    d_c·p(ACC) ≤ 2^m·(2ξ + 2ε')  with  ξ = ε' = 2^−(m+σ+2),

ξ the extractor's error at the min-entropy that the score threshold guarantees, except with
probability ε'.  The device's behaviour and fair bits are assumed only for completeness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.score import ScoreCertificate
from protocol.documents.fields import digest
from protocol.extract.extractor import Extractor
from protocol.paper.theorem9 import Theorem9, for_one_bit, second_event
from protocol.plan.audit import check_plan
from protocol.settings.code import SettingCode


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

    Raises:
        InputError: a value out of range, or an output that does not follow from the thresholds at
            this soundness; also from `dataclasses.replace`.
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
    extractor: Extractor | None
    expected_losing: float
    expected_event: float
    expected_score: float
    expected_paper_event: float
    reason: str | None

    def __post_init__(self) -> None:
        for name, value in check_plan(self).items():
            object.__setattr__(self, name, value)

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
        """D of test 2: the outcomes at u0 that the certificate credits, a (pairs, joint) mask."""
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
        nine = for_one_bit(
            self.runs, self.epsilon, self.delta, self.expected_paper_event, self.soundness
        )
        # Its test 1 speaks of all pairs of one game; under a code that omits some it says nothing.
        tested = bool(self.code.settings_used.all() and second_event(self.code.game).any())
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
        return digest({**self.fixed(), "certificate": self.certificate.digest})

    def fixed(self) -> dict[str, Any]:
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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
