"""The one place that picks a behaviour or a device by name; imports Qiskit only when called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.file import read as read_certificate
from protocol.certificate.score import ScoreCertificate
from protocol.errors import InputError
from protocol.plan.choose import CHOICES
from qdevices.device import Device
from qdevices.noise import NoiseSpec

DEVICES = ("table", "shots")


def certificate_choice(text: str) -> str | ScoreCertificate:
    """What --certificate names: one of `best_plan.CHOICES`, or a file, read and verified.

    Raises:
        InputError: neither, or a file that does not hold.
    """
    if text in CHOICES:
        return text
    if not Path(text).exists():
        raise InputError(f"certificate {text!r} is no file and none of {', '.join(CHOICES)}")
    return read_certificate(text)


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
