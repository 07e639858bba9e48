"""Figures of merit of a behaviour: expected L and S, the white noise that is as bad, signalling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qdevices.game import signalling_of
from qdevices.ks18.game import KS18, STARRED_SETTING, starred_outcomes

#: L of white noise, 31.5/81: all outcomes equally likely.
PURE_NOISE_LOSING = float(KS18.losing.sum() / KS18.n_joint / KS18.n_pairs)


def losing_value(behaviour: NDArray[np.float64]) -> float:
    """L = (1/81) Σ_u P(lost|u) of a behaviour, shape (81, 16)."""
    return float(behaviour[KS18.losing].sum() / KS18.n_pairs)


def starred_value(behaviour: NDArray[np.float64]) -> float:
    """S = P(X*|u0) at u0 = (1,3), ½ for the honest device with any white noise."""
    return float(behaviour[STARRED_SETTING, starred_outcomes()].sum())


def white_noise_equivalent(behaviour: NDArray[np.float64]) -> float:
    """The weight of white noise that gives the honest device the same L."""
    return losing_value(behaviour) / PURE_NOISE_LOSING


def signalling(behaviour: NDArray[np.float64]) -> float:
    """Largest change of a party's outcome probability with the other's setting, 0 for none."""
    return 2 * signalling_of(behaviour, KS18)
