"""Recorded runs: settings and outcomes from NumPy files or a CSV with labels from 1 on.

NumPy files hold either one uint8 a run (setting pair and joint outcome as `Game` numbers them, for
KS-18 9u1+u2 and 4x1+x2) or two columns (u1, u2) and (x1, x2), 0-based integers.  A CSV has a header
with the columns u1, u2, x1, x2 in any order and 1-based labels, for KS-18 those of the paper,
settings 1..9 and outcomes 1..4.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protocol.data.provenance import Provenance
from protocol.documents.fields import printable
from protocol.documents.files import open_regular
from protocol.progress import Progress
from qdevices.errors import InputError
from qdevices.game import Game


@dataclass(frozen=True, eq=False)
class Recorded:
    """Runs as they were recorded.

    Attributes:
        settings: setting pairs, (n,) uint8, in run order.
        outcomes: joint outcomes, likewise.
        provenance: how they came about.

    Raises:
        InputError: no arrays (n,) uint8 of equal length, or no provenance.
    """

    settings: NDArray[np.uint8]
    outcomes: NDArray[np.uint8]
    provenance: Provenance

    def __post_init__(self) -> None:
        for name, array in (("settings", self.settings), ("outcomes", self.outcomes)):
            if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != np.uint8:
                raise InputError(f"{name} are {array!r:.60}, expected an array (n,) uint8")
        if len(self.settings) != len(self.outcomes):
            raise InputError(f"{len(self.settings)} settings but {len(self.outcomes)} outcomes")
        if not isinstance(self.provenance, Provenance):
            raise InputError(f"provenance is {self.provenance!r:.60}, expected a Provenance")


_CSV_COLUMNS = ("u1", "u2", "x1", "x2")
_LABEL = re.compile("[0-9]{1,9}")
_REPORT = 1 << 16  # rows between two reports of progress
_MOST_LINE = 1 << 16
_MOST_HEADER = 10_000
#: As many as a plan may have.
MOST_RUNS = 10**9
Runs = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def load_array(
    path: str | Path, labels: tuple[int, int], what: str, *, follow: bool = True
) -> NDArray[np.uint8]:
    """One array of runs from a `.npy` file, as (n,) uint8 of `labels[1]`·first + second.

    Args:
        path: the file; large (n,) uint8 files are mapped, not read.
        labels: how many each party has, `settings` or `outcomes` of a game.
        what: "settings" or "outcomes", for messages.
        follow: whether a link is followed.

    Raises:
        InputError: the file cannot be read, or its dtype, shape, length or a value is wrong.
    """
    array = _mapped(path, what, follow)
    first, second = labels
    bounds = (first * second,) if array.ndim == 1 else labels
    for column, bound in zip(array.reshape(len(array), -1).T, bounds, strict=True):
        if int(column.min()) < 0 or int(column.max()) >= bound:
            run = int(((column < 0) | (column >= bound)).argmax())
            raise InputError(f"{what}[{run}] is {column[run]}, expected 0..{bound - 1}")
    if array.ndim == 1:
        return array if array.dtype == np.uint8 else array.astype(np.uint8)
    # At most 255, as the game's numbers of pairs and joint outcomes are at most 256.
    pairs = array[:, 0].astype(np.uint16) * np.uint16(second) + array[:, 1].astype(np.uint16)
    return pairs.astype(np.uint8)


def _mapped(path: str | Path, what: str, follow: bool) -> NDArray[Any]:
    """The integers of a `.npy` file, (n,) or (n, 2) with n > 0, mapped.

    NumPy's own loader believes the header: a shape of (−1,) ends the process, and bytes after the
    array pass unseen.  Here the header only has to describe the file as it is.
    """
    name = f"{what} file {str(path)!r}"
    with open_regular(path, f"{what} file", follow=follow) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            version = np.lib.format.read_magic(file)
            reader = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            head = file.read(4 if version == (2, 0) else 2)
            if int.from_bytes(head, "little") > _MOST_HEADER:
                raise ValueError
            file.seek(-len(head), os.SEEK_CUR)
            shape, fortran, dtype = reader(file)
        except (ValueError, EOFError, OverflowError, SyntaxError, KeyError, TypeError,
                MemoryError, RecursionError, tokenize.TokenError):  # fmt: skip
            raise InputError(f"{name} is no .npy array of numbers") from None
        if dtype.hasobject:  # a pickle, which is never loaded
            raise InputError(f"{name} is no .npy array of numbers")
        start = file.tell()
        if dtype.kind not in "iu":
            raise InputError(
                f"{name} has dtype {printable(dtype, 60)}, expected uint8 or another integer"
            )
        if not (
            all(type(length) is int for length in shape)
            and (len(shape) == 1 or (len(shape) == 2 and shape[1] == 2))
            and 0 < shape[0] <= MOST_RUNS
        ):
            raise InputError(
                f"{name} has shape {printable(shape, 60)}, expected (n,) or (n, 2), n > 0"
            )
        expected = start + math.prod(shape) * dtype.itemsize
        if size != expected:
            raise InputError(
                f"{name} has {size} bytes, expected {expected} by its header: shape {shape}, "
                f"{dtype}"
            )
        order: Literal["F", "C"] = "F" if fortran else "C"
        try:
            return np.memmap(file, dtype=dtype, mode="r", offset=start, shape=shape, order=order)
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}") from None


def load_pair(
    settings: str | Path, outcomes: str | Path, game: Game, *, follow: bool = True
) -> Runs:
    """Settings and outcomes of a game from two `.npy` files; see `load_array`.

    Raises:
        InputError: also when the lengths differ.
    """
    u = load_array(settings, game.settings, "settings", follow=follow)
    x = load_array(outcomes, game.outcomes, "outcomes", follow=follow)
    if len(u) != len(x):
        raise InputError(f"{len(u)} settings but {len(x)} outcomes")
    return u, x


def blocks(settings: NDArray[np.uint8], outcomes: NDArray[np.uint8], size: int) -> Iterator[Runs]:
    """Cut arrays of runs into blocks of at most `size`, as plain arrays."""
    for start in range(0, len(settings), size):
        stop = start + size
        yield np.asarray(settings[start:stop]), np.asarray(outcomes[start:stop])


def load_csv(path: str | Path, game: Game, progress: Progress | None = None) -> Runs:
    """Settings and outcomes from a CSV file with columns u1, u2, x1, x2 in 1-based labels.

    Other columns, empty lines, quotes, a byte order mark and either end of line do not matter.

    Args:
        path: the file.
        game: whose labels they are.
        progress: is told (stage, bytes read, bytes in all).

    Raises:
        InputError: the file cannot be read, lacks a column, or has a label out of range (with
            its line).
    """
    name = str(path)
    u, x = bytearray(), bytearray()
    try:
        with open_regular(path, "CSV") as file:
            size = os.fstat(file.fileno()).st_size
            text = io.TextIOWrapper(file, newline="", encoding="utf-8-sig")
            reader = csv.reader(_lines(text, name), skipinitialspace=True)
            rows = (row for row in reader if any(row))
            header = [column.strip() for column in next(rows, [])]
            places = []
            for column in _CSV_COLUMNS:
                if header.count(column) != 1:
                    raise InputError(
                        f"CSV {name!r} has the columns {','.join(header)[:60]!r}, "
                        "expected u1,u2,x1,x2"
                    )
                places.append(header.index(column))
            first, second, third, fourth = places
            bounds = (*game.settings, *game.outcomes)
            u1, u2, x1, x2 = ({str(k + 1): k for k in range(bound)} for bound in bounds)
            each_u, each_x = game.settings[1], game.outcomes[1]
            for row in rows:
                try:
                    labels = (
                        u1[row[first]],
                        u2[row[second]],
                        x1[row[third]],
                        x2[row[fourth]],
                    )
                except (KeyError, IndexError):  # spaces, leading zeros, or an error
                    if not any(field.strip() for field in row):
                        continue
                    labels = _labels(row, places, bounds, f"CSV {name!r} line {reader.line_num}")
                u.append(each_u * labels[0] + labels[1])
                x.append(each_x * labels[2] + labels[3])
                if progress is not None and not len(u) % _REPORT:
                    progress("reading", min(file.tell(), size), size)
    except OSError as error:
        raise InputError(f"CSV {name!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"CSV {name!r} is no UTF-8 text") from None
    except csv.Error as error:
        raise InputError(f"CSV {name!r} is malformed: {error}") from None
    if not u:
        raise InputError(f"CSV {name!r} has no runs")
    return np.frombuffer(bytes(u), dtype=np.uint8), np.frombuffer(bytes(x), dtype=np.uint8)


def _lines(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    """The lines of a CSV, none longer than any that holds runs."""
    while line := text.readline(_MOST_LINE):
        if len(line) == _MOST_LINE:
            raise InputError(f"CSV {name!r} has a line of {_MOST_LINE} characters or more")
        yield line


def _labels(
    row: list[str], places: list[int], bounds: tuple[int, ...], where: str
) -> tuple[int, int, int, int]:
    """The four labels of a row, counted from 0.

    Raises:
        InputError: a label out of range.
    """
    labels = []
    for column, bound, place in zip(_CSV_COLUMNS, bounds, places, strict=True):
        text = row[place].strip() if place < len(row) else ""
        if not (_LABEL.fullmatch(text) and 1 <= int(text) <= bound):
            raise InputError(f"{where}: {column} is {text!r:.40}, expected 1..{bound}")
        labels.append(int(text) - 1)
    u1, u2, x1, x2 = labels
    return u1, u2, x1, x2


def check_runs(settings: NDArray[np.uint8], outcomes: NDArray[np.uint8], game: Game) -> None:
    """Check arrays of runs of a game.

    Raises:
        InputError: not one-dimensional uint8, of unequal length, or a value out of range.
    """
    for name, array, bound in (
        ("settings", settings, game.n_pairs),
        ("outcomes", outcomes, game.n_joint),
    ):
        if not isinstance(array, np.ndarray):
            raise InputError(f"{name} are {array!r:.60}, expected an array (n,) uint8")
        if array.ndim != 1 or array.dtype != np.uint8:
            raise InputError(
                f"{name} have shape {array.shape} and dtype {array.dtype}, expected (n,) uint8"
            )
        if len(array) and int(array.max()) >= bound:
            run = int((array >= bound).argmax())
            raise InputError(f"{name}[{run}] is {array[run]}, expected 0..{bound - 1}")
    if len(settings) != len(outcomes):
        raise InputError(f"{len(settings)} settings but {len(outcomes)} outcomes")
