"""A stranger's kind of certificate: the closed form with all its logarithms halved.

If E[F·q^β | past] ≤ 1 then E[F^½·q^{β/2} | past] ≤ 1, by Jensen's inequality for the square root;
so half the scores with half the β are a certificate again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.closed_form import ClosedForm
from protocol.certificate.score import ScoreCertificate
from protocol.settings.code import SettingCode


@dataclass(frozen=True, eq=False)
class Halved(ScoreCertificate):
    """The root of a closed form."""

    kind = "halved"

    whole: ClosedForm
    code: SettingCode = field(init=False)
    epsilon: float = field(init=False)
    beta: float = field(init=False)
    log2_factors: NDArray[np.float64] = field(init=False)

    def __post_init__(self):
        factors = self.whole.log2_factors / 2
        factors.setflags(write=False)
        for name, value in (
            ("code", self.whole.code),
            ("epsilon", self.whole.epsilon),
            ("beta", self.whole.beta / 2),
            ("log2_factors", factors),
        ):
            object.__setattr__(self, name, value)

    def determined_by(self):
        return self.whole.determined_by()

    def content(self):
        return self.whole.content()

    @classmethod
    def from_content(cls, fields, *given):
        return cls(ClosedForm.from_content(fields, *given))

    @classmethod
    def candidates(cls, request):
        return [cls(whole) for whole in ClosedForm.candidates(request)]
