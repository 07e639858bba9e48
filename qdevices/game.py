"""A game of two parties as data: settings and outcomes, what loses, how honest devices play.

Everything that counts, certifies or samples runs takes its shapes from here.  Indices are 0-based
in code and labels 1-based where people read them.  With s = `settings` and o = `outcomes` of the
parties, a run is two bytes: the setting pair u = s[1]·u1 + u2, the joint outcome x = o[1]·x1 + x2.
A table has shape (pairs, joint), for KS-18 (81, 16), and its entries are numbered joint·u + x.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdevices.arrays import frozen, is_whole, reals
from qdevices.errors import InputError

_NAME = re.compile("[a-z0-9][a-z0-9-]{0,31}")
#: Setting pairs, and joint outcomes, that one byte can tell apart.
MOST = 256
PARTIES = ("Alice", "Bob")


@dataclass(frozen=True, eq=False)
class Game:
    """A bipartite game, checked when built; its arrays are read-only copies of what is given.

    Two games are equal if their names and tables are, so codes and caches may have them as keys.

    Attributes:
        name: what documents call it: lower-case letters, digits and hyphens, at most 32.
        settings: number of settings of Alice and of Bob, at least 1 each, at most 256 pairs.
        outcomes: number of outcomes of Alice and of Bob, at least 2 each, at most 256 joint ones.
        losing: S_B, where a round is lost (B = 1), (pairs, joint) bool.
        honest: P(x|u) of honest devices without noise, (pairs, joint) float64.
        find_symmetries: returns `symmetries`; called when they are first asked for.  None for a
            game of which no symmetry is known.

    Raises:
        InputError: a name, number or table that is none of this; signalling honest devices.
    """

    name: str
    settings: tuple[int, int]
    outcomes: tuple[int, int]
    losing: NDArray[np.bool_]
    honest: NDArray[np.float64]
    find_symmetries: Callable[[], NDArray[np.int64]] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InputError(
                f"game has name {self.name!r:.60}, expected up to 32 of a-z, 0-9 and hyphens"
            )
        for what, counts, least in (("settings", self.settings, 1), ("outcomes", self.outcomes, 2)):
            if (
                type(counts) is not tuple
                or len(counts) != 2
                or any(type(count) is not int or count < least for count in counts)
                or counts[0] * counts[1] > MOST
            ):
                raise InputError(
                    f"game {self.name!r} has {what} {counts!r:.60}, expected a pair of whole "
                    f"numbers from {least} on with a product of at most {MOST}, one byte a run"
                )
        losing = self.losing
        if not isinstance(losing, np.ndarray):
            raise InputError(f"game {self.name!r} has a losing table {losing!r:.60}, expected one")
        if losing.dtype != np.bool_ or losing.shape != self.shape:
            raise InputError(
                f"game {self.name!r} has a losing table of shape {losing.shape} and dtype "
                f"{losing.dtype}, expected {self.shape} bool"
            )
        for field, table in (("losing", losing), ("honest", check_behaviour(self.honest, self))):
            object.__setattr__(self, field, frozen(table))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Game)
            and (self.name, self.settings, self.outcomes)
            == (other.name, other.settings, other.outcomes)
            and np.array_equal(self.losing, other.losing)
            and np.array_equal(self.honest, other.honest)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.settings, self.outcomes))

    def __repr__(self) -> str:
        return f"Game({self.name!r}, settings={self.settings}, outcomes={self.outcomes})"

    @property
    def identity(self) -> dict[str, Any]:
        """What tells the game from any other in a digest: name, shape and SHA-256 of S_B."""
        losing = hashlib.sha256(np.packbits(self.losing).tobytes()).hexdigest()
        return {
            "name": self.name,
            "settings": list(self.settings),
            "outcomes": list(self.outcomes),
            "losing": losing,
        }

    @property
    def n_pairs(self) -> int:
        """Number of setting pairs."""
        return self.settings[0] * self.settings[1]

    @property
    def n_joint(self) -> int:
        """Number of joint outcomes of a pair."""
        return self.outcomes[0] * self.outcomes[1]

    @property
    def entries(self) -> int:
        """Number of entries of a table."""
        return self.n_pairs * self.n_joint

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of a table: (pairs, joint)."""
        return self.n_pairs, self.n_joint

    @property
    def outcome_bits(self) -> int:
        """Bits that one joint outcome takes in a string of device bits: ⌈log₂ joint⌉."""
        return (self.n_joint - 1).bit_length()

    @cached_property
    def symmetries(self) -> NDArray[np.int64]:
        """The game's symmetries as permutations of the entries, (order, entries) int64, read-only.

        Row g maps entry e to entry `symmetries[g, e]`; row 0 is the identity.  Each row relabels
        the settings of each party and, for each of its settings, the outcomes, and may exchange the
        parties; so it maps no-signalling boxes to such.  Each keeps the losing table and, up to
        rounding, the honest behaviour.  All of this is checked here.

        Raises:
            InputError: what `find_symmetries` returns is something else.
        """
        identity = np.arange(self.entries, dtype=np.int64)[None, :]
        found = identity if self.find_symmetries is None else np.asarray(self.find_symmetries())
        if found.dtype != np.int64 or found.ndim != 2 or found.shape[1] != self.entries:
            raise InputError(
                f"game {self.name!r} has symmetries of shape {found.shape} and dtype "
                f"{found.dtype}, expected (order, {self.entries}) int64"
            )
        group = np.array(found, order="C", copy=True)
        if not len(group) or not np.array_equal(group[0], identity[0]):
            raise InputError(f"the first symmetry of game {self.name!r} is not the identity")
        bad: NDArray[np.bool_] = ~self._relabels(group)
        losing, honest, images = self.losing.ravel(), self.honest.ravel(), group % self.entries
        bad |= np.not_equal(losing[images], losing).any(axis=1)
        bad |= (np.abs(honest[images] - honest) > 1e-9).any(axis=1)
        if bad.any():
            raise InputError(
                f"symmetry {int(bad.argmax())} of game {self.name!r} keeps not settings, outcomes, "
                "losing table and honest behaviour"
            )
        return frozen(group)

    def _relabels(self, group: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows are relabellings of settings and outcomes, perhaps with exchange; (order,)."""
        s, o = self.settings, self.outcomes
        inside: NDArray[np.bool_] = np.all((group >= 0) & (group < self.entries), axis=1)
        # Entry (u1, u2, x1, x2) goes to (v1, v2, y1, y2), each of shape (order, s1, s2, o1, o2).
        image = np.unravel_index(np.where(inside[:, None], group, 0), (*s, *o))
        v1, v2, y1, y2 = (part.reshape(-1, *s, *o) for part in image)
        straight = (
            inside & _relabels_party(v1, y1, 1, s[0], o[0]) & _relabels_party(v2, y2, 2, s[1], o[1])
        )
        if s[0] != s[1] or o[0] != o[1]:
            return straight
        exchanged = (
            inside & _relabels_party(v2, y2, 1, s[1], o[1]) & _relabels_party(v1, y1, 2, s[0], o[0])
        )
        return straight | exchanged

    def grid(self, table: NDArray[Any]) -> NDArray[Any]:
        """A table (..., pairs, joint) as [..., u1, u2, x1, x2]."""
        return table.reshape(*table.shape[:-2], *self.settings, *self.outcomes)

    def noisy(
        self, weight: float, behaviour: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """A behaviour mixed with white noise, (1 − `weight`)·P + `weight`/joint.

        Args:
            weight: of the noise, in [0, 1].
            behaviour: P, of any layout; the honest one unless given.

        Raises:
            InputError: `weight` outside [0, 1].
        """
        if not isinstance(weight, (int, float, np.floating)) or not 0 <= weight <= 1:
            raise InputError(f"white noise {weight} is outside [0, 1]")
        table = self.honest if behaviour is None else behaviour
        return (1 - weight) * table + weight / self.n_joint

    def nearest_noise(self, behaviour: NDArray[np.float64]) -> float:
        """The weight of white noise with which `noisy` comes nearest to a behaviour.

        By least squares; out of [0, 1] where the nearest mixture is none.

        Args:
            behaviour: P(x|u), (pairs, joint).
        """
        change = self.noisy(1.0) - self.honest
        return float(((behaviour - self.honest) * change).sum() / (change**2).sum())

    def pair_index(self, first: int, second: int) -> int:
        """Index of the setting pair with the 1-based labels `first` and `second`.

        Raises:
            InputError: a label out of range.
        """
        for label, count in zip((first, second), self.settings, strict=True):
            if not is_whole(label):
                raise InputError(f"setting label {label!r:.40}, expected a whole number")
            if not 1 <= label <= count:
                raise InputError(f"setting label {label} is outside 1..{count}")
        return self.settings[1] * (first - 1) + (second - 1)

    def split(self, setting: int) -> tuple[int, int]:
        """Both parties' settings u1, u2 of a setting pair."""
        return divmod(setting, self.settings[1])

    def pair_label(self, setting: int) -> str:
        """The 1-based label of a setting pair, such as ``(1,3)``."""
        first, second = self.split(setting)
        return f"({first + 1},{second + 1})"

    def outcome_label(self, outcome: int) -> str:
        """The 1-based label of a joint outcome, such as ``(1,3)``."""
        first, second = divmod(outcome, self.outcomes[1])
        return f"({first + 1},{second + 1})"


def _relabels_party(
    setting: NDArray[np.int64], outcome: NDArray[np.int64], axis: int, settings: int, outcomes: int
) -> NDArray[np.bool_]:
    """Which rows relabel the party whose setting is `axis`, and its outcome `axis` + 2; (order,).

    That is, the image's setting is a bijective function of the party's setting alone, and for each
    of them the image's outcome a bijective function of the party's outcome alone.
    """
    others = tuple(k for k in (1, 2, 3, 4) if k not in (axis, axis + 2))
    of_setting = setting.max(axis=(*others, axis + 2))
    of_outcome = outcome.max(axis=others)  # (order, own setting, own outcome)
    keep = (setting == np.expand_dims(of_setting, (*others, axis + 2))).all(axis=(1, 2, 3, 4))
    keep &= (outcome == np.expand_dims(of_outcome, others)).all(axis=(1, 2, 3, 4))
    keep &= (np.sort(of_setting, axis=1) == np.arange(settings)).all(axis=1)
    keep &= (np.sort(of_outcome, axis=2) == np.arange(outcomes)).all(axis=(1, 2))
    return np.asarray(keep)


def check_behaviour(
    table: NDArray[np.float64], game: Game, tolerance: float = 1e-9
) -> NDArray[np.float64]:
    """Return `table` as float64 if it is a normalised no-signalling behaviour of `game`.

    Args:
        table: P(x|u), (pairs, joint).
        game: whose shape it must have.
        tolerance: of every probability and sum.

    Raises:
        InputError: a wrong shape, a number that is no probability, a setting pair that is not
            normalised, or a marginal that depends on the other party's setting; the message
            names the offending entry.
    """
    table = reals("behaviour", table)
    if table.shape != game.shape:
        raise InputError(f"behaviour has shape {table.shape}, expected {game.shape}")
    bad = ~((table >= -tolerance) & (table <= 1 + tolerance))
    if bad.any():
        u, x = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"behaviour entry [{u}, {x}] is {table[u, x]}, expected a probability")
    sums = table.sum(axis=1)
    if (worst := int(np.abs(sums - 1).argmax())) >= 0 and abs(sums[worst] - 1) > tolerance:
        raise InputError(f"behaviour row {worst} sums to {sums[worst]:.12g}, expected 1")
    grid = game.grid(table)
    for party, marginal, axis in (("Alice", grid.sum(3), 1), ("Bob", grid.sum(2), 0)):
        spread = np.ptp(marginal, axis=axis)
        if spread.max() > tolerance:
            own, x = (int(i) for i in np.unravel_index(spread.argmax(), spread.shape))
            raise InputError(
                f"behaviour signals: {party}'s probability of outcome {x + 1} at setting "
                f"{own + 1} varies by {spread.max():.3g} with the other party's setting"
            )
    return table


def signalling_of(behaviour: NDArray[np.float64], game: Game) -> float:
    """γ: the least number within which each party's marginals stay about some value of their own.

    For each party, own setting and own outcome the values' middle is the best such value, so γ is
    the largest half range over the other party's settings; 0 for a no-signalling box.  All setting
    pairs count, also those that a code never plays.

    Args:
        behaviour: P(x|u), normalised, (pairs, joint).
        game: whose shape it has.

    Raises:
        InputError: another shape, or numbers that are none.
    """
    table = reals("behaviour", behaviour)
    if table.shape != game.shape:
        raise InputError(f"behaviour has shape {table.shape}, expected {game.shape}")
    grid = game.grid(table)
    return float(max(np.ptp(grid.sum(3), axis=1).max(), np.ptp(grid.sum(2), axis=0).max()) / 2)
