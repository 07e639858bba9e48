"""`ksamp verify`: does what a run wrote agree with itself?"""

from __future__ import annotations

import json

import click

from protocol.cli import _options as options
from protocol.cli._progress import ProgressBar
from protocol.cli._providers import check_finished
from protocol.cli._text import NOT_FAITHFUL
from protocol.folder import read_record
from protocol.verify import verify_folder


@click.command("verify")
@click.argument("folder", type=click.Path(), metavar="DIR")
@options.json_option
def command(folder: str, as_json: bool) -> int:
    """Recompute tests, certificate and output from the run folder DIR.

    Exit code 0: everything agrees; 3: something does not, and it is said what; 2: no run folder.
    """
    check_finished(folder)
    with ProgressBar() as progress:
        checks = verify_folder(folder, progress)
    good = all(check.agrees for check in checks)
    inputs = read_record(folder).get("inputs")
    grouped = isinstance(inputs, dict) and inputs.get("order") == "grouped"
    if as_json:
        rows = [{"name": c.name, "agrees": c.agrees, "detail": c.detail} for c in checks]
        click.echo(
            json.dumps({"agrees": good, "grouped": grouped, "checks": rows}, allow_nan=False)
        )
    else:
        for check in checks:
            mark = "agrees" if check.agrees else "DIFFERS"
            click.echo(f"  {check.name:<18} {mark}{'  ' + check.detail if check.detail else ''}")
        click.echo(f"{folder}: {'all agrees' if good else 'NOT what was run'}")
        if grouped:
            click.echo(NOT_FAITHFUL)
    return 0 if good else 3
