"""The no-signalling polytope of two parties, nine settings and four outcomes, and its symmetries.

A behaviour is P(x|u), shape (81, 16), entries 16·(9u1+u2) + 4x1+x2 when flattened.  It is a
no-signalling box if it is normalised and each party's marginal does not depend on the other's
setting: 81 + 432 linear equations for 1296 non-negative numbers.  A linear programme whose data
are invariant under a group of symmetries may be solved over boxes that are constant on its
orbits (design 2): averaging a box over the group changes neither objective nor constraints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, linprog

from protocol.certificate.groups import Group
from protocol.errors import KsampError
from qdevices.ks18.game import N_JOINT, N_OUTCOMES, N_PAIRS, N_SETTINGS
from qdevices.ks18.symmetry import orbits

N_ENTRIES = N_PAIRS * N_JOINT


class LinearProgramError(KsampError, RuntimeError):
    """HiGHS did not solve a linear programme that has a solution."""


@dataclass(frozen=True, eq=False)
class Polytope:
    """Equations `matrix @ p = right` of boxes constant on orbits.

    Attributes:
        labels: orbit of each entry, shape (1296,).
        matrix: sparse, one column an orbit; without symmetry the rows are 81 normalisations,
            then Alice's 216 and Bob's 216 equations (the fourth outcome's follows).
        right: right-hand side.
    """

    labels: NDArray[np.int64]
    matrix: sparse.csr_matrix
    right: NDArray[np.float64]

    def gather(self, objective: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients per orbit of a linear function of the entries, shape (orbits,)."""
        size = self.matrix.shape[1]
        weights = np.asarray(objective, dtype=np.float64).ravel()
        return np.asarray(np.bincount(self.labels, weights, size), dtype=np.float64)

    def spread(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """The behaviour (81, 16) of a box given per orbit."""
        return np.asarray(box)[self.labels].reshape(N_PAIRS, N_JOINT)


@cache
def full_polytope() -> Polytope:
    """The polytope without symmetry: 513 rows, 1296 columns."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []

    def add(row: int, entries: list[int], value: float) -> None:
        rows.extend([row] * len(entries))
        columns.extend(entries)
        values.extend([value] * len(entries))

    for u in range(N_PAIRS):
        add(u, [N_JOINT * u + x for x in range(N_JOINT)], 1.0)
    row = N_PAIRS
    for party in range(2):
        for own in range(N_SETTINGS):
            for other in range(1, N_SETTINGS):
                for x in range(N_OUTCOMES - 1):
                    add(row, _marginal(party, own, other, x), 1.0)
                    add(row, _marginal(party, own, 0, x), -1.0)
                    row += 1
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(row, N_ENTRIES))
    right = np.zeros(row)
    right[:N_PAIRS] = 1.0
    return Polytope(np.arange(N_ENTRIES), matrix, right)


def _marginal(party: int, own: int, other: int, x: int) -> list[int]:
    """The entries whose sum is P(x|own) of `party` beside the other party's setting `other`."""
    u = N_SETTINGS * own + other if party == 0 else N_SETTINGS * other + own
    step, rest = (N_OUTCOMES, 1) if party == 0 else (1, N_OUTCOMES)
    return [N_JOINT * u + step * x + rest * y for y in range(N_OUTCOMES)]


def reduced_polytope(group: Group) -> Polytope:
    """The polytope of boxes that are invariant under `group` (rows as in `entry_permutations`)."""
    return _reduced(group.tobytes(), len(group))


@lru_cache(maxsize=128)
def _reduced(data: bytes, order: int) -> Polytope:
    group = np.frombuffer(data, dtype=np.int64).reshape(order, N_ENTRIES)
    if order == 1:
        return full_polytope()
    labels, full = orbits(group), full_polytope()
    collect = sparse.csr_matrix((np.ones(N_ENTRIES), (np.arange(N_ENTRIES), labels)))
    rows = np.column_stack([(full.matrix @ collect).toarray(), full.right])
    rows = np.unique(rows[np.abs(rows[:, :-1]).sum(axis=1) > 0], axis=0)
    return Polytope(labels, sparse.csr_matrix(rows[:, :-1]), rows[:, -1].copy())


def solve(
    objective: NDArray[np.float64],
    polytope: Polytope,
    *,
    upper: tuple[sparse.csr_matrix, NDArray[np.float64]] | None = None,
    bounds: NDArray[np.float64] | None = None,
    method: str = "highs-ds",
) -> OptimizeResult:
    """Maximise a linear function of the orbits over the polytope, with HiGHS.

    Args:
        objective: per orbit, shape (orbits,).
        polytope: the equations.
        upper: further inequalities `matrix @ p <= right`.
        bounds: least and largest value of each orbit, (orbits, 2); [0, 1] unless given.
        method: "highs-ds" (simplex) or "highs-ipm" (interior point).

    Returns:
        scipy's result, with `fun` the maximum and marginals of the maximisation.

    Raises:
        LinearProgramError: HiGHS failed, or the programme is infeasible.
    """
    found = linprog(
        -objective,
        A_eq=polytope.matrix,
        b_eq=polytope.right,
        A_ub=None if upper is None else upper[0],
        b_ub=None if upper is None else upper[1],
        bounds=(0, 1) if bounds is None else bounds,
        method=method,
    )
    if found.status != 0:
        raise LinearProgramError(found.message)
    found.fun = -found.fun
    for part in (found.eqlin, found.ineqlin, found.lower, found.upper):
        part.marginals = -np.asarray(part.marginals)
    return found
