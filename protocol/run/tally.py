"""What a run showed, and whether it is accepted: the two tests of Protocol I and the score.

Test 1 bounds the rate of lost rounds, L ≤ δ; test 2 the rate of the starred event, S ≥ μ₁;
the score test asks for the Σ log₂F on which the planned output rests (theory 1, 4.2).  A failed
test is a result with reasons, not an exception.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from protocol.data.recorded import check_runs
from protocol.settings.code import SettingCode
from qdevices.errors import InputError
from qdevices.game import Game

#: Runs in each stretch of settings that a tally remembers.
HEAD = 1 << 9
#: log₂ of the probability at which what was recorded is taken to be something else.
LOG2_RARITY = -40.0


@dataclass
class Tally:
    """Counts that grow block by block, so that memory does not grow with the runs.

    Attributes:
        code: of the settings; its starred pair's outcomes enter the extractor.
        capacity: how many of its outcomes there is room for.
        stride: at least `HEAD`; from every multiple of it on, the settings of `HEAD` runs are
            remembered.
        counts: runs with each setting and outcome, (pairs, joint).

    Raises:
        InputError: no code, or a number out of range.
    """

    code: SettingCode
    capacity: int
    stride: int = 1 << 12
    counts: NDArray[np.int64] = field(init=False)
    _kept: list[NDArray[np.uint8]] = field(default_factory=list, init=False)
    _room: int = field(default=-1, init=False)
    _runs: int = field(default=0, init=False)
    _heads: list[bytearray] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.code, SettingCode):
            raise InputError(f"a tally's code is {self.code!r:.60}, expected a SettingCode")
        for name, value, least in (("capacity", self.capacity, 0), ("stride", self.stride, HEAD)):
            if type(value) is not int or value < least:
                raise InputError(f"a tally's {name} is {value!r:.60}, expected {least} or more")
        self.counts = np.zeros(self.game.shape, dtype=np.int64)
        self._room = self.capacity

    @property
    def game(self) -> Game:
        """The game that is counted."""
        return self.code.game

    @property
    def starred(self) -> int:
        """The setting pair u0 whose outcomes enter the extractor."""
        return self.code.starred

    def add(self, settings: NDArray[np.uint8], outcomes: NDArray[np.uint8]) -> None:
        """Count one block of runs, in run order; shape (n,) uint8 each.

        Raises:
            InputError: arrays of unequal length, or a setting or outcome out of range.
        """
        game = self.game
        check_runs(settings, outcomes, game)
        index = settings.astype(np.int64) * game.n_joint + outcomes
        self.counts += np.bincount(index, minlength=game.entries).reshape(game.shape)
        kept = outcomes[settings == self.starred][: self._room]
        self._room -= len(kept)
        self._kept.append(kept)
        self._remember(settings)

    def _remember(self, settings: NDArray[np.uint8]) -> None:
        """Keep what of this block lies in the remembered stretches."""
        first, stop = self._runs, self._runs + len(settings)
        for number in range(first // self.stride, -(-stop // self.stride)):
            start = max(first, number * self.stride)
            end = min(stop, number * self.stride + HEAD)
            if start < end:
                if number == len(self._heads):
                    self._heads.append(bytearray())
                self._heads[number] += settings[start - first : end - first].tobytes()
        self._runs = stop

    @property
    def heads(self) -> list[bytes]:
        """The settings of `HEAD` runs from every multiple of `stride` on, fewer at the end."""
        return [bytes(head) for head in self._heads]

    @property
    def starred_count(self) -> int:
        """Runs at u0; above `capacity` the run must abort, see `protocol.run.redraws`."""
        return int(self.counts[self.starred].sum())

    @property
    def runs(self) -> int:
        """Runs counted so far."""
        return int(self.counts.sum())

    @property
    def kept(self) -> int:
        """Outcomes at u0 that were kept."""
        return sum(map(len, self._kept))

    def device_bits(self) -> NDArray[np.uint8]:
        """The kept outcomes as bits, `outcome_bits` of the game each, most significant first.

        Shape (outcome_bits·kept,) uint8; for KS-18 four bits each.
        """
        kept = np.concatenate(self._kept) if self._kept else np.empty(0, dtype=np.uint8)
        return np.unpackbits(kept[:, None], axis=1)[:, 8 - self.game.outcome_bits :].ravel()

    def losing_rate(self) -> float:
        """L_n = (1/n) Σ B(x_i, u_i)."""
        return self.losing_count() / self.runs

    def losing_count(self) -> int:
        """Number of lost rounds."""
        return int(self.counts[self.game.losing].sum())

    def event_rate(self, event: NDArray[np.bool_]) -> float:
        """S_n = (1/n) Σ D(x_i, u_i) for an event mask (pairs, joint)."""
        return self.event_count(event) / self.runs

    def event_count(self, event: NDArray[np.bool_]) -> int:
        """Number of rounds in the event mask, (pairs, joint)."""
        return int(self.counts[event].sum())


def check_settings(
    counts: NDArray[np.int64], code: SettingCode, epsilon: float, log2_rarity: float = LOG2_RARITY
) -> None:
    """Check that settings can have come from `code` and an ε-SV source at all.

    Whatever an ε-SV source does, the number of runs with a pair is stochastically between
    binomials with the pair's extreme probabilities.  A count that is rarer than 2**log2_rarity
    even so means another code, or another source.

    Args:
        counts: runs with each setting pair, (pairs,).
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
            f"setting pair {code.game.pair_label(pair)} occurs in {counts[pair]} of {runs} runs, "
            f"but setting code {code.name!r} and any source of epsilon {epsilon:g} give between "
            f"{least[pair]:.0f} and {most[pair]:.0f}; were the settings chosen with another code, "
            "or is the source weaker?"
        )


