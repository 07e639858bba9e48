"""Protocol I: source → settings → device → outcomes → tests → certificate → extractor → output.

`execute` plays a planned run on any device.  Recorded runs take the same path without the device
(`replay`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.data.provenance import Provenance
from protocol.plan.plan import Plan
from protocol.progress import Progress
from protocol.run.finish import Result, finish
from protocol.run.judge import new_tally
from protocol.sources.source import Source
from qdevices.device import Device

#: Runs handled at a time; memory beyond the counts is a few bytes for each of these.
BLOCK = 1 << 18

Sink = Callable[[NDArray[np.uint8], NDArray[np.uint8]], None]


def execute(
    plan: Plan,
    device: Device,
    source: Source,
    rng: Generator,
    *,
    provenance: Provenance | None = None,
    sink: Sink | None = None,
    progress: Progress | None = None,
) -> Result:
    """Play a planned run.

    Args:
        plan: made before, for what is expected of the device.
        device: answers settings with outcomes, in run order.
        source: weak bits, for the settings first and then for the extractor.
        rng: handed to the device.
        provenance: what to record of the run; only that it was played in order unless given.
        sink: is given settings and outcomes block by block, for storage.
        progress: is told (stage, done, total).

    Raises:
        InputError: the source has too few bits, the device refuses, or as `finish`.
    """
    source.claim(plan.source_bits)
    tally = new_tally(plan)
    for start in range(0, plan.runs, BLOCK):
        count = min(BLOCK, plan.runs - start)
        settings = plan.code.decode(source.bits(count * plan.code.bits_per_run))
        outcomes = device.sample(settings, rng)
        tally.add(settings, outcomes)
        if sink is not None:
            sink(settings, outcomes)
        if progress is not None:
            progress("runs", start + count, plan.runs)
    order = Provenance("run") if provenance is None else provenance
    return finish(plan, tally, source, order, progress=progress)
