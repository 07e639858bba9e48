"""Readout errors: every measured bit is flipped with the same probability."""

from __future__ import annotations

import numpy as np

from qdevices.noise.term import Effect, NoiseTerm, OnReadout


def _effects(flip: float) -> tuple[Effect, ...]:
    return (OnReadout(np.array([[1 - flip, flip], [flip, 1 - flip]])),)


TERM = NoiseTerm(
    name="readout",
    help="probability that a measured bit is flipped",
    formula="P(recorded 1|actual 0) = P(recorded 0|actual 1) = p",
    effects=_effects,
)