def check_fresh(
    extractor_bits: NDArray[np.uint8], code: SettingCode, epsilon: float, heads: list[bytes]
) -> None:
    """Check that the extractor was not given bits that chose the settings.

    The devices know those.  Looked for are, at every place of the extractor's bits, the settings
    that `Tally.heads` remembers: found is any stretch of the settings' bits that holds one of them,
    such as their beginning, or all that the extractor wants taken from the middle.  Stretches are
    as long as it takes for fresh ε-SV bits to agree with probability below 2^-40 in all; those
    that are shorter, in a run of few runs, are not looked for.

    Args:
        extractor_bits: the source's bits for the extractor, (k,) uint8.
        code: the setting code.
        epsilon: ε of the source.
        heads: of the tally.

    Raises:
        InputError: they hold such a stretch.
    """
    width, places = code.bits_per_run, len(extractor_bits)
    _, high = code.extreme_probabilities(epsilon)
    # Given all bits before, a run's word gives a certain pair with probability `high` at most.
    agreement = math.log2(min(float(high.max()), 1 - 2**-20))
    least = math.ceil((LOG2_RARITY - math.log2(max(1, places * len(heads)))) / agreement)
    sought = {head[:least] for head in heads if len(head) >= least}
    if not sought:
        return
    hashes = np.array([_window_hashes(head, least)[0] for head in sought])
    for phase in range(min(width, places)):
        whole = (places - phase) // width * width
        stream = code.decode(extractor_bits[phase : phase + whole]).tobytes()
        # By sorting: NumPy 2.0's other way overflows on hashes above 2^63.
        found = np.isin(_window_hashes(stream, least), hashes, kind="sort")
        for place in np.flatnonzero(found).tolist():
            if stream[place : place + least] in sought:
                start = phase + width * place
                raise InputError(
                    f"bits {start} to {start + width * least} for the extractor are those that "
                    "chose the settings, expected fresh bits of the source"
                )


def _window_hashes(text: bytes, length: int) -> NDArray[np.uint64]:
    """A hash of each stretch of `length` bytes, equal where they are; (len(text)−length+1,)."""
    if len(text) < length:
        return np.empty(0, dtype=np.uint64)
    # Σ_j text[i+j]·B^j modulo 2^64 for all i at once, from prefix sums and the inverse of B.
    base = 0x9E3779B97F4A7C15
    values = np.frombuffer(text, dtype=np.uint8).astype(np.uint64)
    powers = np.full(len(text), base, dtype=np.uint64)
    powers[0] = 1
    inverses = np.full(len(text), pow(base, -1, 1 << 64), dtype=np.uint64)
    inverses[0] = 1
    powers, inverses = np.cumprod(powers), np.cumprod(inverses)
    prefix = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(values * powers)])
    windows = prefix[length:] - prefix[:-length]
    return np.asarray(windows * inverses[: len(windows)])


def check_lean(extractor_bits: NDArray[np.uint8], epsilon: float) -> None:
    """Check that bits can have come from an ε-SV source at all, by the number of ones.

    Whatever such a source does, that number is stochastically between binomials with ½−ε and ½+ε.

    Raises:
        InputError: a number that is rarer than 2^-40 even so, as in a file of zeros.
    """
    total, ones = len(extractor_bits), int(extractor_bits.sum())
    rarity = 2.0**LOG2_RARITY
    least = binom.ppf(rarity, total, 0.5 - epsilon)
    most = binom.isf(rarity, total, 0.5 + epsilon)
    if not least <= ones <= most:
        raise InputError(
            f"{ones} of the {total} bits for the extractor are ones, but any source of epsilon "
            f"{epsilon:g} gives between {least:.0f} and {most:.0f}"
        )
