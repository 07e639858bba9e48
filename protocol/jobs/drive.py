"""Sending chunks and fetching their outcomes, one recorded step after the other.

A submit whose reply was lost, by the network or by a kill, is never repeated blindly: the
provider is first asked by the chunk's tag whether the job arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from protocol.acceptance import check_runs
from protocol.errors import InputError
from protocol.jobs.ledger import Chunk, Ledger
from protocol.jobs.provider import Provider
from protocol.jobs.retry import Patience

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
    """Send every chunk that was not sent yet, in run order; return how many were.

    Raises:
        TransientError: the provider could not answer for longer than `patience` waits; what was
            sent until then is recorded.
        InputError: the provider refuses for good.
    """
    chunks = ledger.chunks("planned", "submitting")
    for chunk in chunks:
        ledger.mark(chunk, "submitting")
        observer(f"before submit {chunk.number}")
        # Whoever left the chunk in this state may have sent it.
        job_id = _arrive(
            ledger, provider, chunk, chunk.state == "submitting", patience or Patience()
        )
        observer(f"submitted {chunk.number}")
        ledger.mark(chunk, "submitted", job_id=job_id)
        observer(f"saved {chunk.number}")
    return len(chunks)


def _arrive(
    ledger: Ledger, provider: Provider, chunk: Chunk, perhaps_sent: bool, patience: Patience
) -> str:
    settings = ledger.settings(chunk.number)
    if ledger.job.order == "grouped":
        settings = settings[_grouping(settings)]
    seed = ledger.job.job_seed(chunk.number, chunk.attempt)

    def attempt() -> str:
        nonlocal perhaps_sent
        if perhaps_sent and (found := provider.find(chunk.tag)):
            return found[0]
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
        InputError: the provider does not know a job.
    """
    patience = patience or Patience()
    waiting = 0
    for chunk in ledger.chunks("submitted"):
        job_id = str(chunk.job_id)
        status = patience.call(partial(provider.status, job_id))
        if status in ("queued", "running"):
            waiting += 1
            continue
        if status == "cancelled":
            ledger.mark(chunk, "cancelled", note="cancelled at the provider")
            continue
        if status == "failed":
            reason = patience.call(partial(provider.reason, job_id))
            ledger.mark(chunk, "failed", note=reason or "the provider gives no reason")
            continue
        received = patience.call(partial(provider.result, job_id))
        observer(f"received {chunk.number}")
        settings = ledger.settings(chunk.number)
        try:
            check_runs(settings, received)
        except InputError as error:
            ledger.mark(chunk, "failed", note=f"unusable result: {error}")
            continue
        ledger.store(chunk, _in_run_order(ledger, settings, received))
        observer(f"stored {chunk.number}")
    if waiting:
        observer("waiting")
    return waiting


def cancel(ledger: Ledger, provider: Provider, *, patience: Patience | None = None) -> int:
    """Cancel all that is not done; return how many chunks that were.  Final.

    Raises:
        TransientError: as `send`; the run is cancelled, calling again goes on.
    """
    patience = patience or Patience()
    ledger.cancel()
    chunks = ledger.chunks("planned", "submitting", "submitted")
    for chunk in chunks:
        jobs = [] if chunk.job_id is None else [chunk.job_id]
        if chunk.state == "submitting":
            jobs = patience.call(partial(provider.find, chunk.tag))
        for job_id in jobs:
            patience.call(partial(provider.cancel, job_id))
        ledger.mark(chunk, "cancelled", note="cancelled by ksamp cancel")
    return len(chunks)


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
