"""From weak bits to settings: setting codes and what an ε-SV source can do to them.

A code reads `bits_per_run` bits (first bit most significant) as a word and looks up the
setting pair.  An ε-Santha-Vazirani source chooses, for every bit and knowing all earlier ones,
a probability between ½−ε and ½+ε; the extreme probabilities of a set of words over all such
sources, and the extreme ratios ρ(u), follow from a recursion over the bit tree from the
leaves (theory 3, `sv_tree`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.documents.fields import Fields, printable
from protocol.documents.number_text import read_numbers
from protocol.settings.sv_tree import StarTree, check_epsilon, sv_maximum, sv_ratio
from qdevices.arrays import frozen
from qdevices.errors import InputError
from qdevices.game import Game

#: A code of so many bits is checked in a few seconds, whatever its words and ε are.
MOST_BITS_PER_RUN = 16
#: Longest name of a code.
MOST_NAME = 64
#: How much ρ is widened for rounding, and how much further if the exact check asks for it.
_WIDER = (1e-12, 1e-9, 1e-6, 1e-3)


@dataclass(frozen=True)
class SettingCode:
    """A map from words of weak bits to setting pairs.

    Attributes:
        name: how the code is called on the command line and in files; at most 64 characters.
        words: setting pair of each word, 0..pairs−1, length 2**bits_per_run.
        starred: the setting pair u0 whose outcomes enter the extractor.
        game: whose setting pairs they are.

    Raises:
        InputError: a name that cannot be printed on a line, words that are no tuple of ints (true
            is none), a number of words that is no power of two (or above 2**16), a setting
            that the game has not, a starred pair that no word selects, or no game.
    """

    name: str
    words: tuple[int, ...]
    starred: int
    game: Game

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= MOST_NAME:
            raise InputError(
                f"setting code has name {printable(self.name, 40)!r}, expected a text of 1 to "
                f"{MOST_NAME} characters"
            )
        if not self.name.isprintable():
            raise InputError(f"the name of setting code {printable(self.name)!r} is not printable")
        if type(self.words) is not tuple or type(self.starred) is not int:
            raise InputError(
                f"setting code {self.name!r} has words and starred pair of the types "
                f"{type(self.words).__name__} and {type(self.starred).__name__}, expected a tuple "
                "and an int"
            )
        if not isinstance(self.game, Game):
            raise InputError(
                f"setting code {self.name!r} has a game of type {type(self.game).__name__}, "
                "expected a Game"
            )
        count = len(self.words)
        if count < 2 or count & (count - 1) or count > 2**MOST_BITS_PER_RUN:
            raise InputError(
                f"setting code {self.name!r} has {count} words, expected a power of two from 2 "
                f"to 2**{MOST_BITS_PER_RUN}"
            )
        for word, setting in enumerate(self.words):
            if type(setting) is not int or not 0 <= setting < self.game.n_pairs:
                raise InputError(
                    f"setting code {self.name!r} maps word {word} to {printable(setting, 40)}, "
                    f"expected 0..{self.game.n_pairs - 1}"
                )
        if self.starred not in self.words:
            raise InputError(
                f"setting code {self.name!r} has no word for its starred pair {self.starred}"
            )

    @property
    def bits_per_run(self) -> int:
        """Weak bits read in each run."""
        return len(self.words).bit_length() - 1

    @property
    def table(self) -> NDArray[np.uint8]:
        """The setting pair of each word, shape (2**bits_per_run,) uint8."""
        return np.array(self.words, dtype=np.uint8)

    @property
    def settings_used(self) -> NDArray[np.bool_]:
        """Which setting pairs have a word, a mask of shape (pairs,)."""
        return np.bincount(self.table, minlength=self.game.n_pairs) > 0

    def decode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Setting pairs of a bit string, shape (n,) uint8 from (n*bits_per_run,) uint8.

        Raises:
            InputError: a length that is no multiple of `bits_per_run`.
        """
        width = self.bits_per_run
        if len(bits) % width:
            raise InputError(f"{len(bits)} bits are no multiple of {width} bits per run")
        place = 1 << np.arange(width - 1, -1, -1, dtype=np.int64)
        words: NDArray[np.int64] = bits.reshape(-1, width) @ place
        return self.table[words]

    def probabilities(self, word_probabilities: ArrayLike | None = None) -> NDArray[np.float64]:
        """Probability of each setting pair, shape (pairs,); words uniform unless given."""
        weights = None if word_probabilities is None else np.asarray(word_probabilities)
        counts = np.bincount(self.table, weights=weights, minlength=self.game.n_pairs)
        return np.asarray(counts / counts.sum(), dtype=np.float64)

    def extreme_probabilities(
        self, epsilon: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and largest probability of each pair over all ε-SV sources, (pairs,) each."""
        check_epsilon(epsilon)
        leaves = (self.table[None, :] == np.arange(self.game.n_pairs)[:, None]).astype(np.float64)
        return -sv_maximum(-leaves, epsilon), sv_maximum(leaves, epsilon)

    def rho(self, epsilon: float) -> NDArray[np.float64]:
        """ρ(u) = sup over ε-SV sources of ν(u0)/ν(u), shape (pairs,); inf where u has no word.

        Computed by Dinkelbach's iteration on the same tree recursion, widened by 1e-12, and then
        proved in whole numbers: for no ε-SV source is ν(u0)/ν(u) larger.

        Raises:
            InputError: ε outside [0, ½), or so near to ½ that the ratio cannot be computed.
        """
        return _rho(self, check_epsilon(epsilon))

    def rho_exact(self, epsilon: Fraction) -> dict[int, Fraction]:
        """ρ(u) as exact rationals, for the settings that have a word (slow, for verification)."""
        check_epsilon(float(epsilon))
        star = np.array([Fraction(int(w == self.starred)) for w in self.words], dtype=object)
        result = {}
        for setting in (int(u) for u in np.flatnonzero(self.settings_used)):
            other = np.array([Fraction(int(w == setting)) for w in self.words], dtype=object)
            result[setting] = sv_ratio(star, other, epsilon)
        return result

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for JSON files; the words as one line of numbers.

        Of which game they are says the document that the code is part of.
        """
        words = " ".join(map(str, self.words))
        return {"name": self.name, "words": words, "starred": self.starred}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], game: Game) -> SettingCode:
        """Inverse of `to_json`, for a code of `game`.

        Raises:
            InputError: missing or unusable entries.
        """
        fields = Fields(data, "the setting code")
        most = game.n_pairs - 1
        name, starred = fields.text("name", MOST_NAME), fields.integer("starred", 0, most)
        text = fields.text("words", 3 << MOST_BITS_PER_RUN)
        fields.done()
        words = tuple(read_numbers(text, "setting code's words", 0, most))
        return cls(name, words, starred, game)


@lru_cache(maxsize=64)
def _rho(code: SettingCode, epsilon: float) -> NDArray[np.float64]:
    # Cached, since an optimisation asks for the same ratios at every step.
    table = code.table
    tree = StarTree(table, code.starred, epsilon)
    star = (table == code.starred).astype(np.float64)
    result = np.full(code.game.n_pairs, np.inf)
    for setting in (int(u) for u in np.flatnonzero(code.settings_used)):
        if setting == code.starred:
            continue
        ratio = float(sv_ratio(star, (table == setting).astype(np.float64), epsilon))
        for wider in _WIDER:
            if tree.bounds(setting, widened := ratio * (1 + wider)):
                result[setting] = widened
                break
        else:
            raise InputError(
                f"the weights of setting code {code.name!r} cannot be computed at epsilon {epsilon}"
            )
    result[code.starred] = 1.0
    return frozen(result)
