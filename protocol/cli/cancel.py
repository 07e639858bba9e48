"""`ksamp cancel`: stop what is not done of a submitted run."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.cli import _options as options
from protocol.cli import _providers as providers
from protocol.cli._json import show_json
from protocol.documents.lock import NAME, Lock
from protocol.jobs.drive import cancel
from protocol.jobs.ledger import Ledger


@click.command("cancel")
@click.argument("folder", type=click.Path(), metavar="DIR")
@options.json_option
def command(folder: str, as_json: bool) -> int:
    """Cancel the submitted run DIR for good: nothing more is sent, jobs under way are stopped.

    What was done stays in the ledger, but there will be no output; the weak bits are spent.
    """
    root = Path(folder)
    with Ledger(root) as ledger, Lock(root / NAME), providers.reachable(folder, ledger.job):
        stopped = cancel(ledger)
    if as_json:
        show_json({"folder": folder, "cancelled": stopped})
    else:
        click.echo(f"Cancelled {stopped} chunk{'s' * (stopped != 1)} of {folder}.")
    return 0
