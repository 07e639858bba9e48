"""Certificates that stand on a table in whole numbers and its proof, found by linear programmes.

A document holds the setting code, ε, β, the factors and the proof, all in whole numbers; nothing of
how they were found is trusted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import n_slots
from protocol.certificate.proof import (
    BETA_BITS,
    FACTOR_BITS,
    MOST_BETA,
    MOST_FACTOR,
    MOST_POINTS,
    Proof,
    ProofError,
    Table,
    check_proof,
    most_cases,
)
from protocol.certificate.rounding import as_json, float_up
from protocol.certificate.score import ScoreCertificate
from protocol.certificate.signalling import excess, largest_norm
from protocol.documents.fields import Fields, printable
from protocol.documents.number_text import read_numbers
from protocol.request import Request
from protocol.settings.code import SettingCode
from qdevices.arrays import frozen
from qdevices.errors import InputError
from qdevices.game import Game

#: Notes on how a certificate was found.
#: Largest proof that is unpacked, bytes, whatever the game; those of KS-18 have at most 5 MB.
_MOST_UNPACKED = 1 << 26
_MOST_NOTES, _MOST_NOTE_NAME, _MOST_NOTE = 16, 64, 200


@dataclass(frozen=True, eq=False)
class TableCertificate(ScoreCertificate):
    """A score certificate that stands on a whole-number table and its proof.

    Attributes:
        table, proof: the proof is verified when the certificate is built.
        about: how it was found, for people; proves nothing.  At most 16 notes, each a printable
            text of at most 200 characters, a finite number, or None.

    Raises:
        InputError: notes of another kind.
        ProofError: the proof does not hold.
    """

    kind = "optimised"

    table: Table
    proof: Proof
    about: Mapping[str, Any] = field(default_factory=dict)
    code: SettingCode = field(init=False)
    epsilon: float = field(init=False)
    beta: float = field(init=False)
    log2_factors: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        if type(self.table) is not Table or type(self.proof) is not Proof:
            raise InputError("a certificate stands on a Table and a Proof, expected these classes")
        put(self, "about", MappingProxyType(_checked_notes(self.about)))
        check_proof(self.table, self.proof)
        put(self, "code", self.table.code)
        put(self, "epsilon", self.table.epsilon)
        put(self, "beta", self.table.beta / 2**BETA_BITS)
        put(self, "log2_factors", _log2_factors(self.table))

    def determined_by(self) -> dict[str, Any]:
        """All whole numbers of table and proof."""
        table, proof = self.table, self.proof
        return {
            "epsilon": table.epsilon,
            "beta": table.beta,
            "factors": table.factors.tolist(),
            "grid": list(proof.grid),
            "alpha": _digest_of(proof.alpha),
            "potentials": _digest_of(proof.potentials),
        }

    def content(self) -> dict[str, Any]:
        """Table, proof and notes."""
        numbers = np.column_stack([self.proof.alpha, self.proof.potentials])
        return {
            "about": dict(self.about),
            "epsilon": self.epsilon,
            "code": self.code.to_json(),
            "beta": {"numerator": self.table.beta, "log2_denominator": BETA_BITS},
            "factors": {
                "log2_denominator": FACTOR_BITS,
                "rows": [" ".join(map(str, row)) for row in self.table.factors.tolist()],
            },
            "proof": {
                "grid": list(self.proof.grid),
                "potentials": _pack(numbers),
            },
        }

    def facts(self) -> dict[str, Any]:
        """Number of cases of the proof, its N for devices that signal a little, and the notes."""
        return {
            "cases": len(self.proof.alpha),
            "signalling_norm": as_json(largest_norm(self.proof)),
            "about": dict(self.about),
        }

    def signalling_excess(self, gamma: float) -> float:
        """η for devices that signal within γ, exact and rounded up; see `signalling`."""
        return float_up(excess(self.table, self.proof, gamma))

    @classmethod
    def from_content(cls, fields: Fields, game: Game) -> TableCertificate:
        """Inverse of `content`, verified in exact arithmetic."""
        about = fields.object("about")
        code = SettingCode.from_json(fields.object("code"), game)
        epsilon = fields.number("epsilon", 0, 0.5)
        try:
            table = Table(code, epsilon, _beta(fields.object("beta")), _factors(fields, game))
            proof = _proof(fields.object("proof"), game)
            fields.done()
            return cls(table, proof, about)
        except ProofError as error:
            raise InputError(f"the certificate does not hold: {error}") from None

    @classmethod
    def candidates(cls, request: Request) -> Iterable[ScoreCertificate]:
        """Those that ship with the package and cover the request's sources, the nearest."""
        from protocol.certificate.shipped import shipped_certificates

        return shipped_certificates(request)


