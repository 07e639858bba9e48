"""From a ledger to the provider that has its jobs."""

from __future__ import annotations

from protocol.jobs.ledger import Ledger
from protocol.jobs.named import check_named, require_backend
from protocol.providers.kind import Opening
from protocol.providers.kinds import provider_kind
from protocol.providers.provider import Provider


def open_provider(ledger: Ledger, named: str | None = None) -> Provider:
    """The provider of a submitted run.

    Args:
        ledger: of the run.
        named: the backend as the user named it on this machine; without it nobody's code is
            imported, so that jobs of a `python:` backend can be found and cancelled, not played.

    Raises:
        InputError: an unknown backend, or another one than the ledger's was named.
    """
    job = ledger.job
    check_named("backend", job.backend, named)
    return provider_kind(job.backend).open(
        Opening(
            backend=job.backend,
            variant=job.variant,
            order=job.order,
            noise=job.noise,
            folder=ledger.folder,
            kept=ledger.prepared(),
            named=named is not None,
        )
    )


def open_to_send(ledger: Ledger, named: str | None) -> Provider:
    """As `open_provider`, after a look whether the backend can still be opened from here.

    Raises:
        InputError: it cannot, or has to be named and was not.
    """
    job = ledger.job
    require_backend(job.backend, named)
    provider_kind(job.backend).check_again(job.backend, job.variant)
    return open_provider(ledger, named)
