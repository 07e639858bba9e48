"""Weak duality on the no-signalling polytope: marginal potentials, and the bound they prove.

Let a(u,x1) and b(u,x2) be numbers with Σ_{u2} a((u1,u2),x1) = 0 for all u1, x1 and likewise for b.
For every no-signalling box Σ_u Σ_x P(x|u)[a(u,x1) + b(u,x2)] = 0, since the marginals do not depend
on the other party's setting.  Hence for every table c(x,u)

    Σ_{x,u} c(x,u) P(x|u)  ≤  Σ_u max_x [c(x,u) − a(u,x1) − b(u,x2)],             (weak duality)

and by strong duality some a, b reach the maximum.  Rounding a and b keeps the bound valid as long
as the sums stay zero, so a floating-point solution turns into an exact proof at no risk: the
potentials, 648 for KS-18, are the whole dual vector.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdevices.arrays import frozen
from qdevices.game import Game


def n_slots(game: Game) -> int:
    """Number of potentials: a(u,x1) at o1·u+x1, then b(u,x2) at pairs·o1 + o2·u+x2."""
    return game.n_pairs * sum(game.outcomes)


def n_classes(game: Game) -> int:
    """Number of sums that must vanish: one for each party, own setting and outcome."""
    (s1, s2), (o1, o2) = game.settings, game.outcomes
    return s1 * o1 + s2 * o2


@lru_cache(maxsize=16)
def slots(game: Game) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Alice's and Bob's slot of every entry, (entries,) each, read-only."""
    o1, o2 = game.outcomes
    u, x = np.divmod(np.arange(game.entries), game.n_joint)
    x1, x2 = np.divmod(x, o2)
    return frozen(o1 * u + x1), frozen(game.n_pairs * o1 + o2 * u + x2)


def marginal_parts(potentials: NDArray[Any], game: Game) -> tuple[NDArray[Any], NDArray[Any]]:
    """Potentials (..., slots) as a[..., u1, u2, x1] and b[..., u1, u2, x2], views."""
    lead, border = potentials.shape[:-1], game.n_pairs * game.outcomes[0]
    return (
        potentials[..., :border].reshape(*lead, *game.settings, game.outcomes[0]),
        potentials[..., border:].reshape(*lead, *game.settings, game.outcomes[1]),
    )


@lru_cache(maxsize=16)
def zero_sum_classes(game: Game) -> NDArray[np.int64]:
    """For every slot its class (party, own setting, outcome), (slots,); each must sum to 0.

    Alice's classes o1·u1+x1 come first, then Bob's s1·o1 + o2·u2+x2.
    """
    (s1, s2), (o1, o2) = game.settings, game.outcomes
    alice = np.arange(s1 * o1).reshape(s1, 1, o1)
    bob = s1 * o1 + np.arange(s2 * o2).reshape(1, s2, o2)
    parts = (np.broadcast_to(alice, (s1, s2, o1)), np.broadcast_to(bob, (s1, s2, o2)))
    result = np.concatenate([part.ravel() for part in parts])
    return frozen(result)


def sums(potentials: NDArray[Any], game: Game) -> NDArray[Any]:
    """The sums that must vanish, shape (..., classes) of potentials (..., slots)."""
    a, b = marginal_parts(potentials, game)
    lead = potentials.shape[:-1]
    return np.concatenate(
        [a.sum(axis=-2).reshape(*lead, -1), b.sum(axis=-3).reshape(*lead, -1)], axis=-1
    )


def from_marginals(marginals: NDArray[np.float64], game: Game) -> NDArray[np.float64]:
    """Potentials (slots,) from the dual values of the no-signalling rows of `full_polytope`."""
    (s1, s2), (o1, o2) = game.settings, game.outcomes
    alice, bob = np.split(marginals, [s1 * (s2 - 1) * (o1 - 1)])
    parts = []
    for values, own, other, outcomes in ((alice, s1, s2, o1), (bob, s2, s1, o2)):
        # Own setting, other setting from 1 on, outcome but the last.
        inner = values.reshape(own, other - 1, outcomes - 1)
        grid = np.zeros((own, other, outcomes))
        grid[:, 1:, :-1] = inner
        grid[:, 0, :-1] = -inner.sum(axis=1)
        parts.append(grid)
    return np.concatenate([parts[0].ravel(), parts[1].transpose(1, 0, 2).ravel()])


def to_integers(potentials: NDArray[np.float64], unit: float, game: Game) -> NDArray[np.int64]:
    """Potentials as multiples of `unit` whose sums are exactly zero, shape (slots,) int64."""
    whole = np.rint(potentials / unit).astype(np.int64)
    a, b = marginal_parts(whole, game)  # views
    a[:, -1] -= a.sum(axis=1)
    b[-1] -= b.sum(axis=0)
    return whole


def reduced_costs(table: NDArray[Any], potentials: NDArray[Any], game: Game) -> NDArray[Any]:
    """c − a − b, shape (pairs, joint): what weak duality maximises over the outcomes of a pair."""
    alice, bob = slots(game)
    return np.asarray(table - (potentials[alice] + potentials[bob]).reshape(game.shape))
