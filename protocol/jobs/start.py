"""The start of a submitted run: claim the weak bits, draw the settings, write the ledger.

Nothing is sent here.  The folder appears at its name only with a complete ledger in it, so a
process killed before that has sent nothing; bits that it claimed are wasted, not used again, and
the hidden folder that it leaves is cleared by the next `begin` of that name.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.documents.files import move_to_name, staging
from protocol.jobs.job import ON_THE_WAY, Job
from protocol.jobs.ledger import EXT, Ledger
from protocol.plan.file import plan_to_json
from protocol.plan.plan import Plan
from protocol.providers.kinds import provider_kind
from protocol.providers.provider import PLAYED
from protocol.request import same_code
from protocol.run.folder import check_target
from protocol.sources.positions import WeakBits
from qdevices.errors import InputError
from qdevices.variants import Order, Variant


def begin(
    folder: Path,
    plan: Plan,
    weak: WeakBits,
    *,
    backend: str,
    variant: Variant,
    order: Order,
    chunk: int,
    noise: str | None,
    expect: str | None,
    source_offset: int | None = None,
    in_flight: int | None = None,
) -> Job:
    """Make the run folder `folder` with its ledger.

    Whether the backend can be opened is not asked here, where nothing is sent: `ProviderKind.check`
    says so, and costs no weak bits.

    Args:
        folder: must not exist; its parent must.
        plan: with output.
        weak: the source; its seed is the run's.
        backend, variant, order, noise, expect: as in `Job`.
        chunk: runs in a job, at most.
        in_flight: jobs under way at a time, at most; None for what the provider's kind has.
        source_offset: first bit to use of a file.

    Raises:
        InputError: the folder exists or cannot be made, the plan has no output or is of a game
            that no provider plays, the backend is unknown or takes no noise, the source is not for
            this plan or has too few bits, or the chunk size or the limit is out of range.
    """
    kind = provider_kind(backend)
    kind.check_noise(backend, noise)
    if not 1 <= chunk <= kind.most_executions:
        raise InputError(f"chunk of {chunk} runs, expected 1 to {kind.most_executions}")
    if in_flight is not None and in_flight < 1:
        raise InputError(f"{in_flight} jobs in flight, expected 1 or more")
    if plan.extractor is None:
        raise InputError(f"the plan has no output: {plan.reason}")
    if plan.code.game != PLAYED:
        raise InputError(
            f"the plan is of game {plan.code.game.name!r}, but providers play {PLAYED.name!r}"
        )
    if weak.epsilon != plan.epsilon or not same_code(weak.code, plan.code):
        raise InputError(
            f"the source is for epsilon {weak.epsilon:g} and setting code {weak.code.name!r}, "
            f"expected {plan.epsilon:g} and {plan.code.name!r} as in the plan"
        )
    check_target(folder, replaceable=False)
    job = Job(
        name=uuid.uuid4().hex[:16],
        backend=backend,
        variant=variant,
        order=order,
        noise=noise,
        expect=expect,
        source=weak.name,
        seed=weak.seed,
        chunk=chunk,
        plan=plan_to_json(plan),
        in_flight=kind.in_flight if in_flight is None else in_flight,
    )
    first = weak.reserve(plan.source_bits, exactly=source_offset)
    last = first + plan.source_bits
    middle = first + plan.settings_bits
    claims = [(first, middle, "settings"), (middle, last, EXT)]
    try:
        with staging(folder) as hidden:
            Ledger.create(hidden, job, _chunks(plan, weak, first, chunk), claims)
            move_to_name(hidden, folder)
    except OSError as error:
        raise InputError(f"folder {str(folder)!r} cannot be made: {error.strerror}") from None
    return job


def _chunks(
    plan: Plan, weak: WeakBits, first: int, chunk: int
) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    bounds = [(a, min(a + chunk, plan.runs)) for a in range(0, plan.runs, chunk)]
    counts = [(stop - start) * plan.code.bits_per_run for start, stop in bounds]
    for (start, stop), bits in zip(bounds, weak.pieces(first, counts), strict=True):
        yield start, stop, plan.code.decode(bits)


def redraw(ledger: Ledger, plan: Plan, weak: WeakBits) -> int:
    """Plan the failed and cancelled chunks anew, with fresh settings; return how many.

    The provider has seen the old settings, so a second try with them would let a device answer
    what it had time to foresee.  With fresh bits the failed try is only a part of the device's
    past; that whoever fails a chunk chooses which try counts is paid for in the score
    (`protocol.run.redraws`).  The extractor's bits have to come after all settings, so they are
    claimed anew too, and those claimed before stay unused.

    The proof wants runs to be played in the order of their source bits: given later bits of an SV
    source, an earlier one may be known, so a device that has seen the settings of a redrawn chunk
    must not be asked any that were chosen before.  So nothing is redrawn while other chunks are on
    their way; that chunks after a failed one were played is no harm, as its new settings have later
    bits than theirs.  Several chunks are drawn, and sent (`drive.send`), in the order of their
    numbers.

    Raises:
        InputError: the run was cancelled, another chunk is on its way, or the source has too few
            bits.
    """
    if ledger.cancelled:
        raise InputError(f"run {ledger.job.name} was cancelled, expected a new submit")
    assert plan.extractor is not None
    chunks = ledger.chunks("failed", "cancelled")
    if not chunks:
        return 0
    if under_way := ledger.chunks(*ON_THE_WAY):
        raise InputError(
            f"chunk {under_way[0].number} is {under_way[0].state}, expected no chunk on its way "
            "when failed ones are drawn anew, as their settings have later bits; "
            "`ksamp collect DIR --redraw --wait` waits for the others"
        )
    counts = [(chunk.stop - chunk.start) * plan.code.bits_per_run for chunk in chunks]
    total = sum(counts) + plan.extractor.source1_bits
    first = weak.reserve(total, max(stop for _, stop, _ in ledger.weak_bits()))
    anew, spent = [], []
    start = first
    for chunk, count, bits in zip(chunks, counts, weak.pieces(first, counts), strict=True):
        anew.append((chunk, plan.code.decode(bits)))
        spent.append((start, start + count, f"settings of chunk {chunk.number}"))
        start += count
    ledger.redraw(anew, [*spent, (start, first + total, EXT)])
    return len(chunks)
