"""The plan that a command commits itself to: certificate first, then what the source will do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from protocol.cli._laboratory import certificate_choice
from protocol.cli._progress import ProgressBar
from protocol.plan.choose import best_plan, nearest_feasible
from protocol.plan.plan import Plan, plan_run
from protocol.settings.code import CODES, SettingCode
from protocol.sources.sources import Source


def plan_with_source(
    runs: int,
    epsilon: float,
    behaviour: NDArray[np.float64],
    certificate: str,
    code_name: str | None,
    soundness: float,
    completeness: float,
    open_weak: Callable[[SettingCode], Source],
) -> tuple[Plan, Source]:
    """The best plan, and the weak source opened for its setting code.

    Args:
        runs, epsilon, behaviour, soundness, completeness: as in `best_plan`.
        certificate: what --certificate says.
        code_name: what --code says; None for the certificate's own.
        open_weak: opens the source, given the code.

    Raises:
        InputError: as `best_plan`, or from the source.
    """
    with ProgressBar() as progress:
        plan = best_plan(
            runs,
            epsilon,
            behaviour,
            certificate_choice(certificate),
            code=None if code_name is None else CODES[code_name](),
            soundness=soundness,
            completeness=completeness,
            progress=progress,
        )
    source = open_weak(plan.code)
    words = source.word_probabilities(plan.code.bits_per_run)
    if words is not None:
        # The source is known not to be fair: the thresholds follow what it will do.
        plan = plan_run(
            runs,
            behaviour,
            plan.certificate,
            epsilon=epsilon,
            soundness=soundness,
            completeness=completeness,
            word_probabilities=words,
        )
    return plan, source


def nearest_for(
    plan: Plan, behaviour: NDArray[np.float64], certificate: str, code_name: str | None
) -> tuple[int | None, float | None]:
    """`nearest_feasible` for a plan without output that was made from these options."""
    with ProgressBar() as progress:
        return nearest_feasible(
            plan.runs,
            plan.epsilon,
            behaviour,
            certificate_choice(certificate),
            code=None if code_name is None else CODES[code_name](),
            soundness=plan.soundness,
            completeness=plan.completeness,
            progress=progress,
        )
