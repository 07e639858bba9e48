"""The device interface, and the devices that need no simulator: a sampled table and a replay.

A device is asked for outcomes in run order: settings `(n,)` uint8 in, outcomes `(n,)` uint8
out, with the random generator handed to it.  Long runs call it block after block, so a device
may keep memory of its past, as the proof allows.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from qdevices.errors import InputError
from qdevices.game import Game, check_behaviour

#: Rounding of a simulated probability; anything below is an exact zero of the noise model.
ROUNDING = 1e-13
_BLOCK = 1 << 16


class Device(Protocol):
    """Anything that answers settings with outcomes, in run order."""

    def sample(self, settings: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        """The joint outcome of each run from its setting pair, shape (n,) uint8 each."""
        ...


class TableDevice:
    """A memoryless device that samples a behaviour of a game, a table (pairs, joint).

    The honest device of KS-18 with 1 % white noise is `TableDevice(KS18.noisy(0.01), KS18)`.
    Entries below 1e-13, the rounding of a simulation, are exact zeros, so an outcome that the
    noise model forbids never occurs.

    Raises:
        InputError: a table that is no normalised no-signalling behaviour.
    """

    def __init__(self, table: NDArray[np.float64], game: Game) -> None:
        checked = check_behaviour(table, game)
        clean = np.where(checked < ROUNDING, 0.0, checked)
        cumulative = np.cumsum(clean / clean.sum(axis=1, keepdims=True), axis=1)
        # The last possible outcome takes what rounding left below 1.
        last = game.n_joint - 1 - np.argmax(clean[:, ::-1] > 0, axis=1)
        cumulative[np.arange(game.n_joint) >= last[:, None]] = np.inf
        self.table, self.game = checked, game
        self._cumulative = cumulative

    def sample(self, settings: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        """One uniform number a run, compared with the cumulative row of its setting pair."""
        outcomes = np.empty(len(settings), dtype=np.uint8)
        for start in range(0, len(settings), _BLOCK):
            block = settings[start : start + _BLOCK]
            uniform = rng.random(len(block))
            outcomes[start : start + _BLOCK] = (self._cumulative[block] <= uniform[:, None]).sum(
                axis=1
            )
        return outcomes


class ReplayDevice:
    """A device that answers with recorded outcomes, and refuses other settings than recorded.

    Raises:
        InputError: at construction, arrays of unequal length; when sampled, settings that are
            not the recorded ones or more runs than were recorded.
    """

    def __init__(self, settings: NDArray[np.uint8], outcomes: NDArray[np.uint8]) -> None:
        if len(settings) != len(outcomes):
            raise InputError(f"{len(settings)} settings but {len(outcomes)} outcomes recorded")
        self._settings = settings
        self._outcomes = outcomes
        self._next = 0

    def sample(self, settings: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        """The next recorded outcomes; `rng` is not used."""
        start, stop = self._next, self._next + len(settings)
        if stop > len(self._settings):
            raise InputError(f"{stop} runs asked for, but {len(self._settings)} were recorded")
        differ = np.flatnonzero(settings != self._settings[start:stop])
        if len(differ):
            run = start + int(differ[0])
            raise InputError(
                f"run {run} asks for setting {settings[differ[0]]}, "
                f"but {self._settings[run]} was recorded"
            )
        self._next = stop
        return self._outcomes[start:stop].copy()
