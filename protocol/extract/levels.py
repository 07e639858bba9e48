"""Levels of min-entropy: what an extractor is given, split by how probable it is.

What a run is accepted with is a sum of measures on the outcomes, one for each level: in level j no
outcome has more than 2^−k_j, and the level has at most the mass M_j, averaged over what Eve knows.
Charging the extractor's error in each level by its mass is what theory 4.4 gains over charging all
of it at the least min-entropy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.extract.arguments import real
from qdevices.arrays import reals
from qdevices.errors import InputError

#: The first step between levels, bits, and most levels.
_STEP, _MOST_LEVELS = 2.0, 1 << 12


@dataclass(frozen=True, eq=False)
class Levels:
    """Bounds on the measures that an extractor is given beside each other.

    Attributes:
        min_entropy: k_j in bits, rising, (levels,): level j's measure is at most 2^−k_j everywhere.
        log2_mass: log₂ M_j ≤ 0, (levels,): bound on its mass on average over side information; all
            masses together are at most 1 as well.

    Raises:
        InputError: arrays of another shape, no levels, k_j that do not rise or a mass above 1.
    """

    min_entropy: NDArray[np.float64]
    log2_mass: NDArray[np.float64]

    def __post_init__(self) -> None:
        k, mass = reals("min_entropy", self.min_entropy), reals("log2_mass", self.log2_mass)
        object.__setattr__(self, "min_entropy", k)
        object.__setattr__(self, "log2_mass", mass)
        if k.ndim != 1 or not len(k) or k.shape != mass.shape:
            raise InputError(
                f"levels have shapes {k.shape} and {mass.shape}, expected (n,) of both"
            )
        if not (np.diff(k) > 0).all() or not k[0] >= 0 or not (mass <= 0).all():
            raise InputError("levels do not rise, or have a mass above 1 or a negative min-entropy")


def score_levels(score: float, beta: float, least: float) -> Levels:
    """The levels from min-entropy `least` on that a score certificate guarantees.

    Level j has mass at most M_j = min(1, 2^{−s₀+βk_{j+1}}), by Markov's inequality; the last, from
    where that reaches 1 on, at most 1.

    Args:
        score: s₀, the score at which runs are accepted, bits.
        beta: β of the certificate.
        least: k₀, bits.

    Raises:
        InputError: k₀ below 0, a β that is not positive, or a score that gives no mass below 1 at
            k₀.
    """
    score, beta, least = real("score", score), real("beta", beta), real("min-entropy", least)
    if not (0 < beta < math.inf and score < math.inf):
        raise InputError(f"score {score:g} and beta {beta:g}, expected finite, beta above 0")
    most = score / beta  # where the mass reaches 1
    if not 0 <= least < most:
        raise InputError(
            f"least min-entropy {least:g} is outside [0, {most:g}), what the score has"
        )
    # Steps that grow with the distance from k₀, as what they lose is paid by the mass of a level:
    # its term falls as 2^{−(1−β)(k−k₀)/2}, a step h costs it 2^{βh/2}.  From β = 1 on even steps.
    if beta < 0.9:
        growth = 1 + min(1 / 8, (1 - beta) / (8 * beta))
        steps = math.log1p((most - least) / _STEP * (growth - 1)) / math.log(growth)
        count = min(_MOST_LEVELS, 1 + math.ceil(steps))
        distance = _STEP * (growth ** np.arange(count) - 1) / (growth - 1)
    else:
        distance = np.linspace(0, most - least, _MOST_LEVELS)
    k = least + distance[distance < most - least]
    k = np.append(k, most) if k[-1] < most else k
    mass = np.append(np.minimum(0.0, beta * k[1:] - score), 0.0)
    return Levels(np.asarray(k, dtype=np.float64), np.asarray(mass, dtype=np.float64))
