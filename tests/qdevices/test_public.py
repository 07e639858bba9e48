"""Public names that are imported when they are used; those of qdevices also in test_face."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import qdevices
import qdevices.hardware


@pytest.mark.parametrize("package", [qdevices, qdevices.hardware])
def test_every_public_name_is_there_and_documented(package):
    assert sorted(package.__all__) == dir(package)
    for name, place in package._PLACES.items():
        found = getattr(package, name)
        module, _, attribute = place.partition(":")
        assert found is getattr(importlib.import_module(module), attribute or name)
        if callable(found):
            assert found.__doc__
    with pytest.raises(AttributeError, match="has no attribute 'teleport'"):
        _ = package.teleport


def test_tables_and_noise_need_no_qiskit():
    code = (
        "import sys\n"
        "from qdevices import DEVICES, KS18, NoiseSpec, TableDevice, open_device\n"
        "assert not [m for m in sys.modules if m.startswith('qiskit')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
