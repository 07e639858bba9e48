"""What every benchmark prints first: command, commit, date, machine and versions.

No result is written without: a benchmark's first act is `header`, and a file that it writes itself
holds `circumstances` too.  tests/test_benchmarks.py sees to it.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
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
    """The commit that is measured and whether files differ from it, or the installed version."""
    folder = Path(__file__).resolve().parent
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=, with changes"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"none: ksamp {metadata.version('ksamp')}, not in a clone"
    return found.stdout.strip()


def circumstances(*packages: str) -> dict[str, str]:
    """What a result needs beside it to be compared with another: lines by their names."""
    versions = [f"Python {platform.python_version()}"]
    for name in packages:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} absent")
    # The script by its name: where the clone lies is nobody's business.
    script, *arguments = sys.argv
    return {
        "command": " ".join(["python", f"benchmarks/{Path(script).name}", *arguments]),
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{processor()}, {os.cpu_count()} processors, {platform.system()}",
        "versions": ", ".join(versions),
    }


def header(*packages: str) -> dict[str, str]:
    """Print the circumstances of a benchmark, and return them for files that it writes itself."""
    found = circumstances(*packages)
    for name, value in found.items():
        print(f"{name:<10}{value}")
    return found


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
