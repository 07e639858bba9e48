"""Going on with a submitted run from wherever the last process stopped, up to its result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.data.provenance import Provenance
from protocol.data.recorded import Recorded
from protocol.documents.lock import NAME, Lock
from protocol.jobs.drive import Observer, fetch, send, unobserved
from protocol.jobs.job import ON_THE_WAY, Chunk, Job
from protocol.jobs.ledger import EXT, UNUSED, Ledger
from protocol.jobs.named import check_named, require_backend, require_source
from protocol.jobs.opening import open_to_send
from protocol.jobs.result import publish, read_result
from protocol.jobs.start import redraw as draw_anew
from protocol.plan.file import plan_from_json
from protocol.plan.plan import Plan
from protocol.progress import Progress
from protocol.providers.provider import Provider
from protocol.providers.retry import Patience
from protocol.run.finish import Result
from protocol.run.replay import certify
from protocol.sources.positions import WeakBits
from qdevices.errors import InputError

_FIRST_WAIT_SECONDS = 0.05
#: A day.
_MOST_POLL_SECONDS = 86_400
Opener = Callable[[Job], Provider]


@dataclass(frozen=True)
class Collected:
    """Where a run stands.

    Attributes:
        job: what was submitted.
        chunks: all of them.
        cancelled: the run was cancelled, there will be no result.
        result: the finished run; None as long as chunks are missing.
        digest: of the finished run's record.

    Raises:
        InputError: a result of which chunks or the digest are missing.
    """

    job: Job
    chunks: tuple[Chunk, ...]
    cancelled: bool
    result: Result | None
    digest: str | None = None

    def __post_init__(self) -> None:
        if (self.result is None) != (self.digest is None):
            raise InputError("a run has a result and its record's digest, expected both or none")
        if self.result is not None and any(chunk.state != "done" for chunk in self.chunks):
            raise InputError("a run has a result, expected all of its chunks to be done")

    @property
    def waiting(self) -> bool:
        """Whether there are chunks on the way, so that collecting later can help."""
        return not self.cancelled and any(chunk.state in ON_THE_WAY for chunk in self.chunks)


def weak_bits(job: Job, plan: Plan) -> WeakBits:
    """The source that the run was submitted with."""
    return WeakBits(job.source, plan.epsilon, job.seed, plan.code)


def collect(
    root: Path,
    provider: Opener | None = None,
    *,
    wait: bool = False,
    redraw: bool = False,
    backend: str | None = None,
    source: str | None = None,
    poll_seconds: float = 5.0,
    observer: Observer = unobserved,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Collected:
    """Send what was not sent, fetch what is done, and when all is there judge and publish.

    Calling it again on a finished run changes nothing.

    Args:
        root: the folder of `start.begin`; it may have been received from anybody.
        provider: opens the run's provider, not called when it is not needed; unless given, the
            kind of provider that the backend's name has.
        wait: go on until no job is under way.
        redraw: plan failed and cancelled chunks anew, see `start.redraw`, as soon as the others
            have ended, and go on.
        backend: the backend as the user named it on this machine; must be that of the ledger, and
            cannot be missing where it is code or an account that would be used.
        source: likewise the weak source, which cannot be missing where it is a file.
        poll_seconds: longest pause between two looks at the provider.
        observer: told every step.
        patience: with a provider that cannot answer; its kind's unless given.
        progress: told how many chunks are done.

    Raises:
        TransientError: the provider cannot answer; call again later.
        InputError: no ledger or one that cannot be ours, another process at work, a backend or
            source that was not named, a source or provider that refuses, or chunks that are still
            on their way when others are to be redrawn.
    """
    if not 0 < poll_seconds <= _MOST_POLL_SECONDS:
        raise InputError(
            f"--poll {poll_seconds:g}, expected seconds above 0 and up to {_MOST_POLL_SECONDS}"
        )
    with Ledger(root) as ledger:
        job = ledger.job
        check_named("backend", job.backend, backend)
        check_named("source", job.source, source)
        plan = plan_from_json(job.plan, bare=True)  # ledgers of 2.0 are read, too
        with Lock(root / NAME):
            if ledger.published:
                result, digest = _published(root, ledger, plan)
                return Collected(job, tuple(ledger.chunks()), False, result, digest)
            failed = bool(ledger.count("failed", "cancelled"))
            if not ledger.cancelled and (ledger.count(*ON_THE_WAY) or (redraw and failed)):
                require_backend(job.backend, backend)
            _check_extractor_bits(ledger, plan)
            if not ledger.cancelled and ledger.extractor_bits() is None:
                require_source(job.source, source)
            if not ledger.cancelled:
                _check_claims(ledger, plan, weak_bits(job, plan))
            opened: Provider | None = None
            for anew in (False, True) if redraw else (False,):
                if anew and not draw_anew(ledger, plan, weak_bits(job, plan)):
                    break
                if ledger.cancelled or not ledger.count(*ON_THE_WAY):
                    continue
                opened = opened or (provider(job) if provider else open_to_send(ledger, backend))
                _until_done(ledger, opened, wait, poll_seconds, observer, patience, progress)
            if ledger.count("done") < ledger.count():
                return Collected(job, tuple(ledger.chunks()), ledger.cancelled, None)
            result, digest = _conclude(root, ledger, plan, observer, progress)
        return Collected(job, tuple(ledger.chunks()), False, result, digest)


def _published(root: Path, ledger: Ledger, plan: Plan) -> tuple[Result, str]:
    if ledger.count("done") < ledger.count():
        raise InputError(f"{str(root)!r} has a result, but not all chunks of its ledger are done")
    _check_extractor_bits(ledger, plan)
    return read_result(root, plan, _recorded(ledger), ledger.extractor_bits())


def _check_extractor_bits(ledger: Ledger, plan: Plan) -> None:
    """Check that what the ledger has for the extractor is what its plan needs.

    Raises:
        InputError: another number of bits, or bits that were read before all runs were played.
    """
    if plan.extractor is None:
        raise InputError("the ledger's plan has no output, expected one that was submitted")
    needed = plan.extractor.source1_bits
    claimed = next(b - a for a, b, purpose in ledger.weak_bits() if purpose == EXT)
    kept = ledger.extractor_bits()
    for found in (claimed, needed if kept is None else len(kept)):
        if found != needed:
            raise InputError(
                f"the ledger has {found} bits for the extractor, expected {needed} as in its plan"
            )
    if kept is not None and ledger.count("done") < ledger.count():
        raise InputError("the ledger has read bits for the extractor before all chunks were done")


def _check_claims(ledger: Ledger, plan: Plan, weak: WeakBits) -> None:
    """Check that the ledger claims what its tries need of a source that is claimed in a row.

    Such a source may be played again from its beginning, which would take for ever up to a place
    that no run comes to (`start.begin`, `start.redraw`).

    Raises:
        InputError: other claims.
    """
    if not weak.in_a_row:
        return
    assert plan.extractor is not None
    claims, chunks = ledger.weak_bits(), ledger.chunks()
    strings = sum(purpose in (EXT, UNUSED) for *_, purpose in claims)
    tries = sum(chunk.attempt for chunk in chunks)
    if strings > 1 + tries:
        raise InputError(
            f"the ledger has {strings} ranges for the extractor, expected at most one and one for "
            f"each of its {tries} redraws"
        )
    drawn = sum((chunk.stop - chunk.start) * (1 + chunk.attempt) for chunk in chunks)
    needed = drawn * plan.code.bits_per_run + strings * plan.extractor.source1_bits
    reached = 0
    for start, stop, _ in claims:
        if start != reached:
            raise InputError(
                f"the ledger claims weak bits from {start} on, expected {reached} as source "
                f"{weak.name!r} is used in a row"
            )
        reached = stop
    if reached != needed:
        raise InputError(f"the ledger claims {reached} weak bits, expected {needed} for its tries")


def _until_done(
    ledger: Ledger,
    provider: Provider,
    wait: bool,
    poll_seconds: float,
    observer: Observer,
    patience: Patience | None,
    progress: Progress | None,
) -> None:
    pause = min(_FIRST_WAIT_SECONDS, poll_seconds)
    while True:
        send(ledger, provider, observer=observer, patience=patience)
        waiting = fetch(ledger, provider, observer=observer, patience=patience)
        if not wait:  # what was fetched may have made room
            send(ledger, provider, observer=observer, patience=patience)
            return
        if not waiting and not ledger.count("planned", "submitting"):
            return
        if progress is not None:
            progress("chunks", ledger.count("done"), ledger.count())
        time.sleep(pause)
        pause = min(2 * pause, poll_seconds)


class _RecordedBits:
    """The weak source as `finish` sees it: bits that the ledger keeps before they are used."""

    def __init__(self, ledger: Ledger, weak: WeakBits, observer: Observer) -> None:
        self.name = weak.name
        self._ledger, self._weak, self._observer = ledger, weak, observer

    def bits(self, count: int) -> NDArray[np.uint8]:
        """The extractor's bits, read after the outcomes and the same at every try."""
        kept = self._ledger.extractor_bits()
        if kept is None:
            start = next(a for a, _, purpose in self._ledger.weak_bits() if purpose == EXT)
            bits = self._weak.read(start, count)
            self._observer("extractor bits read")
            self._ledger.keep_extractor_bits(bits)
            self._observer("extractor bits kept")
            return bits
        assert len(kept) == count
        return kept

    def expect(self, total: int) -> None:
        """Nothing to check: the bits were claimed when the run was submitted."""

    def claim(self, total: int) -> None:
        """Nothing to claim, likewise."""

    def word_probabilities(self, width: int) -> NDArray[np.float64] | None:
        """Not asked for after the plan is made."""
        return None


