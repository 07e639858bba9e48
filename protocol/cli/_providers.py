"""What the commands on submitted runs say of providers: help, exit code, one line of advice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from protocol.documents.fields import printable
from protocol.jobs.job import Job
from protocol.jobs.named import collect_command
from protocol.providers.kinds import PROVIDERS
from protocol.providers.provider import TransientError

#: Exit code of a submitted run that is not finished yet.
UNFINISHED = 4


class Unreachable(click.ClickException):
    """A provider that could not answer; what was done until then is recorded."""


def backend_help() -> str:
    """All kinds of backends, for --backend."""
    kinds = [PROVIDERS[name] for name in PROVIDERS]
    return "; ".join(f"{' or '.join(kind.forms)}: {kind.help}" for kind in kinds) + "."


def in_flight_help() -> str:
    """What each kind of provider has for --in-flight."""
    kinds = [PROVIDERS[name] for name in PROVIDERS]
    limits = [f"{kind.in_flight} for {kind.forms[0]}" for kind in kinds if kind.in_flight]
    return f"[default: {'; '.join(['no limit', *limits])}]"


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
