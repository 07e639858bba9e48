"""The public faces of qdevices: every name is there, and nothing is imported before it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import qdevices
import qdevices.hardware


@pytest.mark.parametrize("package", [qdevices, qdevices.hardware])
def test_every_public_name_is_there_and_documented(package):
    assert sorted(package.__all__) == package.__all__
    for name in package.__all__:
        found = getattr(package, name)
        assert found is getattr(importlib.import_module(package.__name__), name)
        assert name in dir(package)
        if callable(found):
            assert found.__doc__


@pytest.mark.parametrize("package", [qdevices, qdevices.hardware])
def test_a_name_that_is_not_there_is_said_to_be_missing(package):
    with pytest.raises(AttributeError, match="has no attribute 'teleport'"):
        _ = package.teleport
    assert not hasattr(package, "__path_not_there__")


def test_importing_qdevices_imports_nothing_else():
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import qdevices\n"
        "heavy = [m for m in sys.modules if m.partition('.')[0] in ('numpy', 'qiskit', 'scipy')]\n"
        "assert not heavy, heavy\n"
        "from qdevices import NoiseSpec, TableDevice, honest_table\n"
        "assert not [m for m in sys.modules if m.startswith('qiskit')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
