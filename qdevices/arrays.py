"""Numbers and arrays from anybody, and arrays that nobody can write to, whoever asks NumPy to."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qdevices.errors import InputError

Scalar = TypeVar("Scalar", bound=np.generic)


def is_whole(value: object) -> bool:
    """Whether this is a whole number, Python's or NumPy's; true, 5.0 and "5" are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_real(value: object) -> bool:
    """Whether this is a real number, Python's or NumPy's, nan and infinities among them."""
    return is_whole(value) or isinstance(value, (float, np.floating))


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """A copy of `array`, any shape, that stays as it is.

    A flag could be set back (`setflags(write=True)`) by whoever holds an array that owns its
    memory; this one's memory is an immutable `bytes`.
    """
    whole = np.ascontiguousarray(array)
    found: Any = np.frombuffer(whole.tobytes(), dtype=whole.dtype)
    return found.reshape(array.shape)  # type: ignore[no-any-return]


def is_frozen(array: NDArray[Any]) -> bool:
    """Whether an array, or what it is a view of, can be written to by nobody."""
    memory: Any = array
    while isinstance(memory, np.ndarray):
        if memory.flags.writeable:
            return False
        memory = memory.base  # None if it owns its memory, where the flag could be set back
    return isinstance(memory, bytes)


def reals(name: str, given: ArrayLike) -> NDArray[np.float64]:
    """An array of its own, float64, of what is given as real numbers.

    Args:
        name: what it is, for messages.
        given: numbers in any form that NumPy takes.

    Raises:
        InputError: it is ragged, complex, no numbers, or numbers too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a complex number would lose its imaginary part
            return np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, Warning):
        raise InputError(f"{name} is {given!r:.60}, expected an array of real numbers") from None
