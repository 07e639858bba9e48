"""What every benchmark prints first: command, commit, machine and versions."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path


def processor() -> str:
    """Model name of the processor, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit that is measured, and whether files differ from it."""
    folder = Path(__file__).resolve().parent
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=, with changes"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def header(*packages: str) -> None:
    """Print the circumstances of a benchmark."""
    print(f"command   python {' '.join(sys.argv)}")
    print(f"commit    {commit()}")
    print(f"machine   {processor()}, {os.cpu_count()} processors, {platform.system()}")
    versions = []
    for name in packages:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} absent")
    print(f"versions  Python {platform.python_version()}, {', '.join(versions)}")


def seconds(function: Callable[[], object], repeat: int = 5) -> list[float]:
    """Wall seconds of `repeat` calls after one that is not counted, sorted."""
    function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return sorted(times)


def spread(times: list[float]) -> str:
    """Minimum, median and maximum in a fixed width."""
    return f"{min(times):8.3f} {statistics.median(times):8.3f} {max(times):8.3f}"
