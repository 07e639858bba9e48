"""One process at a time on a run folder.

The lock is the kernel's (flock), so that of a killed process is free at once and nothing stale
has to be recognised; the process id in the file is only for the message.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from protocol.documents.files import regular_descriptor
from qdevices.errors import InputError

NAME = "ledger.lock"


class Lock:
    """Holds `path` locked; use as a context manager.

    Raises:
        InputError: on entering, another process holds it, or it cannot be written, or the
            system has no flock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Lock:
        try:
            import fcntl
        except ImportError:
            raise InputError("this system has no file locks (flock), expected POSIX") from None
        # The file may have been received: never through a link into somebody's own file.
        flags = os.O_RDWR | os.O_CREAT
        descriptor = regular_descriptor(self._path, "lock file", flags, 0o666, follow=False)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise InputError(
                f"{str(self._path.parent)!r} is in use by process "
                f"{holder if holder.isdecimal() else 'unknown'}, expected one process at a time"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
