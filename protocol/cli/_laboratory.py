"""The one place that picks a behaviour or a device by name; imports Qiskit only when called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InputError
from qdevices.device import Device
from qdevices.noise import NoiseSpec

DEVICES = ("table", "shots")


def expected_behaviour(noise: str) -> NDArray[np.float64]:
    """P(x|u) of the simulated laboratory with the noise of this text, shape (81, 16).

    Raises:
        InputError: an unusable noise text.
    """
    spec = NoiseSpec.parse(noise)
    from qdevices.aer import behaviour

    return behaviour(spec)


def open_device(kind: str, noise: str) -> Device:
    """The simulated device: "table" samples exact probabilities, "shots" runs each shot in Aer.

    Raises:
        InputError: an unknown kind or an unusable noise text.
    """
    spec = NoiseSpec.parse(noise)
    from qdevices.aer import AerShotsDevice, aer_device

    if kind == "table":
        return aer_device(spec)
    if kind == "shots":
        return AerShotsDevice(spec)
    raise InputError(f"device {kind!r} is unknown, expected one of {', '.join(DEVICES)}")
