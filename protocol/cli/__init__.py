"""The `ksamp` command: one module a subcommand, imported only when it is called.

Exit codes: 0 accepted or done, 3 an honest "no output" (a test aborted, or nothing can be
certified), 4 a submitted run that is not finished yet, 2 bad input.  Results go to stdout,
progress and notes to stderr.
"""

from __future__ import annotations

import importlib
import sys

import click

from protocol._version import __version__
from protocol.documents.fields import printable
from qdevices.errors import InputError

# name -> (module that defines `command`, one-line help); the help stands here so that
# `ksamp --help` imports nothing heavy.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("protocol.cli.run", "From weak bits to certified bits, on a simulated experiment."),
    "plan": ("protocol.cli.plan", "Print what a run would commit itself to, without running."),
    "circuits": ("protocol.cli.circuits", "Print what a processor would run, and what to expect."),
    "certify": ("protocol.cli.certify", "Certify recorded runs, and extract output bits."),
    "certificate": (
        "protocol.cli.certificate",
        "Optimise certificates, and verify them in exact arithmetic.",
    ),
    "extract": ("protocol.cli.extract", "Two-source extraction on bit files, standing alone."),
    "submit": ("protocol.cli.submit", "Send a run to a provider, as jobs that survive."),
    "jobs": ("protocol.cli.jobs", "List the jobs of a submitted run."),
    "collect": ("protocol.cli.collect", "Go on with a submitted run, up to its result."),
    "cancel": ("protocol.cli.cancel", "Cancel what is not done of a submitted run."),
    "publish": ("protocol.cli.publish", "Write what may become known of a run, and no secret."),
    "verify": ("protocol.cli.verify", "Recompute everything that a run folder claims."),
    "diagnose": ("protocol.cli.diagnose", "Signs of signalling and drift in recorded runs."),
}


class _LazyGroup(click.Group):
    """A click group that imports a subcommand's module only when the subcommand is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ksamp")
def cli() -> None:
    """Turn weak random bits into certified random bits with two devices nobody needs to trust."""


def main() -> None:
    """Entry point of the `ksamp` command."""
    try:
        status = cli.main(standalone_mode=False)
    except InputError as error:
        _say(str(error))
        sys.exit(2)
    except click.ClickException as error:
        _say(error.format_message())
        sys.exit(2)
    except OSError as error:  # a full disk or the like behind stdout; a closed pipe is click's
        _say(error.strerror or str(error))
        sys.exit(2)
    except click.exceptions.Abort:
        click.echo("ksamp: interrupted", err=True)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _say(error: str) -> None:
    """One line, whatever a file or a provider has put into the message."""
    click.echo(f"ksamp: error: {printable(error)}", err=True)
