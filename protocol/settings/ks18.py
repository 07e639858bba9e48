"""The setting codes of the 18-ray game, by the names that the command line and files use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from protocol.settings.code import SettingCode
from qdevices.ks18.game import KS18, STARRED_SETTING


def product_code(
    name: str, alice: tuple[int, ...], bob: tuple[int, ...], starred: int
) -> SettingCode:
    """The code in which each party reads its own word, Alice's bits first."""
    return SettingCode(name, tuple(9 * a + b for a in alice for b in bob), starred, KS18)


def default_code(starred: int = STARRED_SETTING) -> SettingCode:
    """4 bits a party: words 0xxx are its starred setting, 1xxx the other eight in order.

    u0 has probability ¼ under uniform bits, and every other pair at least (½−ε)⁸ (theory 3).
    """

    def words(own: int) -> tuple[int, ...]:
        return (own,) * 8 + tuple(u for u in range(9) if u != own)

    alice, bob = KS18.split(starred)
    return product_code("default", words(alice), words(bob), starred)


def plain_code(starred: int = STARRED_SETTING) -> SettingCode:
    """4 bits a party, word w is setting w mod 9: the paper's plain code, no setting preferred."""
    words = tuple(w % 9 for w in range(16))
    return product_code("plain", words, words, starred)


#: The setting pairs that a certificate at u0 = (1,3) needs to test: with (LP) of theory 4.2,
#: s = 1/5 and a penalty c_u for each pair, Σ_u c_u is least (4) with c_u = 1/5 at the first two and
#: 1/10 at the other 36.  Invariant under the symmetries that keep u0.  The paper's labels.
_JOINT_TWICE = "11 33"
_JOINT_ONCE = (
    "12 17 23 73 16 18 43 93 21 32 37 71 28 47 76 92 29 67 74 82 34 39 61 81 45 56 58 95 48 96 "
    "54 59 65 85 69 84"
)


#: 23 pairs that suffice at little loss, six settings of Alice and five of Bob; found by
#: `protocol.search.code_search`.  All nine bases occur, 2 and 7 on both sides, the others on one.
_COMPACT = "12 16 17 18 22 23 28 43 46 47 48 52 53 56 57 58 73 76 77 92 93 96 98"


def _pairs(labels: str) -> list[int]:
    return [KS18.pair_index(int(label[0]), int(label[1])) for label in labels.split()]


def _joint(name: str, words: int, tested: list[int]) -> SettingCode:
    """One word for both parties together: u0 = (1,3) first, then the pairs that are tested."""
    starred = (STARRED_SETTING,) * (words - len(tested))
    return SettingCode(name, starred + tuple(tested), STARRED_SETTING, KS18)


def compact_code() -> SettingCode:
    """5 bits for both parties together: u0 = (1,3) has 9 words, 23 other pairs one each.

    A weak source can make a word of k bits rarer by (1−2ε)^k, so fewer bits tolerate a weaker
    source and more noise; `joint_code` gives a little more from a nearly perfect source.
    """
    tested = sorted(_pairs(_COMPACT))
    return _joint("compact", 32, tested)


def joint_code() -> SettingCode:
    """6 bits for both parties together: u0 = (1,3) has 24 words, 38 other pairs one or two.

    Only pairs that need testing are ever selected, so each is selected more often: with uniform
    bits u0 has probability 3/8 and a tested pair 1/64 or more, with six bits a run where the
    default code reads eight.  One weak source speaks to both parties, as it does in Protocol I.
    """
    tested = sorted([*_pairs(_JOINT_TWICE) * 2, *_pairs(_JOINT_ONCE)])
    return _joint("joint", 64, tested)


def full_code() -> SettingCode:
    """7 bits for both parties together: u0 = (1,3) has 48 words, each other pair one.

    Testing all 81 pairs costs rate but tolerates more noise than the 39 of `joint_code`, and one
    bit less than in the default code makes every pair likelier whatever the source does.
    """
    return _joint("full", 128, [u for u in range(KS18.n_pairs) if u != STARRED_SETTING])


def spot_code(bits: int) -> SettingCode:
    """6 to 10 bits for both parties together: u0 = (1,3) nearly always, a test now and then.

    Where side information is classical the price of the output does not grow with it, so that β is
    small and tests may be rare.  Each tested pair has one word: `compact`'s 23 pairs with 6 and 7
    bits, `joint`'s 38 with 8, all 80 others with 9 and 10.  The words of tests stand together at
    the end; spread over the tree they have the same worst ρ within a percent, and none a better.
    """
    tested = {
        6: _pairs(_COMPACT),
        7: _pairs(_COMPACT),
        8: [*_pairs(_JOINT_TWICE), *_pairs(_JOINT_ONCE)],
        9: [u for u in range(KS18.n_pairs) if u != STARRED_SETTING],
        10: [u for u in range(KS18.n_pairs) if u != STARRED_SETTING],
    }
    return _joint(f"spot{bits}", 1 << bits, sorted(tested[bits]))


#: What an optimisation tries: for a good source and device, for a weak source, for a good source
#: with a noisy device, and for one so noisy that the eight words pay which `default` has for each
#: pair that shares a setting with u0.
CANDIDATE_CODES = (joint_code(), compact_code(), full_code(), default_code())

#: The same where side information is classical: from many runs of good devices with a good source
#: down to few runs, noise and a weak source.
CLASSICAL_CODES = (
    *(spot_code(bits) for bits in (10, 9, 8, 7, 6)),
    joint_code(),
    compact_code(),
    full_code(),
)

#: Codes by the name that the command line and files use.
CODES: dict[str, Callable[[], SettingCode]] = {
    "default": default_code,
    "plain": plain_code,
    "joint": joint_code,
    "compact": compact_code,
    "full": full_code,
    **{f"spot{bits}": partial(spot_code, bits) for bits in (6, 7, 8, 9, 10)},
}
