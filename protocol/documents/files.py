"""Files: reads that are bounded and never block, writes that are whole or not there.

A file is read only if it is a regular one (or, for sources, what its reader allows), opened
without waiting, and to a limit.  A new file is written under a hidden name beside its own,
`.NAME.partial-…`, which is held locked, synced, and moved to its name as the last step; what a
killed process left under such a name is said and cleared by the next writer of that name, which
holds it locked meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from protocol.documents.fields import parse_json, printable
from qdevices.errors import InputError

#: Largest JSON document that is read; a run's record with its certificate has about 50 kB.
MOST_JSON_BYTES = 1 << 25
#: Mode of what must stay secret: output, weak bits, ledgers.
PRIVATE = 0o600
_PARTIAL = ".partial-"
#: How long to wait for a lock that others have for a look or a removal only.
_HOLD_SECONDS = 5.0
_LOOK_SECONDS = 0.01
#: New hidden names to try when a sweeper was faster.
_TRIES = 100

log = logging.getLogger("ksamp")


class MissingError(InputError):
    """A file that is not there."""


def open_now(path: str | Path, flags: int, mode: int = PRIVATE, *, follow: bool = True) -> int:
    """A descriptor of whatever is at `path`, opened without waiting and for this process only.

    Args:
        path: a file, folder, pipe or device.
        flags: `os.O_RDONLY` and so on.
        mode: permissions of a new file, less the umask.
        follow: whether a link is followed.

    Raises:
        OSError: it cannot be opened, or is a link that is not followed.
    """
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(path, flags | (0 if follow else getattr(os, "O_NOFOLLOW", 0)), mode)


def regular_descriptor(
    path: str | Path, what: str, flags: int, mode: int = PRIVATE, *, follow: bool = True
) -> int:
    """A descriptor of a regular file; never blocks.

    Args:
        path: the file.
        what: what it is, for messages, such as "plan file".
        flags, mode: as in `open_now`.
        follow: whether a link is followed; files inside a run folder must be none.

    Raises:
        MissingError: there is none.
        InputError: it cannot be opened, is a link that is not followed, or no regular file.
    """
    name = f"{what} {str(path)!r}"
    done = "read" if flags & (os.O_WRONLY | os.O_RDWR) == 0 else "written"
    try:
        descriptor = open_now(path, flags, mode, follow=follow)
    except FileNotFoundError as error:
        raise MissingError(f"{name} cannot be {done}: {error.strerror}") from None
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise InputError(f"{name} is a link, expected a regular file") from None
        raise InputError(f"{name} cannot be {done}: {error.strerror}") from None
    except ValueError as error:  # a name with a zero byte
        raise InputError(f"{name} cannot be {done}: {error}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{name} is no regular file, expected one")
    return descriptor


def open_regular(path: str | Path, what: str, *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading; arguments and errors as `regular_descriptor`."""
    return os.fdopen(regular_descriptor(path, what, os.O_RDONLY, follow=follow), "rb")


def open_log(path: str | Path, what: str) -> BinaryIO:
    """Open a file of its owner's only to append to, a new one if there is none.

    Raises:
        InputError: as `regular_descriptor`; it must not be a link either.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    return os.fdopen(regular_descriptor(path, what, flags, follow=False), "ab")


def create_private(path: Path) -> BinaryIO:
    """A new file, open for writing, that only its owner may read whatever the umask.

    Raises:
        OSError: it exists or cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    file = os.fdopen(open_now(path, flags, follow=False), "wb")
    os.fchmod(file.fileno(), PRIVATE)
    return file


def read_bytes(path: str | Path, what: str, most: int, *, follow: bool = True) -> bytes:
    """All bytes of a regular file of at most `most` bytes.

    Raises:
        InputError: as `open_regular`, or a larger file.
    """
    with open_regular(path, what, follow=follow) as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise InputError(f"{what} {str(path)!r} cannot be read: {error.strerror}") from None
    if len(data) > most:
        raise InputError(f"{what} {str(path)!r} has more than {most} bytes, expected at most that")
    return data


