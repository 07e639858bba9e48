"""The plan that a command commits itself to: certificate first, then what the source will do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocol.cli._progress import ProgressBar
from protocol.plan.choose import best_plan, least_runs, nearest_feasible, plan_with_source
from protocol.plan.plan import Plan
from protocol.request import Request
from protocol.settings.code import SettingCode
from protocol.sources.source import Source


def plan_for(request: Request, budget: float = 0.0) -> Plan:
    """`best_plan`, with progress shown."""
    with ProgressBar() as progress:
        return best_plan(request, progress, budget=budget)


def plan_and_source(
    request: Request, open_weak: Callable[[SettingCode], Source], budget: float = 0.0
) -> tuple[Plan, Source]:
    """`plan_with_source`, with progress shown."""
    with ProgressBar() as progress:
        return plan_with_source(request, open_weak, progress, budget=budget)


def fewest_runs_for(request: Request) -> Request:
    """The request for as few runs as give its output; as it is if none do."""
    with ProgressBar() as progress:
        runs = least_runs(request, progress)
    return request if runs is None else replace(request, runs=runs)


def nearest_for(request: Request) -> tuple[int | None, float | None]:
    """`nearest_feasible`, with progress shown."""
    with ProgressBar() as progress:
        return nearest_feasible(request, progress)
