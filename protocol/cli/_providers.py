"""The one place that picks a provider by name; imports what it needs only when called."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from protocol.errors import InputError
from protocol.jobs.ledger import Job
from protocol.jobs.local import LocalProvider, LocalSpec
from protocol.jobs.provider import Provider, TransientError
from protocol.jobs.retry import Patience

VARIANTS = ("static", "literal", "feedforward")
#: Exit code of a submitted run that is not finished yet.
UNFINISHED = 4
_LOCAL = "local:"
_QUEUE = "queue"


class Unreachable(click.ClickException):
    """A provider that could not answer; what was done until then is recorded."""


def check_backend(backend: str) -> None:
    """Check the name of a backend before anything is fixed.

    Raises:
        InputError: an unknown name.
    """
    kind, _, rest = backend.partition(":")
    if kind != "local":
        raise InputError(f"backend {backend!r} is unknown, expected local:table or another local:")
    LocalSpec.parse(rest)


def takes_noise(backend: str) -> bool:
    """Whether the backend is the simulated laboratory, whose noise is given by --noise."""
    return backend.startswith(_LOCAL) and LocalSpec.parse(backend[len(_LOCAL) :]).inner == "table"


def open_provider(job: Job, root: Path) -> Provider:
    """The provider of a submitted run with the folder `root`.

    Raises:
        InputError: as `check_backend`.
    """
    check_backend(job.backend)
    spec = LocalSpec.parse(job.backend[len(_LOCAL) :])
    return LocalProvider(root / _QUEUE, spec, variant=job.variant, order=job.order, noise=job.noise)


def patience(backend: str) -> Patience:
    """How long transient failures are waited out."""
    if backend.startswith(_LOCAL):
        return Patience(attempts=10, first_seconds=0.01, most_seconds=0.2)
    return Patience()


@contextmanager
def reachable(folder: str) -> Iterator[None]:
    """Turn a provider that does not answer, or a full disk, into one line and advice."""
    try:
        yield
    except TransientError as error:
        raise Unreachable(
            f"the provider does not answer ({error}); all is recorded, "
            f"`ksamp collect {folder}` goes on"
        ) from None
    except sqlite3.Error as error:
        raise InputError(f"ledger or queue in {folder!r} cannot be used: {error}") from None
