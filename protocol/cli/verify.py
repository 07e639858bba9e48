"""`ksamp verify`: does what a run wrote agree with itself?"""

from __future__ import annotations

from pathlib import Path

import click

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._progress import ProgressBar
from protocol.cli._text import NOT_FAITHFUL
from protocol.jobs.ledger import check_finished
from protocol.run.verification import verify_folder


@click.command("verify")
@click.argument("folder", type=click.Path(), metavar="DIR")
@click.option(
    "--plan-digest",
    metavar="SHA256",
    help="The plan's digest, as `ksamp plan --out` printed it before the run.",
)
@click.option(
    "--digest", metavar="SHA256", help="The record's digest, as it was printed when the run ended."
)
@options.json_option
def command(folder: str, plan_digest: str | None, digest: str | None, as_json: bool) -> int:
    """Recompute tests, certificate and output from the run folder DIR.

    It shows that the folder is consistent, not who made it; with the digests from before and
    after the run also that plan and record are those of then.

    Exit code 0: everything agrees; 3: something does not, and it is said what; 2: no run folder.
    """
    check_finished(Path(folder))
    with ProgressBar() as progress:
        found = verify_folder(folder, progress, expected_plan=plan_digest, expected_record=digest)
    if as_json:
        rows = [{"name": c.name, "agrees": c.agrees, "detail": c.detail} for c in found.checks]
        data = {
            "agrees": found.agrees,
            "grouped": found.grouped,
            "plan_sha256": found.plan_digest,
            "record_sha256": found.record_digest,
            "model": found.model,
            "checks": rows,
        }
        show_json(data)
    else:
        for check in found.checks:
            mark = "agrees" if check.agrees else "DIFFERS"
            click.echo(f"  {check.name:<18} {mark}{'  ' + check.detail if check.detail else ''}")
        click.echo(f"{folder}: {'all agrees' if found.agrees else 'NOT what was run'}")
        if found.agrees:
            click.echo(f"  plan   {found.plan_digest}")
            click.echo(f"  record {found.record_digest}")
        if found.model:
            click.echo(f"  model  {found.model}")
        if found.grouped:
            click.echo(NOT_FAITHFUL)
    return 0 if found.agrees else 3
