"""No-signalling diagnostics of recorded runs: signs of signalling and of drift.  It informs only.

Null hypothesis, given the settings in their order: runs are independent, each setting pair has
one law of outcomes, and a party's marginal law does not depend on the other party's setting.
Four families of exact tests (`exact_tables`), each corrected by Holm's method at a
quarter of the false-alarm rate, so that clean data raise any sign with at most that probability:

    signalling      a table for each party and own setting: the other's settings × outcomes
    marginal shift  cells of these, each against the other's other settings together
    drift           8 stretches of time × outcomes: marginals, setting pairs, and one test that
                    combines all pairs
    half to half    second against first half, outcome by outcome, of marginals and of pairs

For KS-18 these are 18 tables, 648 cells, 18 + 81 + 1 tables and 72 + 1296 cells.  (Cells whose
margins leave nothing to test are not counted.)  Cells find a shift at one setting pair, tables find
what is spread over many.  Everything is computed from the counts (8, pairs, joint), so memory does
not grow with the number of runs.

Beside them stand confidence limits of the marginal shifts that the data allow (`limit`).

Limits: signalling that leaves all marginals alone on average, or that depends on the past, is not
seen; and where the settings' frequencies change over time, drift can look like signalling.
Nothing here enters a certificate.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from protocol.data.recorded import blocks
from protocol.diagnose.exact_tables import (
    Floats,
    Ints,
    contrasts,
    cramers_v,
    fisher,
    holm,
    homogeneity,
    newcombe,
)
from protocol.diagnose.limit import SignallingLimit, signalling_limit
from qdevices.errors import InputError
from qdevices.game import PARTIES, Game

STRETCHES = 8
FAMILIES = ("signalling", "marginal shift", "drift", "half to half")
FALSE_ALARM = 0.01
#: Bias-corrected Cramér's V of settings against time above which the report warns.
UNEVEN = 0.05
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Sign:
    """One test's result; labels are 0-based, None where they do not apply.

    `outcome` is that of the party, of a setting pair the joint one; `where` says it for people,
    with labels from 1 on.

    `effect` is a difference of probabilities: this setting of the other minus its other settings
    (marginal shift), second half minus first (half to half); `low` and `high` hold all effects
    of the family at once with the nominal probability 1 - false_alarm/4.  Tables have
    `cramers_v` (bias-corrected) instead.
    """

    family: str
    party: Literal["Alice", "Bob"] | None
    setting: int | None
    other: int | None
    outcome: int | None
    effect: float | None
    low: float | None
    high: float | None
    cramers_v: float | None
    p_value: float
    adjusted_p: float
    where: str

    @property
    def signalling(self) -> bool:
        """Whether this is about signalling rather than drift."""
        return self.family in FAMILIES[:2]

    def __str__(self) -> str:
        return f"{'signalling' if self.signalling else 'drift'}: {self.text()}"

    def text(self) -> str:
        """What the test saw, with labels counted from 1."""
        where = self.where
        if self.effect is None:
            size = f"Cramér's V {self.cramers_v:.4f}, " if self.cramers_v is not None else ""
            verb = "depend on " + (
                f"{_peer(self.party)}'s setting" if self.signalling else "the time"
            )
            return f"{where} {verb} ({size}adjusted p {self.adjusted_p:.2g})"
        cause = (
            f"with {_peer(self.party)}'s setting {_label(self.other)}"
            if self.signalling
            else "from the first half to the second"
        )
        return (
            f"{where} shifts by {self.effect:+.4f} [{self.low:+.4f}, {self.high:+.4f}] {cause} "
            f"(adjusted p {self.adjusted_p:.2g})"
        )


def _where(
    party: str | None, setting: int | None, other: int | None, outcome: int | None, game: Game
) -> str:
    """What a test looks at, with labels counted from 1."""
    if setting is None:
        return "the outcomes at all setting pairs together"
    if party is not None:
        what = "outcomes" if outcome is None else f"outcome {_label(outcome)}"
        return f"{party}'s {what} at setting {_label(setting)}"
    pair = f"setting pair ({_label(setting)},{_label(other)})"
    if outcome is None:
        return f"the outcomes at {pair}"
    return f"outcome pair {game.outcome_label(outcome)} at {pair}"


def _label(index: int | None) -> str:
    return "?" if index is None else str(index + 1)


def _peer(party: str | None) -> str:
    return "Bob" if party == "Alice" else "Alice"


@dataclass(frozen=True)
class Diagnosis:
    """What the tests saw.

    Attributes:
        runs: number of runs.
        false_alarm: probability, at most, that clean data raise any sign.
        tests: tests made in each of `FAMILIES`.
        signs: results with adjusted p <= false_alarm, most certain first.
        strongest: the most certain result of each family that made tests, significant or not.
        detectable: marginal shifts that these numbers of runs find with probability 0.9 (normal
            approximation): at the best, the median and the worst setting pair; None if there is
            nothing to test.
        settings_uneven: bias-corrected Cramér's V of setting pairs against time.
        limit: confidence limits of the marginal shifts; None if there is nothing to compare.
    """

    runs: int
    false_alarm: float
    tests: dict[str, int]
    signs: tuple[Sign, ...]
    strongest: tuple[Sign, ...]
    detectable: tuple[float, float, float] | None
    settings_uneven: float
    limit: SignallingLimit | None

    @property
    def signalling(self) -> bool:
        """Whether there is a sign of signalling."""
        return any(sign.signalling for sign in self.signs)

    @property
    def drift(self) -> bool:
        """Whether there is a sign of drift."""
        return any(not sign.signalling for sign in self.signs)

    @property
    def verdict(self) -> str:
        """One plain line: the most telling sign of each kind, or that there is none."""
        if not any(self.tests.values()):
            return "nothing to test: no setting recurs with different outcomes"
        lines = []
        for kind in (True, False):
            found = [sign for sign in self.signs if sign.signalling == kind]
            # A cell says what happened where, a table only that something did; and a party's
            # marginal says it more plainly than the pairs that it moves.
            cells = [sign for sign in found if sign.effect is not None]
            own = [sign for sign in cells if sign.party is not None]
            if found:
                lines.append(str((own or cells or found)[0]))
            else:
                lines.append(f"no sign of {'signalling' if kind else 'drift'}")
        return "; ".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and None; labels 0-based."""
        return {
            "verdict": self.verdict,
            "signalling": self.signalling,
            "drift": self.drift,
            "certifies": False,
            **asdict(self),
        }


