"""The public face: what is stable, imported when it is used."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import protocol
import qdevices

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", [protocol, qdevices])
def test_every_public_name_is_there_and_typed(package):
    """What is promised, where it is looked up, and what a type checker sees are the same names."""
    assert sorted(package.__all__) == dir(package)
    for name in package.__all__:
        assert getattr(package, name) is not None
    tree = ast.parse(Path(package.__file__).read_text())
    typed = {
        alias.asname or alias.name
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert typed == set(package._PLACES)
    assert set(package.__all__) - {"__version__"} == typed


@pytest.mark.parametrize("package", [protocol, qdevices])
def test_another_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="has no attribute 'forge'"):
        package.forge  # noqa: B018


@pytest.mark.parametrize("name", ["protocol", "qdevices"])
def test_importing_it_imports_nothing_heavy(name):
    code = (
        f"import sys, {name}\n"
        "heavy = {'numpy', 'scipy', 'qiskit', 'qiskit_aer', 'click', 'rich', 'numba'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"


def test_no_public_name_of_protocol_imports_qiskit():
    code = (
        "import sys, protocol\n"
        "for name in protocol.__all__: getattr(protocol, name)\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('qiskit', 'qiskit_aer')])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"


def test_the_example_runs():
    assert doctest.testmod(protocol).failed == 0
    assert doctest.testmod(protocol).attempted > 4
