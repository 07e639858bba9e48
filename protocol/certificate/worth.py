"""What a score table is worth, about; only choices between sound certificates rest on it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from protocol.security import CLASSICAL, PAPER, PUBLIC, Security
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import sv_maximum

#: What Raz's extractor takes beside m and σ, about: 2·log₂(‖D‖_q·((p−1)!!)^{1/p}) and rounding.
_EXTRACTOR = 90


def estimated_output(
    runs: int | None,
    log2_factors: NDArray[np.float64],
    joint: NDArray[np.float64],
    beta: float,
    soundness: float,
    security: Security = PAPER,
    *,
    mean: float | None = None,
    charge: float = 0.0,
) -> float:
    """About how many bits a table gives; negative when it gives none.

    For n → ∞ (None) bits of min-entropy a run.

    The score by its normal approximation with 3 standard deviations, and from it m as the theorem
    on levels has it (theory 4.4), for Raz with a constant of 90 bits.  Where the weak bits stay
    secret and side information is classical, m is not bounded by the min-entropy, but what is left
    of that for a larger m counts just as well.

    Args:
        runs: n; None for n → ∞.
        log2_factors: log₂F, (pairs, joint).
        joint: expected probabilities of setting and outcome, (pairs, joint).
        beta: β of the table.
        soundness: σ.
        security: the security model.
        mean: expected score of a run, if it is not that of `joint`.
        charge: what a run's score loses for devices that signal.
    """
    finite = np.where(joint > 0, log2_factors, 0.0)
    usual = float((joint * finite).sum())
    mean = (usual if mean is None else mean) - charge
    if runs is None or mean == -math.inf:
        return mean / beta
    deviation = math.sqrt(max(0.0, float((joint * finite**2).sum()) - usual**2))
    score = runs * mean - 3 * math.sqrt(runs) * deviation
    if security.side_information == CLASSICAL:
        return (score - soundness) / beta - soundness - _EXTRACTOR
    # k₀ has to be about 2m, or m where the outcomes may become known and the weak bits not.
    share = 2 if security.extractor_bits == PUBLIC else 1
    return ((score - soundness) / beta - soundness - _EXTRACTOR) / (share + 1 / beta)


def least_mean(
    log2_factors: NDArray[np.float64],
    behaviour: NDArray[np.float64],
    code: SettingCode,
    epsilon: float,
) -> float:
    """The least expected score of a run that an ε-SV source can make, bits.

    Args:
        log2_factors, behaviour: (pairs, joint).
        code: the setting code.
        epsilon: ε of the source.
    """
    finite = np.where(behaviour > 0, log2_factors, 0.0)
    worth = (behaviour * finite).sum(axis=1)[code.table]
    return -float(sv_maximum(-worth, epsilon))
