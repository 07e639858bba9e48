"""What the README shows is what the product prints."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def _block_after(text):
    """The first fenced block after `text`, without its fences."""
    found = re.search(r"```\w*\n(.*?)```", README.split(text, 1)[1], re.DOTALL)
    assert found
    return found.group(1)


def test_the_first_command_prints_what_the_readme_shows(ksamp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = re.search(r"\.venv/bin/ksamp (run .*--out my-run)$", README, re.MULTILINE)
    assert command
    answer = ksamp(*command.group(1).split())
    assert answer.status == 0
    # The record's digest covers the times that the run took.
    printed, shown = (
        re.sub(r"(?m)^(Digest of its record: )[0-9a-f]{64}$", r"\1...", text)
        for text in (answer.out, _block_after("The first prints"))
    )
    assert "record: ..." in printed
    assert printed == shown
    files = re.findall(r"^\| (`.*?`) \|", README.split("| file | what |")[1], re.MULTILINE)[:4]
    named = re.findall(r"`(.*?)`", " ".join(files))
    assert sorted(p.name for p in (tmp_path / "my-run").iterdir()) == sorted(named)


@pytest.mark.skipif(
    tuple(map(int, metadata.version("qiskit").split(".")[:2])) < (2, 5),
    reason="Qiskit before 2.5 compiles the circuits to other numbers of gates, so L is another",
)
def test_the_plan_of_a_noisy_device_prints_what_the_readme_shows(ksamp):
    prompt, _, shown = _block_after("How much noise is too much?").partition("\n")
    assert ksamp(*prompt.removeprefix("$ ksamp ").split()).out == shown


def test_the_library_in_ten_lines_runs(capsys):
    code = _block_after("## The library in ten lines")
    assert sum(bool(line) for line in code.splitlines()) == 10
    exec(compile(code, "README.md", "exec"), {})
    accepted, bits, *_ = capsys.readouterr().out.split()
    assert accepted == "True"
    assert int(bits) > 0
