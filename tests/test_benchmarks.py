"""Results of benchmarks say of which commit, when, where and by which command they are."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extras import needs

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("*.py") if path.name != "_report.py")
RESULTS = sorted(path.name for path in (BENCHMARKS / "results").glob("*.txt"))


def _calls(node):
    return {
        call.func.id
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_prints_its_circumstances_before_anything_else(name):
    tree = ast.parse((BENCHMARKS / name).read_text(encoding="utf-8"))
    (main,) = (f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == "main")
    before = []
    for statement in main.body:
        if "header" in _calls(statement):
            break
        before.append(statement)
    else:
        pytest.fail("main() never calls header()")
    for statement in before:  # a process that it started for one cell, which returns to it
        returns = isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Return)
        assert returns or "print" not in _calls(statement)


def test_the_circumstances_are_complete_and_name_no_folder(tmp_path):
    code = "import sys; sys.argv = ['/somewhere/else/this.py', '7']; import _report; "
    code += "_report.header('numpy', 'no-such-package')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
    )
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(lines) == ["command", "commit", "date", "machine", "versions"]
    assert lines["command"] == "python benchmarks/this.py 7"
    assert lines["versions"].endswith("no-such-package absent")
    assert lines["commit"].strip()


@needs("plots")
def test_a_picture_holds_its_circumstances(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("fake_backends")
    monkeypatch.setattr(module, "tolerated_white_noise", lambda runs: 0.1)
    rows = [
        {"backend": name, "variant": variant, "white_noise": 0.02, "dynamic": name == "FakeOne"}
        for name in ("FakeOne", "FakeTwoV2")
        for variant in module.VARIANTS
    ]
    module.draw(rows, str(tmp_path / "picture.png"), {"commit": "0123abc", "date": "today"})
    assert b"commit: 0123abc\ndate: today" in (tmp_path / "picture.png").read_bytes()


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_has_its_circumstances(name):
    head = (BENCHMARKS / "results" / name).read_text(encoding="utf-8").splitlines()[:5]
    assert [line.split()[0] for line in head if line] == [
        "command", "commit", "date", "machine", "versions",
    ]  # fmt: skip
