"""What the documents point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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
        target = (document.parent / place) if place else document
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_citation_of_the_theory_is_a_section_of_it():
    text = (ROOT / "docs" / "theory.md").read_text("utf-8")
    sections = set(re.findall(r"^##+ (\d+(?:\.\d+)?)", text, re.MULTILINE))
    cited = {}
    for folder in ("protocol", "qdevices", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
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
                    (ROOT / Path(*parts[:k])).is_dir()
                    or (ROOT / Path(*parts[:k]).with_suffix(".py")).exists()
                    for k in range(2, len(parts) + 1)
                )
                assert there, (document.name, name)
            elif re.match(r"(protocol|qdevices|tests|benchmarks|docs)/", name):
                assert (ROOT / name).exists(), (document.name, name)
