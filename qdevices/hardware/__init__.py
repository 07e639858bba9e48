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
_PLACES = {
    "check_answers": "qdevices.hardware.backends",
    "compile_for": "qdevices.hardware.compilation",
    "compiled_for": "qdevices.hardware.catalogue",
    "open_backend": "qdevices.hardware.catalogue",
    "reported_behaviour": "qdevices.hardware.backends",
    "run_chunk": "qdevices.hardware.backends",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'qdevices.hardware' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
