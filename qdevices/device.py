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
from qdevices.ks18.game import N_JOINT, N_PAIRS

#: Rounding of a simulated probability; anything below is an exact zero of the noise model.
ROUNDING = 1e-13
_BLOCK = 1 << 16


class Device(Protocol):
    """Anything that answers settings with outcomes, in run order."""

    def sample(self, settings: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        """Outcomes 4x1+x2 of the runs with settings 9u1+u2, shape (n,) uint8 each."""
        ...


def check_behaviour(table: NDArray[np.float64], tolerance: float = 1e-9) -> NDArray[np.float64]:
    """Return `table` as float64 if it is a normalised no-signalling behaviour, shape (81, 16).

    Raises:
        InputError: a wrong shape, a number that is no probability, a setting pair that is not
            normalised, or a marginal that depends on the other party's setting; the message
            names the offending entry.
    """
    table = np.asarray(table, dtype=np.float64)
    if table.shape != (N_PAIRS, N_JOINT):
        raise InputError(f"behaviour has shape {table.shape}, expected {(N_PAIRS, N_JOINT)}")
    bad = ~((table >= -tolerance) & (table <= 1 + tolerance))
    if bad.any():
        u, x = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"behaviour entry [{u}, {x}] is {table[u, x]}, expected a probability")
    sums = table.sum(axis=1)
    if (worst := int(np.abs(sums - 1).argmax())) >= 0 and abs(sums[worst] - 1) > tolerance:
        raise InputError(f"behaviour row {worst} sums to {sums[worst]:.12g}, expected 1")
    grid = table.reshape(9, 9, 4, 4)
    for party, marginal, axis in (("Alice", grid.sum(3), 1), ("Bob", grid.sum(2), 0)):
        spread = np.ptp(marginal, axis=axis)
        if spread.max() > tolerance:
            own, x = (int(i) for i in np.unravel_index(spread.argmax(), spread.shape))
            raise InputError(
                f"behaviour signals: {party}'s probability of outcome {x + 1} at setting "
                f"{own + 1} varies by {spread.max():.3g} with the other party's setting"
            )
    return table


class TableDevice:
    """A memoryless device that samples a behaviour table of shape (81, 16).

    Entries below 1e-13, the rounding of a simulation, are exact zeros, so an outcome that the
    noise model forbids never occurs.

    Raises:
        InputError: a table that is no normalised no-signalling behaviour.
    """

    def __init__(self, table: NDArray[np.float64]) -> None:
        checked = check_behaviour(table)
        clean = np.where(checked < ROUNDING, 0.0, checked)
        cumulative = np.cumsum(clean / clean.sum(axis=1, keepdims=True), axis=1)
        # The last possible outcome takes what rounding left below 1.
        last = N_JOINT - 1 - np.argmax(clean[:, ::-1] > 0, axis=1)
        cumulative[np.arange(N_JOINT) >= last[:, None]] = np.inf
        self.table = checked
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
