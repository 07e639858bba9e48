"""Tables of one setting code that are tried for a request, and steps to better ones.

A trial is a β and a grid of cases; its table is one linear programme (`table_program`).  Which grid
pays depends on the noise: a table made with two points, (g, 1), at a good g is worth nearly as much
as one of many points and takes a fraction of the time.  So g is sought like β, and points are added
only to the table that is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    Table,
    setting_weights,
)
from protocol.certificate.worth import estimated_output
from protocol.progress import Progress
from protocol.request import Request
from protocol.search.polytope import LinearProgramError
from protocol.search.table_program import best_table
from protocol.settings.code import SettingCode
from qdevices.game import check_behaviour

ONE = 1 << GRID_BITS
#: The first point of a grid of two: where it starts, its steps, and how far it goes.
FIRST_POINT, _POINT_STEP = 5 * ONE // 8, ONE // 16
_LEAST_POINT, _MOST_POINT = 3 * ONE // 8, 13 * ONE // 16
#: β when n → ∞: small enough that the score per run is that of β → 0 within a percent.
ASYMPTOTIC_BETA = 1 << (BETA_BITS - 10)
LEAST_BETA, MOST_BETA = 1 << (BETA_BITS - 14), 1 << BETA_BITS
#: More points are worth a longer proof from this much more output on.
_WORTH_MORE_CASES = 1.003

#: Steps that are made without winning anything.
_MOST_HOPELESS = 3

Grid = tuple[int, ...]


@dataclass(frozen=True)
class Point:
    """A trial: β in units of 2^−20, and the grid of its cases in units of 2^−10."""

    beta: int
    grid: Grid


def table_merit(table: Table, joint: NDArray[np.float64], request: Request) -> float:
    """What is maximised: estimated output bits, or the rate when n → ∞ (see `estimated_output`)."""
    log2_factors = np.log2(np.maximum(table.factors, 1) / 2**FACTOR_BITS)
    beta = table.beta / 2**BETA_BITS
    return estimated_output(
        request.runs, log2_factors, joint, beta, request.soundness, request.security
    )


@dataclass
class Trials:
    """What was tried for a request with one code.

    Attributes:
        request: what is asked for; its behaviour must not signal (`check_behaviour`).
        code: the setting code.
        deadline: `time.monotonic()` from which on nothing new is tried, and at which a programme
            that is being solved is given up; None for no limit.
        tried: merit and table of every point; −inf and None where HiGHS failed.

    Raises:
        InputError: a behaviour that signals.
    """

    request: Request
    code: SettingCode
    deadline: float | None = None
    tried: dict[Point, tuple[float, Table | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._behaviour = check_behaviour(self.request.behaviour, self.code.game)
        self.joint = self.code.probabilities()[:, None] * self._behaviour
        self._spent = 0.0

    @property
    def possible(self) -> bool:
        """Whether the source always tests some pair, without which nothing is certified."""
        return bool((setting_weights(self.code, self.request.epsilon) > 0).any())

    @property
    def late(self) -> bool:
        """Whether the deadline is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def merit(self, point: Point) -> float:
        """The merit of the best table at a point; −inf where there is none, or too late."""
        if point in self.tried:
            return self.tried[point][0]
        if self.late:
            return -math.inf
        start = time.monotonic()
        limit = None if self.deadline is None else max(0.1, self.deadline - start)
        try:
            table = best_table(
                self.code,
                self.request.epsilon,
                self._behaviour,
                point.beta,
                point.grid,
                signalling=self.request.security.signalling,
                seconds=limit,
            )
        except LinearProgramError:
            self.tried[point] = (-math.inf, None)
        else:
            self.tried[point] = (table_merit(table, self.joint, self.request), table)
        self._spent += time.monotonic() - start
        return self.tried[point][0]

    @property
    def seconds_each(self) -> float:
        """What a trial has taken on average."""
        return self._spent / max(1, len(self.tried))

    def table(self, point: Point) -> Table | None:
        """The table of a point; None if there is none."""
        self.merit(point)
        return self.tried[point][1] if point in self.tried else None

    def better(self, point: Point, steps: Iterable[Point]) -> Point:
        """The best of a point and others."""
        return max((point, *steps), key=self.merit)

    def climb_beta(self, point: Point, octaves: float) -> Point:
        """Go on to a β of 2^±octaves times the last as long as that is better.

        Where nothing is won, not for long.
        """
        for direction in (octaves, -octaves):
            start, hopeless = point, 0
            while (
                hopeless < _MOST_HOPELESS
                and LEAST_BETA <= (beta := round(point.beta * 2**direction)) <= MOST_BETA
            ):
                if self.merit(step := replace(point, beta=beta)) <= self.merit(point):
                    break
                point = step
                hopeless += self.merit(point) <= 0
            if point != start:
                break
        return point

    def climb_first_point(self, point: Point) -> Point:
        """The same for the first point of a grid of two."""
        for direction in (_POINT_STEP, -_POINT_STEP):
            start = point
            while _LEAST_POINT <= (first := point.grid[0] + direction) <= _MOST_POINT:
                if self.merit(step := replace(point, grid=(first, ONE))) <= self.merit(point):
                    break
                point = step
            if point != start:
                break
        return point

    def more_cases(self, point: Point, *, thorough: bool = False) -> Point:
        """A grid with one more point, if that is worth it.

        Below ⅝ two points about the first one do best, from there on one above it, mostly;
        `thorough` tries both.
        """
        first = point.grid[0]
        about = replace(point, grid=(first - ONE // 32, first + ONE // 8, ONE))
        above = replace(point, grid=(first, (first + ONE) // 2, ONE))
        tried = (about, above) if thorough else (about if first < FIRST_POINT else above,)
        finer = max(tried, key=self.merit)
        return finer if self.merit(finer) > _WORTH_MORE_CASES * self.merit(point) else point

    def from_scratch(self, grid: Grid | None, tell: Progress) -> Point:
        """The best β, and unless it is given the best grid of two points."""
        first = (FIRST_POINT, ONE) if grid is None else grid
        if self.request.runs is None:
            point = Point(ASYMPTOTIC_BETA, first)
        else:
            point = Point(self._first_beta(first, tell), first)
            point = self.climb_beta(point, 0.5)
        tell("searching cases", 14, 20)
        if grid is None:
            point = self.climb_first_point(point)
        if self.request.runs is not None:
            point = self.climb_beta(point, 0.5)
            point = self.climb_beta(point, 0.25)
        return point

    def _first_beta(self, grid: Grid, tell: Progress) -> int:
        """β by octaves, starting where the factors can follow: where nothing is won yet, as far as
        it takes."""
        weights = setting_weights(self.code, self.request.epsilon)
        start = 1 << round(math.log2(16 * weights[weights > 0].min() / 2 ** (BITS - BETA_BITS)))
        start = min(MOST_BETA, max(start, LEAST_BETA))
        tried = {start: self.merit(Point(start, grid))}
        for factor in (0.5, 2.0):
            beta, best = round(start * factor), tried[start]
            while LEAST_BETA <= beta <= MOST_BETA:
                tried[beta] = self.merit(Point(beta, grid))
                tell("searching beta", min(len(tried), 13), 20)
                if best > 0 and tried[beta] <= best:
                    break
                best, beta = max(best, tried[beta]), round(beta * factor)
        return max(tried, key=lambda beta: tried[beta])
