"""The 18-ray Kochen-Specker game: rays, bases, relations and the honest behaviour.

Two parties each receive a setting 1..9 (a basis) and answer an outcome 1..4 (a ray of it).
They lose when their rays are orthogonal.  Paper: Ramanathan et al., PRL 117, 230501 (2016),
eqs 23-28; theory 2.  Everything here is exact: ray components are integers and probabilities
are dyadic rationals.

`KS18` is the game as data, with tables of shape (81, 16) indexed `[9*u1 + u2, 4*x1 + x2]`, 0-based;
what else stands here belongs to this game alone: rays, bases, relations, starred pairs and events.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qdevices.arrays import frozen
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.ks18.symmetry import entry_permutations

Relation = Literal["orthogonal", "common-basis"]

#: The rays v1..v18 of eq 26, unnormalised, shape (18, 4).
RAYS: NDArray[np.int64] = np.array(
    [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 1],
        [0, 0, 1, -1],
        [1, -1, 0, 0],
        [1, 1, -1, -1],
        [1, 1, 1, 1],
        [1, -1, 1, -1],
        [1, 0, -1, 0],
        [0, 1, 0, -1],
        [1, 0, 1, 0],
        [1, 1, -1, 1],
        [-1, 1, 1, 1],
        [1, 1, 1, -1],
        [1, 0, 0, 1],
        [0, 1, -1, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 1],
    ],
    dtype=np.int64,
)

#: The bases M1..M9 of eq 27 as 0-based ray indices, shape (9, 4).  Outcome x is the x-th ray in the
#: order of the paper, M7 = (v2, v9, v11, v18) included: a laboratory uses the paper's labels.
BASES: NDArray[np.int64] = np.array(
    [
        [0, 1, 2, 3],
        [3, 4, 5, 6],
        [6, 7, 8, 9],
        [9, 10, 11, 12],
        [12, 13, 14, 15],
        [15, 16, 17, 0],
        [1, 8, 10, 17],
        [2, 4, 11, 13],
        [5, 7, 14, 16],
    ],
    dtype=np.int64,
)

#: Setting pair and outcome pair of the paper's second test, u* = (1,2), x* = (1,3), as indices.
PAPER_SETTING = 9 * 0 + 1
PAPER_OUTCOME = 4 * 0 + 2
#: Starred setting pair of the score certificate, u0 = (1,3) (theory 4.2), as an index.
STARRED_SETTING = 9 * 0 + 2

RAYS, BASES = frozen(RAYS), frozen(BASES)


def ray_overlaps() -> NDArray[np.float64]:
    """Squared overlaps |<v|w>|² of all pairs of rays, exact dyadic rationals, shape (18, 18)."""
    dots = RAYS @ RAYS.T
    norms = np.diag(dots)
    # Norms are 1, 2 or 4, so the quotient is exact in binary floating point.
    return np.asarray(dots**2 / np.outer(norms, norms), dtype=np.float64)


def overlaps() -> NDArray[np.float64]:
    """Squared overlaps of the two parties' rays, shape (9, 9, 4, 4)."""
    table = ray_overlaps()[BASES[:, None, :, None], BASES[None, :, None, :]]
    return np.ascontiguousarray(table)


def losing(relation: Relation = "orthogonal") -> NDArray[np.bool_]:
    """The losing set S_B of eq 28, shape (9, 9, 4, 4); True where the round is lost (B = 1).

    ``"orthogonal"`` (default): the two rays are orthogonal, 504 entries, as the paper counts.
    ``"common-basis"``: they are orthogonal *and* share one of the nine bases, 432 entries, the
    paper's literal words.

    Raises:
        InputError: an unknown relation.
    """
    orthogonal = ray_overlaps() == 0
    if relation == "common-basis":
        share = np.zeros_like(orthogonal)
        for basis in BASES:
            share[np.ix_(basis, basis)] = True
        orthogonal &= share
    elif relation != "orthogonal":
        raise InputError(f"relation {relation!r} is not one of 'orthogonal', 'common-basis'")
    return np.ascontiguousarray(orthogonal[BASES[:, None, :, None], BASES[None, :, None, :]])


def _symmetries() -> NDArray[np.int64]:
    return entry_permutations(ray_overlaps(), BASES)


#: The game as data: losing where the rays are orthogonal, P(x|u) = ¼|<v_x1|v_x2>|² of the maximally
#: entangled ququart pair.
KS18 = Game(
    name="ks18",
    settings=(9, 9),
    outcomes=(4, 4),
    losing=losing().reshape(81, 16),
    honest=overlaps().reshape(81, 16) / 4,
    find_symmetries=_symmetries,
)


def starred_outcomes(setting: int = STARRED_SETTING) -> NDArray[np.bool_]:
    """X*, the outcomes of `setting` whose rays have squared overlap ¼, as a (16,) mask.

    At u0 = (1,3) these are the eight outcomes of the event of theory 4.2.
    """
    mask: NDArray[np.bool_] = overlaps().reshape(KS18.shape)[setting] == 0.25
    return mask


def starred_event() -> NDArray[np.bool_]:
    """D of the second test in the eight-outcome form of theory 4.2, an (81, 16) mask."""
    event = np.zeros(KS18.shape, dtype=np.bool_)
    event[STARRED_SETTING] = starred_outcomes()
    return event


def paper_event() -> NDArray[np.bool_]:
    """D of the second test as the paper has it: only (u*, x*), an (81, 16) mask."""
    event = np.zeros(KS18.shape, dtype=np.bool_)
    event[PAPER_SETTING, PAPER_OUTCOME] = True
    return event
