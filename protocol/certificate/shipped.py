"""Certificates that ship with the package, so that a run need not wait for the optimiser.

`data/shipped.zip` holds one member for each point of a grid: security model, n, ε and white noise
that it was optimised for, and its code, in its name.  All are sound in every model and for every n;
which gives most is a matter of estimates.  Each is proved when it is read, like any other
certificate, and only those near a request are read.  `benchmarks/make_shipped.py` makes them.

A member is the certificate's document without its numbers, as one line of JSON, and then the
numbers, (factors, then α and potentials of each case) as little-endian int64.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from protocol.certificate.kinds import CERTIFICATES
from protocol.certificate.potentials import n_slots
from protocol.certificate.proof import MOST_BETA, MOST_POINTS, Proof, ProofError, Table
from protocol.certificate.score import ScoreCertificate
from protocol.documents.fields import Fields, canonical, parse_json
from protocol.documents.files import write_file
from protocol.request import Request, same_code
from protocol.security import CLASSICAL, NO_SIGNALLING
from protocol.settings.code import SettingCode
from qdevices.errors import InputError
from qdevices.games import GAMES

_ARCHIVE = "data/shipped.zip"
#: Largest member that is read, and most members of an archive.
_MOST_BYTES, _MOST_MEMBERS = 1 << 20, 4096
_MODELS = {"ns": NO_SIGNALLING, "cl": CLASSICAL}
_NAME = re.compile(
    r"(?P<model>ns|cl)-n(?P<runs>[0-9]{1,10})-e(?P<epsilon>[0-9.e-]{1,12}?)"
    r"-w(?P<noise>[0-9.e-]{1,12}?)-(?P<code>[a-z0-9]{1,20})"
)
#: How many of each model are offered for a request, the nearest: for few runs, say, those that were
#: made for the other one may give more.
_NEAREST = 7
_GAME, _KIND = "ks18", "optimised"
#: Every member has this date, so that the same certificates make the same archive.
_DATE = (2026, 1, 1, 0, 0, 0)


@dataclass(frozen=True, order=True)
class ShippedName:
    """What a certificate was optimised for, as its name says.

    Attributes:
        side_information: of the security model.
        runs: n.
        epsilon, noise: of source and device.
        code: name of its setting code.
    """

    side_information: str
    runs: int
    epsilon: float
    noise: float
    code: str

    @classmethod
    def parse(cls, text: str) -> ShippedName:
        """Inverse of `text`.

        Raises:
            InputError: another name.
        """
        found = _NAME.fullmatch(text)
        if found is None:
            raise InputError(f"{text!r:.80} is no name of a shipped certificate")
        return cls(
            _MODELS[found["model"]],
            int(found["runs"]),
            float(found["epsilon"]),
            float(found["noise"]),
            found["code"],
        )

    @property
    def text(self) -> str:
        """The name, such as cl-n1000000-e0.01-w0.001-spot9."""
        model = next(short for short, name in _MODELS.items() if name == self.side_information)
        return f"{model}-n{self.runs}-e{self.epsilon:g}-w{self.noise:g}-{self.code}"


def bundle(certificates: Iterable[tuple[ShippedName, ScoreCertificate]], path: Path) -> int:
    """Write an archive of certificates; returns its size in bytes.

    Raises:
        InputError: a certificate that is no table of the game, or the disk refuses.
    """
    memory = BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_LZMA) as archive:
        for name, certificate in sorted(certificates, key=lambda entry: entry[0]):
            member = zipfile.ZipInfo(name.text, _DATE)
            member.compress_type = zipfile.ZIP_LZMA
            archive.writestr(member, _packed(certificate))
    write_file(path, memory.getvalue(), "archive", overwrite=True)
    return len(memory.getvalue())


def _packed(certificate: ScoreCertificate) -> bytes:
    found: Any = certificate
    if certificate.kind != _KIND or certificate.code.game.name != _GAME:
        raise InputError(f"certificate {certificate!r:.60} cannot ship, expected a table")
    table, proof = found.table, found.proof
    head = {
        "about": dict(found.about),
        "beta": table.beta,
        "code": certificate.code.to_json(),
        "epsilon": certificate.epsilon,
        "grid": list(proof.grid),
    }
    numbers = (table.factors, np.column_stack([proof.alpha, proof.potentials]))
    return b"\n".join([canonical(head), b"".join(n.astype("<i8").tobytes() for n in numbers)])


def _unpacked(data: bytes, what: str) -> ScoreCertificate:
    kind: Any = CERTIFICATES[_KIND]  # by name, as the kind itself asks for what ships
    line, _, rest = data.partition(b"\n")
    fields, game = Fields(parse_json(line, what), what), GAMES[_GAME]
    about, code = fields.object("about"), SettingCode.from_json(fields.object("code"), game)
    epsilon, beta = fields.number("epsilon", 0, 0.5), fields.integer("beta", 1, MOST_BETA)
    grid = tuple(fields.list("grid", MOST_POINTS))
    fields.done()
    wide = n_slots(game) + 1
    if len(rest) < 8 * game.entries or (len(rest) - 8 * game.entries) % (8 * wide):
        raise InputError(f"{what} has {len(rest)} bytes of numbers, expected factors and cases")
    numbers = np.frombuffer(rest, dtype="<i8").astype(np.int64)
    factors, cases = numbers[: game.entries], numbers[game.entries :].reshape(-1, wide)
    try:
        table = Table(code, epsilon, beta, factors.reshape(game.shape))
        proof = Proof(grid, cases[:, 1:], cases[:, 0], game)
        certificate: ScoreCertificate = kind(table, proof, about)
    except ProofError as error:
        raise InputError(f"{what} does not hold: {error}") from None
    return certificate


@cache
def names() -> tuple[ShippedName, ...]:
    """What ships."""
    return tuple(_members())


@cache
def _archive() -> zipfile.ZipFile:
    # Kept open, as the system's own file: reading the list of members takes a millisecond.
    data = resources.files("protocol.certificate").joinpath(_ARCHIVE).read_bytes()
    return zipfile.ZipFile(BytesIO(data))


@cache
def _members() -> dict[ShippedName, zipfile.ZipInfo]:
    members = _archive().infolist()
    if len(members) > _MOST_MEMBERS:
        raise InputError(f"{len(members)} certificates ship, expected at most {_MOST_MEMBERS}")
    return {ShippedName.parse(member.filename): member for member in members}


@cache
def shipped(name: ShippedName) -> ScoreCertificate:
    """A certificate that ships, proved.

    Raises:
        InputError: there is none of this name, or what there is does not hold.
    """
    if name not in _members():
        raise InputError(f"no certificate {name.text!r} ships")
    what = f"shipped certificate {name.text!r}"
    with _archive().open(_members()[name]) as member:
        data = member.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise InputError(f"{what} has more than {_MOST_BYTES} bytes")
    return _unpacked(data, what)


def shipped_certificates(request: Request) -> list[ScoreCertificate]:
    """Certificates that cover a request's sources, those whose points are nearest to its own.

    An ε-SV source is an ε'-SV source for every ε' ≥ ε; so of points that differ in ε alone the
    least ε' ≥ ε is taken.  Empty if none covers the request, or has its setting code.
    """
    if request.game.name != _GAME:
        return []
    noise = max(0.0, request.game.nearest_noise(request.behaviour))
    # For each model, n and noise the least ε', with every code that there is at it.
    least: dict[tuple[str, int, float], float] = {}
    near: list[ShippedName] = []
    for name in sorted(names(), key=lambda name: name.epsilon):
        named = request.code is None or name.code == request.code.name
        if named and name.epsilon >= request.epsilon:
            point = name.side_information, name.runs, name.noise
            if name.epsilon == least.setdefault(point, name.epsilon):
                near.append(name)
    near.sort(key=lambda name: (_distance(name, request, noise), name))
    found = []
    own = request.security.side_information
    for model in (own, *(other for other in _MODELS.values() if other != own)):
        found += [name for name in near if name.side_information == model][:_NEAREST]
    # A code of the user's own may have the name of one that ships.
    certificates = [shipped(name) for name in found]
    return [c for c in certificates if request.code is None or same_code(c.code, request.code)]


def _distance(name: ShippedName, request: Request, noise: float) -> float:
    """How far a point is from a request, in ε, noise and n."""
    runs = 10**9 if request.runs is None else request.runs
    return (
        4 * abs(math.log((name.epsilon + 0.01) / (request.epsilon + 0.01)))
        + abs(math.log((name.noise + 3e-4) / (noise + 3e-4)))
        + 0.3 * abs(math.log(name.runs / runs))
    )
