"""A stranger's kind of certificate: the closed form with all its logarithms halved.

If E[F·q^β | past] ≤ 1 then E[F^½·q^{β/2} | past] ≤ 1, by Jensen's inequality for the square root;
so half the scores with half the β are a certificate again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.closed_form import ClosedForm
from protocol.certificate.score import ScoreCertificate
from protocol.documents.fields import Fields
from protocol.request import Request
from protocol.settings.code import SettingCode
from qdevices.arrays import frozen
from qdevices.game import Game


@dataclass(frozen=True, eq=False)
class Halved(ScoreCertificate):
    """The root of a closed form.

    Attributes:
        whole: the closed form; what it is built from proves it.
        code, epsilon: those of `whole`.
        beta, log2_factors: half of those of `whole`, which loses nothing in binary.
    """

    kind = "halved"

    whole: ClosedForm
    code: SettingCode = field(init=False)
    epsilon: float = field(init=False)
    beta: float = field(init=False)
    log2_factors: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        factors = frozen(self.whole.log2_factors / 2)
        object.__setattr__(self, "code", self.whole.code)
        object.__setattr__(self, "epsilon", self.whole.epsilon)
        object.__setattr__(self, "beta", self.whole.beta / 2)
        object.__setattr__(self, "log2_factors", factors)

    def determined_by(self) -> dict[str, Any]:
        """What determines the closed form."""
        return self.whole.determined_by()

    def content(self) -> dict[str, Any]:
        """The entries of the closed form."""
        return self.whole.content()

    @classmethod
    def from_content(cls, fields: Fields, game: Game) -> Halved:
        """Inverse of `content`; the closed form takes the entries and says that these are all."""
        return cls(ClosedForm.from_content(fields, game))

    @classmethod
    def candidates(cls, request: Request) -> list[Halved]:
        """The roots of the closed forms at hand."""
        return [cls(whole) for whole in ClosedForm.candidates(request)]
