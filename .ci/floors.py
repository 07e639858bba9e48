"""Prints the lowest versions that pyproject.toml allows, as constraints for pip.

With them pip installs every dependency exactly at its floor, or says which floor is out of reach
because another dependency asks for more.
"""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path


def main() -> None:
    """Print one constraint a dependency, those of the extras included."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    for wanted in chain(project["dependencies"], *project["optional-dependencies"].values()):
        if wanted.startswith(f"{project['name']}["):
            continue  # an extra that contains others
        found = re.fullmatch(r"([A-Za-z0-9-]+)(?:>=|==)([0-9.]+)", wanted)
        if not found:
            raise SystemExit(f"dependency {wanted!r} states no floor, expected NAME>=VERSION")
        print(f"{found[1]}=={found[2]}")


if __name__ == "__main__":
    main()
