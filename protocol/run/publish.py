"""What of a run may become known, written without what must not.

Beside the output one of two things may become known once Eve has measured (theory 4.5): settings
and the extractor's weak bits, or, where those stay secret, settings and outcomes.  The other one
must not, nor the output of whoever wants to use it; nor a digest of any of them, which would tell
256 bits of it; nor, where outcomes are secret, numbers that are computed from them, but for whether
the run was accepted; nor a simulation's seed, nor names of files.  (Whoever guesses the seed of a
simulation has all of it: a simulated run is no secret.)  Which chunks were redrawn may be known:
the theorem bounds the distance of each pattern by itself (theory 4.7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from protocol.documents.files import create_private, move_to_name, open_regular, staging, sync
from protocol.documents.format import Format, spelled
from protocol.plan.file import plan_to_json
from protocol.run import folder
from protocol.run.folder import EXTRACTOR_BITS, OUTCOMES, PUBLIC_RECORD, SETTINGS
from protocol.run.record import RunRecord
from protocol.security import SECRET
from qdevices.errors import InputError

FORMAT = Format("ksamp-public", "public record of the run")


def public_names(record: RunRecord) -> tuple[str, ...]:
    """The files of a run folder that may become known beside the output."""
    if record.plan.security.extractor_bits == SECRET:
        return (SETTINGS, OUTCOMES)
    return (SETTINGS, EXTRACTOR_BITS) if record.extracted else (SETTINGS,)


@dataclass(frozen=True)
class Published:
    """What `publish` wrote.

    Attributes:
        record: of the run.
        files: names of the run's files that were written.
        sha256: digest of the public record.
    """

    record: RunRecord
    files: tuple[str, ...]
    sha256: str


def publish(path: str | Path, out: str | Path) -> Published:
    """Write what may be known of the run folder `path` into the new folder `out`.

    Args:
        path: a finished run folder; it is left as it is.
        out: must not exist.

    Raises:
        InputError: no run folder, one that is not as it was written, or `out` cannot be made.
    """
    stored = folder.read_run(path)
    target = Path(out)
    folder.check_target(target, replaceable=False)
    names = public_names(stored.record)
    files = {name: stored.record.files[name] for name in names}
    record = FORMAT.seal(_content(stored.record, files), stored.record.plan.code.game.name)
    try:
        with staging(target) as hidden:
            for name in names:
                _copy(Path(path) / name, hidden / name)
                if folder.sha256(hidden / name) != files[name]:
                    raise InputError(f"{name} was changed after the run")
            with create_private(hidden / PUBLIC_RECORD) as file:
                file.write(spelled(record))
            for name in (*names, PUBLIC_RECORD):
                sync(hidden / name)
            sync(hidden)
            move_to_name(hidden, target)
    except OSError as error:
        raise InputError(f"folder {str(out)!r} cannot be written: {error.strerror}") from None
    return Published(stored.record, names, str(record["sha256"]))


def _content(record: RunRecord, files: dict[str, str]) -> dict[str, Any]:
    plan = record.plan
    # Names of files, and of a source, tell where secrets lie; a seed tells them all.
    provenance = replace(
        record.provenance,
        seed=None,
        source=None,
        settings=None,
        outcomes=None,
        plan=None,
        source_bits=None,
    ).to_json()
    known = plan.security.extractor_bits == SECRET
    return {
        "provenance": provenance,
        "plan": plan_to_json(plan),
        "plan_sha256": plan.digest,
        # Numbers that come from outcomes tell something of them.
        "result": dict(record.result) if known else {"accepted": record.result["accepted"]},
        "model": plan.security.sentence,
        "files": files,
    }


def _copy(source: Path, target: Path) -> None:
    with open_regular(source, "file", follow=False) as read, create_private(target) as write:
        copyfileobj(read, write)
