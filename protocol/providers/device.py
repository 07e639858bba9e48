"""Devices of this machine: the local provider plays them, `qdevices.hardware` opens them."""

from __future__ import annotations

from protocol.providers.hardware import HardwareKind
from protocol.providers.kind import Opening
from protocol.providers.local import PATIENCE, LocalProvider
from protocol.providers.local_spec import LocalSpec


class DeviceKind(HardwareKind):
    """A kind of device; its names are those that `qdevices.hardware.open_backend` takes."""

    device = True
    patience = PATIENCE

    def open(self, opening: Opening) -> LocalProvider:
        """The local provider, without latency or failures."""
        return LocalProvider.of(opening, LocalSpec(opening.backend))

    def named_again(self, backend: str) -> str | None:
        """None: a simulation of this machine does no harm."""
        return None