def _conclude(
    root: Path, ledger: Ledger, plan: Plan, observer: Observer, progress: Progress | None
) -> tuple[Result, str]:
    start = time.perf_counter()
    data = _recorded(ledger)
    source = _RecordedBits(ledger, weak_bits(ledger.job, plan), observer)
    # That it is not faithful was said when it was submitted, and is recorded.
    result = certify(plan, data, source, allow_grouped=True, progress=progress)
    seconds = {"collect": time.perf_counter() - start}
    digest = publish(root, data, result, seconds, observer)
    observer("published")
    return result, digest


def _recorded(ledger: Ledger) -> Recorded:
    """The runs of a ledger of which all chunks are done."""
    job, chunks = ledger.job, ledger.chunks()
    provenance = Provenance(
        order=job.order,
        chunk=job.chunk,
        redraws=sum(chunk.attempt for chunk in chunks),
        redrawn=tuple(chunk.number for chunk in chunks if chunk.attempt),
        seed=job.seed,
        device=job.backend,
        variant=job.variant,
        source=job.source,
        noise=job.noise,
        expect=job.expect,
    )
    return Recorded(
        np.concatenate([ledger.settings(chunk.number) for chunk in chunks]),
        np.concatenate([ledger.outcomes(chunk.number) for chunk in chunks]),
        provenance,
    )
