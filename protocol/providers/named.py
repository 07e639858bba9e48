"""What a run folder may not decide: which code runs here, which account or file is used.

A folder can come from anybody, and its ledger may name anything.  A Python callable is imported,
a processor's account asked and a file of weak bits read only if whoever works on the folder names
it again on this machine; `submit` did so in its own process.
"""

from __future__ import annotations

import shlex

from protocol.documents.fields import printable
from protocol.errors import InputError

_LOCAL = "local:"
_CODE = "python:"
_ACCOUNTS = "ibm:"
_FILE = "file:"


def names_code(backend: str) -> bool:
    """Whether a backend or device is a Python callable to be imported."""
    return backend.removeprefix(_LOCAL).startswith(_CODE)


def collect_command(folder: str, backend: str, source: str) -> str:
    """The command that goes on with a run, with what has to be named again."""
    words = ["ksamp", "collect", folder]
    if names_code(backend) or backend.startswith(_ACCOUNTS):
        words += ["--backend", backend]
    if source.startswith(_FILE):
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
        InputError: it was not, or another one was.
    """
    check_named("backend", ledgers, named)
    if named is None and names_code(ledgers):
        raise InputError(
            f"backend {ledgers!r} is code, and a run folder does not choose what code runs; "
            f"expected it named again: --backend {ledgers!r}"
        )
    if named is None and ledgers.startswith(_ACCOUNTS):
        raise InputError(
            f"backend {ledgers!r} uses your account, which a run folder cannot ask for; "
            f"expected it named again: --backend {ledgers!r}"
        )


def require_source(ledgers: str, named: str | None) -> None:
    """Check that a source which is a file was named again.

    Raises:
        InputError: it was not, or another one was.
    """
    check_named("source", ledgers, named)
    if named is None and ledgers.startswith(_FILE):
        raise InputError(
            f"source {ledgers!r} is a file, and a run folder does not choose which file is read "
            f"or spent; expected it named again: --source {ledgers!r}"
        )
