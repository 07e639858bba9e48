"""Processors: minimal circuits, where they go on a chip, and runs on simulators and hardware."""

from qdevices.hardware.backends import open_backend, run_chunk
from qdevices.hardware.compilation import compile_for

__all__ = ["compile_for", "open_backend", "run_chunk"]
