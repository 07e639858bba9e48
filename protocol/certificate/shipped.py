"""Certificates that ship with the package, so that a run need not wait for the optimiser.

`data/shipped/` holds files named by code, ε and the white noise they were optimised for; all are
verified when they are read, like any other certificate.  `benchmarks/make_shipped.py` makes them.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from protocol.certificate.file import from_json
from protocol.certificate.score import ScoreCertificate
from protocol.documents.fields import parse_json

_FOLDER = "data/shipped"


@cache
def _names() -> tuple[tuple[float, str, str], ...]:
    """(ε, what it is made for, file name) of every shipped certificate, by rising ε."""
    folder = resources.files("protocol.certificate").joinpath(_FOLDER)
    found = []
    for entry in folder.iterdir():
        if entry.name.endswith(".json"):
            code, epsilon, noise = entry.name.removesuffix(".json").split("-", 2)
            found.append((float(epsilon[1:]), f"{code} {noise}", entry.name))
    return tuple(sorted(found))


@cache
def _read(name: str) -> ScoreCertificate:
    text = resources.files("protocol.certificate").joinpath(f"{_FOLDER}/{name}").read_text("utf-8")
    return from_json(parse_json(text, f"shipped certificate {name!r}"))


def shipped_certificates(epsilon: float) -> list[ScoreCertificate]:
    """For each code and noise the certificate that covers ε-SV sources most closely.

    That is the one of the least ε' ≥ `epsilon`: an ε-SV source is an ε'-SV source for every
    ε' ≥ ε.  Empty if none covers `epsilon`.
    """
    closest: dict[str, str] = {}
    for value, purpose, name in _names():
        if value >= epsilon:
            closest.setdefault(purpose, name)
    return [_read(name) for name in closest.values()]
