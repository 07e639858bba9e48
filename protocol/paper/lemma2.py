"""Lemma 2 of the paper with the dual vectors that it leaves out, in exact arithmetic.

For every no-signalling box with Σ_u B_u = δ̃, at u* = (1,2), x* = (1,3),

    P(x*|u*)  ≤  3/4 + λδ̃,    λ = 1/2 in the paper (eq 38),  λ = 1/6 optimal for δ̃ ≤ 1/2.

The paper says that the dual vector is available upon request.  Here are two, as integers over a
common denominator in `data/lemma2.json`: marginal potentials a, b (see `potentials`) with

    Σ_u max_x [ 1{(x,u) = (x*,u*)} − λ·B(x,u) − a(u,x1) − b(u,x2) ]  =  3/4,

which proves the lemma by weak duality.  That λ = 1/6 cannot be lowered the linear programme of
`eq36.largest_probability` shows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import n_slots, reduced_costs, sums
from qdevices.errors import InputError
from qdevices.ks18.game import KS18, paper_event


@dataclass(frozen=True, eq=False)
class Lemma2Dual:
    """A rational dual vector of equation (36).

    Attributes:
        slope: λ.
        denominator: common denominator of the potentials.
        numerators: of the potentials, (648,) int64.
    """

    slope: Fraction
    denominator: int
    numerators: NDArray[np.int64]

    def constant(self) -> Fraction:
        """The exact constant K of the bound P(x*|u*) ≤ K + λδ̃ that this vector proves.

        Raises:
            InputError: the potentials do not sum to zero, so that they prove nothing.
        """
        if (bad := np.flatnonzero(sums(self.numerators, KS18))).size:
            raise InputError(f"potentials of class {int(bad[0])} do not sum to zero")
        scale = self.denominator * self.slope.denominator
        event = scale * paper_event().astype(np.int64)
        penalty = self.slope.numerator * self.denominator * KS18.losing.astype(np.int64)
        costs = reduced_costs(event - penalty, self.numerators * self.slope.denominator, KS18)
        return Fraction(int(costs.max(axis=1).sum()), scale)


def lemma2_duals() -> tuple[Lemma2Dual, Lemma2Dual]:
    """The dual vectors for the paper's slope 1/2 and for the optimal slope 1/6."""
    text = resources.files("protocol.paper").joinpath("data/lemma2.json").read_text()
    duals = []
    for entry in json.loads(text)["duals"]:
        numerators = np.zeros(n_slots(KS18), dtype=np.int64)
        for slot, value in entry["numerators"]:
            numerators[slot] = value
        duals.append(Lemma2Dual(Fraction(entry["slope"]), int(entry["denominator"]), numerators))
    return duals[0], duals[1]
