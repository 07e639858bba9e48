"""From weak bits to settings: setting codes and what an ε-SV source can do to them.

A code reads `bits_per_run` bits (first bit most significant) as a word and looks up the
setting pair.  An ε-Santha-Vazirani source chooses, for every bit and knowing all earlier ones,
a probability between ½−ε and ½+ε; the extreme probabilities of a set of words over all such
sources, and the extreme ratios ρ(u), follow from a recursion over the bit tree from the
leaves (design 3, `sv_tree`).
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
from protocol.errors import InputError
from protocol.settings.sv_tree import StarTree, sv_maximum, sv_ratio
from qdevices.ks18.game import N_PAIRS, N_SETTINGS, STARRED_SETTING, pair_index

#: A code of so many bits is checked in a few seconds, whatever its words and ε are.
MAX_BITS_PER_RUN = 16
#: Longest name of a code.
MOST_NAME = 64
#: How much ρ is widened for rounding, and how much further if the exact check asks for it.
_WIDER = (1e-12, 1e-9, 1e-6, 1e-3)


def check_epsilon(epsilon: float) -> float:
    """Return `epsilon` if it is a number with 0 ≤ ε < ½.

    Raises:
        InputError: otherwise.
    """
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)):
        raise InputError(f"epsilon is {printable(epsilon, 40)}, expected a number in [0, 0.5)")
    if not 0 <= epsilon < 0.5:  # also catches nan
        raise InputError(f"epsilon {epsilon} is outside [0, 0.5)")
    return epsilon


@dataclass(frozen=True)
class SettingCode:
    """A map from words of weak bits to setting pairs.

    Attributes:
        name: how the code is called on the command line and in files; at most 64 characters.
        words: setting pair 0..80 of each word, length 2**bits_per_run.
        starred: the setting pair u0 whose outcomes enter the extractor.

    Raises:
        InputError: a name that cannot be printed on a line, words that are no tuple of ints (true
            is none), a number of words that is no power of two (or above 2**16), a setting
            outside 0..80, or a starred pair that no word selects.
    """

    name: str
    words: tuple[int, ...]
    starred: int = STARRED_SETTING

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
        count = len(self.words)
        if count < 2 or count & (count - 1) or count > 2**MAX_BITS_PER_RUN:
            raise InputError(
                f"setting code {self.name!r} has {count} words, expected a power of two from 2 "
                f"to 2**{MAX_BITS_PER_RUN}"
            )
        for word, setting in enumerate(self.words):
            if type(setting) is not int or not 0 <= setting < N_PAIRS:
                raise InputError(
                    f"setting code {self.name!r} maps word {word} to {printable(setting, 40)}, "
                    f"expected 0..{N_PAIRS - 1}"
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
        """Which setting pairs have a word, a mask of shape (81,)."""
        return np.bincount(self.table, minlength=N_PAIRS) > 0

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
        """Probability of each setting pair, shape (81,); words uniform unless given."""
        weights = None if word_probabilities is None else np.asarray(word_probabilities)
        counts = np.bincount(self.table, weights=weights, minlength=N_PAIRS)
        return np.asarray(counts / counts.sum(), dtype=np.float64)

    def extreme_probabilities(
        self, epsilon: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and largest probability of each setting pair over all ε-SV sources, (81,) each."""
        check_epsilon(epsilon)
        leaves = (self.table[None, :] == np.arange(N_PAIRS)[:, None]).astype(np.float64)
        return -sv_maximum(-leaves, epsilon), sv_maximum(leaves, epsilon)

    def rho(self, epsilon: float) -> NDArray[np.float64]:
        """ρ(u) = sup over ε-SV sources of ν(u0)/ν(u), shape (81,); inf where u has no word.

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
        """A plain dictionary for JSON files; the words as one line of numbers."""
        words = " ".join(map(str, self.words))
        return {"name": self.name, "words": words, "starred": self.starred}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SettingCode:
        """Inverse of `to_json`.

        Raises:
            InputError: missing or unusable entries.
        """
        fields = Fields(data, "the setting code")
        name, starred = fields.text("name", MOST_NAME), fields.integer("starred", 0, N_PAIRS - 1)
        text = fields.text("words", 3 << MAX_BITS_PER_RUN)
        fields.done()
        return cls(name, tuple(read_numbers(text, "setting code's words", 0, N_PAIRS - 1)), starred)


@lru_cache(maxsize=64)
def _rho(code: SettingCode, epsilon: float) -> NDArray[np.float64]:
    # Cached, since an optimisation asks for the same ratios at every step.
    table = code.table
    tree = StarTree(table, code.starred, epsilon)
    star = (table == code.starred).astype(np.float64)
    result = np.full(N_PAIRS, np.inf)
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
    result.setflags(write=False)
    return result


def product_code(
    name: str, alice: tuple[int, ...], bob: tuple[int, ...], starred: int
) -> SettingCode:
    """The code in which each party reads its own word, Alice's bits first."""
    return SettingCode(name, tuple(N_SETTINGS * a + b for a in alice for b in bob), starred)


