"""Score certificates: a factor F(x,u) per run that turns outcomes into certified min-entropy.

Let F(x,u) ≥ 0 satisfy, for every no-signalling box and every ε-SV source,

    E[F(x,u)·q(x|u)^β | past] ≤ 1,    the power β applied at the starred pair u0 only,     (*)

q(x|u) the box's probability of its own outcome.  Over n runs the product of F·q^β is then a
supermartingale with expectation at most 1, so by Markov's inequality, except with probability ε',

    −log₂ q(x|u,z,e)  ≥  (Σ_i log₂ F(x_i,u_i) − log₂(1/ε')) / β,

where x are the outcomes at the starred pair: what the other runs contribute to q sums to 1.  All
of them enter the extractor; a run with more than there is room for aborts (`protocol.run.redraws`).

A kind of certificate is a way to be sure of (*); each is in a file of its own and is entered in
`kinds`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.rounding import charge
from protocol.documents.fields import Fields, digest
from protocol.documents.format import game_entry
from protocol.request import Request
from protocol.security import check_signalling
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from qdevices.arrays import is_frozen
from qdevices.errors import InputError
from qdevices.game import Game


class ScoreCertificate(ABC):
    """A score table with the setting code and the ε for which it is proved.

    An object of a kind exists only if (*) holds of it: what determines it is checked when it is
    built, and everything else follows from that.

    Attributes:
        kind: the kind's name, in documents and on the command line.
        code: the setting code; its `starred` pair is u0.
        epsilon: the largest ε of the sources covered.
        beta: the power β, above 0.
        log2_factors: log₂ F(x,u), (pairs, joint), bits, read-only; −inf where F = 0.
    """

    kind: ClassVar[str]
    code: SettingCode
    epsilon: float
    beta: float
    log2_factors: NDArray[np.float64]

    @abstractmethod
    def determined_by(self) -> dict[str, Any]:
        """What determines the certificate beside kind and code, as JSON, for its digest."""

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """The entries of a document beside header and kind, from which `from_content` restores."""

    @classmethod
    @abstractmethod
    def from_content(cls, fields: Fields, game: Game) -> ScoreCertificate:
        """Inverse of `content`: takes the entries, and proves the certificate again.

        Args:
            fields: the entries.
            game: that the document names in its header.

        Raises:
            InputError: missing, unusable or unknown entries, or a certificate that does not hold.
        """

    @classmethod
    def candidates(cls, request: Request) -> Iterable[ScoreCertificate]:
        """The certificates of this kind at hand for a request, in no order; none unless it says."""
        return ()

    def facts(self) -> dict[str, Any]:
        """What people may want to know of it beside code, ε and β; plain numbers and texts."""
        return {}

    def credited_event(self) -> NDArray[np.bool_]:
        """The outcomes at u0 that raise the score, a (pairs, joint) mask: D of the second test."""
        event = np.zeros(self.code.game.shape, dtype=np.bool_)
        event[self.code.starred] = self.log2_factors[self.code.starred] > 0
        return event

    def score(self, counts: NDArray[np.int64]) -> float:
        """Σ_i log₂F(x_i,u_i) in bits, of runs counted by setting and outcome, (pairs, joint)."""
        used = counts > 0
        return float((counts[used] * self.log2_factors[used]).sum())

    def min_entropy(self, score: float, log2_failure: float) -> float:
        """Certified min-entropy in bits, except with probability 2**log2_failure."""
        return (score + log2_failure) / self.beta

    def signalling_excess(self, gamma: float) -> float:
        """η with E[F·q^β | past] ≤ 1 + η for devices that signal within γ (theory 4.8), rounded up.

        A kind that has no theorem about such devices says inf.

        Args:
            gamma: γ, see `Security.signalling`; at 0, η is 0.

        Raises:
            InputError: γ outside [0, 1).
        """
        return math.inf if check_signalling(gamma) else 0.0

    def signalling_charge(self, gamma: float, runs: int) -> float:
        """Bits that the score of `runs` runs is lowered by for γ: runs·log₂(1+η), rounded up.

        Raises:
            InputError: γ outside [0, 1).
        """
        return charge(self.signalling_excess(gamma), runs)

    @property
    def digest(self) -> str:
        """SHA-256 of what determines the certificate, 64 hexadecimal digits.

        Neither names nor notes count, nor how a file spells or packs its numbers; but the game
        does (`game_entry`).
        """
        return digest(
            {
                **game_entry(self.code.game),
                "kind": self.kind,
                "words": list(self.code.words),
                "starred": self.code.starred,
                **self.determined_by(),
            }
        )


def check_shape(certificate: ScoreCertificate) -> None:
    """Check what every kind has to set, as far as can be seen without its proof.

    Raises:
        InputError: a code, ε, β or factors of another type, shape or range, or factors that can be
            written to.
    """
    code, factors = certificate.code, certificate.log2_factors
    what = f"the {certificate.kind} certificate"
    if type(code) is not SettingCode:
        raise InputError(f"{what} has code {code!r:.60}, expected a SettingCode")
    check_epsilon(certificate.epsilon)
    if not isinstance(certificate.beta, (int, float)) or not 0 < certificate.beta < math.inf:
        raise InputError(f"{what} has beta {certificate.beta!r:.60}, expected a number above 0")
    if (
        not isinstance(factors, np.ndarray)
        or factors.shape != code.game.shape
        or factors.dtype != np.float64
        or not is_frozen(factors)
        or not (factors < np.inf).all()  # also catches nan
    ):
        raise InputError(
            f"{what} has log2_factors that are no float64 array of `frozen` of shape "
            f"{code.game.shape} without nan and +inf"
        )
