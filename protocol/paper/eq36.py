"""Equation (36) of the paper: how likely an event can be at a Bell value, with its dual vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from protocol.certificate.potentials import from_marginals, reduced_costs
from protocol.search.polytope import full_polytope, solve
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


@dataclass(frozen=True, eq=False)
class EventBound:
    """The largest probability of an event given a Bell value, with its proof.

    Attributes:
        value: the optimum at the Bell value asked for.
        multiplier: λ ≥ 0, the price of the Bell value.
        potentials: marginal potentials, (648,); see `potentials`.
        event: the event, an (81, 16) mask.
    """

    value: float
    multiplier: float
    potentials: NDArray[np.float64]
    event: NDArray[np.bool_]

    def at(self, bell_value: float) -> float:
        """The bound that the same dual vector proves at any other Bell value."""
        table = self.event - self.multiplier * KS18.losing
        constant = float(reduced_costs(table, self.potentials, KS18).max(axis=1).sum())
        return constant + self.multiplier * bell_value


def largest_probability(event: NDArray[np.bool_], bell_value: float) -> EventBound:
    """Equation (36): max P(event) over no-signalling boxes with Σ_u B_u ≤ `bell_value`.

    Args:
        event: an (81, 16) mask; rows may be summed over several settings.
        bell_value: δ̃ ≥ 0, the sum over the 81 setting pairs.

    Raises:
        InputError: a mask of another shape, or a Bell value below 0.
    """
    event = np.asarray(event, dtype=np.bool_)
    if event.shape != KS18.shape:
        raise InputError(f"event has shape {event.shape}, expected {KS18.shape}")
    if not bell_value >= 0:
        raise InputError(f"Bell value {bell_value} is negative, expected 0 or more")
    losing = KS18.losing.ravel().astype(np.float64)
    upper = sparse.csr_matrix(losing[None, :]), np.array([bell_value])
    found = solve(event.ravel().astype(np.float64), full_polytope(KS18), upper=upper)
    potentials = from_marginals(found.eqlin.marginals[KS18.n_pairs :], KS18)
    return EventBound(
        float(found.fun), max(0.0, float(found.ineqlin.marginals[0])), potentials, event
    )
