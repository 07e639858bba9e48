"""The picture of imports: nothing runs up, nothing runs in a circle."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from itertools import pairwise
from pathlib import Path

import pytest

import protocol

ROOT = Path(__file__).parents[1]
PACKAGES = Path(str(protocol.__file__)).parents[1]

#: By contract, an import that it alone forbids: the module, and what it would import.
FORBIDDEN = {
    "protocol": ("protocol.sources.bias", "protocol.extract.words"),
    "circles": ("protocol.extract.words", "protocol.extract.raz"),
    "laboratory": ("qdevices.device", "protocol.progress"),
    "trusted": ("protocol.certificate.worth", "protocol.diagnose.signs"),
    "qdevices": ("qdevices.variants", "qdevices.registry"),
    "game": ("protocol.extract.words", "qdevices.ks18.game"),
}


def contracts() -> dict[str, str]:
    """The names of the contracts of `.importlinter`, by their keys."""
    config = ConfigParser()
    config.read(ROOT / ".importlinter", encoding="utf-8")
    start = "importlinter:contract:"
    return {
        section.removeprefix(start): config[section]["name"]
        for section in config.sections()
        if section.startswith(start)
    }


def broken(folder: Path) -> set[str]:
    """Keys of the contracts that the packages in a folder break."""
    # In a process of its own, which has not imported the packages from elsewhere.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(config_filename=sys.argv[2], no_cache=True))\n"
    )
    command = [sys.executable, "-c", code, str(folder), str(ROOT / ".importlinter")]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    # Older versions print colours whatever they print to; newer ones break a long name into lines.
    printed = re.sub(r"\s+", " ", re.sub(r"\x1b\[[\d;]*m", "", answer.stdout))
    verdicts = {
        key: re.findall(re.escape(name) + " (KEPT|BROKEN)", printed)
        for key, name in contracts().items()
    }
    assert all(len(found) == 1 for found in verdicts.values()), answer.stdout + answer.stderr
    found = {key for key, verdict in verdicts.items() if verdict == ["BROKEN"]}
    assert (answer.returncode == 0) is (not found), answer.stdout + answer.stderr
    return found


def test_imports_keep_the_order_of_the_rooms():
    pytest.importorskip("importlinter.cli")
    assert broken(PACKAGES) == set()


def test_every_contract_is_tried():
    assert FORBIDDEN.keys() == contracts().keys()


@pytest.mark.parametrize("contract", FORBIDDEN)
def test_a_contract_forbids_what_no_other_does(contract, tmp_path):
    """One import more in a copy of the packages, and just this contract is broken."""
    pytest.importorskip("importlinter.cli")
    for room in ("protocol", "qdevices"):
        python_only = shutil.ignore_patterns("__pycache__", "*.npz", "*.json")
        shutil.copytree(PACKAGES / room, tmp_path / room, ignore=python_only)
    module, imported = FORBIDDEN[contract]
    path = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\nimport {imported}\n")
    assert broken(tmp_path) == {contract}


def test_the_picture_shows_imports_that_are_there():
    """Every arrow of the drawing in docs/api.md is an import between these rooms."""
    grimp = pytest.importorskip("grimp")
    graph = grimp.build_graph("protocol", exclude_type_checking_imports=True, cache_dir=None)
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    drawn = set()
    for line in text[text.index("graph TD") :].split("```")[0].splitlines()[1:]:
        names = [name.strip() for name in line.split("-->")]
        drawn |= set(pairwise(names))
    found = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if "." in importer and "." in imported
    }
    assert len(drawn) > 12
    assert drawn <= found
