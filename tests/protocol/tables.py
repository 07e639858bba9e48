"""Score tables that tests measure with, as 2.0 shipped them: they stay when others ship."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from protocol.certificate.file import read
from protocol.certificate.table import TableCertificate

FOLDER = Path(__file__).parents[1] / "golden" / "tables"


@cache
def kept(name: str) -> TableCertificate:
    """The table of a name such as joint-e0.01-w0.001."""
    found = read(FOLDER / f"{name}.json")
    assert isinstance(found, TableCertificate)
    return found


def tables(epsilon: float) -> list[TableCertificate]:
    """Those that were made for sources of just this ε."""
    names = sorted(path.stem for path in FOLDER.glob(f"*-e{epsilon:g}-*.json"))
    return [kept(name) for name in names]
