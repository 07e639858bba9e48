"""Search for the setting code: starred pair, pairs to test, bits a run, words for each pair.

A weak source can make a word of k bits rarer by (1−2ε)^k, so few bits a run are worth much, and few
bits have few words: the question is which pairs can do without a test.  The search

1. solves the programme of `code_program`, with real-valued shares, for a starred pair of each class
   (orbit of the game's symmetries; for KS-18 same basis, one common ray, none) over β, and goes on
   with the classes that come near the best;
2. gives up pairs, the least tested first, and solves again, until nothing is certified any more;
   under the symmetries that keep u0 *and the parties*, since in a small set of pairs the parties
   measure different bases;
3. turns each set on the way into codes of 5 to 7 bits, with one word a pair and with words as
   the shares have it, and rates them by their best table.

Nothing here is trusted: a code is part of the certificate that is proved with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.groups import (
    Group,
    keeping_parties,
    setting_permutations,
    stabiliser,
)
from protocol.certificate.proof import BETA_BITS
from protocol.certificate.worth import estimated_output
from protocol.progress import Progress
from protocol.request import Request
from protocol.search.code_program import Shares, best_shares, symmetrised
from protocol.search.optimise import SEARCH_GRID
from protocol.search.polytope import LinearProgramError
from protocol.search.table_program import best_table
from protocol.search.trials import table_merit
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import sv_ratio
from qdevices.game import Game

BITS_PER_RUN = (5, 6, 7)
#: Where pairs are given up: five bits, a quarter of the words starred.
_BITS, _STAR_SHARE = 5, 0.25
#: The starred share of codes whose words follow the shares.
_WEIGHTED_STAR_SHARE = 3 / 8
#: β = 2^−octave; for n → ∞ the last.
_OCTAVES = range(1, 11)
#: A class of starred pairs is followed if its relaxed merit comes this near to the best.
_WORTH_FOLLOWING = 0.85
#: Codes that are rated at more than one β.
_FINALISTS = 5


@dataclass(frozen=True)
class Rated:
    """A setting code and what its best table is worth.

    Attributes:
        code: named "searched".
        merit: estimated output bits; for n → ∞ bits of min-entropy a run.
    """

    code: SettingCode
    merit: float


def search_codes(request: Request, progress: Progress | None = None) -> list[Rated]:
    """Setting codes by what their best table is worth, best first; takes minutes.

    Args:
        request: what is asked for, but for the certificate and its code.  Of the behaviour the
            average over the symmetries that keep the starred pair decides, so that unequal errors
            of gates do not slow the search.
        progress: is told (stage, done, total).

    Returns:
        Up to five codes with something to certify; none if there is no such code.
    """
    return _Search(request, progress).run()


class _Search:
    """One search: its source, device and aim."""

    def __init__(self, request: Request, progress: Progress | None) -> None:
        self._request = request
        self._game = game = request.game
        self._classes = starred_classes(game)
        self._behaviour = {u: symmetrised(request.behaviour, u, game) for u in self._classes}
        self._tell = progress or (lambda stage, done, total: None)

    def run(self) -> list[Rated]:
        relaxed = []
        for done, starred in enumerate(self._classes):
            self._tell("rating starred pairs", done, len(self._classes))
            relaxed.append((*self._best_octave(starred), starred))
        best = max(worth for worth, _, _ in relaxed)
        rated: dict[SettingCode, tuple[float, int]] = {}
        for worth, octave, starred in relaxed:
            if worth <= 0 or worth < _WORTH_FOLLOWING * best:
                continue
            for shares in self._fewer_and_fewer(starred, octave):
                for code in codes_from(shares.shares, starred, self._game):
                    if code not in rated:
                        rated[code] = self._rate(code, octave), octave
        leading = sorted(rated, key=lambda c: -rated[c][0])[:_FINALISTS]
        found = []
        for done, code in enumerate(leading):
            self._tell("rating codes", done, len(leading))
            worth, octave = rated[code]
            if self._request.runs is not None:
                worth = max(worth, *(self._rate(code, octave + step) for step in (-1, 1)))
            if worth > 0:
                found.append(Rated(code, worth))
        return sorted(found, key=lambda r: -r.merit)

    def _best_octave(self, starred: int) -> tuple[float, int]:
        """The largest relaxed merit over β, and its octave."""
        if self._request.runs is None:
            shares = self._shares(starred, _OCTAVES[-1], stabiliser(starred, self._game))
            return self._worth(shares, starred, _OCTAVES[-1]), _OCTAVES[-1]
        best = (-math.inf, _OCTAVES[0])
        for octave in _OCTAVES:
            shares = self._shares(starred, octave, stabiliser(starred, self._game))
            worth = self._worth(shares, starred, octave)
            if worth < best[0] and best[0] > 0:
                break  # the merit has one peak in β
            best = max(best, (worth, octave))
        return best

    def _shares(
        self, starred: int, octave: int, group: Group, untested: tuple[int, ...] = ()
    ) -> Shares | None:
        try:
            return best_shares(
                self._game,
                starred,
                _STAR_SHARE,
                guarantee(_BITS, _STAR_SHARE, self._request.epsilon),
                self._behaviour[starred],
                1 << (BETA_BITS - octave),
                SEARCH_GRID,
                group,
                untested,
            )
        except LinearProgramError:
            return None

    def _worth(self, shares: Shares | None, starred: int, octave: int) -> float:
        if shares is None:
            return -math.inf
        joint = shares.shares[:, None] * self._behaviour[starred]
        return estimated_output(
            self._request.runs,
            shares.log2_factors,
            joint,
            2.0**-octave,
            self._request.soundness,
            self._request.security,
        )

    def _fewer_and_fewer(self, starred: int, octave: int) -> Iterator[Shares]:
        """Shares on smaller and smaller sets of pairs, as long as something is certified."""
        group = keeping_parties(stabiliser(starred, self._game), self._game)
        untested: tuple[int, ...] = ()
        while True:
            shares = self._shares(starred, octave, group, untested)
            if shares is None or self._worth(shares, starred, octave) <= 0:
                return
            yield shares
            pairs = self._game.n_pairs
            tested = (shares.shares > 0) & (np.arange(pairs) != starred)
            total = np.bincount(shares.orbit, np.where(tested, shares.shares, 0))
            alive = np.flatnonzero(total > 0)
            self._tell("giving up pairs", pairs - int(tested.sum()), pairs)
            gone = np.setdiff1d(shares.orbit, [*alive, shares.orbit[starred]])
            untested = (*(int(k) for k in gone), int(alive[np.argmin(total[alive])]))

    def _rate(self, code: SettingCode, octave: int) -> float:
        """The merit of the code's best table at one β."""
        behaviour = self._behaviour[code.starred]
        joint = code.probabilities()[:, None] * behaviour
        beta = 1 << (BETA_BITS - octave)
        try:
            table = best_table(code, self._request.epsilon, behaviour, beta, SEARCH_GRID)
        except LinearProgramError:
            return -math.inf
        return table_merit(table, joint, self._request)


