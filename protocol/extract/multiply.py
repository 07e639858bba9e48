"""The product of two polynomials over GF(2), by the fastest way that this machine has.

`additive` (compiled, carry-less multiplication) where numba and the processor allow it, `real_fft`
elsewhere.  `benchmarks/extract_multiply.py` has the measurements behind the choice.  What is needed
is imported at the first product, since numba takes half a second to import.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Literal, cast

from protocol.extract.words import Words
from qdevices.errors import InputError

Backend = Literal["additive", "real-fft"]
Multiply = Callable[[Words, Words], Words]

_MODULES: dict[Backend, str] = {
    "additive": "protocol.extract.additive",
    "real-fft": "protocol.extract.real_fft",
}


@cache
def backends() -> dict[Backend, Multiply]:
    """The ways that work on this machine, the fastest first."""
    found: dict[Backend, Multiply] = {}
    for name, module in _MODULES.items():
        loaded = importlib.import_module(module)
        if getattr(loaded, "AVAILABLE", True):
            found[name] = cast(Multiply, loaded.multiply)
    return found


def multiply(a: Words, b: Words, backend: Backend | None = None) -> Words:
    """The product of two polynomials given as words, in len(a) + len(b) words.

    Raises:
        InputError: a `backend` that this machine does not have.
    """
    ways = backends()
    name = next(iter(ways)) if backend is None else backend
    if name not in ways:
        raise InputError(f"multiplication by {name!r} is not available here, only {list(ways)}")
    return ways[name](a, b)
