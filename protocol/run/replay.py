"""Recorded runs: the same path as `play.execute`, without the device.

The command line, `collect` and `verify` all certify through here, so no rule about what may be
certified stands anywhere else.
"""

from __future__ import annotations

from protocol.data.recorded import Recorded, blocks
from protocol.plan.plan import Plan
from protocol.progress import Progress
from protocol.run.finish import Result, check_faithful, finish
from protocol.run.judge import new_tally
from protocol.run.play import BLOCK, Sink
from protocol.run.tally import Tally
from protocol.sources.source import Source
from qdevices.errors import InputError


def certify(
    plan: Plan,
    data: Recorded,
    source: Source | None = None,
    *,
    allow_grouped: bool = False,
    sink: Sink | None = None,
    progress: Progress | None = None,
) -> Result:
    """Judge recorded runs by a plan that was fixed before, and extract if there is a source.

    Args:
        plan: must not depend on the outcomes.
        data: the runs.
        source: fresh bits of the weak source for the extractor; None to stop at the verdict.
        allow_grouped: also for runs that were grouped by setting, see `finish.check_faithful`.
        sink: is given settings and outcomes block by block, for storage.
        progress: is told (stage, done, total).

    Raises:
        InputError: another number of runs than planned, a value out of range, or as
            `finish.finish`.
    """
    check_recorded(plan, data, allow_grouped)
    if source is not None and plan.extractor is not None:
        source.expect(plan.extractor.source1_bits)
    tally = count(plan, data, sink, progress)
    return finish(
        plan, tally, source, data.provenance, allow_grouped=allow_grouped, progress=progress
    )


def check_recorded(plan: Plan, data: Recorded, allow_grouped: bool = False) -> None:
    """Check, without looking at the runs, that a plan can be applied to them.

    Raises:
        InputError: more or fewer runs than planned, or as `finish.check_faithful`.
    """
    check_faithful(data.provenance, allow_grouped)
    if len(data.settings) != plan.runs:
        raise InputError(
            f"the plan is for {plan.runs} runs, but {len(data.settings)} were recorded"
        )


def count(
    plan: Plan, data: Recorded, sink: Sink | None = None, progress: Progress | None = None
) -> Tally:
    """The runs, counted as the plan wants; `sink` and `progress` as in `certify`.

    Raises:
        InputError: a setting or outcome out of range.
    """
    tally = new_tally(plan)
    for block in blocks(data.settings, data.outcomes, BLOCK):
        tally.add(*block)
        if sink is not None:
            sink(*block)
        if progress is not None:
            progress("runs", tally.runs, plan.runs)
    return tally
