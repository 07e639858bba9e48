"""What `run.json` says beside plan and result: versions, command inputs, seed and times."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from protocol._version import __version__
from protocol.run import Result


def versions() -> dict[str, str]:
    """Versions of this package, Python and what the numbers depend on."""
    found = {"ksamp": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "qiskit", "qiskit-aer"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def run_record(result: Result, inputs: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """The record of a finished run.

    Args:
        result: the finished run.
        inputs: seed, source, noise and so on, as given.
        seconds: times by stage; the only entry that differs when a seeded run is repeated.
    """
    return {
        "inputs": inputs,
        "plan": result.plan.to_json(),
        "result": result.to_json(),
        "extracted": bool(len(result.output)),
        "versions": versions(),
        "seconds": seconds,
    }
