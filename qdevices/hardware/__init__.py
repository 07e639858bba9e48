"""Processors: minimal circuits, where they go on a chip, and runs on simulators and hardware."""

from qdevices.hardware.backends import expected_behaviour, run_chunk, verify
from qdevices.hardware.catalogue import compiled_for, open_backend
from qdevices.hardware.compilation import compile_for

__all__ = [
    "compile_for",
    "compiled_for",
    "expected_behaviour",
    "open_backend",
    "run_chunk",
    "verify",
]
