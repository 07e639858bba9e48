"""The installation is the one that this run of the tests is meant for."""

from __future__ import annotations

import importlib
import os
import tomllib
from pathlib import Path

import pytest

from tests.extras import EXTRAS, installed

MEANT = os.environ.get("KSAMP_TEST_EXTRAS", "any")


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_there_exactly_where_it_is_meant_to_be(extra):
    assert MEANT in ("any", "all", "none")
    assert installed(extra) or MEANT != "all"
    assert not installed(extra) or MEANT != "none"
    if not installed(extra):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(EXTRAS[extra])


def test_the_extras_are_those_of_the_project():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    assert extras.keys() - {"test"} == EXTRAS.keys()
    for extra, module in EXTRAS.items():
        assert any(wanted.startswith(module.replace("_", "-")) for wanted in extras[extra])
