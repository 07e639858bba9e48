"""Fails unless every dependency is installed at the floor that pyproject.toml allows it.

Otherwise a floor is out of reach, as another dependency asks for more: then it promises what was
never tested.  Run by .ci/run in the set `lowest`.
"""

from __future__ import annotations

import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version


def main() -> int:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    listed = chain(project["dependencies"], *project["optional-dependencies"].values())
    wrong = 0
    for wanted in map(Requirement, listed):
        if wanted.name == project["name"]:
            continue
        floors = [s.version for s in wanted.specifier if s.operator in (">=", "==", "~=")]
        found = metadata.version(wanted.name)
        if len(floors) != 1 or Version(found) != Version(floors[0]):
            print(f"{wanted}: {found} is installed, expected exactly the floor")
            wrong += 1
    print(f"floors: {wrong} out of reach")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
