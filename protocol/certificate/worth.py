"""What a score table is worth, about; only choices between sound certificates rest on it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def estimated_output(
    runs: int | None,
    log2_factors: NDArray[np.float64],
    joint: NDArray[np.float64],
    beta: float,
    soundness: float,
) -> float:
    """About how many bits a table gives; negative when it gives none.

    For n → ∞ (None) bits of min-entropy a run.

    The score by its normal approximation with 3 standard deviations, and m ≈ (k₂ − const)/3 as of
    the extractor by Raz.

    Args:
        runs: n; None for n → ∞.
        log2_factors: log₂F, (pairs, joint).
        joint: expected probabilities of setting and outcome, (pairs, joint).
        beta: β of the table.
        soundness: σ.
    """
    finite = np.where(joint > 0, log2_factors, 0.0)
    mean = float((joint * finite).sum())
    if runs is None:
        return mean / beta
    deviation = math.sqrt(max(0.0, float((joint * finite**2).sum()) - mean**2))
    score = runs * mean - 3 * math.sqrt(runs) * deviation
    return ((score - soundness) / beta - 2 * soundness - 90) / (3 + 1 / beta)
