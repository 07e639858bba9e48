"""Certificates as files: JSON, versioned, self-contained, verified whenever they are read.

A file holds the setting code, ε, β, the factors and the proof, all in whole numbers, and a
digest of all that.  The digest tells of an edit; the proof alone makes the table trusted, so
whoever writes a file with a fresh digest still has to prove it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.potentials import N_SLOTS
from protocol.certificate.proof import BETA_BITS, FACTOR_BITS, Proof, ProofError, Table, verify
from protocol.errors import InputError
from protocol.score import ScoreCertificate
from protocol.setting_code import SettingCode, check_epsilon
from qdevices.game import N_JOINT, N_PAIRS

FORMAT, VERSION = "ksamp-certificate", 2
KIND = "optimised"
_LARGEST_PROOF_BYTES = 1 << 26


@dataclass(frozen=True, eq=False)
class TableCertificate(ScoreCertificate):
    """An optimised score certificate, with the whole-number table and proof that it stands on.

    Attributes:
        table, proof: as verified.
        about: how it was found, for people; proves nothing.
    """

    table: Table = field(kw_only=True)
    proof: Proof = field(kw_only=True)
    about: Mapping[str, Any] = field(kw_only=True, default_factory=dict)

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
        return {**data, "sha256": _digest(data)}


def certify_table(table: Table, proof: Proof, about: Mapping[str, Any]) -> TableCertificate:
    """The score certificate of a table, after its proof was verified.

    Raises:
        ProofError: the proof does not hold.
    """
    verify(table, proof)
    with np.errstate(divide="ignore"):
        exact = np.log2(table.factors / 2.0**FACTOR_BITS)
    # One step down pays for the rounding of the logarithm.
    log2_factors = np.where(table.factors == 1 << FACTOR_BITS, 0.0, np.nextafter(exact, -np.inf))
    log2_factors.setflags(write=False)
    return TableCertificate(
        KIND,
        table.code,
        table.epsilon,
        table.beta / 2**BETA_BITS,
        log2_factors,
        table=table,
        proof=proof,
        about=about,
    )


def from_json(data: Mapping[str, Any]) -> TableCertificate:
    """Inverse of `TableCertificate.to_json`, verified in exact arithmetic.

    Raises:
        InputError: another format or version, missing or unusable entries, an edited file, or
            a proof that does not hold, with the reason.
    """
    if data.get("format") != FORMAT or data.get("version") != VERSION:
        raise InputError(
            f"certificate has format {data.get('format')!r} version {data.get('version')!r}, "
            f"expected {FORMAT!r} version {VERSION}"
        )
    try:
        content = {k: v for k, v in data.items() if k != "sha256"}
        if data["sha256"] != _digest(content):
            raise InputError("the certificate was edited: its SHA-256 digest does not match")
        return _verified(json.dumps(content, sort_keys=True))
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
        raise InputError(f"the certificate is unusable: {error!r}") from None


@lru_cache(maxsize=32)
def _verified(text: str) -> TableCertificate:
    # Cached by content, since a plan, its run and its report read the same certificate.
    data = json.loads(text)
    code, epsilon = SettingCode.from_json(data["code"]), check_epsilon(float(data["epsilon"]))
    rows = [[int(v) for v in row.split()] for row in data["factors"]["rows"]]
    factors = np.array(rows, dtype=np.int64)
    if factors.shape != (N_PAIRS, N_JOINT):
        raise InputError(f"certificate has factors of shape {factors.shape}, expected (81, 16)")
    if (bits := data["factors"]["log2_denominator"]) != FACTOR_BITS:
        raise InputError(f"certificate has factors in units of 2^-{bits}, expected {FACTOR_BITS}")
    if (bits := data["beta"]["log2_denominator"]) != BETA_BITS:
        raise InputError(f"certificate has beta in units of 2^-{bits}, expected {BETA_BITS}")
    table = Table(code, epsilon, int(data["beta"]["numerator"]), factors)
    numbers = _unpack(data["proof"]["potentials"])
    proof = Proof(
        tuple(int(g) for g in data["proof"]["grid"]), numbers[:, 1:].copy(), numbers[:, 0].copy()
    )
    try:
        return certify_table(table, proof, data["about"])
    except ProofError as error:
        raise InputError(f"the certificate does not hold: {error}") from None


def write(certificate: TableCertificate, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a certificate file.

    Raises:
        InputError: the file exists (unless `overwrite`) or cannot be written.
    """
    text = json.dumps(certificate.to_json(), indent=1) + "\n"
    try:
        with Path(path).open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"certificate file {str(path)!r} exists, expected a new name") from None
    except OSError as error:
        raise InputError(
            f"certificate file {str(path)!r} cannot be written: {error.strerror}"
        ) from None


def read(path: str | Path) -> TableCertificate:
    """Read and verify a certificate file.

    Raises:
        InputError: the file cannot be read, is no certificate, was edited, or does not hold.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"certificate file {str(path)!r} cannot be read: {error.strerror}"
        ) from None
    except ValueError as error:
        raise InputError(f"certificate file {str(path)!r} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise InputError(f"certificate file {str(path)!r} holds no certificate")
    return from_json(data)


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _pack(numbers: NDArray[np.int64]) -> str:
    """int64 rows of 649, little-endian, zlib, base64; most potentials are small or repeated."""
    return base64.b64encode(zlib.compress(numbers.astype("<i8").tobytes(), 9)).decode()


def _unpack(text: str) -> NDArray[np.int64]:
    raw = zlib.decompressobj().decompress(base64.b64decode(text), _LARGEST_PROOF_BYTES)
    return np.frombuffer(raw, dtype="<i8").reshape(-1, N_SLOTS + 1).astype(np.int64)
