"""The end of a run: judged, and extracted if it was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.data.provenance import Provenance
from protocol.plan.file import restored
from protocol.plan.plan import Plan
from protocol.progress import Progress
from protocol.run.judge import Verdict, judge_restored
from protocol.run.report import report
from protocol.run.tally import Tally, check_fresh, check_lean
from protocol.sources.source import Source
from qdevices.errors import InputError


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run: the verdict, and the output bits if it was accepted.

    Attributes:
        plan: what was fixed before.
        verdict: what the tests said.
        output: the output bits, shape (m,) uint8; empty when not accepted.
        extractor_bits: the source's bits that the extractor used, (2r,) uint8; empty likewise.
        provenance: how the runs came about.

    Raises:
        InputError: output of a run that was not accepted, or of another length than planned, a
            verdict of another number of runs, or arrays that are no bits.
    """

    plan: Plan
    verdict: Verdict
    output: NDArray[np.uint8]
    extractor_bits: NDArray[np.uint8]
    provenance: Provenance

    def __post_init__(self) -> None:
        if self.verdict.runs != self.plan.runs or not isinstance(self.provenance, Provenance):
            raise InputError(
                f"the verdict is of {self.verdict.runs} runs, the plan of {self.plan.runs}, and "
                f"the provenance is {type(self.provenance).__name__}"
            )
        for name, bits in (("output", self.output), ("extractor_bits", self.extractor_bits)):
            if (
                not isinstance(bits, np.ndarray)
                or bits.dtype != np.uint8
                or bits.ndim != 1
                or (len(bits) and int(bits.max()) > 1)
            ):
                raise InputError(f"{name} are no bits, expected an array (n,) uint8 of 0 and 1")
        needed = 0 if self.plan.extractor is None else self.plan.extractor.source1_bits
        if len(self.extractor_bits) not in (0, needed):
            raise InputError(f"{len(self.extractor_bits)} extractor bits, the plan needs {needed}")
        allowed = (0, self.plan.output_bits) if self.verdict.accepted else (0,)
        if len(self.output) not in allowed or bool(len(self.output)) != bool(
            len(self.extractor_bits)
        ):
            raise InputError(
                f"{len(self.output)} bits of output from {len(self.extractor_bits)} bits, but the "
                f"run is {'accepted' if self.verdict.accepted else 'not accepted'} and "
                f"{self.plan.output_bits} bits were planned"
            )

    def to_json(self) -> dict[str, Any]:
        """The result as a plain dictionary; every number is finite or null."""
        return report(self.plan, self.verdict)


def finish(
    plan: Plan,
    tally: Tally,
    source: Source | None,
    provenance: Provenance,
    *,
    allow_grouped: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Judge counted runs and, if they are accepted and there is a source, extract.

    Args:
        plan: made before.
        tally: the counted runs.
        source: of the extractor's bits; None to stop at the verdict.
        provenance: how the runs came about.
        allow_grouped: also for runs that were grouped by setting, see `check_faithful`.
        progress: is told (stage, done, total).

    Raises:
        InputError: as `judge`; grouped runs that are not allowed; the source has too few bits, or
            gives bits that chose the settings or cannot be ε-SV.
    """
    check_faithful(provenance, allow_grouped)
    plan = restored(plan)
    verdict = judge_restored(plan, tally, provenance)
    empty = np.empty(0, dtype=np.uint8)
    if not verdict.accepted or plan.extractor is None or source is None:
        return Result(plan, verdict, empty, empty, provenance)
    extractor_bits = source.bits(plan.extractor.source1_bits)
    check_fresh(extractor_bits, plan.code, plan.epsilon, tally.heads)
    check_lean(extractor_bits, plan.epsilon)
    notify = None if progress is None else lambda k, total: progress("extracting", k, total)
    output = plan.extractor.extract(extractor_bits, tally.device_bits(), progress=notify)
    return Result(plan, verdict, output, extractor_bits, provenance)


def check_faithful(provenance: Provenance, allow_grouped: bool) -> None:
    """Check that a certificate holds for runs of this provenance.

    None holds for a device that knows its settings in advance, unless it has no memory.  Who
    allows that (`certify --allow-grouped`; whoever submitted with `--order grouped`) has said so,
    and everything that comes of it is labelled by its provenance.

    Raises:
        InputError: grouped runs, unless `allow_grouped`.
    """
    if not provenance.faithful and not allow_grouped:
        raise InputError(
            "these runs were grouped by setting, which is not faithful to the protocol; expected "
            "run order, or --allow-grouped for a device known to have no memory"
        )
