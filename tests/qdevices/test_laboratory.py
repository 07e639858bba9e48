"""Devices by name and noise by text."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from qdevices.aer import AerShotsDevice, behaviour
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.laboratory import DEVICES, expected_behaviour, open_device, table_device
from qdevices.noise import NoiseSpec

NOISE = "white=0.02,gate2=1e-2,readout=3e-3"


@pytest.mark.parametrize("noise", ["ideal", "white=0.03", NOISE])
def test_the_table_that_is_sampled_is_the_one_expected(noise):
    """With white noise alone no simulator is asked, and the numbers are the same."""
    device = open_device("table", noise)
    assert isinstance(device, TableDevice)
    np.testing.assert_allclose(device.table, expected_behaviour(noise), rtol=0, atol=1e-14)
    np.testing.assert_allclose(device.table, behaviour(NoiseSpec.parse(noise)), atol=1e-14)


def test_each_kind_of_device_plays():
    assert DEVICES.names == ("table", "shots")
    assert isinstance(open_device("shots", NOISE), AerShotsDevice)
    settings = np.arange(81, dtype=np.uint8)
    for kind in DEVICES:
        outcomes = open_device(kind, NOISE).sample(settings, np.random.default_rng(1))
        assert outcomes.shape == (81,)
        assert outcomes.max() < 16


def test_unknown_devices_and_noises_are_refused():
    with pytest.raises(InputError, match="device 'crystal', expected one of table, shots"):
        open_device("crystal", "ideal")
    for call in (expected_behaviour, lambda noise: open_device("table", noise)):
        with pytest.raises(InputError, match="'pink' is not understood"):
            call("pink")


def test_a_strangers_device_is_opened_with_the_noise(monkeypatch):
    monkeypatch.setitem(DEVICES.entries, "mine", lambda noise: ("device", noise))
    opened: object = open_device("mine", NOISE)
    assert opened == ("device", NoiseSpec.parse(NOISE))


def test_white_noise_alone_needs_no_simulator():
    code = (
        "import sys\n"
        "from qdevices.laboratory import open_device\n"
        "open_device('table', 'white=0.01')\n"
        "assert not [name for name in sys.modules if name.startswith('qiskit')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert table_device(NoiseSpec()).table.shape == (81, 16)
