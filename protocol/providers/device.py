"""Devices of this machine: the local provider plays them, `qdevices.hardware` opens them."""

from __future__ import annotations

import importlib

import numpy as np
from numpy.typing import NDArray

from protocol.providers.kind import Opening, ProviderKind
from protocol.providers.local import PATIENCE, LocalProvider
from protocol.providers.local_spec import LocalSpec
from qdevices.variants import Variant


class DeviceKind(ProviderKind):
    """A kind of device; its names are those that `qdevices.hardware.open_backend` takes."""

    device = True
    patience = PATIENCE

    def open(self, opening: Opening) -> LocalProvider:
        """The local provider, without latency or failures."""
        return LocalProvider.of(opening, LocalSpec(opening.backend))

    def named_again(self, backend: str) -> str | None:
        """None: a simulation of this machine does no harm."""
        return None

    def check(self, backend: str, variant: Variant) -> None:
        """Open it."""
        # By name, as `protocol` imports Qiskit only when a device needs it.
        importlib.import_module("qdevices.hardware.catalogue").check_offered(backend, variant)

    def behaviour(self, backend: str, variant: Variant) -> NDArray[np.float64]:
        """From the errors of its gates and readout."""
        hardware = importlib.import_module("qdevices.hardware")
        return np.asarray(hardware.reported_behaviour(backend, variant), dtype=np.float64)
