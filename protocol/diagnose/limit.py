"""How much the marginals may vary, given the data: a confidence limit of γ.  Evidence, no proof.

γ is half the most that a party's probability of an outcome, its own setting fixed, varies over the
other's settings (theory 4.8).  Each such probability has an exact interval (C. J. Clopper, E. S.
Pearson, Biometrika 26, 404 (1934)), and all hold at once by Bonferroni's inequality; so with the
stated confidence γ is at most half the largest difference between the upper end of one and the
lower end of another, and at least half the largest the other way round.

Assumed: given the settings, the runs are independent and each setting pair has one law.  A device
with a memory, or one of which Eve knows more than the counts, may signal more in a run than on
average, and no count shows it.  Pairs that never occurred are not spoken of; a certificate does not
need them if its code never plays them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from qdevices.errors import InputError
from qdevices.game import Game

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Probability, at most, that the limits are wrong.
LIMIT_ERROR = 1e-3


@dataclass(frozen=True)
class SignallingLimit:
    """Confidence limits of γ; labels are 0-based.

    Attributes:
        most: upper limit of γ, at most ½.
        least: lower limit; above 0 only if the data show signalling.
        observed: half the largest range of the observed frequencies, no limit of anything.
        error: probability, at most, that `least` ≤ γ ≤ `most` fails.
        intervals: number of intervals that hold at once.
        party, setting, outcome: where `most` comes from.
        unseen_pairs: setting pairs that never occurred, of which nothing is said.
    """

    most: float
    least: float
    observed: float
    error: float
    intervals: int
    party: Literal["Alice", "Bob"]
    setting: int
    outcome: int
    unseen_pairs: int


def signalling_limit(
    counts: Ints, game: Game, error: float = LIMIT_ERROR
) -> SignallingLimit | None:
    """Limits of γ from counts; None if no party's setting met two settings of the other.

    Args:
        counts: by setting pair and joint outcome, (pairs, joint).
        game: that was played.
        error: probability in (0, 1), at most, that the limits are wrong.

    Raises:
        InputError: `error` out of range, or counts of another shape.
    """
    if not 0 < error < 1:
        raise InputError(f"error of the limit is {error}, expected 0 < error < 1")
    if counts.shape != game.shape:
        raise InputError(f"counts have shape {counts.shape}, expected {game.shape}")
    grid = game.grid(counts)
    # (own, other, outcome) of each party; compared are settings that met two of the other's.
    parties = {"Alice": grid.sum(-1), "Bob": grid.sum(-2).swapaxes(0, 1)}
    rows = {name: _compared(hits) for name, hits in parties.items()}
    intervals = sum(int(rows[name].sum()) * hits.shape[2] for name, hits in parties.items())
    if not intervals:
        return None
    most, least, observed = (-1.0, "Alice", 0, 0), 0.0, 0.0
    for name, hits in parties.items():
        for own in np.flatnonzero(rows[name].any(axis=1)):
            seen = hits[own, rows[name][own]]  # (other, outcome)
            runs = seen.sum(axis=1, keepdims=True)
            low, high = clopper_pearson(seen, runs, error / intervals)
            upper, lower = _largest_difference(high, low), _largest_difference(low, high)
            observed = max(observed, float(np.ptp(seen / runs, axis=0).max()) / 2)
            least = max(least, float(lower.max()) / 2)
            outcome = int(upper.argmax())
            most = max(most, (float(upper[outcome]) / 2, name, int(own), outcome))
    return SignallingLimit(
        most=most[0],
        least=least,
        observed=observed,
        error=error,
        intervals=intervals,
        party="Alice" if most[1] == "Alice" else "Bob",
        setting=most[2],
        outcome=most[3],
        unseen_pairs=int((counts.sum(axis=1) == 0).sum()),
    )


def _compared(hits: Ints) -> NDArray[np.bool_]:
    """Pairs (own, other) that occurred, where own met two others at least."""
    seen = hits.sum(axis=2) > 0
    return np.asarray(seen & (seen.sum(axis=1, keepdims=True) > 1))


def clopper_pearson(hits: Ints, runs: Ints, error: float) -> tuple[Floats, Floats]:
    """Lower and upper ends of exact two-sided intervals of a probability, error/2 a side.

    Args:
        hits: hits, of any shape.
        runs: independent trials, at least 1, broadcast with `hits`.
        error: probability, at most, that an interval misses.
    """
    misses = runs - hits
    low = np.where(hits > 0, beta.ppf(error / 2, np.maximum(hits, 1), misses + 1), 0.0)
    high = np.where(misses > 0, beta.isf(error / 2, hits + 1, np.maximum(misses, 1)), 1.0)
    return low, high


def _largest_difference(first: Floats, second: Floats) -> Floats:
    """max of first[i] − second[j] over i ≠ j, for every column of (rows, columns)."""
    differences = first[:, None] - second[None, :]
    differences[np.eye(len(first), dtype=np.bool_)] = -np.inf
    return np.asarray(differences.max(axis=(0, 1)))
