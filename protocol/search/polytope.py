"""The no-signalling polytope of a game, and its reduction to orbits of symmetries.

A behaviour is P(x|u), shape (pairs, joint).  It is a no-signalling box if it is normalised and each
party's marginal does not depend on the other's setting: for KS-18, 81 + 432 linear equations for
1296 non-negative numbers.  A linear programme whose data
are invariant under a group of symmetries may be solved over boxes that are constant on its
orbits (theory 2): averaging a box over the group changes neither objective nor constraints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, linprog

from protocol.certificate.groups import Group, orbits
from qdevices.errors import KsampError
from qdevices.game import Game


class LinearProgramError(KsampError, RuntimeError):
    """HiGHS did not solve a linear programme that has a solution."""


@dataclass(frozen=True, eq=False)
class Polytope:
    """Equations `matrix @ p = right` of boxes constant on orbits.

    Attributes:
        game: whose boxes they are.
        labels: orbit of each entry, shape (entries,).
        matrix: sparse, one column an orbit; without symmetry the rows are the normalisations,
            one a pair, then Alice's and Bob's equations (the last outcome's follows).
        right: right-hand side.
    """

    game: Game
    labels: NDArray[np.int64]
    matrix: sparse.csr_matrix
    right: NDArray[np.float64]

    def gather(self, objective: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients per orbit of a linear function of the entries, shape (orbits,)."""
        size = self.matrix.shape[1]
        weights = np.asarray(objective, dtype=np.float64).ravel()
        return np.asarray(np.bincount(self.labels, weights, size), dtype=np.float64)

    def spread(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """The behaviour (pairs, joint) of a box given per orbit."""
        return np.asarray(box)[self.labels].reshape(self.game.shape)


@lru_cache(maxsize=16)
def full_polytope(game: Game) -> Polytope:
    """The polytope without symmetry: for KS-18 513 rows, 1296 columns."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    entry = np.arange(game.entries).reshape(*game.settings, *game.outcomes)

    def add(row: int, entries: NDArray[np.int64], value: float) -> None:
        rows.extend([row] * entries.size)
        columns.extend(entries.ravel().tolist())
        values.extend([value] * entries.size)

    for u in range(game.n_pairs):
        add(u, entry.reshape(game.shape)[u], 1.0)
    row = game.n_pairs
    # Each party's entries by own setting, other setting, own outcome, other outcome.
    for grid in (entry, entry.transpose(1, 0, 3, 2)):
        for own in grid:
            for other in own[1:]:
                for x in range(len(other) - 1):
                    add(row, other[x], 1.0)
                    add(row, own[0, x], -1.0)
                    row += 1
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(row, game.entries))
    right = np.zeros(row)
    right[: game.n_pairs] = 1.0
    return Polytope(game, np.arange(game.entries), matrix, right)


def reduced_polytope(group: Group, game: Game) -> Polytope:
    """The polytope of boxes that are invariant under `group` (rows as in `Game.symmetries`)."""
    return _reduced(group.tobytes(), len(group), game)


@lru_cache(maxsize=128)
def _reduced(data: bytes, order: int, game: Game) -> Polytope:
    size = game.entries
    group = np.frombuffer(data, dtype=np.int64).reshape(order, size)
    if order == 1:
        return full_polytope(game)
    labels, full = orbits(group), full_polytope(game)
    collect = sparse.csr_matrix((np.ones(size), (np.arange(size), labels)))
    rows = np.column_stack([(full.matrix @ collect).toarray(), full.right])
    rows = np.unique(rows[np.abs(rows[:, :-1]).sum(axis=1) > 0], axis=0)
    return Polytope(game, labels, sparse.csr_matrix(rows[:, :-1]), rows[:, -1].copy())


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
