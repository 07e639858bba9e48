"""`python -m protocol.cli` is the `ksamp` command."""

from protocol.cli import main

main()
