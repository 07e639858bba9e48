"""The simulated laboratory by names and texts: which device, with which noise.

Qiskit is imported only when something has to be simulated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qdevices.device import Device, TableDevice
from qdevices.ks18.game import KS18
from qdevices.noise.spec import NoiseSpec
from qdevices.registry import Registry


def expected_behaviour(noise: str) -> NDArray[np.float64]:
    """P(x|u) of the simulated laboratory with the noise of this text, shape (81, 16).

    Raises:
        InputError: an unusable noise text.
    """
    spec = NoiseSpec.parse(noise)
    from qdevices.aer import behaviour

    return behaviour(spec)


def table_device(noise: NoiseSpec) -> TableDevice:
    """The device that samples the exact noisy table; fast, memoryless."""
    if set(noise) <= {"white"}:
        # The same numbers without a simulator, which takes seconds to get going.
        return TableDevice(KS18.noisy(noise["white"]), KS18)
    from qdevices.aer import aer_device

    return aer_device(noise)


#: Simulated devices: "table" samples exact probabilities, "shots" runs each shot in Aer.
DEVICES: Registry[Callable[[NoiseSpec], Device]] = Registry(
    "device",
    {
        "table": table_device,
        "shots": "qdevices.aer:AerShotsDevice",
    },
)


def open_device(kind: str, noise: str) -> Device:
    """The simulated device of a kind in `DEVICES`, with the noise of this text.

    Raises:
        InputError: an unknown kind or an unusable noise text.
    """
    spec = NoiseSpec.parse(noise)
    return DEVICES[kind](spec)
