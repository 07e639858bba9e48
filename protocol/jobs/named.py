"""What a run folder may not decide: which code runs here, which account or file is used.

A folder can come from anybody, and its ledger may name anything.  Where a kind of provider or
source says so (`named_again`), it is used only if whoever works on the folder names it again on
this machine; `submit` did so in its own process.
"""

from __future__ import annotations

import shlex

from protocol.documents.fields import printable
from protocol.providers.kinds import provider_kind
from protocol.sources.kinds import source_kind
from qdevices.errors import InputError


def collect_command(folder: str, backend: str, source: str) -> str:
    """The command that goes on with a run, with what has to be named again."""
    words = ["ksamp", "collect", folder]
    if provider_kind(backend).named_again(backend):
        words += ["--backend", backend]
    if source_kind(source)[0].named_again:
        words += ["--source", source]
    return printable(shlex.join(words), 10_000)


def check_named(what: str, ledgers: str, named: str | None) -> None:
    """Check that what the user names is what the ledger has; nothing named is fine.

    Args:
        what: "backend" or "source".
        ledgers: the ledger's text.
        named: the user's, None if there is none.

    Raises:
        InputError: another one.
    """
    if named is not None and named != ledgers:
        raise InputError(f"{what} {named!r} is not that of the run, expected {ledgers!r}")


def require_backend(ledgers: str, named: str | None) -> None:
    """Check that a backend which is code, or somebody's account, was named again.

    Raises:
        InputError: it was not, or another one was, or there is none of this name.
    """
    _require("backend", ledgers, named, provider_kind(ledgers).named_again(ledgers))


def require_source(ledgers: str, named: str | None) -> None:
    """Check that a source which is a file was named again.

    Raises:
        InputError: it was not, or another one was, or there is none of this name.
    """
    _require("source", ledgers, named, source_kind(ledgers)[0].named_again)


def _require(what: str, ledgers: str, named: str | None, why: str | None) -> None:
    check_named(what, ledgers, named)
    if named is None and why:
        raise InputError(f"{what} {ledgers!r} {why}; expected it named again: --{what} {ledgers!r}")