def _log2_factors(table: Table) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        exact = np.log2(table.factors / 2.0**FACTOR_BITS)
    # One step down pays for the rounding of the logarithm.
    found = np.where(table.factors == 1 << FACTOR_BITS, 0.0, np.nextafter(exact, -np.inf))
    return frozen(found)


def _beta(data: Mapping[str, Any]) -> int:
    fields = Fields(data, "the certificate's beta")
    fields.integer("log2_denominator", BETA_BITS, BETA_BITS)
    numerator = fields.integer("numerator", 1, MOST_BETA)
    fields.done()
    return numerator


def _factors(certificate: Fields, game: Game) -> NDArray[np.int64]:
    fields = Fields(certificate.object("factors"), "the certificate's factors")
    fields.integer("log2_denominator", FACTOR_BITS, FACTOR_BITS)
    rows = fields.list("rows", game.n_pairs)
    fields.done()
    most = max(1000, 20 * game.n_joint)  # characters: a factor has at most 16 digits
    if len(rows) != game.n_pairs or any(type(row) is not str or len(row) > most for row in rows):
        raise InputError(
            f"the certificate has {len(rows)} factor rows, expected {game.n_pairs} texts"
        )
    numbers = [read_numbers(row, "certificate's factors", 0, MOST_FACTOR) for row in rows]
    if wrong := [len(row) for row in numbers if len(row) != game.n_joint]:
        raise InputError(
            f"the certificate has a row of {wrong[0]} factors, expected {game.n_joint} in each row"
        )
    return np.array(numbers, dtype=np.int64)


def _proof(data: Mapping[str, Any], game: Game) -> Proof:
    fields = Fields(data, "the certificate's proof")
    grid = tuple(fields.list("grid", MOST_POINTS))
    numbers = _unpack(fields.text("potentials", 2 * _most_bytes(game)), game)
    fields.done()
    return Proof(grid, numbers[:, 1:], numbers[:, 0], game)


def _checked_notes(about: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(about, Mapping) or len(about) > _MOST_NOTES:
        raise InputError(f"the certificate's notes are no object of at most {_MOST_NOTES} entries")
    for name, value in about.items():
        if not isinstance(name, str) or not _is_line(name, _MOST_NOTE_NAME):
            raise InputError(
                f"the certificate has a note {printable(name, 40)!r}, expected a printable name of "
                f"at most {_MOST_NOTE_NAME} characters"
            )
        if not _is_note(value):
            raise InputError(
                f"the certificate's note {name!r} is {printable(value, 40)!r}, expected a "
                f"printable text of at most {_MOST_NOTE} characters, a finite number or null"
            )
    return dict(about)


def _is_note(value: object) -> bool:
    if isinstance(value, str):
        return _is_line(value, _MOST_NOTE)
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) < 1 << 63
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _is_line(text: str, most: int) -> bool:
    return len(text) <= most and text.isprintable()


def _digest_of(numbers: NDArray[np.int64]) -> str:
    return hashlib.sha256(numbers.astype("<i8").tobytes()).hexdigest()


def _pack(numbers: NDArray[np.int64]) -> str:
    """int64 rows of 1 + slots, little-endian, zlib, base64; most are small or repeated."""
    return base64.b64encode(zlib.compress(numbers.astype("<i8").tobytes(), 9)).decode()


def _most_bytes(game: Game) -> int:
    """Size of the largest proof, unpacked; the text that holds it is shorter than twice that."""
    return min(most_cases(game) * (n_slots(game) + 1) * 8, _MOST_UNPACKED)


def _unpack(text: str, game: Game) -> NDArray[np.int64]:
    row, most = n_slots(game) + 1, _most_bytes(game)
    unpacker = zlib.decompressobj()
    try:
        packed = base64.b64decode(text, validate=True)
        raw = unpacker.decompress(packed, most + 1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise InputError(f"the certificate's potentials are unusable: {error}") from None
    if not unpacker.eof or unpacker.unused_data or len(raw) > most:
        raise InputError(
            "the certificate's potentials are cut short, longer than any proof, or followed by more"
        )
    if not raw or len(raw) % (8 * row):
        raise InputError(
            f"the certificate's potentials have {len(raw)} bytes, expected rows of {8 * row}"
        )
    return np.frombuffer(raw, dtype="<i8").reshape(-1, row).astype(np.int64)
