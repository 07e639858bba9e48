"""Backends `fake:NAME` and `fake_NAME`: snapshots of real processors."""

from __future__ import annotations

from protocol.providers.device import DeviceKind


class _Kind(DeviceKind):
    """A processor's couplings and reported errors, simulated exactly on the qubits in use."""

    name = "fake"
    forms = ("fake:NAME", "fake_NAME")
    help = "a snapshot of a real processor, such as fake_boston"

    def takes(self, backend: str) -> bool:
        """Both spellings."""
        return super().takes(backend) or backend.startswith("fake_")


KIND = _Kind()
