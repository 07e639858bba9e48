"""The picture of imports: nothing runs up, nothing runs in a circle."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["kept", "broken"])
def test_imports_keep_the_order_of_the_rooms(name, monkeypatch, tmp_path, capsys):
    """The contracts hold; and they would not if a lower room imported a higher one."""
    api = pytest.importorskip("importlinter.cli")
    # Its set-up of logging would silence all other loggers of the process.
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
    monkeypatch.chdir(ROOT)
    config = ConfigParser()
    config.read(ROOT / ".importlinter")
    if name == "broken":
        key = "importlinter:contract:protocol"
        layers = config[key]["layers"].split("\n")
        config[key]["layers"] = "\n".join(["", *layers[:0:-1]])
    path = tmp_path / "contracts.ini"
    with path.open("w") as file:
        config.write(file)
    status = api.lint_imports(config_filename=str(path), no_cache=True)
    printed = capsys.readouterr().out
    assert (status == 0) is (name == "kept"), printed
