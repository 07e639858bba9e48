"""Backends `python:MODULE:CALLABLE`: whatever a Python callable returns."""

from __future__ import annotations

from protocol.providers.device import DeviceKind
from qdevices.variants import Variant


class _Kind(DeviceKind):
    """Anybody's own `BackendV2` or `BaseSamplerV2`, from a module that may lie beside the data."""

    name = "python"
    forms = ("python:MODULE:CALLABLE",)
    help = "what a Python callable returns, a BackendV2 or BaseSamplerV2"

    def check_again(self, backend: str, variant: Variant) -> None:
        """Open it once more.

        A module beside the data is found only from its folder; a worker started elsewhere would
        fail every chunk, and each would cost fresh weak bits.
        """
        self.check(backend, variant)

    def named_again(self, backend: str) -> str:
        """It is code."""
        return "is code, and a run folder does not choose what code runs"

    def runs_code(self, backend: str) -> bool:
        """That is what it is."""
        return True


KIND = _Kind()
