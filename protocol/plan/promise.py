"""What a plan promises, and at which thresholds; whether that is justified `audit` says.

Soundness is the theorem on levels (theory 4.4.4): with s₀ the score that acceptance guarantees,
k₀ a min-entropy, the levels of `protocol.extract.levels` above it and D the extractor's distance
when it is given those,

    distance  ≤  2^price·(2·2^{−s₀+βk₀} + 2·D),

price = m where Eve may measure after seeing the output, else 0 (`protocol.security`).  Documents of
before 2.2 charge the extractor's error ξ at k₀ as a whole, D = ξ, with both parts equal.
The device's behaviour and the distribution of the bits are assumed only for completeness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocol.certificate.score import ScoreCertificate
from protocol.extract.extractor import Extractor
from protocol.extract.levels import score_levels
from protocol.request import FAIR
from protocol.security import PAPER, Security
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
        min_entropy_bits: k₀, guaranteed at `score_least`, except with probability ε'.
        extractor: the extractor's parameters; None when nothing can be certified.
        expected_losing, expected_event, expected_score: means of L, S and Σ log₂F with fair bits,
            or those of the source that is known.
        expected_paper_event: mean of S for the paper's own (u*, x*).
        reason: why nothing can be certified; None otherwise.
        security: the security model.
        complete_for: the sources that the completeness holds for, "fair" or "any" of this ε.
        by_levels: whether the extractor's error is charged level by level; not in documents of
            before 2.2.
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
    security: Security = PAPER
    complete_for: str = FAIR
    by_levels: bool = True

    @property
    def code(self) -> SettingCode:
        """The setting code."""
        return self.certificate.code

    @property
    def signalling_charge(self) -> float:
        """Bits of score that devices which signal within γ may have cost (theory 4.8)."""
        return self.certificate.signalling_charge(self.security.signalling, self.runs)

    @property
    def guaranteed_score(self) -> float:
        """s₀: `score_least`, less what signalling may have cost."""
        return self.score_least - self.signalling_charge

    @property
    def log2_failure(self) -> float:
        """log₂ ε', the failure probability of the min-entropy bound."""
        if self.by_levels and self.extractor is not None:
            return self.certificate.beta * self.min_entropy_bits - self.guaranteed_score
        return -(self.security.log2_price(self.output_bits) + self.soundness + 2)

    @property
    def soundness_log2(self) -> float | None:
        """log₂ of the bound on the distance at the planned numbers; None without output.

        Raises:
            InputError: the score guarantees no levels from `min_entropy_bits` on.
        """
        if self.extractor is None:
            return None
        if self.by_levels:
            beta, least = self.certificate.beta, self.min_entropy_bits
            levels = score_levels(self.guaranteed_score, beta, least)
            distance = self.extractor.log2_distance(levels)
        else:
            distance = self.extractor.log2_error
        price = self.security.log2_price(self.output_bits)
        return price + 1 + float(np.logaddexp2(distance, self.log2_failure))
