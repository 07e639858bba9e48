"""The closed form: a score certificate for the 18-ray game from one linear programme.

Write B_u for the probability of losing at u, X* for the eight outcomes
of u0 = (1,3) with squared overlap ¼.  For every no-signalling box and every outcome x̂ of u0

    P(x̂|u0) + S·P(X*|u0) ≤ 1 + C·Σ_u B_u,    S = 1/5, C = 1/10                              (LP)

(a linear programme; the tests prove it in whole numbers; theory 4.2).  With ρ(u) = sup ν(u0)/ν(u)
over ε-SV sources, 0 < β ≤ 1, βCρ(u) < 1, F_lo = 1 − βC, s = F_lo·S, c = F_lo·C the table

    F = 1 + βs on (u0, X*);  1 − βc if lost at u0;  1 − βcρ(u) if lost at u ≠ u0;  1 otherwise

satisfies (*) of `score`.  Proof.  Let g be the largest P(x|u0), ν₀ = ν(u0).  At u0, E[F q^β | u0] ≤
g^β·E[F | u0], and g^β ≤ 1 − β(1−g) since the power is concave; as E[F|u0] ≥ 1 − βc ≥ F_lo,

    E[F q^β | u0] ≤ E[F | u0] − β(1−g)·F_lo = 1 + β(s·P(X*|u0) − c·B_{u0}) − β(1−g)·F_lo.

Elsewhere q^β ≤ 1 gives E[F | u] ≤ 1 − βcρ(u)B_u, and ν(u)ρ(u) ≥ ν₀.  Together

    E[F q^β] ≤ 1 + βν₀F_lo·{S·P(X*|u0) − C·Σ_u B_u − (1−g)} ≤ 1

by (LP) at the x̂ that attains g.  ∎
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.rounding import as_json, float_up
from protocol.certificate.score import ScoreCertificate
from protocol.certificate.worth import estimated_output
from protocol.documents.fields import Fields
from protocol.request import Request
from protocol.security import check_signalling
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import default_code
from protocol.settings.sv_tree import StarTree, check_epsilon
from qdevices.arrays import frozen
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.ks18.game import KS18, STARRED_SETTING, starred_outcomes

#: The least N of a proof of (LP): what (LP) loses for devices that signal within γ is at most γ·N
#: (theory 4.8; the tests prove it in whole numbers).
NORM = Fraction(34, 5)
#: Coefficients of (LP): P(x̂|u0) + S·P(X*|u0) ≤ 1 + C·Σ_u B_u.
S = 1 / 5
C = 1 / 10


@dataclass(frozen=True, eq=False)
class ClosedForm(ScoreCertificate):
    """The closed form for a setting code, an ε and a β.

    Attributes:
        code: of this game, with the starred pair (1,3), for which alone (LP) holds with these
            numbers, and a word for every pair.
        epsilon: of the sources, in [0, ½).
        beta: in (0, `beta_limit`).

    Raises:
        InputError: another game or starred pair, a code without a word for some pair, or a number
            out of range.
    """

    kind = "closed-form"

    code: SettingCode
    epsilon: float
    beta: float
    log2_factors: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        check_code(self.code)
        object.__setattr__(self, "epsilon", float(check_epsilon(self.epsilon)) + 0.0)
        if isinstance(self.beta, bool) or not isinstance(self.beta, (int, float)):
            raise InputError(f"beta is {self.beta!r:.40}, expected a number")
        object.__setattr__(self, "beta", float(self.beta))
        if not 0 < self.beta <= 1 or self.beta * C * self.code.rho(self.epsilon).max() >= 1:
            raise InputError(
                f"beta {self.beta} is outside (0, {beta_limit(self.code, self.epsilon):.6g}) for "
                f"epsilon {self.epsilon}"
            )
        object.__setattr__(self, "log2_factors", _log2_factors(self.code, self.epsilon, self.beta))

    def determined_by(self) -> dict[str, Any]:
        """ε and β."""
        return {"epsilon": self.epsilon, "beta": self.beta}

    def content(self) -> dict[str, Any]:
        """Its parameters."""
        return {"code": self.code.to_json(), "epsilon": self.epsilon, "beta": self.beta}

    @classmethod
    def from_content(cls, fields: Fields, game: Game) -> ClosedForm:
        """Inverse of `content`."""
        code = SettingCode.from_json(fields.object("code"), game)
        epsilon, beta = fields.number("epsilon", 0, 0.5), fields.number("beta", 0, 1)
        fields.done()
        return cls(code, epsilon, beta)

    def facts(self) -> dict[str, Any]:
        """N of (LP) for devices that signal a little."""
        return {"signalling_norm": as_json(NORM)}

    def signalling_excess(self, gamma: float) -> float:
        """η for devices that signal within γ: ν_max(u0)·β·F_lo·N·γ, rounded up (theory 4.8)."""
        beta, star = Fraction(self.beta), StarTree(self.code.table, self.code.starred, self.epsilon)
        floor = 1 - beta / 10
        return float_up(star.most * beta * floor * NORM * Fraction(check_signalling(gamma)))

    @classmethod
    def candidates(cls, request: Request) -> Iterable[ClosedForm]:
        """The one with the β that gives the most by estimate; none where (LP) says nothing."""
        code = default_code() if request.code is None else request.code
        check_code(code)
        return (best_beta(request, code),)


def _log2_factors(code: SettingCode, epsilon: float, beta: float) -> NDArray[np.float64]:
    floor, rho = 1 - beta * C, code.rho(epsilon)
    factors = np.zeros(KS18.shape)
    penalty = np.log1p(-beta * floor * C * rho) / np.log(2)
    factors[:] = np.where(KS18.losing, penalty[:, None], 0.0)
    factors[STARRED_SETTING, starred_outcomes()] = np.log1p(beta * floor * S) / np.log(2)
    return frozen(factors)


def check_code(code: SettingCode) -> None:
    """Check that (LP) speaks of a setting code.

    Raises:
        InputError: it does not.
    """
    if code.game != KS18:
        raise InputError(
            f"the closed-form certificate is for game {KS18.name!r}, code {code.name!r} is for "
            f"game {code.game.name!r}"
        )
    if code.starred != STARRED_SETTING:
        needed, found = KS18.pair_label(STARRED_SETTING), KS18.pair_label(code.starred)
        raise InputError(
            f"the closed-form certificate needs the starred pair {needed}, "
            f"code {code.name!r} has {found}"
        )
    if not code.settings_used.all():
        missing = int(np.flatnonzero(~code.settings_used)[0])
        raise InputError(
            f"the closed-form certificate tests all 81 pairs, code {code.name!r} has no word "
            f"for pair {KS18.pair_label(missing)}"
        )


def beta_limit(code: SettingCode, epsilon: float) -> float:
    """Upper limit of β for the closed form: β·C·ρ(u) < 1 for all u, and β ≤ 1."""
    return float(min(1.0, 1 / (C * code.rho(epsilon).max())))


def best_beta(request: Request, code: SettingCode) -> ClosedForm:
    """The closed form whose β gives the most output by estimate."""
    joint = code.probabilities(request.word_probabilities)[:, None] * request.behaviour

    def output(beta: float) -> float:
        factors = ClosedForm(code, request.epsilon, beta).log2_factors
        return estimated_output(
            request.runs, factors, joint, beta, request.soundness, request.security
        )

    grid = beta_limit(code, request.epsilon) * np.geomspace(1e-4, 0.999, 200)
    return ClosedForm(code, request.epsilon, float(grid[int(np.argmax([output(b) for b in grid]))]))
