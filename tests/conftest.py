"""Shared test tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings

from protocol.cli import main

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("fixed")


@pytest.fixture(autouse=True, scope="session")
def _no_time_for_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Only certificates that ship, unless a test asks for more, and nobody's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSAMP_BUDGET", "0")
        patch.setenv("KSAMP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@dataclass(frozen=True)
class Answer:
    """What a call of the command gave back."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def ksamp(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Call the `ksamp` command in this process."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr("sys.argv", ["ksamp", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Answer(stop.value.code, captured.out, captured.err)

    return call
