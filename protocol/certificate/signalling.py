"""What a proof says of devices that signal a little: exact bounds, in whole numbers.

Let every party's marginals vary by at most γ with the other's setting: for some numbers A, B

    |P(x1|u1,u2) − A(x1|u1)| ≤ γ,    |P(x2|u1,u2) − B(x2|u2)| ≤ γ    at all pairs.          (γ)

Potentials cost nothing on a no-signalling box.  On one with (γ) they cost at most γ·N,

    N = Σ_{u1} Σ_j |Σ_{u2} a_(j)(u1,u2)| + the same for b,

a_(j)(u) the j-th smallest of a(u,x1) over x1; N ≤ ‖a‖₁ + ‖b‖₁, and nothing below N is true of all
such marginals (theory 4.8).  So (P) of `proof` holds up to the largest (B) − 1 + γ·N of the cases,
and E[F·q^β | past] ≤ 1 + η with η = ν_max(u0) times that, or 0 where it is negative.  F/(1+η) is
then a certificate: over n runs the score loses n·log₂(1+η).

Everything is a whole number or a fraction, and what is rounded is rounded upwards.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import marginal_parts
from protocol.certificate.proof import BITS, Proof, Table, case_values
from protocol.security import check_signalling
from protocol.settings.sv_tree import StarTree
from qdevices.game import Game


def potential_norms(potentials: NDArray[np.int64], game: Game) -> list[int]:
    """N of every case, in the units of the potentials (cases, slots); exact.

    The sums of the potentials over the other's settings must vanish, as `case_values` checks.
    """
    a, b = marginal_parts(potentials, game)
    # The other's setting is summed over; a sum is at most the "class sum" of `largest_sizes`.
    parts = [np.sort(a, axis=-1).sum(axis=-2), np.sort(b, axis=-1).sum(axis=-3)]
    sums = np.concatenate([part.reshape(len(potentials), -1) for part in parts], axis=1)
    return [sum(abs(value) for value in case) for case in sums.tolist()]


def largest_norm(proof: Proof) -> Fraction:
    """The largest N of the cases, exact."""
    return Fraction(max(potential_norms(proof.potentials, proof.game)), 1 << BITS)


def excess(table: Table, proof: Proof, gamma: float) -> Fraction:
    """η with E[F·q^β | past] ≤ 1 + η for every box with (γ), and every ε-SV source.

    Args:
        table: with a proof that holds; not checked again here.
        proof: of the table.
        gamma: γ; rounded up to a multiple of 2^−50.

    Raises:
        InputError: γ outside [0, 1).
        ProofError: a proof that is none of this table.
    """
    scaled = Fraction(check_signalling(gamma)) * (1 << BITS)
    units = -(-scaled.numerator // scaled.denominator)
    if not units:
        return Fraction(0)
    values, norms, star = _of_cases(table, proof)
    worst = max(
        value + (-(-units * norm >> BITS)) for value, norm in zip(values, norms, strict=True)
    )
    return star * Fraction(max(0, worst), 1 << BITS)


@lru_cache(maxsize=32)
def _of_cases(table: Table, proof: Proof) -> tuple[list[int], list[int], Fraction]:
    """(B) − 1 and N of every case in units of 2^−50, and a bound on ν(u0)."""
    star = StarTree(table.code.table, table.code.starred, table.epsilon).most
    return case_values(table, proof), potential_norms(proof.potentials, proof.game), star