def starred_classes(game: Game) -> tuple[int, ...]:
    """One setting pair of each orbit of the game's symmetries, the last first."""
    least = setting_permutations(game.symmetries, game).min(axis=0)
    return tuple(np.unique(least)[::-1].tolist())


def codes_from(shares: NDArray[np.float64], starred: int, game: Game) -> list[SettingCode]:
    """Codes of whole words for shares (pairs,): one word a pair, and as many as the shares have it.

    The starred pair gets what is left, an eighth of the words or more; its words come first.
    """
    tested = np.flatnonzero((shares > 0) & (np.arange(game.n_pairs) != starred))
    wanted = shares[tested] / shares[tested].sum()
    found = []
    for bits in BITS_PER_RUN:
        words = 1 << bits
        room = round((1 - _WEIGHTED_STAR_SHARE) * words)
        weighted = np.maximum(1, np.floor(wanted * room + 1e-6)).astype(np.int64)
        for counts in (np.ones(len(tested), dtype=np.int64), weighted):
            if (left := words - int(counts.sum())) >= words // 8:
                order = (starred,) * left + tuple(int(u) for u in np.repeat(tested, counts))
                found.append(SettingCode("searched", order, starred, game))
    return list(dict.fromkeys(found))


def guarantee(bits: int, star_share: float, epsilon: float) -> float:
    """κ: what an ε-SV source leaves of the ratio between one word and the starred pair's block."""
    words = 1 << bits
    block = round(words * star_share)
    star, word = (np.arange(words) < block).astype(np.float64), np.zeros(words)
    word[-1] = 1.0
    return float(block / sv_ratio(star, word, epsilon))
