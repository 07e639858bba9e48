"""Score certificates: a factor F(x,u) per run that turns outcomes into certified min-entropy.

Let F(x,u) ≥ 0 satisfy, for every no-signalling box and every ε-SV source,

    E[F(x,u)·q(x|u)^β | past] ≤ 1,    the power β applied at the starred pair u0 only,     (*)

q(x|u) the box's probability of its own outcome.  Over n runs the product of F·q^β is then a
supermartingale with expectation at most 1, so by Markov's inequality, except with probability ε',

    −log₂ q(x|u,z,e)  ≥  (Σ_i log₂ F(x_i,u_i) − log₂(1/ε')) / β,

where x are the outcomes at the starred pair: what the other runs contribute to q sums to 1.  All
of them enter the extractor; a run with more than there is room for aborts (`protocol.run.redraws`).

Closed form (design 4.2).  Write B_u for the probability of losing at u, X* for the eight outcomes
of u0 = (1,3) with squared overlap ¼.  For every no-signalling box and every outcome x̂ of u0

    P(x̂|u0) + S·P(X*|u0) ≤ 1 + C·Σ_u B_u,    S = 1/5, C = 1/10                              (LP)

(a linear programme; the tests prove it in whole numbers).  With ρ(u) = sup ν(u0)/ν(u) over ε-SV
sources, 0 < β ≤ 1, βCρ(u) < 1, F_lo = 1 − βC, s = F_lo·S, c = F_lo·C the table

    F = 1 + βs on (u0, X*);  1 − βc if lost at u0;  1 − βcρ(u) if lost at u ≠ u0;  1 otherwise

satisfies (*).  Proof.  Let g be the largest P(x|u0), ν₀ = ν(u0).  At u0, E[F q^β | u0] ≤
g^β·E[F | u0], and g^β ≤ 1 − β(1−g) since the power is concave; as E[F|u0] ≥ 1 − βc ≥ F_lo,

    E[F q^β | u0] ≤ E[F | u0] − β(1−g)·F_lo = 1 + β(s·P(X*|u0) − c·B_{u0}) − β(1−g)·F_lo.

Elsewhere q^β ≤ 1 gives E[F | u] ≤ 1 − βcρ(u)B_u, and ν(u)ρ(u) ≥ ν₀.  Together

    E[F q^β] ≤ 1 + βν₀F_lo·{S·P(X*|u0) − C·Σ_u B_u − (1−g)} ≤ 1

by (LP) at the x̂ that attains g.  ∎
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.documents.fields import Fields, digest
from protocol.errors import InputError
from protocol.settings.code import SettingCode, check_epsilon
from qdevices.ks18.game import (
    N_JOINT,
    N_PAIRS,
    STARRED_SETTING,
    losing_table,
    pair_label,
    starred_outcomes,
)

#: Coefficients of (LP) in design 4.2 at u0 = (1,3): P(x̂|u0) + S·P(X*|u0) ≤ 1 + C·Σ_u B_u.
S = 1 / 5
C = 1 / 10
#: Kinds of certificates.
CLOSED_FORM, OPTIMISED = "closed-form", "optimised"


@dataclass(frozen=True, eq=False)
class ScoreCertificate:
    """A score table with the setting code and the ε for which it was proved.

    Attributes:
        kind: "closed-form" or "optimised".
        code: the setting code; its `starred` pair is u0.
        epsilon: the largest ε of the sources covered.
        beta: the power β, 0 < β ≤ 1.
        log2_factors: log₂ F(x,u), shape (81, 16), bits; −inf where F = 0.
    """

    kind: str
    code: SettingCode
    epsilon: float
    beta: float
    log2_factors: NDArray[np.float64]

    def credited_event(self) -> NDArray[np.bool_]:
        """The outcomes at u0 that raise the score, an (81, 16) mask: D of the second test."""
        event = np.zeros((N_PAIRS, N_JOINT), dtype=np.bool_)
        event[self.code.starred] = self.log2_factors[self.code.starred] > 0
        return event

    def score(self, counts: NDArray[np.int64]) -> float:
        """Σ_i log₂F(x_i,u_i) in bits, of runs counted by setting and outcome, shape (81, 16)."""
        used = counts > 0
        return float((counts[used] * self.log2_factors[used]).sum())

    def min_entropy(self, score: float, log2_failure: float) -> float:
        """Certified min-entropy in bits, except with probability 2**log2_failure."""
        return (score + log2_failure) / self.beta

    @property
    def digest(self) -> str:
        """SHA-256 of what determines the certificate, 64 hexadecimal digits.

        Neither names nor notes count, nor how a file spells its numbers.
        """
        return digest(
            {
                "kind": self.kind,
                "words": list(self.code.words),
                "starred": self.code.starred,
                "epsilon": float(self.epsilon) + 0.0,
                "beta": float(self.beta),
            }
        )

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary: the closed form is named by its parameters."""
        return {
            "kind": self.kind,
            "code": self.code.to_json(),
            "epsilon": self.epsilon,
            "beta": self.beta,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ScoreCertificate:
        """Inverse of `to_json`.

        A table is trusted only with its proof, which is verified here (`certificate.file`).

        Raises:
            InputError: missing, unusable or unknown entries, or a proof that does not hold.
        """
        fields = Fields(data, "the certificate")
        if fields.choice("kind", CLOSED_FORM, OPTIMISED) == OPTIMISED:
            from protocol.certificate.file import from_json

            return from_json(data)
        code = SettingCode.from_json(fields.object("code"))
        epsilon, beta = fields.number("epsilon", 0, 0.5), fields.number("beta", 0, 1)
        fields.done()
        return closed_form(code, epsilon, beta)


def beta_limit(code: SettingCode, epsilon: float) -> float:
    """Upper limit of β for the closed form: β·C·ρ(u) < 1 for all u, and β ≤ 1."""
    return float(min(1.0, 1 / (C * code.rho(epsilon).max())))


def closed_form(code: SettingCode, epsilon: float, beta: float) -> ScoreCertificate:
    """The certificate of design 4.2 with s = 1/5, c = 1/10.

    F = 1+βs' on (u0, X*), 1−βc' where B = 1 at u0, 1−βc'ρ(u) where B = 1 elsewhere, 1 otherwise;
    F_lo = 1−βc, s' = F_lo·s, c' = F_lo·c.

    Raises:
        InputError: ε outside [0,½); a starred pair other than (1,3), for which alone (LP) holds
            with these numbers; a code without a word for some pair; β outside (0, limit).
    """
    check_epsilon(epsilon)
    if code.starred != STARRED_SETTING:
        raise InputError(
            f"the closed-form certificate needs the starred pair {pair_label(STARRED_SETTING)}, "
            f"code {code.name!r} has {pair_label(code.starred)}"
        )
    if not code.settings_used.all():
        missing = int(np.flatnonzero(~code.settings_used)[0])
        raise InputError(
            f"the closed-form certificate tests all 81 pairs, code {code.name!r} has no word "
            f"for pair {pair_label(missing)}"
        )
    rho = code.rho(epsilon)
    if not 0 < beta <= 1 or beta * C * rho.max() >= 1:
        raise InputError(
            f"beta {beta} is outside (0, {beta_limit(code, epsilon):.6g}) for epsilon {epsilon}"
        )
    floor = 1 - beta * C
    log2_factors = np.zeros((N_PAIRS, N_JOINT))
    penalty = np.log1p(-beta * floor * C * rho) / np.log(2)
    log2_factors[:] = np.where(losing_table(), penalty[:, None], 0.0)
    log2_factors[STARRED_SETTING, starred_outcomes()] = np.log1p(beta * floor * S) / np.log(2)
    log2_factors.setflags(write=False)
    return ScoreCertificate(CLOSED_FORM, code, epsilon, beta, log2_factors)
