"""`ksamp collect`: go on with a submitted run, up to its result."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from protocol.cli import _options as options
from protocol.cli import _providers as providers
from protocol.cli._json import show_json
from protocol.cli._progress import ProgressBar
from protocol.cli._text import NOT_FAITHFUL, show
from protocol.jobs.job import STATES
from protocol.jobs.ledger import Ledger
from protocol.jobs.named import collect_command
from protocol.jobs.resume import Collected, collect
from protocol.sources.kinds import absolute_source


@click.command("collect")
@click.argument("folder", type=click.Path(), metavar="DIR")
@click.option("--wait", is_flag=True, help="Come back only when no job is under way any more.")
@click.option(
    "--redraw",
    is_flag=True,
    help="Send failed and cancelled chunks again, with fresh settings from fresh weak bits, when "
    "no other chunk is on its way.",
)
@click.option(
    "--backend",
    default=None,
    metavar="NAME",
    help="The run's backend, named again: a run folder alone neither chooses code that runs here "
    "(python:MODULE:CALLABLE) nor uses your account (ibm:NAME).",
)
@click.option(
    "--source",
    default=None,
    metavar="NAME",
    help="The run's weak source, named again: a run folder alone does not choose a file "
    "(file:PATH) whose bits are used.",
)
@click.option(
    "--poll",
    "poll_seconds",
    type=float,
    default=5.0,
    show_default=True,
    help="Longest pause between two looks at the provider, in seconds.",
)
@options.json_option
def command(
    folder: str,
    wait: bool,
    redraw: bool,
    backend: str | None,
    source: str | None,
    poll_seconds: float,
    as_json: bool,
) -> int:
    """Fetch the outcomes of the submitted run DIR; judge and extract when all are there.

    It also sends what an interrupted submit had not sent.  It may be killed and called again at
    any time; called after the end it says the result again.

    Exit code 0: accepted; 3: no output (a test aborted, the run was cancelled, or a job failed);
    4: not finished yet; 2: bad input, or the provider does not answer.
    """
    root = Path(folder)
    with Ledger(root) as ledger:
        job = ledger.job
    with ProgressBar() as progress, providers.reachable(folder, job):
        found = collect(
            root,
            wait=wait,
            redraw=redraw,
            backend=backend,
            source=None if source is None else absolute_source(source),
            poll_seconds=poll_seconds,
            progress=progress,
        )
    if found.result is None:
        return _unfinished(found, folder, as_json)
    order = found.job.order
    redraws = found.result.provenance.redraws
    extra = {"seed": found.job.seed, "order": order, "faithful": order == "run"}
    extra["redraws"] = redraws
    show(found.result.plan, found.result, folder, as_json, extra, found.digest)
    if redraws and not as_json:
        charge = found.result.verdict.charge
        click.echo(
            f"{redraws} redrawn chunk{'s' * (redraws > 1)} cost {charge:.2f} bits of the score, as "
            "whoever fails a chunk chooses which try counts."
        )
    if order == "grouped" and not as_json:
        click.echo(NOT_FAITHFUL)
    return 0 if found.result.verdict.accepted else 3


def _unfinished(found: Collected, folder: str, as_json: bool) -> int:
    count = Counter(chunk.state for chunk in found.chunks)
    status = providers.UNFINISHED if found.waiting else 3
    if as_json:
        states = {state: count[state] for state in STATES}
        data = {"finished": False, "cancelled": found.cancelled, "chunks": states, "folder": folder}
        show_json(data)
        return status
    click.echo(", ".join(f"{count[state]} {state}" for state in STATES if count[state]))
    if found.cancelled:
        click.echo("The run was cancelled: no output, and its weak bits are spent.")
        return status
    for chunk in found.chunks:
        if chunk.state in ("failed", "cancelled"):
            click.echo(f"  chunk {chunk.number} {chunk.state}: {chunk.note}")
    again = collect_command(folder, found.job.backend, found.job.source)
    if count["failed"] or count["cancelled"]:
        # Others that are on their way have to end before: their settings have earlier bits.
        wait = " --wait" if found.waiting else ""
        click.echo(
            f"`{again} --redraw{wait}` sends these again, with fresh weak bits for new "
            "settings, and at a price in the score."
        )
    if found.waiting:
        click.echo(f"Not finished yet; `{again}` goes on.")
    return status
