"""What the documents point to is there."""

from __future__ import annotations

import re
from inspect import isabstract
from pathlib import Path

import pytest

import protocol
from protocol.certificate.score import ScoreCertificate
from protocol.extract.extractor import Extractor
from protocol.providers.kind import ProviderKind
from protocol.providers.provider import Provider
from protocol.sources.source import Source, SourceKind
from qdevices.game import Game
from qdevices.hardware.kinds.kind import BackendKind
from qdevices.noise.term import NoiseTerm

ROOT = Path(__file__).parents[1]
#: Where the packages are, which may have been installed away from the tests.
PACKAGES = Path(str(protocol.__file__)).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def _anchors(path: Path) -> set[str]:
    """The anchors that a heading gets: lower case, blanks to hyphens, other signs dropped."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    for link in LINK.findall(document.read_text("utf-8")):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = (document.parent / place).resolve() if place else document
        if target.is_relative_to(ROOT / "protocol") or target.is_relative_to(ROOT / "qdevices"):
            target = PACKAGES / target.relative_to(ROOT)
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_citation_of_the_theory_is_a_section_of_it():
    text = (ROOT / "docs" / "theory.md").read_text("utf-8")
    sections = set(re.findall(r"^##+ (\d+(?:\.\d+)?)", text, re.MULTILINE))
    cited = {}
    folders = [PACKAGES / "protocol", PACKAGES / "qdevices", ROOT / "tests", ROOT / "benchmarks"]
    for folder in folders:
        for path in folder.rglob("*.py"):
            for found in re.findall(r"(?<!Inf\. )[Tt]heory (\d(?:\.\d)?)", path.read_text("utf-8")):
                cited[found] = path
    assert len(cited) > 5
    assert set(cited) <= sections


def test_every_module_that_a_document_names_is_there():
    """In backquotes: `protocol.run.tally`, `qdevices/ks18/frame.py`, `tests/golden/`."""
    for document in DOCUMENTS:
        if document.name == "CHANGELOG.md":
            continue  # it speaks of what was
        for name in re.findall(r"`([\w./]+)`", document.read_text("utf-8")):
            if re.fullmatch(r"(protocol|qdevices)(\.[a-zA-Z]\w*)+", name):
                parts = name.split(".")
                there = any(
                    (PACKAGES / Path(*parts[:k])).is_dir()
                    or (PACKAGES / Path(*parts[:k]).with_suffix(".py")).exists()
                    for k in range(2, len(parts) + 1)
                )
                assert there, (document.name, name)
            elif re.match(r"(protocol|qdevices)/", name):
                assert (PACKAGES / name).exists(), (document.name, name)
            elif re.match(r"(tests|benchmarks|docs)/", name):
                assert (ROOT / name).exists(), (document.name, name)


@pytest.mark.parametrize(
    ("section", "base"),
    [
        ("certificate kind", ScoreCertificate),
        ("extractor", Extractor),
        ("provider", Provider),
        ("provider", ProviderKind),
        ("source", Source),
        ("source", SourceKind),
        ("noise term", NoiseTerm),
        ("backend", BackendKind),
        ("game", Game),
    ],
)
def test_adding_names_all_that_a_kind_has_to_say(section, base):
    """Attributes, and of an abstract class its abstract methods, of another one all methods."""
    text = (ROOT / "docs" / "adding.md").read_text("utf-8")
    (part,) = re.findall(rf"(?ms)^## Add an? {section}\n(.*?)(?=^## |\Z)", text)
    members = set(base.__annotations__)
    if isabstract(base):
        members |= base.__abstractmethods__
    elif base is not Game:  # whose methods nobody overrides
        members |= {name for name in vars(base) if not name.startswith("_")}
    named = set(re.findall(r"\b\w+\b", " ".join(re.findall(r"(?s)`+.*?`+", part))))
    assert members - named == set()


def test_the_names_in_code_of_the_notation_are_names_in_the_code():
    text = (ROOT / "docs" / "theory.md").read_text("utf-8")
    (table,) = re.findall(r"(?s)\n## Notation\n(.*?)\n## ", text)
    names = {
        part
        for line in table.splitlines()
        if line.startswith("|")
        for name in re.findall(r"`([\w.]+)`", line.replace("\\|", "").split("|")[3])
        for part in name.split(".")
    }
    assert len(names) > 30
    rooms = (PACKAGES / room for room in ("protocol", "qdevices"))
    sources = [path.read_text("utf-8") for room in rooms for path in room.rglob("*.py")]
    for name in names:
        defined = re.compile(rf"\b(def|class) {name}\b|\b{name}(: | = )")
        assert any(map(defined.search, sources)), name
