"""Numbers as this room's public functions take them: NumPy's as well as Python's, and no others.

Counts are whole numbers; true, 5.0 and "5" are none.  What comes back is Python's own `int` or
`float`, so that powers do not overflow and a document can be written of it.
"""

from __future__ import annotations

from typing import Any

from protocol.documents.fields import printable
from qdevices.arrays import is_real, is_whole
from qdevices.errors import InputError


def whole(name: str, value: Any) -> int:
    """A whole number as int; its range is the caller's to check.

    Args:
        name: what it is, for messages.
        value: int or one of NumPy's integers.

    Raises:
        InputError: anything else, also a bool.
    """
    if not is_whole(value):
        raise InputError(f"{name}: {printable(repr(value), 60)}, expected a whole number")
    return int(value)


def real(name: str, value: Any) -> float:
    """A real number as float; its range, and that it is no NaN, is the caller's to check.

    Args:
        name: what it is, for messages.
        value: int, float or one of NumPy's integers and floats.

    Raises:
        InputError: anything else, also a bool, or an int too large for a float.
    """
    if not is_real(value):
        raise InputError(f"{name}: {printable(repr(value), 60)}, expected a number")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{name}: a number of 300 digits or more, expected less") from None
