"""`ksamp publish`: what of a run may become known, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._text import NOT_FAITHFUL
from protocol.jobs.ledger import check_finished
from protocol.run.folder import PUBLIC_RECORD
from protocol.run.publish import publish


@click.command("publish")
@click.argument("folder", type=click.Path(), metavar="DIR")
@click.option(
    "--out", required=True, type=click.Path(), metavar="PUBLIC", help="The folder; a new one."
)
@options.json_option
def command(folder: str, out: str, as_json: bool) -> int:
    """Write what may become known of the run folder DIR, without what must not.

    Settings and the extractor's weak bits; or, if the plan keeps those secret, settings and
    outcomes.  Never the output, nor a digest of anything that stays secret, nor a seed, which tells
    all of a simulation to whoever guesses it.  Eve must have chosen her measurement before; where
    the weak bits stay secret, later bits of the same source, such as another run's settings, must
    not become known either.
    """
    check_finished(Path(folder))
    done = publish(folder, out)
    if as_json:
        show_json({"folder": out, "files": list(done.files), "public_sha256": done.sha256})
    else:
        click.echo(f"Written to {out}: {', '.join(done.files)} and {PUBLIC_RECORD}")
        click.echo(f"  {done.record.plan.security.sentence}")
        if not done.record.provenance.faithful:
            click.echo(NOT_FAITHFUL)
        click.echo(f"Digest of the public record: {done.sha256}")
    return 0