def count_runs(settings: NDArray[np.uint8], outcomes: NDArray[np.uint8], game: Game) -> Ints:
    """Counts (8, pairs, joint): stretch of time, setting pair, joint outcome.

    Args:
        settings: setting pairs, (n,) uint8, n >= 1, may be memory-mapped.
        outcomes: joint outcomes, (n,) uint8.
        game: that was played.

    Raises:
        InputError: unequal lengths, no runs, or a value out of range.
    """
    runs = len(settings)
    if runs != len(outcomes):
        raise InputError(f"{runs} settings but {len(outcomes)} outcomes")
    if not runs:
        raise InputError("there are no runs, expected at least 1")
    counts = np.zeros((STRETCHES, game.entries), dtype=np.int64)
    ranges = ("setting", game.n_pairs), ("outcome", game.n_joint)
    bounds = [runs * i // STRETCHES for i in range(STRETCHES + 1)]
    for stretch, (start, stop) in enumerate(pairwise(bounds)):
        for u, x in blocks(settings[start:stop], outcomes[start:stop], _BLOCK):
            for (name, bound), values in zip(ranges, (u, x), strict=True):
                if values.max() >= bound:
                    raise InputError(f"{name} is {values.max()}, expected 0..{bound - 1}")
            # At most 65,535, as the numbers of pairs and of joint outcomes are at most 256.
            cell = u.astype(np.uint16) * np.uint16(game.n_joint) + x
            counts[stretch] += np.bincount(cell, minlength=game.entries)
    return counts.reshape(STRETCHES, *game.shape)


def marginals(counts: Ints, game: Game) -> tuple[Ints, Ints]:
    """Alice's and Bob's outcomes, from counts (..., pairs, joint).

    Returns:
        (..., own setting, other's setting, outcome) for either.
    """
    grid = game.grid(counts)
    return grid.sum(-1), grid.sum(-2).swapaxes(-3, -2)


def diagnose(
    settings: NDArray[np.uint8],
    outcomes: NDArray[np.uint8],
    game: Game,
    false_alarm: float = FALSE_ALARM,
) -> Diagnosis:
    """Look for signs of signalling and drift in recorded runs, in run order.

    Args:
        settings: setting pairs, (n,) uint8.
        outcomes: joint outcomes, (n,) uint8.
        game: that was played.
        false_alarm: see `diagnose_counts`.

    Raises:
        InputError: as `count_runs` and `diagnose_counts`.
    """
    return diagnose_counts(count_runs(settings, outcomes, game), game, false_alarm)


def diagnose_counts(counts: Ints, game: Game, false_alarm: float = FALSE_ALARM) -> Diagnosis:
    """As `diagnose`, from the counts of `count_runs`.

    Args:
        counts: (8, pairs, joint), int64.
        game: that was played.
        false_alarm: probability in (0, 1), at most, that clean data raise any sign.

    Raises:
        InputError: `false_alarm` out of range, or counts of another shape.
    """
    if not 0 < false_alarm < 1:
        raise InputError(f"false alarm rate is {false_alarm}, expected 0 < rate < 1")
    if counts.shape != (STRETCHES, *game.shape):
        raise InputError(f"counts have shape {counts.shape}, expected {(STRETCHES, *game.shape)}")
    share = false_alarm / len(FAMILIES)
    by_time = marginals(counts, game)
    # Each party's tables (own, other, outcome), and (own, 8, outcome); pairs (pairs, 8, joint).
    total = [part.sum(0) for part in by_time]
    own = [part.sum(2).swapaxes(0, 1) for part in by_time]
    pairs = counts.swapaxes(0, 1)
    over_others = list(zip(PARTIES, total, strict=True))
    over_time = [*zip(PARTIES, own, strict=True), ("pair", pairs)]

    found = [
        _tables("signalling", over_others, game),
        _cells("marginal shift", over_others, game, share),
        _tables("drift", over_time, game),
        _cells("half to half", [(kind, _halves(part)) for kind, part in over_time], game, share),
    ]
    signs = [sign for family in found for sign in family.best if sign.adjusted_p <= false_alarm]
    return Diagnosis(
        runs=int(counts.sum()),
        false_alarm=false_alarm,
        tests={name: family.tests for name, family in zip(FAMILIES, found, strict=True)},
        signs=tuple(sorted(signs, key=lambda sign: (sign.adjusted_p, sign.p_value))),
        strongest=tuple(family.best[0] for family in found if family.best),
        detectable=_detectable(total, share, found[1].tests),
        settings_uneven=cramers_v(counts.sum(2)),
        limit=signalling_limit(counts.sum(0), game),
    )


@dataclass(frozen=True)
class _Family:
    """A family's number of tests and its results by rising p; only those that may matter."""

    tests: int
    best: list[Sign]


def _halves(tables: Ints) -> Ints:
    """(t, 8, c) to (t, 2, c)."""
    half = STRETCHES // 2
    return np.stack([tables[:, :half].sum(1), tables[:, half:].sum(1)], axis=1)


def _place(
    kind: str, table: int, game: Game
) -> tuple[Literal["Alice", "Bob"] | None, int, int | None]:
    """Party, setting and other setting that a table's index stands for."""
    if kind == "pair":
        return None, *game.split(table)
    return ("Alice" if kind == "Alice" else "Bob"), table, None


def _adjust(log_p: Floats) -> Floats:
    """Adjusted for the family and for there being four of them."""
    return np.minimum(1.0, len(FAMILIES) * holm(log_p))


def _tables(family: str, kinds: list[tuple[str, Ints]], game: Game) -> _Family:
    rows: list[tuple[float, str, int]] = []
    for kind, tables in kinds:
        log_p, testable = homogeneity(tables)
        rows += [(float(log_p[t]), kind, int(t)) for t in np.flatnonzero(testable)]
        if kind == "pair" and testable.any():
            # Pairs are independent given the settings, so their p-values may be combined.
            together = fisher(log_p[testable].sum(), np.array(testable.sum()))
            rows.append((float(together), "all pairs", -1))
    adjusted = _adjust(np.array([row[0] for row in rows]))
    best: list[Sign] = []
    named = dict(kinds)
    for i in sorted(range(len(rows)), key=lambda i: rows[i][0]):
        log_p_one, kind, t = rows[i]
        if best and adjusted[i] >= 1:
            break
        party, setting, other = (None, None, None) if t < 0 else _place(kind, t, game)
        size = None if t < 0 else cramers_v(named[kind][t])
        p = float(np.exp(log_p_one))
        where = _where(party, setting, other, None, game)
        test = (family, party, setting, other, None)
        best.append(Sign(*test, None, None, None, size, p, float(adjusted[i]), where))
    return _Family(len(rows), best)


def _cells(family: str, kinds: list[tuple[str, Ints]], game: Game, share: float) -> _Family:
    tests: list[tuple[str, Ints, NDArray[np.intp]]] = []
    log_ps: list[Floats] = []
    for kind, tables in kinds:
        log_p, testable = contrasts(tables)
        if family == "half to half":
            testable[:, 0] = False  # the same 2×2 table as the second half's
        tests.append((kind, tables, np.argwhere(testable)))
        log_ps.append(log_p[testable])
    log_p = np.concatenate(log_ps)
    if not len(log_p):
        return _Family(0, [])
    adjusted = _adjust(log_p)
    first = np.cumsum([0, *(len(part) for part in log_ps)])
    best: list[Sign] = []
    for i in np.argsort(log_p, kind="stable"):
        if best and adjusted[i] >= 1:
            break
        which = int(np.searchsorted(first, i, side="right")) - 1
        kind, tables, cells = tests[which]
        t, row, outcome = (int(v) for v in cells[i - first[which]])
        party, setting, other = _place(kind, t, game)
        table = tables[t]
        hits, runs = table[row, outcome], table[row].sum()
        hits2, runs2 = table[:, outcome].sum() - hits, table.sum() - runs
        low, high = newcombe(hits, runs, hits2, runs2, share / len(log_p))
        best.append(
            Sign(
                family,
                party,
                setting,
                row if family == "marginal shift" else other,
                outcome,
                float(hits / runs - hits2 / runs2),
                float(low),
                float(high),
                None,
                float(np.exp(log_p[i])),
                float(adjusted[i]),
                _where(party, setting, other, outcome, game),
            )
        )
    return _Family(len(log_p), best)


def _detectable(tables: list[Ints], share: float, tests: int) -> tuple[float, float, float] | None:
    """Shifts at one setting pair that are found with probability 0.9; outcomes equally likely."""
    if not tests:
        return None
    shifts = []
    for table in tables:
        row = table.sum(2).astype(np.float64)
        rest = row.sum(1, keepdims=True) - row
        usable = (row > 0) & (rest > 0)
        likely = 1 / table.shape[2]
        error = np.sqrt(likely * (1 - likely) * (1 / row[usable] + 1 / rest[usable]))
        shifts.append(np.minimum(1.0, (norm.isf(share / tests / 2) + norm.isf(0.1)) * error))
    if not len(shift := np.concatenate(shifts)):
        return None
    return float(shift.min()), float(np.median(shift)), float(shift.max())
