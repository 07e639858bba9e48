"""What strangers add would pass for a part of the package: it is what they copy."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extras import imported, needs

ROOT = Path(__file__).parents[1]
STRANGERS = ROOT / "tests" / "strangers"


@pytest.fixture
def process_kept():
    """The settings of the process that mypy changes are put back."""
    depth, thresholds = sys.getrecursionlimit(), gc.get_threshold()
    yield
    sys.setrecursionlimit(depth)
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("process_kept")
def test_strangers_pass_strict_types_as_package_code(monkeypatch, tmp_path):
    api = imported("dev", "api")
    # The project's own configuration, but for what it allows tests; the code of the package is
    # followed for its types, and judged elsewhere.
    ours = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    strict = ours.replace('module = ["tests.*"]', 'module = ["no.tests.*"]')
    assert strict != ours
    config = tmp_path / "mypy.toml"
    config.write_text(strict, encoding="utf-8")
    monkeypatch.chdir(ROOT)

    def check(*arguments):
        caches = ("--config-file", str(config), "--cache-dir", str(tmp_path / "cache"))
        return api.run(["--strict", "--follow-imports=silent", *caches, *arguments])

    printed, errors, status = check("-p", "tests.strangers")
    assert status == 0, printed + errors
    assert f"in {len(list(STRANGERS.glob('*.py')))} source files" in printed
    # It bites: a method without types would not pass.
    kind = (STRANGERS / "parity.py").read_text(encoding="utf-8")
    bare = kind.replace("def bits(self, count: int) -> Bits:", "def bits(self, count):")
    assert bare != kind
    (tmp_path / "bare.py").write_text(bare, encoding="utf-8")
    printed, _, status = check(str(tmp_path / "bare.py"))
    assert (status, printed.count("error:")) == (1, 1), printed
    assert "[no-untyped-def]" in printed


@needs("dev")
def test_strangers_pass_the_linter_as_package_code():
    command = (sys.executable, "-m", "ruff", "check", "--no-cache")
    nothing_allowed = ("--config", "lint.per-file-ignores = {}")
    answer = subprocess.run(
        [*command, *nothing_allowed, str(STRANGERS)], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
