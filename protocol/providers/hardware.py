"""Kinds of providers whose backends `qdevices.hardware` knows by their names."""

from __future__ import annotations

import importlib

import numpy as np
from numpy.typing import NDArray

from protocol.providers.kind import ProviderKind
from qdevices.variants import Variant


class HardwareKind(ProviderKind):
    """Backends here or far away, checked and described by `qdevices.hardware`.

    It is imported by name, as `protocol` imports Qiskit only when a device needs it.
    """

    def check(self, backend: str, variant: Variant) -> None:
        """Open it, and look at what it can run."""
        importlib.import_module("qdevices.hardware.catalogue").check_offered(backend, variant)

    def behaviour(self, backend: str, variant: Variant) -> NDArray[np.float64]:
        """From the errors that it reports of its gates and readout."""
        hardware = importlib.import_module("qdevices.hardware")
        return np.asarray(hardware.reported_behaviour(backend, variant), dtype=np.float64)
