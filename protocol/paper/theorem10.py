"""Completeness in the paper's way: two martingale bounds, for noisy honest devices and any source.

Theorem 10 with Lemma 11 (eqs 89-94) is where the paper proves the second claim of its Theorem 1.
Their text was not at hand: numbers of equations and the letters ζ, γ, μ₅ are cited at second hand,
while the statement, what the letters mean in it and its constants are of our own making, proved in
theory 4.6.6.  It is printed beside the plan's thresholds to compare; none of them rests on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.paper.theorem9 import second_event
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon

_LN2 = math.log(2)


@dataclass(frozen=True)
class Theorem10:
    """What martingale bounds promise of an honest device under any ε-SV source.

    Attributes:
        applies: whether δ > ζ and μ₁ < μ₅, so that both bounds fall with n.
        zeta: ζ, the largest probability of a lost round at a pair, given any past.
        gamma: γ, the least weight of noise: P = (1−γ)·honest + γ·anything.  ζ ≤ γ.
        mu5: μ₅, a lower limit of the probability of test 2's event in a run, given any past.
        log2_failure: log₂ of the bound on the probability that test 1 or test 2 fails; 0 if it
            says nothing.
        runs: n.
    """

    applies: bool
    zeta: float
    gamma: float
    mu5: float
    log2_failure: float
    runs: int

    def thresholds(self, failure: float) -> tuple[float, float]:
        """δ and μ₁ at which these bounds promise that each test fails with ≤ `failure`/2.

        δ may exceed 1 and μ₁ be negative: then no threshold does.
        """
        margin = math.sqrt(math.log(2 / failure) / (2 * self.runs))
        return self.zeta + margin, self.mu5 - margin


def theorem10(
    runs: int,
    epsilon: float,
    delta: float,
    mu1: float,
    behaviour: NDArray[np.float64],
    code: SettingCode,
    event: NDArray[np.bool_] | None = None,
) -> Theorem10:
    """Judge the thresholds of the two tests for a device as expected.

    Args:
        runs: n.
        epsilon: ε of the source.
        delta: δ of test 1; it accepts L ≤ δ.
        mu1: μ₁ of test 2; it accepts S ≥ μ₁.
        behaviour: P(x|u) of the device, (pairs, joint).
        code: how words choose pairs; each of its pairs has probability (½−ε)^bits or more.
        event: D of test 2, a (pairs, joint) mask; the paper's own unless given.

    Raises:
        InputError: ε outside [0, ½).
    """
    check_epsilon(epsilon)
    game, used = code.game, code.settings_used
    event = second_event(game) if event is None else event
    honest, table = game.honest[used], behaviour[used]
    possible = honest > 0
    gamma = max(0.0, float((1 - table[possible] / honest[possible]).max()))
    zeta = max(0.0, float((table * game.losing[used]).sum(axis=1).max()))
    rarest = (0.5 - epsilon) ** code.bits_per_run
    mu5 = rarest * (1 - gamma) * float((honest * event[used]).sum())
    # Azuma's inequality in Hoeffding's form, for variables in [0, 1].
    first, second = (-2 * runs * max(0.0, gap) ** 2 for gap in (delta - zeta, mu5 - mu1))
    log2_failure = min(0.0, float(np.logaddexp(first, second)) / _LN2)
    return Theorem10(delta > zeta and mu1 < mu5, zeta, gamma, mu5, log2_failure, runs)