def default_code(starred: int = STARRED_SETTING) -> SettingCode:
    """4 bits a party: words 0xxx are its starred setting, 1xxx the other eight in order.

    u0 has probability ¼ under uniform bits, and every other pair at least (½−ε)⁸ (design 3).
    """

    def words(own: int) -> tuple[int, ...]:
        return (own,) * 8 + tuple(u for u in range(N_SETTINGS) if u != own)

    alice, bob = divmod(starred, N_SETTINGS)
    return product_code("default", words(alice), words(bob), starred)


def plain_code(starred: int = STARRED_SETTING) -> SettingCode:
    """4 bits a party, word w is setting w mod 9: the paper's plain code, no setting preferred."""
    words = tuple(w % N_SETTINGS for w in range(16))
    return product_code("plain", words, words, starred)


#: The setting pairs that a certificate at u0 = (1,3) needs to test: with (LP) of design 4.2,
#: s = 1/5 and a penalty c_u for each pair, Σ_u c_u is least (4) with c_u = 1/5 at the first two and
#: 1/10 at the other 36.  Invariant under the symmetries that keep u0.  The paper's labels.
_JOINT_TWICE = "11 33"
_JOINT_ONCE = (
    "12 17 23 73 16 18 43 93 21 32 37 71 28 47 76 92 29 67 74 82 34 39 61 81 45 56 58 95 48 96 "
    "54 59 65 85 69 84"
)


#: 23 pairs that suffice at little loss, six settings of Alice and five of Bob; found by
#: `certificate.code_search`.  All nine bases occur, 2 and 7 on both sides, the others on one.
_COMPACT = "12 16 17 18 22 23 28 43 46 47 48 52 53 56 57 58 73 76 77 92 93 96 98"


def _pairs(labels: str) -> list[int]:
    return [pair_index(int(label[0]), int(label[1])) for label in labels.split()]


def compact_code() -> SettingCode:
    """5 bits for both parties together: u0 = (1,3) has 9 words, 23 other pairs one each.

    A weak source can make a word of k bits rarer by (1−2ε)^k, so fewer bits tolerate a weaker
    source and more noise; `joint_code` gives a little more from a nearly perfect source.
    """
    tested = sorted(_pairs(_COMPACT))
    return SettingCode("compact", (STARRED_SETTING,) * (32 - len(tested)) + tuple(tested))


def joint_code() -> SettingCode:
    """6 bits for both parties together: u0 = (1,3) has 24 words, 38 other pairs one or two.

    Only pairs that need testing are ever selected, so each is selected more often: with uniform
    bits u0 has probability 3/8 and a tested pair 1/64 or more, with six bits a run where the
    default code reads eight.  One weak source speaks to both parties, as it does in Protocol I.
    """
    tested = sorted([*_pairs(_JOINT_TWICE) * 2, *_pairs(_JOINT_ONCE)])
    return SettingCode("joint", (STARRED_SETTING,) * (64 - len(tested)) + tuple(tested))


def full_code() -> SettingCode:
    """7 bits for both parties together: u0 = (1,3) has 48 words, each other pair one.

    Testing all 81 pairs costs rate but tolerates more noise than the 39 of `joint_code`, and one
    bit less than in the default code makes every pair likelier whatever the source does.
    """
    others = tuple(u for u in range(N_PAIRS) if u != STARRED_SETTING)
    return SettingCode("full", (STARRED_SETTING,) * (128 - len(others)) + others)


#: What an optimisation tries: for a good source and device, for a weak source, for a good source
#: with a noisy device, and for one so noisy that the eight words pay which `default` has for each
#: pair that shares a setting with u0.
CANDIDATE_CODES = (joint_code(), compact_code(), full_code(), default_code())

#: Codes by the name that the command line and files use.
CODES = {
    "default": default_code,
    "plain": plain_code,
    "joint": joint_code,
    "compact": compact_code,
    "full": full_code,
}
