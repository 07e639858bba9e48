"""Backends `aer` and `aer:NOISE`: a simulator without limits of coupling."""

from __future__ import annotations

from protocol.providers.device import DeviceKind
from qdevices.noise import TERMS


class _Kind(DeviceKind):
    """Exactly simulated circuits, with the noise that stands in the name."""

    name = "aer"
    forms = ("aer", "aer:NOISE")
    help = "a simulator, NOISE such as gate2=1e-3,readout=1e-2"

    @property
    def options(self) -> tuple[str, ...]:
        """The terms of noise that there are now."""
        return TERMS.names


KIND = _Kind()
