"""What a plan promises, and at which thresholds; whether that is justified `audit` says.

Soundness 2^−σ splits as in theory 4.4:

    d_c·p(ACC) ≤ 2^m·(2ξ + 2ε')  with  ξ = ε' = 2^−(m+σ+2),

ξ the extractor's error at the min-entropy that the score threshold guarantees, except with
probability ε'.  The device's behaviour and fair bits are assumed only for completeness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocol.certificate.score import ScoreCertificate
from protocol.extract.extractor import Extractor
from protocol.settings.code import SettingCode


@dataclass(frozen=True)
class Promise:
    """The numbers of a plan, as they are said.

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
    extractor: Extractor | None
    expected_losing: float
    expected_event: float
    expected_score: float
    expected_paper_event: float
    reason: str | None

    @property
    def code(self) -> SettingCode:
        """The setting code."""
        return self.certificate.code

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
