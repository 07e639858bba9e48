"""`ksamp jobs`: what became of the chunks of a submitted run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._text import NOT_FAITHFUL
from protocol.documents.fields import printable
from protocol.jobs.job import STATES
from protocol.jobs.ledger import Ledger


@click.command("jobs")
@click.argument("folder", type=click.Path(), metavar="DIR")
@options.json_option
def command(folder: str, as_json: bool) -> int:
    """List the chunks of the submitted run DIR, from its ledger; the provider is not asked."""
    with Ledger(Path(folder)) as ledger:
        job, chunks = ledger.job, ledger.chunks()
        cancelled, published = ledger.cancelled, ledger.published
    if as_json:
        rows = [
            {
                "chunk": chunk.number,
                "first_run": chunk.start,
                "runs": chunk.stop - chunk.start,
                "attempt": chunk.attempt,
                "state": chunk.state,
                "tag": chunk.tag,
                "job_id": chunk.job_id,
                "note": chunk.note,
            }
            for chunk in chunks
        ]
        data = {
            "folder": folder,
            "backend": job.backend,
            "order": job.order,
            "faithful": job.order == "run",
            "cancelled": cancelled,
            "published": published,
            "chunks": rows,
        }
        show_json(data)
        return 0
    count = Counter(chunk.state for chunk in chunks)
    click.echo(f"{'chunk':>6} {'first run':>12} {'runs':>10}  {'state':<10}  job")
    for chunk in chunks:
        line = (
            f"{chunk.number:>6} {chunk.start:>12,} {chunk.stop - chunk.start:>10,}  "
            f"{chunk.state:<10}  {chunk.job_id or '-'}  {chunk.note}"
        )
        click.echo(line.rstrip())
    total = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
    end = "; cancelled" if cancelled else "; finished" if published else ""
    click.echo(f"{printable(job.backend)}, order {job.order}: {total}{end}")
    if job.order == "grouped":
        click.echo(NOT_FAITHFUL)
    return 0
