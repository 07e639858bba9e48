"""What a test needs beyond a plain installation; the only place that skips for it.

A test that uses an optional extra says so with the mark `needs`, or takes the module from
`imported`, and is skipped with the reason where the extra is not installed.  Continuous integration
says in KSAMP_TEST_EXTRAS what its installation is meant to have, `all` or `none`;
tests/test_extras.py fails if it is not so, so that no set can skip, or run, by mistake.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

import pytest

#: What each extra of pyproject.toml brings.
EXTRAS = {
    "fast": "numba",
    "hardware": "tenacity",
    "ibm": "qiskit_ibm_runtime",
    "plots": "matplotlib",
    "dev": "mypy",
}


def _reason(extra: str) -> str:
    return f"needs ksamp[{extra}]: {EXTRAS[extra]} is not installed"


def installed(extra: str) -> bool:
    """Whether what `extra` brings can be found."""
    return importlib.util.find_spec(EXTRAS[extra]) is not None


def needs(extra: str) -> pytest.MarkDecorator:
    """Mark of a test, or a module's `pytestmark`, that is skipped without `extra`."""
    return pytest.mark.skipif(not installed(extra), reason=_reason(extra))


def imported(extra: str, submodule: str = "") -> ModuleType:
    """The module that `extra` brings, or one below it; skips the test, or module, without it."""
    if not installed(extra):
        pytest.skip(_reason(extra), allow_module_level=True)
    return importlib.import_module(f"{EXTRAS[extra]}.{submodule}".rstrip("."))
