"""The plan that a command commits itself to: certificate first, then what the source will do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocol.cli._progress import ProgressBar
from protocol.plan.choose import best_plan, nearest_feasible
from protocol.plan.make import plan_with
from protocol.plan.plan import Plan
from protocol.request import Request
from protocol.settings.code import SettingCode
from protocol.sources.source import Source


def plan_for(request: Request) -> Plan:
    """`best_plan`, with progress shown."""
    with ProgressBar() as progress:
        return best_plan(request, progress)


def plan_with_source(
    request: Request, open_weak: Callable[[SettingCode], Source]
) -> tuple[Plan, Source]:
    """The best plan, and the weak source opened for its setting code.

    Args:
        request: what is asked for.
        open_weak: opens the source, given the code.

    Raises:
        InputError: as `best_plan`, or from the source.
    """
    plan = plan_for(request)
    source = open_weak(plan.code)
    words = source.word_probabilities(plan.code.bits_per_run)
    if words is not None:
        # The source is known not to be fair: the thresholds follow what it will do.
        known = replace(request, code=plan.code, word_probabilities=words)
        plan = plan_with(known, plan.certificate)
    return plan, source


def nearest_for(request: Request) -> tuple[int | None, float | None]:
    """`nearest_feasible`, with progress shown."""
    with ProgressBar() as progress:
        return nearest_feasible(request, progress)
