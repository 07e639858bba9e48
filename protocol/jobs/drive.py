"""Sending chunks and fetching their outcomes, one recorded step after the other.

Chunks are sent in the order of their weak bits, which after a redraw still is that of their
numbers (`start.redraw`); that the provider plays them in the order in which they were sent is
assumed, and enforced by a run with one job in flight.

A submit whose reply was lost, by the network or by a kill, is never repeated blindly: the
provider is first asked by the chunk's tag whether the job arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.data.recorded import check_runs
from protocol.documents.database import check_id
from protocol.documents.fields import printable
from protocol.jobs.job import MOST_JOB_ID, ON_THE_WAY, Chunk
from protocol.jobs.ledger import Ledger
from protocol.jobs.opening import open_provider
from protocol.providers.kinds import provider_kind
from protocol.providers.provider import PLAYED, STATUSES, Provider
from protocol.providers.retry import Patience
from qdevices.errors import InputError

#: Told the name of every step just before or after it, for logs and for tests of crashes.
Observer = Callable[[str], None]


def unobserved(step: str) -> None:
    """The observer that ignores every step."""


def send(
    ledger: Ledger,
    provider: Provider,
    *,
    observer: Observer = unobserved,
    patience: Patience | None = None,
) -> int:
    """Send the chunks that were not sent yet, in run order; return how many were.

    The known-answer circuits go first, once a run.  A job with a limit of jobs in flight stops
    there; call again when some are done.  A chunk whose job gets no usable id is failed with a
    note, as its outcomes could not be asked for.

    Raises:
        TransientError: the provider could not answer for longer than `patience` waits; what was
            sent until then is recorded.
        InputError: the provider refuses for good, known answers came back wrong, or it does not
            say what it has to.
    """
    chunks = ledger.chunks("planned", "submitting")
    job, patience = ledger.job, patience or _patience(ledger)
    if chunks and ledger.prepared() is None:
        observer("before known answers")
        ledger.keep_prepared(
            patience.call(partial(provider.prepare, job.prepare_tag, job.prepare_seed))
        )
        observer("known answers right")
    if job.in_flight is not None:
        chunks = chunks[: max(0, job.in_flight - ledger.count("submitted"))]
    sent = 0
    for chunk in chunks:
        ledger.mark(chunk, "submitting")
        observer(f"before submit {chunk.number}")
        # Whoever left the chunk in this state may have sent it.
        job_id = _arrive(ledger, provider, chunk, chunk.state == "submitting", patience)
        observer(f"submitted {chunk.number}")
        try:
            check_id(job_id, "the provider's job", MOST_JOB_ID)
        except InputError as error:
            ledger.mark(chunk, "failed", note=f"unusable id: {error}")
            continue
        ledger.mark(chunk, "submitted", job_id=job_id)
        observer(f"saved {chunk.number}")
        sent += 1
    return sent


def _arrive(
    ledger: Ledger, provider: Provider, chunk: Chunk, perhaps_sent: bool, patience: Patience
) -> str:
    settings = _as_sent(ledger, chunk)
    seed = ledger.job.job_seed(chunk.number, chunk.attempt)

    def attempt() -> str:
        nonlocal perhaps_sent
        if perhaps_sent:
            if found := _find(provider, chunk):
                return _oldest(provider, found)
            ledger.repeat(chunk)  # a search by tag may lag behind
        perhaps_sent = True  # before the call: its failure says nothing about its effect
        return provider.submit(settings, chunk.tag, seed)

    return patience.call(attempt)


def fetch(
    ledger: Ledger,
    provider: Provider,
    *,
    observer: Observer = unobserved,
    patience: Patience | None = None,
) -> int:
    """Store the outcomes of every job that is done; return how many are still under way.

    A job that failed, was cancelled at the provider or answered with something that is no list
    of outcomes leaves its chunk failed or cancelled, with a note.

    Raises:
        TransientError: as `send`.
        InputError: the provider does not know a job, or gives it a state that there is not; the
            other jobs were looked at before.
    """
    patience = patience or _patience(ledger)
    waiting, unknown = 0, ""
    for chunk in ledger.chunks("submitted"):
        job_id = str(chunk.job_id)
        if chunk.repeated and (oldest := _without_duplicates(provider, chunk, patience)):
            if oldest != job_id:
                ledger.mark(chunk, "submitted", job_id=oldest)
            job_id = oldest
        status: Any = patience.call(partial(provider.status, job_id))
        if not (isinstance(status, str) and status in STATUSES):
            unknown = unknown or (
                f"job {job_id!r} of chunk {chunk.number} has state "
                f"{printable(repr(status), 60)} at its provider, expected one of "
                f"{', '.join(STATUSES)}"
            )
            continue
        if status in ("queued", "running"):
            waiting += 1
            continue
        if status == "cancelled":
            ledger.mark(chunk, "cancelled", note="cancelled at the provider")
            continue
        if status == "failed":
            reason: Any = patience.call(partial(provider.reason, job_id))
            told = isinstance(reason, str) and reason
            ledger.mark(chunk, "failed", note=told or "the provider gives no reason")
            continue
        sent, settings = _as_sent(ledger, chunk), ledger.settings(chunk.number)
        received = patience.call(partial(provider.result, job_id, sent))
        observer(f"received {chunk.number}")
        try:
            _check_result(settings, received)
        except InputError as error:
            ledger.mark(chunk, "failed", note=f"unusable result: {error}")
            continue
        ledger.store(chunk, _in_run_order(ledger, settings, received))
        observer(f"stored {chunk.number}")
    if unknown:
        raise InputError(unknown)
    if waiting:
        observer("waiting")
    return waiting


def _check_result(settings: NDArray[np.uint8], received: Any) -> None:
    """Check what a provider gave as outcomes of the runs with these settings.

    Raises:
        InputError: no array, or none that can be.
    """
    if not isinstance(received, np.ndarray):
        raise InputError(f"outcomes are a {type(received).__name__}, expected an array (n,) uint8")
    check_runs(settings, received, PLAYED)


def cancel(
    ledger: Ledger, provider: Provider | None = None, *, patience: Patience | None = None
) -> int:
    """Cancel all that is not done; return how many chunks that were.  Final.

    Args:
        ledger: of the run.
        provider: unless given, that of the backend's name, which plays nothing.
        patience: with a provider that cannot answer; its kind's unless given.

    Raises:
        TransientError: as `send`; the run is cancelled, calling again goes on.
        InputError: the run is finished.
    """
    if ledger.published:
        raise InputError(f"run {str(ledger.folder)!r} is finished, expected one that is not")
    provider = provider or open_provider(ledger)
    patience = patience or _patience(ledger)
    ledger.cancel()
    chunks = ledger.chunks(*ON_THE_WAY)
    for chunk in chunks:
        jobs = [] if chunk.job_id is None else [chunk.job_id]
        if chunk.state == "submitting" or chunk.repeated:
            jobs = sorted({*jobs, *patience.call(partial(_find, provider, chunk))})
        for job_id in jobs:
            patience.call(partial(provider.cancel, job_id))
        ledger.mark(chunk, "cancelled", note="cancelled by ksamp cancel")
    return len(chunks)


def _patience(ledger: Ledger) -> Patience:
    return provider_kind(ledger.job.backend).patience


def _find(provider: Provider, chunk: Chunk) -> list[str]:
    """Ids of the jobs that were sent for a chunk, oldest first.

    Raises:
        InputError: the provider answers with something else.
    """
    found: Any = provider.find(chunk.tag)
    if not isinstance(found, list):
        raise InputError(
            f"the provider finds a {type(found).__name__} of jobs with tag {chunk.tag!r}, "
            "expected a list"
        )
    return [check_id(job_id, "the provider's job", MOST_JOB_ID) for job_id in found]


def _oldest(provider: Provider, found: list[str]) -> str:
    """The first of the jobs with one tag; the others are cancelled."""
    # The device has seen the settings in the oldest job first: in a later one with the same
    # settings it would know them beforehand.
    for duplicate in found[1:]:
        provider.cancel(duplicate)
    return found[0]


def _without_duplicates(provider: Provider, chunk: Chunk, patience: Patience) -> str | None:
    def attempt() -> str | None:
        found = _find(provider, chunk)
        return _oldest(provider, found) if found else None

    return patience.call(attempt)


def _as_sent(ledger: Ledger, chunk: Chunk) -> NDArray[np.uint8]:
    settings = ledger.settings(chunk.number)
    return settings[_grouping(settings)] if ledger.job.order == "grouped" else settings


def _grouping(settings: NDArray[np.uint8]) -> NDArray[np.intp]:
    return np.argsort(settings, kind="stable")


def _in_run_order(
    ledger: Ledger, settings: NDArray[np.uint8], received: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    if ledger.job.order != "grouped":
        return received
    outcomes = np.empty_like(received)
    outcomes[_grouping(settings)] = received
    return outcomes
