"""Certificates as documents: read, and proved again whenever they are read.

A document's digest tells of an edit; the proof alone makes a certificate trusted, so whoever
writes a document with a fresh digest still has to prove it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from protocol.certificate.kinds import CERTIFICATES
from protocol.certificate.score import ScoreCertificate
from protocol.documents.fields import Fields, canonical, parse_json, printable
from protocol.documents.files import read_json
from protocol.documents.format import FIRST_GAME, Format
from qdevices.errors import InputError
from qdevices.games import GAMES

FORMAT = Format("ksamp-certificate", "certificate")


def to_json(certificate: ScoreCertificate) -> dict[str, Any]:
    """The document of a certificate."""
    return FORMAT.seal(_entries(certificate), certificate.code.game.name)


def from_json(data: Any, *, bare: bool = False) -> ScoreCertificate:
    """Inverse of `to_json`; the certificate is proved again.

    Args:
        data: the document.
        bare: whether a closed form may be without header and digest, as plans of 2.0 hold it.

    Raises:
        InputError: another format or version, an unknown game, missing, unusable or unknown
            entries, an edited document, or a certificate that does not hold, with the reason.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"the certificate is {printable(data, 40)}, expected a JSON object")
    try:
        text = canonical(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the certificate is no JSON: {printable(error, 100)}") from None
    return _proved(text, bare and "format" not in data)


def proved_again(certificate: ScoreCertificate) -> ScoreCertificate:
    """A certificate restored from the document of another: a fresh object, proved now.

    Raises:
        InputError: as `from_json`.
    """
    return _proved.__wrapped__(canonical(to_json(certificate)), False)


@lru_cache(maxsize=32)
def _proved(text: bytes, bare: bool) -> ScoreCertificate:
    # Cached by content, since a plan, its run and its report read the same certificate.  What was
    # digested is read, so nothing that looks the same in two places can differ between them.
    data = parse_json(text, "the certificate")
    if not bare:
        opened = FORMAT.open(data)
        fields, game = opened.fields, GAMES[opened.game]
    else:
        fields, game = Fields(data, "the certificate"), GAMES[FIRST_GAME]
        fields.choice("kind", "closed-form")
    return CERTIFICATES[fields.choice("kind", *CERTIFICATES)].from_content(fields, game)


def write(certificate: ScoreCertificate, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a certificate file, whole or not at all.

    Raises:
        InputError: the file exists (unless `overwrite`) or cannot be written.
    """
    FORMAT.write(path, _entries(certificate), certificate.code.game.name, overwrite=overwrite)


def read(path: str | Path) -> ScoreCertificate:
    """Read a certificate file and prove what it claims.

    Raises:
        InputError: the file cannot be read, is no certificate, was edited, or does not hold.
    """
    data = read_json(path, "certificate file")
    if not isinstance(data, dict):
        raise InputError(f"certificate file {str(path)!r} holds no certificate")
    return from_json(data)


def _entries(certificate: ScoreCertificate) -> dict[str, Any]:
    """The entries of its document beside the header."""
    return {"kind": certificate.kind, **certificate.content()}
