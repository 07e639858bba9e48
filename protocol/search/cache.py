"""Certificates that were found for a request are kept on disk, under the request's digest.

The folder is `$KSAMP_CACHE`, or `ksamp` in `$XDG_CACHE_HOME` or `~/.cache`; an empty `KSAMP_CACHE`
keeps nothing.  Nothing in it is trusted: what is read is proved again, and has to cover the
request.  What is damaged, hostile or cannot be written is said on the log and otherwise ignored.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from protocol.certificate.file import from_json, to_json
from protocol.certificate.table import TableCertificate
from protocol.documents.fields import printable
from protocol.documents.files import PRIVATE, MissingError, log, read_json, write_file
from protocol.documents.format import spelled
from protocol.request import Request, check_covered, same_code
from qdevices.errors import KsampError

#: Largest file that is read, and how many are kept; the oldest go first.
_MOST_BYTES, _MOST_FILES = 1 << 20, 64
_NAME = re.compile(r"[0-9a-f]{64}\.json")
_WHAT = "cached certificate"


def folder() -> Path | None:
    """Where certificates are kept; None for nowhere."""
    own = os.environ.get("KSAMP_CACHE")
    if own is not None:
        return Path(own) if own else None
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():  # others are to be ignored, by the standard
        return base / "ksamp"
    try:
        return Path.home() / ".cache" / "ksamp"
    except RuntimeError:  # nobody's process
        return None


def cached(request: Request) -> TableCertificate | None:
    """The certificate that was kept for a request, proved; None if there is none that serves."""
    if (place := folder()) is None:
        return None
    path = place / f"{request.digest}.json"
    try:
        found = from_json(read_json(path, _WHAT, most=_MOST_BYTES, follow=False))
        check_covered(found, request.epsilon)
    except MissingError:
        return None
    except (KsampError, OSError, ValueError) as error:
        log.warning("ksamp: ignored what is in the cache: %s", printable(error, 300))
        return None
    code = found.code
    serves = code.game == request.game and (request.code is None or same_code(code, request.code))
    return found if serves and isinstance(found, TableCertificate) else None


def keep(request: Request, certificate: TableCertificate) -> None:
    """Keep a certificate for a request, if the disk allows; others of long ago may go."""
    if (place := folder()) is None:
        return
    data = spelled(to_json(certificate))
    if len(data) > _MOST_BYTES:
        return
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{request.digest}.json"
        write_file(place / name, data, _WHAT, overwrite=True, mode=PRIVATE)
        _forget(place, name)
    except (KsampError, OSError, ValueError) as error:
        log.warning("ksamp: a certificate was not kept: %s", printable(error, 300))


def _forget(place: Path, last: str) -> None:
    """Remove the oldest files but for the `_MOST_FILES` last ones."""
    with os.scandir(place) as entries:
        names = [e for e in entries if _NAME.fullmatch(e.name) and e.name != last]
        ages = sorted((e.stat(follow_symlinks=False).st_mtime_ns, e.name) for e in names)
    for _, name in ages[: max(0, len(ages) + 1 - _MOST_FILES)]:
        (place / name).unlink(missing_ok=True)