def read_json(
    path: str | Path, what: str, *, most: int = MOST_JSON_BYTES, follow: bool = True
) -> Any:
    """The value of a JSON file, read strictly (`document.parse_json`).

    Raises:
        InputError: as `read_bytes`, or no such JSON.
    """
    return parse_json(read_bytes(path, what, most, follow=follow), f"{what} {str(path)!r}")


def check_new(path: str | Path, what: str, *, overwrite: bool = False) -> None:
    """Find out, before any work, whether a file can be written at `path`; leaves nothing there.

    Raises:
        InputError: it exists (unless `overwrite`), is no regular file (which is never replaced),
            or its folder takes no new files.
    """
    path = Path(path)
    _check_replaceable(path, what, overwrite)
    sweep(path)
    try:
        descriptor, temporary = _held_file(path)
        try:
            temporary.unlink()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unwritable(path, what, error) from None


def write_file(
    path: str | Path,
    data: bytes,
    what: str,
    *,
    overwrite: bool = False,
    mode: int | None = None,
) -> None:
    """Write a whole file or nothing.

    Args:
        path: its name.
        data: its content.
        what: what it is, for messages.
        overwrite: replace a regular file of that name.
        mode: permissions, `PRIVATE` or so; as the umask has it unless given.

    Raises:
        InputError: as `check_new`, or the disk refuses.
    """
    path = Path(path)
    _check_replaceable(path, what, overwrite)
    sweep(path)
    try:
        descriptor, temporary = _held_file(path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o666 & ~umask() if mode is None else mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if overwrite:
                    _check_replaceable(path, what, overwrite)
                    temporary.replace(path)
                else:
                    _link(temporary, path)
            sync(path.absolute().parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    except FileExistsError:
        raise InputError(f"{what} {str(path)!r} exists, expected a new name") from None
    except OSError as error:
        raise _unwritable(path, what, error) from None


def partial_prefix(path: Path) -> str:
    """How the hidden names begin under which `path` is written."""
    return f".{path.name}{_PARTIAL}"


def leftovers(path: Path) -> Iterator[Path]:
    """What killed processes left of writing `path`: its hidden names that nobody holds locked.

    Each is held until the next one is asked for, so that nobody takes it up while it is dealt
    with; what was moved aside, `.old`, comes last.
    """
    # As `tempfile` makes them, and nothing else that somebody may have called so.
    hidden = re.compile(re.escape(partial_prefix(path)) + r"[a-z0-9_]{8}(\.old)?")
    parent = path.absolute().parent
    try:
        with os.scandir(parent) as entries:
            found = [entry.name for entry in entries if hidden.fullmatch(entry.name)]
    except OSError:
        return
    for name in sorted(found, key=lambda name: (name.endswith(".old"), name)):
        candidate = parent / name
        if (descriptor := _take_up(candidate)) is not None:
            try:
                yield candidate
            finally:
                os.close(descriptor)


def sweep(path: Path) -> None:
    """Remove the unfinished files among `leftovers`, and say so on the log."""
    for left in leftovers(path):
        if left.is_file():
            with contextlib.suppress(OSError):
                left.unlink()
                log.warning("ksamp: removed %s, left by an interrupted run", printable(str(left)))


def hold(descriptor: int, path: Path) -> None:
    """Mark an open file or folder as in use by this process, until it is closed.

    Whoever looks whether it is in use has it for a moment; that is waited for.

    Args:
        descriptor: of what is marked.
        path: its name, for messages.

    Raises:
        InputError: another process keeps it.
    """
    try:
        import fcntl
    except ImportError:  # nobody can lock, and nothing is cleaned
        return
    stop = time.monotonic() + _HOLD_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= stop:
                raise InputError(
                    f"{str(path)!r} is in use by another process, expected it free within "
                    f"{_HOLD_SECONDS:g} s"
                ) from None
            time.sleep(_LOOK_SECONDS)
        except OSError:  # a file system without locks, where nothing is cleaned either
            return
        else:
            return


def stands_at(descriptor: int, path: Path) -> bool:
    """Whether an open file or folder is the one of that name, now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _take_up(path: Path) -> int | None:
    """A descriptor that holds what nobody else does; None if it is held, gone or a link."""
    try:
        import fcntl
    except ImportError:  # no locks on this system: never clean what may be in use
        return None
    try:
        descriptor = open_now(path, os.O_RDONLY, follow=False)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stands_at(descriptor, path):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _held_file(path: Path) -> tuple[int, Path]:
    """A new hidden file beside `path`, open for writing and held."""

    def make() -> tuple[int, Path]:
        prefix = partial_prefix(path)
        descriptor, name = tempfile.mkstemp(prefix=prefix, dir=path.absolute().parent)
        return descriptor, Path(name)

    return _held(make)


def _held_folder(path: Path) -> tuple[int, Path]:
    """A new hidden folder beside `path`, open and held."""

    def make() -> tuple[int, Path]:
        hidden = Path(tempfile.mkdtemp(prefix=partial_prefix(path), dir=path.absolute().parent))
        flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
        try:
            return open_now(hidden, flags, follow=False), hidden
        except FileNotFoundError:
            return -1, hidden
        except OSError:
            hidden.rmdir()
            raise

    return _held(make)


def _held(make: Callable[[], tuple[int, Path]]) -> tuple[int, Path]:
    """What `make` makes, once it is held and still there.

    Until it is held it looks like a leftover, and whoever clears those may remove it; they hold it
    while they do, so that what has its name when it is held keeps it.
    """
    for _ in range(_TRIES):
        descriptor, path = make()
        if descriptor < 0:
            continue
        try:
            hold(descriptor, path)
            if stands_at(descriptor, path):
                return descriptor, path
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "new files are removed by another process")


@contextlib.contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path` in which it is written; give it its name by `move_to_name`.

    It is private, and held so that nobody takes it for a leftover.  Afterwards it is gone, unless
    it has got its name; what a killed process leaves of it is among the `leftovers`.

    Raises:
        OSError: it cannot be made.
        InputError: another process keeps it.
    """
    descriptor, hidden = _held_folder(path)
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)  # while nobody else can take it up
        os.close(descriptor)


def move_to_name(hidden: Path, path: Path) -> None:
    """Give a folder of `staging`, which is complete and synced, its name; as open as the umask has.

    Raises:
        OSError: the name is taken, or the disk refuses.
    """
    hidden.chmod(0o777 & ~umask())
    sync(hidden)
    hidden.rename(path)
    sync(path.absolute().parent)


def move_in(hidden: Path, folder: Path, last: str, tell: Callable[[str], None]) -> None:
    """Move all files of one folder into another, replacing those there.

    Args:
        hidden: its files are on the disk already; it is removed.
        folder: where to.
        last: the file that makes the others count: it is moved when those are on the disk.
        tell: told the name of each file before it is moved.

    Raises:
        OSError: the disk refuses.
    """
    names = sorted(file.name for file in hidden.iterdir() if file.name != last)
    for name in (*names, last):
        if name == last:
            sync(folder)
        tell(name)
        (hidden / name).replace(folder / name)
    sync(folder)
    shutil.rmtree(hidden, ignore_errors=True)


def umask() -> int:
    """The process's mask of permissions."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk, where the system can."""
    # Folders cannot be synced everywhere; then the order of renames is the file system's.
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check_replaceable(path: Path, what: str, overwrite: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise InputError(f"{what} {str(path)!r} cannot be written: {error}") from None
    if not overwrite:
        raise InputError(f"{what} {str(path)!r} exists, expected a new name")
    if not stat.S_ISREG(mode):
        raise InputError(f"{what} {str(path)!r} is no regular file, so it is not replaced")


def _unwritable(path: Path, what: str, error: OSError) -> InputError:
    parent = path.absolute().parent
    if not parent.is_dir():
        return InputError(f"folder {str(parent)!r} does not exist, cannot write {path.name!r}")
    return InputError(f"{what} {str(path)!r} cannot be written: {error.strerror}")


def _link(temporary: Path, path: Path) -> None:
    """Give the finished file its name, unless that has come to exist meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
        temporary.replace(path)
