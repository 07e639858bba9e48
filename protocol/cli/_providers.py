"""The one place that picks a provider by name; imports what it needs only when called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from protocol.documents.fields import printable
from protocol.errors import InputError
from protocol.jobs.ledger import NAME as LEDGER
from protocol.jobs.ledger import Job, Ledger
from protocol.jobs.publish import is_published
from protocol.providers.local import LocalProvider, LocalSpec
from protocol.providers.named import collect_command, names_code, require_backend
from protocol.providers.provider import VARIANTS as VARIANTS
from protocol.providers.provider import Provider, TransientError
from protocol.providers.remote import RemoteProvider
from protocol.providers.retry import Patience

#: Exit code of a submitted run that is not finished yet.
UNFINISHED = 4
_LOCAL = "local:"
_IBM = "ibm:"
#: Devices that need no `local:` before their name: they are run by the local provider anyway.
_DEVICES = ("aer", "fake", "python")
_TABLE = "table"
_QUEUE = "queue"
#: Jobs that IBM's free plan lets wait at a time.
_IBM_IN_FLIGHT = 3


class Unreachable(click.ClickException):
    """A provider that could not answer; what was done until then is recorded."""


def local_spec(backend: str) -> LocalSpec | None:
    """What the local provider runs for this backend; None if another provider has it.

    Raises:
        InputError: an unknown name.
    """
    if backend.startswith(_LOCAL):
        return LocalSpec.parse(backend[len(_LOCAL) :])
    if backend.partition(":")[0] in _DEVICES or backend.startswith("fake_"):
        return LocalSpec(backend)
    if backend.startswith(_IBM) and backend != _IBM:
        return None
    raise InputError(
        f"backend {backend!r} is unknown, expected local:table, aer, fake:NAME, ibm:NAME, "
        "python:MODULE:CALLABLE, or local: before one of these"
    )


def check_backend(backend: str, variant: str) -> None:
    """Check that a backend exists and can run a variant before anything is fixed; opens it.

    Raises:
        InputError: an unknown name, a backend that cannot be opened, or circuits that it lacks.
    """
    spec = local_spec(backend)
    if spec is not None and spec.inner == _TABLE:
        return
    from qdevices.hardware.catalogue import check_offered

    check_offered(backend if spec is None else spec.inner, variant)


def check_finished(folder: str) -> None:
    """Check that `folder`, if it is one of a submitted run, has its result.

    Raises:
        InputError: jobs are missing.
    """
    if (Path(folder) / LEDGER).is_file() and not is_published(Path(folder)):
        raise InputError(f"run {folder!r} is not finished, expected `ksamp collect {folder}` first")


def takes_noise(backend: str) -> bool:
    """Whether the backend is the simulated laboratory, whose noise is given by --noise."""
    spec = local_spec(backend)
    return spec is not None and spec.inner == _TABLE


def reported_behaviour(backend: str, variant: str) -> NDArray[np.float64]:
    """P(x|u) that the errors reported by a processor let expect, shape (81, 16).

    Raises:
        InputError: a backend that cannot be opened or used.
    """
    from qdevices.hardware import expected_behaviour

    spec = local_spec(backend)
    return expected_behaviour(backend if spec is None else spec.inner, variant)


def default_in_flight(backend: str) -> int | None:
    """Jobs under way at a time unless the user says otherwise; None for no limit."""
    return _IBM_IN_FLIGHT if backend.startswith(_IBM) else None


def open_provider(job: Job, root: Path, named: str | None = None) -> Provider:
    """The provider of a submitted run with the folder `root`.

    Args:
        job: as submitted.
        root: the folder.
        named: the backend as the user named it on this machine; without it nobody's code is
            imported, so that jobs of a `python:` backend can be found and cancelled, not played.

    Raises:
        InputError: an unknown backend.
    """
    spec = local_spec(job.backend)
    if spec is not None:
        inner = None if named is None or (mine := local_spec(named)) is None else mine.inner
        return LocalProvider(
            root / _QUEUE,
            spec,
            variant=job.variant,
            order=job.order,
            noise=job.noise,
            named=inner,
        )
    from qdevices.hardware import ibm

    with Ledger(root) as ledger:
        kept = ledger.prepared()
    return RemoteProvider(ibm, job.backend[len(_IBM) :], job.variant, kept)


def open_to_send(job: Job, root: Path, named: str | None) -> Provider:
    """As `open_provider`, after a look whether somebody's own backend can be opened from here.

    A module beside the data is found only from its folder; a worker started elsewhere would fail
    every chunk, and each would cost fresh weak bits.

    Raises:
        InputError: it cannot, or was not named.
    """
    require_backend(job.backend, named)
    if names_code(job.backend):
        check_backend(job.backend, job.variant)
    return open_provider(job, root, named)


def patience(backend: str) -> Patience:
    """How long transient failures are waited out."""
    if local_spec(backend) is not None:
        return Patience(attempts=10, first_seconds=0.01, most_seconds=0.2)
    return Patience()


@contextmanager
def reachable(folder: str, job: Job) -> Iterator[None]:
    """Turn a provider that does not answer into one line and advice."""
    try:
        yield
    except TransientError as error:
        raise Unreachable(
            f"the provider does not answer ({printable(error)}); all is recorded, "
            f"`{collect_command(folder, job.backend, job.source)}` goes on"
        ) from None
