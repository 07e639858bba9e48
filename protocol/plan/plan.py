"""The plan: everything that is fixed before the run, as data that audits itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.documents.fields import digest
from protocol.paper.theorem9 import Theorem9, for_one_bit, second_event
from protocol.plan.audit import check_plan
from protocol.plan.promise import Promise


@dataclass(frozen=True, eq=False)
class Plan(Promise):
    """What a run commits itself to before the device is touched: a promise that was audited.

    Plans are equal if their digests are.

    Raises:
        InputError: a value out of range, or an output that does not follow from the thresholds at
            this soundness; also from `dataclasses.replace`.
    """

    def __post_init__(self) -> None:
        for name, value in check_plan(self).items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

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
            **self._of_2_2(),
        }

    def _of_2_2(self) -> dict[str, Any]:
        """What documents of before 2.2 do not have, so that their digests stay."""
        if not self.by_levels:
            return {}
        return {
            "security": self.security.to_json(),
            "complete_for": self.complete_for,
            "by_levels": True,
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
