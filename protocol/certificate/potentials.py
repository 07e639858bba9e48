"""Weak duality on the no-signalling polytope: marginal potentials, and the bound they prove.

Let a(u,x1) and b(u,x2) be numbers with Σ_{u2} a((u1,u2),x1) = 0 for all u1, x1 and likewise for b.
For every no-signalling box Σ_u Σ_x P(x|u)[a(u,x1) + b(u,x2)] = 0, since the marginals do not depend
on the other party's setting.  Hence for every table c(x,u)

    Σ_{x,u} c(x,u) P(x|u)  ≤  Σ_u max_x [c(x,u) − a(u,x1) − b(u,x2)],             (weak duality)

and by strong duality some a, b reach the maximum.  Rounding a and b keeps the bound valid as long
as the sums stay zero, so a floating-point solution turns into an exact proof at no risk: the 648
potentials are the whole dual vector.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdevices.ks18.game import N_JOINT, N_OUTCOMES, N_PAIRS, N_SETTINGS

#: Potentials: a(u,x1) at 4u+x1, then b(u,x2) at 324+4u+x2.
N_SLOTS = 2 * N_PAIRS * N_OUTCOMES


@cache
def slots() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Alice's and Bob's slot of every entry, (1296,) each, read-only."""
    u, x = np.divmod(np.arange(N_PAIRS * N_JOINT), N_JOINT)
    x1, x2 = np.divmod(x, N_OUTCOMES)
    alice, bob = N_OUTCOMES * u + x1, N_SLOTS // 2 + N_OUTCOMES * u + x2
    for slot in (alice, bob):
        slot.setflags(write=False)
    return alice, bob


@cache
def zero_sum_classes() -> NDArray[np.int64]:
    """For every slot its class 0..71 (party, own setting, outcome); each must sum to 0."""
    result = np.empty(N_SLOTS, dtype=np.int64)
    for u in range(N_PAIRS):
        u1, u2 = divmod(u, N_SETTINGS)
        for x in range(N_OUTCOMES):
            result[N_OUTCOMES * u + x] = N_OUTCOMES * u1 + x
            result[N_SLOTS // 2 + N_OUTCOMES * u + x] = N_OUTCOMES * (N_SETTINGS + u2) + x
    result.setflags(write=False)
    return result


def sums(potentials: NDArray[Any]) -> NDArray[Any]:
    """The 72 sums that must vanish, shape (..., 72) of potentials (..., 648)."""
    order = np.argsort(zero_sum_classes(), kind="stable")
    grouped = potentials[..., order].reshape(*potentials.shape[:-1], -1, N_SETTINGS)
    return np.asarray(grouped.sum(axis=-1))


def from_marginals(marginals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Potentials (648,) from the dual values of the 432 no-signalling rows of `full_polytope`."""
    result = np.zeros(N_SLOTS)
    shape = (N_SETTINGS, N_SETTINGS - 1, N_OUTCOMES - 1)
    for party, part in enumerate(np.split(marginals, 2)):
        values = part.reshape(shape)  # own setting, other setting from 1, outcome
        grid = np.zeros((N_SETTINGS, N_SETTINGS, N_OUTCOMES))
        grid[:, 1:, :-1] = values
        grid[:, 0, :-1] = -values.sum(axis=1)
        if party:
            grid = grid.transpose(1, 0, 2)
        result[party * N_SLOTS // 2 :][: N_SLOTS // 2] = grid.reshape(-1)
    return result


def to_integers(potentials: NDArray[np.float64], unit: float) -> NDArray[np.int64]:
    """Potentials as multiples of `unit` whose 72 sums are exactly zero, shape (648,) int64."""
    whole = np.rint(potentials / unit).astype(np.int64)
    classes = zero_sum_classes()
    last = np.array([np.flatnonzero(classes == k)[-1] for k in range(classes.max() + 1)])
    whole[last] -= np.bincount(classes, whole, len(last)).astype(np.int64)
    return whole


def reduced_costs(table: NDArray[Any], potentials: NDArray[Any]) -> NDArray[Any]:
    """c − a − b, shape (81, 16): what weak duality maximises over the outcomes of each pair."""
    alice, bob = slots()
    return np.asarray(table - (potentials[alice] + potentials[bob]).reshape(N_PAIRS, N_JOINT))
