"""What a run showed, and whether it is accepted: the two tests of Protocol I and the score.

Test 1 bounds the rate of lost rounds, L ≤ δ; test 2 the rate of the starred event, S ≥ μ₁;
the score test asks for the Σ log₂F on which the planned output rests (design 1, 4.2).  A failed
test is a result with reasons, not an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from protocol.errors import InputError
from protocol.setting_code import SettingCode
from qdevices.game import N_JOINT, N_PAIRS, losing_table, pair_label


@dataclass
class Tally:
    """Counts that grow block by block, so that memory does not grow with the runs.

    Attributes:
        starred: the setting pair u0 whose outcomes enter the extractor.
        capacity: how many of its outcomes there is room for.
        counts: runs with each setting and outcome, shape (81, 16).
        overflow: the outcomes at u0 for which there was no room, shape (16,).
    """

    starred: int
    capacity: int
    counts: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((N_PAIRS, N_JOINT), dtype=np.int64)
    )
    overflow: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_JOINT, dtype=np.int64))
    _kept: list[NDArray[np.uint8]] = field(default_factory=list)
    _room: int = -1

    def __post_init__(self) -> None:
        self._room = self.capacity

    def add(self, settings: NDArray[np.uint8], outcomes: NDArray[np.uint8]) -> None:
        """Count one block of runs, in run order; shape (n,) uint8 each.

        Raises:
            InputError: arrays of unequal length, or a setting or outcome out of range.
        """
        check_runs(settings, outcomes)
        index = settings.astype(np.int64) * N_JOINT + outcomes
        self.counts += np.bincount(index, minlength=N_PAIRS * N_JOINT).reshape(N_PAIRS, N_JOINT)
        at_star = outcomes[settings == self.starred]
        kept, spilt = at_star[: self._room], at_star[self._room :]
        self._room -= len(kept)
        self._kept.append(kept)
        self.overflow += np.bincount(spilt, minlength=N_JOINT)

    @property
    def runs(self) -> int:
        """Runs counted so far."""
        return int(self.counts.sum())

    def device_bits(self) -> NDArray[np.uint8]:
        """The kept outcomes as bits, four each, most significant first; shape (4·kept,) uint8."""
        kept = np.concatenate(self._kept) if self._kept else np.empty(0, dtype=np.uint8)
        return np.unpackbits(kept[:, None], axis=1)[:, 4:].ravel()

    def losing_rate(self) -> float:
        """L_n = (1/n) Σ B(x_i, u_i)."""
        return self.losing_count() / self.runs

    def losing_count(self) -> int:
        """Number of lost rounds, the entries of S_B in its orthogonality form."""
        return int(self.counts[losing_table()].sum())

    def event_rate(self, event: NDArray[np.bool_]) -> float:
        """S_n = (1/n) Σ D(x_i, u_i) for an event mask of shape (81, 16)."""
        return self.event_count(event) / self.runs

    def event_count(self, event: NDArray[np.bool_]) -> int:
        """Number of rounds in the event mask, shape (81, 16)."""
        return int(self.counts[event].sum())


def check_settings(
    counts: NDArray[np.int64], code: SettingCode, epsilon: float, log2_rarity: float = -40
) -> None:
    """Check that settings can have come from `code` and an ε-SV source at all.

    Whatever an ε-SV source does, the number of runs with a pair is stochastically between
    binomials with the pair's extreme probabilities.  A count that is rarer than 2**log2_rarity
    even so means another code, or another source.

    Args:
        counts: runs with each setting pair, (81,).
        code: the setting code that is claimed.
        epsilon: ε of the source.
        log2_rarity: log₂ of the probability at which to refuse.

    Raises:
        InputError: a pair that occurs too often or too rarely, with the numbers.
    """
    low, high = code.extreme_probabilities(epsilon)
    runs, rarity = int(counts.sum()), 2.0**log2_rarity
    least = binom.ppf(rarity, runs, np.clip(low, 0, 1))
    most = binom.isf(rarity, runs, np.clip(high, 0, 1))
    if (strange := np.flatnonzero((counts < least) | (counts > most))).size:
        pair = int(strange[0])
        raise InputError(
            f"setting pair {pair_label(pair)} occurs in {counts[pair]} of {runs} runs, but "
            f"setting code {code.name!r} and any source of epsilon {epsilon:g} give between "
            f"{least[pair]:.0f} and {most[pair]:.0f}; were the settings chosen with another code, "
            "or is the source weaker?"
        )


def check_fresh(
    extractor_bits: NDArray[np.uint8], code: SettingCode, settings: NDArray[np.uint8]
) -> None:
    """Check that the extractor was not given the very bits that chose the settings.

    The devices know those.  Honest fresh bits decode to the recorded settings with a probability
    that is exponentially small in the runs compared.

    Args:
        extractor_bits: the source's bits for the extractor, (k,) uint8.
        code: the setting code.
        settings: the settings in run order, (n,) uint8.

    Raises:
        InputError: they decode to the settings, run after run.
    """
    runs = min(len(settings), len(extractor_bits) // code.bits_per_run)
    decoded = code.decode(extractor_bits[: runs * code.bits_per_run])
    if runs and np.array_equal(decoded, settings[:runs]):
        raise InputError(
            f"the first {runs * code.bits_per_run} bits for the extractor are those that chose the "
            "settings, expected fresh bits of the source"
        )


def check_runs(settings: NDArray[np.uint8], outcomes: NDArray[np.uint8]) -> None:
    """Check arrays of runs.

    Raises:
        InputError: not one-dimensional uint8, of unequal length, or a value out of range.
    """
    for name, array, bound in (("settings", settings, N_PAIRS), ("outcomes", outcomes, N_JOINT)):
        if array.ndim != 1 or array.dtype != np.uint8:
            raise InputError(
                f"{name} have shape {array.shape} and dtype {array.dtype}, expected (n,) uint8"
            )
        if len(array) and int(array.max()) >= bound:
            run = int((array >= bound).argmax())
            raise InputError(f"{name}[{run}] is {array[run]}, expected 0..{bound - 1}")
    if len(settings) != len(outcomes):
        raise InputError(f"{len(settings)} settings but {len(outcomes)} outcomes")
