"""Certificates as files: JSON, versioned, self-contained, verified whenever they are read.

A file holds the setting code, ε, β, the factors and the proof, all in whole numbers, and a
digest of all that.  The digest tells of an edit; the proof alone makes the table trusted, so
whoever writes a file with a fresh digest still has to prove it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import N_SLOTS
from protocol.certificate.proof import (
    BETA_BITS,
    FACTOR_BITS,
    MOST_BETA,
    MOST_CASES,
    MOST_FACTOR,
    MOST_POINTS,
    Proof,
    ProofError,
    Table,
    verify,
)
from protocol.certificate.score import OPTIMISED, ScoreCertificate
from protocol.documents.fields import Fields, canonical, digest, parse_json, printable
from protocol.documents.files import read_json, write_file
from protocol.documents.number_text import read_numbers
from protocol.errors import InputError
from protocol.settings.code import SettingCode
from qdevices.ks18.game import N_JOINT, N_PAIRS

#: Version 1 numbered the outcomes of setting M7 from v18 on.
FORMAT, VERSION = "ksamp-certificate", 2
#: Largest proof, unpacked, and the longest text that may hold it.
_MOST_PROOF_BYTES = MOST_CASES * (N_SLOTS + 1) * 8
_MOST_PROOF_TEXT = 2 * _MOST_PROOF_BYTES
#: Notes on how a certificate was found.
_MOST_NOTES, _MOST_NOTE_NAME, _MOST_NOTE = 16, 64, 200


@dataclass(frozen=True, eq=False)
class TableCertificate(ScoreCertificate):
    """An optimised score certificate, with the whole-number table and proof that it stands on.

    Attributes:
        table, proof: as verified.
        about: how it was found, for people; proves nothing.  At most 16 notes, each a printable
            text of at most 200 characters, a finite number, or None.
    """

    table: Table = field(kw_only=True)
    proof: Proof = field(kw_only=True)
    about: Mapping[str, Any] = field(kw_only=True, default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all whole numbers of table and proof, however a file packs them."""
        table, proof = self.table, self.proof
        return digest(
            {
                "kind": self.kind,
                "words": list(table.code.words),
                "starred": table.code.starred,
                "epsilon": table.epsilon,
                "beta": table.beta,
                "factors": table.factors.tolist(),
                "grid": list(proof.grid),
                "alpha": _digest_of(proof.alpha),
                "potentials": _digest_of(proof.potentials),
            }
        )

    def to_json(self) -> dict[str, Any]:
        """The file's content; `ScoreCertificate.from_json` reads and verifies it."""
        numbers = np.column_stack([self.proof.alpha, self.proof.potentials])
        data: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "kind": self.kind,
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
        return {**data, "sha256": digest(data)}


def certify_table(table: Table, proof: Proof, about: Mapping[str, Any]) -> TableCertificate:
    """The score certificate of a table, after its proof was verified.

    Raises:
        InputError: notes that `TableCertificate.about` may not hold.
        ProofError: the proof does not hold.
    """
    notes = _checked_notes(about)
    verify(table, proof)
    with np.errstate(divide="ignore"):
        exact = np.log2(table.factors / 2.0**FACTOR_BITS)
    # One step down pays for the rounding of the logarithm.
    log2_factors = np.where(table.factors == 1 << FACTOR_BITS, 0.0, np.nextafter(exact, -np.inf))
    log2_factors.setflags(write=False)
    return TableCertificate(
        OPTIMISED,
        table.code,
        table.epsilon,
        table.beta / 2**BETA_BITS,
        log2_factors,
        table=table,
        proof=proof,
        about=notes,
    )


