"""Processors: minimal circuits, where they go on a chip, and runs on simulators and hardware.

The names below are imported when they are first used, as they need Qiskit.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdevices.hardware.backends import check_answers, reported_behaviour, run_chunk
    from qdevices.hardware.catalogue import compiled_for, open_backend
    from qdevices.hardware.compilation import compile_for

__all__ = [
    "check_answers",
    "compile_for",
    "compiled_for",
    "open_backend",
    "reported_behaviour",
    "run_chunk",
]

#: Where each name is at home.
_HOMES = {
    "check_answers": "backends",
    "compile_for": "compilation",
    "compiled_for": "catalogue",
    "open_backend": "catalogue",
    "reported_behaviour": "backends",
    "run_chunk": "backends",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
