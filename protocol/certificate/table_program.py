"""The best score table for a given β, setting code and expected behaviour, as one linear programme.

In every case of `protocol.certificate.proof` condition (B) ≤ 1 is linear in the factors F and in
the potentials and α together.  So the table that maximises the expected score is the solution of a
single programme with the factors, shared by all cases, and potentials for each case:

    maximise Σ_u ν(u) Σ_x P(x|u)·log F(x,u)   subject to   (B) ≤ 1 in every case,  F ≤ 1 off u0,

with the concave logarithm replaced by the least of its tangents at a few points (which affects how
good the table is, not whether it is sound).  Unknowns are φ = (F − 1)/β, which stay of order one
when β → 0.  Everything is constant on the orbits of the symmetries that keep u0, the weights, the
expected behaviour, and, for the potentials, the case.

As β → 0 the programme becomes the convex roof of the Shannon entropy: H(x|u0, e) minimised over the
adversary's no-signalling decompositions e, up to the chords of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import linprog

from protocol.certificate.groups import (
    Group,
    box_stabiliser,
    invariance_group,
    slot_permutations,
)
from protocol.certificate.polytope import LinearProgramError
from protocol.certificate.potentials import slots, zero_sum_classes
from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    Case,
    Table,
    cases,
    setting_weights,
)
from protocol.setting_code import SettingCode
from qdevices.game import N_JOINT, N_PAIRS
from qdevices.symmetry import orbits

#: Least factor: a run that was expected to be impossible costs at most five bits of score.
_LEAST_FACTOR = 2.0**-5
_TOLERANCE = 1e-9
#: Expected probabilities below this are rounding, and badly scaled objectives stall the solver.
_ROUNDING = 1e-12


@dataclass
class _Rows:
    """A sparse matrix in the making, with its right-hand side."""

    rows: list[NDArray[np.int64]] = field(default_factory=list)
    columns: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    right: list[NDArray[np.float64]] = field(default_factory=list)
    count: int = 0

    def add(self, columns: list[NDArray[np.int64]], values: list[object], right: object) -> None:
        """k rows at once: `columns` lists the columns (k,) of each term, `values` their factors."""
        size = len(columns[0])
        index = self.count + np.arange(size)
        for column, value in zip(columns, values, strict=True):
            self.rows.append(index)
            self.columns.append(np.asarray(column))
            self.values.append(np.broadcast_to(np.asarray(value, dtype=np.float64), size))
        self.right.append(np.broadcast_to(np.asarray(right, dtype=np.float64), size))
        self.count += size

    def add_one(self, columns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """One row Σ values·columns with right-hand side 0."""
        self.rows.append(np.full(len(columns), self.count))
        self.columns.append(columns)
        self.values.append(values)
        self.right.append(np.zeros(1))
        self.count += 1

    def matrix(self, width: int) -> sparse.csr_matrix:
        parts = (np.concatenate(self.rows), np.concatenate(self.columns))
        return sparse.csr_matrix((np.concatenate(self.values), parts), shape=(self.count, width))


def best_table(
    code: SettingCode,
    epsilon: float,
    behaviour: NDArray[np.float64],
    beta: int,
    grid: tuple[int, ...],
    word_probabilities: NDArray[np.float64] | None = None,
) -> Table:
    """The table with the largest expected score, up to tolerances; not proved yet.

    Args:
        code: setting code with its starred pair u0.
        epsilon: of the sources to be covered.
        behaviour: expected P(x|u), (81, 16).
        beta: β in units of 2^−20.
        grid: of the cases, in units of 2^−10.
        word_probabilities: expected distribution of the code's words; uniform unless given.

    Raises:
        LinearProgramError: HiGHS failed.
    """
    starred, power = code.starred, beta / 2**BETA_BITS
    weights = setting_weights(code, epsilon) / 2**BITS
    settings = code.probabilities(word_probabilities)
    group = invariance_group(starred, [weights, settings, behaviour], _TOLERANCE)
    labels = orbits(group)
    size = int(labels.max()) + 1
    joint = settings[:, None] * np.where(behaviour < _ROUNDING, 0.0, behaviour)
    value = np.bincount(labels, joint.ravel(), size) / settings[starred]
    at_star = np.zeros(size, dtype=np.bool_)
    at_star[labels[N_JOINT * starred :][:N_JOINT]] = True

    # Columns: φ, then its logarithm's bound, then each case's own unknowns.
    rows, equations = _Rows(), _Rows()
    active = np.flatnonzero(value > 0)
    for factor in _tangent_points(power):
        chosen = active[at_star[active]] if factor > 1 else active
        # log F ≤ log f + (F − f)/f
        rows.add(
            [size + chosen, chosen],
            [1.0, -1.0 / factor],
            (np.log(factor) + (1 - factor) / factor) / power,
        )
    width = 2 * size
    for case in cases(grid, group, starred):
        width = _add_case(rows, equations, width, case, labels, weights, group, starred, power)

    objective = np.zeros(width)
    objective[size + active] = -value[active]
    least, most = np.full(width, -np.inf), np.full(width, np.inf)
    # A penalty of a few 1/w pays for any guess; a wider range would only stall the solver.
    least[:size] = -min((1 - _LEAST_FACTOR) / power, 4 / weights[weights > 0].min())
    most[:size] = np.where(at_star, np.inf, 0.0)
    untested = np.bincount(labels, np.repeat(weights, N_JOINT), size) == 0
    least[:size][untested & ~at_star] = 0.0
    idle = np.setdiff1d(np.arange(size), active)
    least[size + idle] = most[size + idle] = 0.0
    data = {
        "A_ub": rows.matrix(width),
        "b_ub": np.concatenate(rows.right),
        "A_eq": equations.matrix(width),
        "b_eq": np.concatenate(equations.right),
        "bounds": np.column_stack([least, most]),
    }
    # The interior point is many times faster; the simplex solves the few where it gives up.
    for method in ("highs-ipm", "highs-ds"):
        found = linprog(objective, **data, method=method)
        if found.status == 0:
            break
    if found.status != 0:
        raise LinearProgramError(found.message)
    factors = np.floor((1 + power * found.x[:size]) * 2**FACTOR_BITS).astype(np.int64)
    table = np.maximum(factors, 0)[labels].reshape(N_PAIRS, N_JOINT)
    off_star = np.arange(N_PAIRS) != starred
    table[off_star] = np.minimum(table[off_star], 1 << FACTOR_BITS)
    return Table(code, epsilon, beta, table)


def _tangent_points(power: float) -> list[float]:
    """Where the logarithm is touched: factors below 1 from 1−β/8 down, credits up to 1+4β."""
    below = 1 - np.geomspace(min(power / 8, 0.1), 1 - _LEAST_FACTOR, 16)
    above = 1 + power * np.array([0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0, 4.0])
    return [float(f) for f in (1.0, *below, *above)]


def _add_case(
    rows: _Rows,
    equations: _Rows,
    width: int,
    case: Case,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    group: Group,
    starred: int,
    power: float,
) -> int:
    """Add the unknowns and constraints of one case; returns the new number of columns.

    Unknowns, constant on the orbits of the case's symmetries: t_u for the maximum at every
    u ≠ u0, the potentials, α, and s_x for the maximum at every outcome of u0.
    """
    own = box_stabiliser(group, starred, case.low, case.high)
    entry_orbits = orbits(own)
    pair_orbits = orbits(own[:, ::N_JOINT] // N_JOINT)
    slot_orbits = orbits(slot_permutations(own))
    n_pairs, n_slots = int(pair_orbits.max()) + 1, int(slot_orbits.max()) + 1
    t, pot = width, width + n_pairs
    alpha, s = pot + n_slots, pot + n_slots + 1
    alice, bob = (pot + slot_orbits[part] for part in slots())

    first = np.unique(entry_orbits, return_index=True)[1]
    first = first[first // N_JOINT != starred]
    pairs = first // N_JOINT
    # w·φ − a − b ≤ t
    rows.add(
        [labels[first], alice[first], bob[first], t + pair_orbits[pairs]],
        [weights[pairs], -1.0, -1.0, -1.0],
        0.0,
    )
    star = N_JOINT * starred + np.arange(N_JOINT)
    for end in (case.low / 2**GRID_BITS, case.high / 2**GRID_BITS):
        # φ·p^{1+β} + (p^{1+β} − p)/β − (a + b + α)·p ≤ s
        rows.add(
            [labels[star], alice[star], bob[star], np.full(N_JOINT, alpha), s + np.arange(N_JOINT)],
            [end ** (1 + power), -end, -end, -end, -1.0],
            (end - end ** (1 + power)) / power,
        )
    count = np.bincount(pair_orbits[np.arange(N_PAIRS) != starred], minlength=n_pairs)
    rows.add_one(
        np.concatenate([t + np.arange(n_pairs), [alpha], s + np.arange(N_JOINT)]),
        np.concatenate([count, np.ones(1 + N_JOINT)]).astype(np.float64),
    )
    classes = zero_sum_classes()
    seen = set()
    for k in range(int(classes.max()) + 1):
        used, counts = np.unique(slot_orbits[classes == k], return_counts=True)
        if (key := (used.tobytes(), counts.tobytes())) not in seen:
            seen.add(key)
            equations.add_one(pot + used, counts.astype(np.float64))
    return s + N_JOINT