def from_json(data: Mapping[str, Any]) -> TableCertificate:
    """Inverse of `TableCertificate.to_json`, verified in exact arithmetic.

    Raises:
        InputError: another format or version, missing, unusable or unknown entries, an edited
            file, or a proof that does not hold, with the reason.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"the certificate is {printable(data, 40)}, expected a JSON object")
    found, version = data.get("format"), data.get("version")
    if found == FORMAT and version == 1 and type(version) is int:
        raise InputError(
            "certificate has version 1, which numbers the outcomes of setting M7 otherwise than "
            f"the paper does, expected version {VERSION}"
        )
    if found != FORMAT or version != VERSION:
        raise InputError(
            f"certificate has format {printable(repr(found), 40)} version "
            f"{printable(repr(version), 40)}, expected {FORMAT!r} version {VERSION}"
        )
    content = {key: value for key, value in data.items() if key != "sha256"}
    try:
        text = canonical(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the certificate is no JSON: {printable(error, 100)}") from None
    if data.get("sha256") != hashlib.sha256(text).hexdigest():
        raise InputError("the certificate was edited: its SHA-256 digest does not match")
    return _verified(text)


@lru_cache(maxsize=32)
def _verified(text: bytes) -> TableCertificate:
    # Cached by content, since a plan, its run and its report read the same certificate.  What was
    # digested is read, so nothing that looks the same in two places can differ between them.
    fields = Fields(parse_json(text, "the certificate"), "the certificate")
    fields.choice("format", FORMAT)
    fields.integer("version", VERSION, VERSION)
    fields.choice("kind", OPTIMISED)
    about = fields.object("about")
    code, epsilon = SettingCode.from_json(fields.object("code")), fields.number("epsilon", 0, 0.5)
    try:
        table = Table(code, epsilon, _beta(fields.object("beta")), _factors(fields))
        proof = _proof(fields.object("proof"))
        fields.done()
        return certify_table(table, proof, about)
    except ProofError as error:
        raise InputError(f"the certificate does not hold: {error}") from None


def _beta(data: Mapping[str, Any]) -> int:
    fields = Fields(data, "the certificate's beta")
    fields.integer("log2_denominator", BETA_BITS, BETA_BITS)
    numerator = fields.integer("numerator", 1, MOST_BETA)
    fields.done()
    return numerator


def _factors(certificate: Fields) -> NDArray[np.int64]:
    fields = Fields(certificate.object("factors"), "the certificate's factors")
    fields.integer("log2_denominator", FACTOR_BITS, FACTOR_BITS)
    rows = fields.list("rows", N_PAIRS)
    fields.done()
    if len(rows) != N_PAIRS or any(type(row) is not str or len(row) > 1000 for row in rows):
        raise InputError(f"the certificate has {len(rows)} factor rows, expected {N_PAIRS} texts")
    numbers = [read_numbers(row, "certificate's factors", 0, MOST_FACTOR) for row in rows]
    if wrong := [len(row) for row in numbers if len(row) != N_JOINT]:
        raise InputError(
            f"the certificate has a row of {wrong[0]} factors, expected {N_JOINT} in each row"
        )
    return np.array(numbers, dtype=np.int64)


def _proof(data: Mapping[str, Any]) -> Proof:
    fields = Fields(data, "the certificate's proof")
    grid = tuple(fields.list("grid", MOST_POINTS))
    numbers = _unpack(fields.text("potentials", _MOST_PROOF_TEXT))
    fields.done()
    return Proof(grid, numbers[:, 1:], numbers[:, 0])


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


def write(certificate: TableCertificate, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a certificate file, whole or not at all.

    Raises:
        InputError: the file exists (unless `overwrite`) or cannot be written.
    """
    text = json.dumps(certificate.to_json(), indent=1, allow_nan=False) + "\n"
    write_file(path, text.encode(), "certificate file", overwrite=overwrite)


def read(path: str | Path) -> TableCertificate:
    """Read and verify a certificate file.

    Raises:
        InputError: the file cannot be read, is no certificate, was edited, or does not hold.
    """
    data = read_json(path, "certificate file")
    if not isinstance(data, dict):
        raise InputError(f"certificate file {str(path)!r} holds no certificate")
    return from_json(data)


def _digest_of(numbers: NDArray[np.int64]) -> str:
    return hashlib.sha256(numbers.astype("<i8").tobytes()).hexdigest()


def _pack(numbers: NDArray[np.int64]) -> str:
    """int64 rows of 649, little-endian, zlib, base64; most potentials are small or repeated."""
    return base64.b64encode(zlib.compress(numbers.astype("<i8").tobytes(), 9)).decode()


def _unpack(text: str) -> NDArray[np.int64]:
    unpacker = zlib.decompressobj()
    try:
        packed = base64.b64decode(text, validate=True)
        raw = unpacker.decompress(packed, _MOST_PROOF_BYTES + 1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise InputError(f"the certificate's potentials are unusable: {error}") from None
    if not unpacker.eof or unpacker.unused_data or len(raw) > _MOST_PROOF_BYTES:
        raise InputError(
            "the certificate's potentials are cut short, longer than any proof, or followed by more"
        )
    if not raw or len(raw) % (8 * (N_SLOTS + 1)):
        raise InputError(
            f"the certificate's potentials have {len(raw)} bytes, expected rows of "
            f"{8 * (N_SLOTS + 1)}"
        )
    return np.frombuffer(raw, dtype="<i8").reshape(-1, N_SLOTS + 1).astype(np.int64)
