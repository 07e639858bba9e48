"""Building blocks of the linear programmes that find tables and codes: cases as rows, tangents.

Condition (B) ≤ 1 of `protocol.certificate.proof` is linear in what a pair u ≠ u0 pays, w(u)(F−1),
in the factors at u0, in the potentials and in α.  `add_case` writes it down for one case; the
programmes differ only in whether the weights w are given (`table_program`) or sought
(`code_program`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import linprog

from protocol.certificate.groups import (
    Group,
    box_stabiliser,
    orbits,
    setting_permutations,
    slot_permutations,
)
from protocol.certificate.potentials import slots, zero_sum_classes
from protocol.certificate.proof import GRID_BITS, Case
from protocol.search.polytope import LinearProgramError
from qdevices.game import Game

#: Least factor: a run that was expected to be impossible costs at most five bits of score.
LEAST_FACTOR = 2.0**-5


@dataclass
class Rows:
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

    def add_one(
        self, columns: NDArray[np.int64], values: NDArray[np.float64], right: float = 0.0
    ) -> None:
        """One row Σ values·columns."""
        self.rows.append(np.full(len(columns), self.count))
        self.columns.append(columns)
        self.values.append(values)
        self.right.append(np.array([right]))
        self.count += 1

    def matrix(self, width: int) -> sparse.csr_matrix:
        """All rows, with `width` columns."""
        parts = (np.concatenate(self.rows), np.concatenate(self.columns))
        return sparse.csr_matrix((np.concatenate(self.values), parts), shape=(self.count, width))


def maximise(
    objective: NDArray[np.float64],
    rows: Rows,
    equations: Rows,
    bounds: NDArray[np.float64],
    # The interior point is many times faster for a table; the simplex solves what it gives up.
    methods: tuple[str, ...] = ("highs-ipm", "highs-ds"),
    seconds: float | None = None,
) -> tuple[NDArray[np.float64], float]:
    """The unknowns that maximise the objective with `rows` ≤ and `equations` =, and the maximum.

    Raises:
        LinearProgramError: HiGHS failed or took more than `seconds`, or nothing satisfies the
            constraints.
    """
    data = {
        "A_ub": rows.matrix(len(objective)),
        "b_ub": np.concatenate(rows.right),
        "A_eq": equations.matrix(len(objective)),
        "b_eq": np.concatenate(equations.right),
        "bounds": bounds,
    }
    end = None if seconds is None else time.monotonic() + seconds
    for method in methods:
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            break
        options = {} if left is None else {"time_limit": left}
        found = linprog(-objective, **data, method=method, options=options)
        if found.status == 0:
            return np.asarray(found.x), -float(found.fun)
    raise LinearProgramError(found.message)


def tangent_points(power: float) -> list[float]:
    """Where the logarithm is touched: factors below 1 from 1−β/8 down, credits up to 1+4β."""
    below = 1 - np.geomspace(min(power / 8, 0.1), 1 - LEAST_FACTOR, 16)
    above = 1 + power * np.array([0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0, 4.0])
    return [float(f) for f in (1.0, *below, *above)]


def add_case(
    rows: Rows,
    equations: Rows,
    width: int,
    case: Case,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    group: Group,
    starred: int,
    power: float,
    game: Game,
    signalling: float = 0.0,
    excess: int | None = None,
) -> int:
    """Add the unknowns and constraints of one case; returns the new number of columns.

    Unknowns, constant on the orbits of the case's symmetries: t_u for the maximum at every
    u ≠ u0, the potentials, α, and s_x for the maximum at every outcome of u0.

    For devices that signal within γ = `signalling` a case costs γ·‖potentials‖₁ more (theory 4.8):
    the condition is (B) + γ·‖potentials‖₁ ≤ 1, with a bound of every potential's size as a further
    unknown.  `excess` is the column, if any, by which a case may exceed 1, in units of β.
    """
    joint = game.n_joint
    own = box_stabiliser(group, starred, game, case.low, case.high)
    entry_orbits = orbits(own)
    pair_orbits = orbits(setting_permutations(own, game))
    slot_orbits = orbits(slot_permutations(own, game))
    n_pairs, n_slots = int(pair_orbits.max()) + 1, int(slot_orbits.max()) + 1
    t, pot = width, width + n_pairs
    alpha, s = pot + n_slots, pot + n_slots + 1
    alice, bob = (pot + slot_orbits[part] for part in slots(game))

    first = np.unique(entry_orbits, return_index=True)[1]
    first = first[(first // joint != starred) & (weights[first // joint] > 0)]
    pairs = first // joint
    # w·φ − a − b ≤ t
    rows.add(
        [labels[first], alice[first], bob[first], t + pair_orbits[pairs]],
        [weights[pairs], -1.0, -1.0, -1.0],
        0.0,
    )
    star = joint * starred + np.arange(joint)
    for end in (case.low / 2**GRID_BITS, case.high / 2**GRID_BITS):
        # φ·p^{1+β} + (p^{1+β} − p)/β − (a + b + α)·p ≤ s
        rows.add(
            [labels[star], alice[star], bob[star], np.full(joint, alpha), s + np.arange(joint)],
            [end ** (1 + power), -end, -end, -end, -1.0],
            (end - end ** (1 + power)) / power,
        )
    width = s + joint
    # A pair that is not tested pays nothing, and the maximum of −a − b is that of −a and of −b.
    untested = np.unique(pair_orbits, return_index=True)[1]
    untested = untested[(weights[untested] == 0) & (untested != starred)]
    second = width + np.arange(len(untested))
    shape = (game.n_pairs, *game.outcomes)
    for own_slots, maximum in (
        (alice.reshape(shape)[untested, :, 0], t + pair_orbits[untested]),
        (bob.reshape(shape)[untested, 0, :], second),
    ):
        column = np.repeat(maximum, own_slots.shape[1])
        rows.add([own_slots.ravel(), column], [-1.0, -1.0], 0.0)
    width += len(untested)
    count = np.bincount(pair_orbits[np.arange(game.n_pairs) != starred], minlength=n_pairs)
    count = count.astype(np.float64)
    bound = [t + np.arange(n_pairs), second, np.array([alpha]), s + np.arange(joint)]
    terms = [count, count[pair_orbits[untested]], np.ones(1 + joint)]
    if excess is not None:
        bound.append(np.array([excess]))
        terms.append(np.array([-1.0]))
    if signalling:
        size, potential = width + np.arange(n_slots), pot + np.arange(n_slots)
        for sign in (1.0, -1.0):
            rows.add([potential, size], [sign, -1.0], 0.0)
        bound.append(size)
        terms.append(signalling * np.bincount(slot_orbits, minlength=n_slots).astype(np.float64))
        width += n_slots
    rows.add_one(np.concatenate(bound), np.concatenate(terms))
    classes = zero_sum_classes(game)
    seen = set()
    for k in range(int(classes.max()) + 1):
        used, counts = np.unique(slot_orbits[classes == k], return_counts=True)
        if (key := (used.tobytes(), counts.tobytes())) not in seen:
            seen.add(key)
            equations.add_one(pot + used, counts.astype(np.float64))
    return width
