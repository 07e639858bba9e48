"""Certificates that ship with the package, so that a run need not wait for the optimiser.

`data/shipped/` holds files named by code, ε and the white noise they were optimised for; all are
verified when they are read, like any other certificate.  `benchmarks/make_shipped.py` makes them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from protocol.certificate.file import TableCertificate, from_json

_FOLDER = "data/shipped"


@cache
def _names() -> tuple[tuple[float, str], ...]:
    """(ε, file name) of every shipped certificate, by rising ε."""
    folder = resources.files("protocol.certificate").joinpath(_FOLDER)
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".json")]
    # code-e0.01-w0.001.json
    return tuple(sorted((float(name.split("-")[1][1:]), name) for name in names))


@cache
def _read(name: str) -> TableCertificate:
    text = resources.files("protocol.certificate").joinpath(f"{_FOLDER}/{name}").read_text("utf-8")
    return from_json(json.loads(text))


def shipped_certificates(epsilon: float) -> list[TableCertificate]:
    """The certificates that cover ε-SV sources most closely: those of the least ε' ≥ `epsilon`.

    An ε-SV source is an ε'-SV source for every ε' ≥ ε.  Empty if none covers `epsilon`.
    """
    covering = [entry for entry in _names() if entry[0] >= epsilon]
    return [_read(name) for value, name in covering if value == covering[0][0]]
