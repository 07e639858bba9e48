"""Multiplication over GF(2): the ways side by side, by size, with peak memory.

Run as `python benchmarks/extract_multiply.py`.  Kronecker products need gmpy2 (and FLINT's
polynomials python-flint); where they are not installed their columns say "absent".  A second
thread is used where the product's own code does so.  The ratio of the plain real FFT to the
additive way is measured in a process of its own.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from _report import header, seconds

from protocol.extract.multiply import Backend, backends, multiply
from protocol.extract.words import pack

SIZES = (100, 1_000, 10_000, 100_000, 756_839, 1_000_000, 10_000_000, 100_000_000)
WAYS: tuple[Backend, ...] = ("real-fft", "additive")
LIMIT = {"real-fft": 10_000_000, "kronecker": 1_000_000, "flint": 1_000_000}


def kronecker(a: np.ndarray, b: np.ndarray) -> object:
    """GMP: one coefficient in as many bits as the largest sum needs, rounded up to bytes."""
    import gmpy2

    width = -(-(len(a).bit_length() + 1) // 8)
    digits = []
    for bits in (a, b):
        raw = np.zeros((len(bits), width), dtype=np.uint8)
        raw[:, 0] = bits
        digits.append(gmpy2.from_binary(b"\x01\x01" + raw.tobytes()))
    return digits[0] * digits[1]


def flint(a: np.ndarray, b: np.ndarray) -> Callable[[], object]:
    import flint

    left, right = (flint.nmod_poly(bits.tolist(), 2) for bits in (a, b))
    return lambda: left * right


def one(name: str, size: int) -> None:
    """Time one way at one size; printed as median seconds and peak megabytes of this process."""
    rng = np.random.default_rng(size)
    a, b = (rng.integers(0, 2, size, dtype=np.uint8) for _ in range(2))
    if name == "kronecker":

        def call() -> object:
            return kronecker(a, b)

    elif name == "ratio":
        words = pack(a), pack(b)
        times = {w: seconds(partial(multiply, *words, w), 5) for w in WAYS}
        print(statistics.median(times["real-fft"]) / statistics.median(times["additive"]))
        return
    elif name == "flint":
        call = flint(a, b)
    else:
        words = pack(a), pack(b)

        def call() -> object:
            return multiply(*words, name)  # type: ignore[arg-type]

    median = statistics.median(seconds(call, 5))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(median, peak)


def main() -> None:
    if len(sys.argv) == 3:
        one(sys.argv[1], int(sys.argv[2]))
        return
    header("numpy", "scipy", "numba", "gmpy2", "python-flint")
    names = [*backends(), "kronecker", "flint"]
    print(
        "\nmedian seconds of 5 products of two polynomials, one process a cell; peak memory in MB"
    )
    print("(numpy, scipy and numba alone take about as much as the first rows)")
    print(f"{'coefficients':>12}" + "".join(f"{n:>14}{'MB':>7}" for n in names) + f"{'ratio':>8}")
    previous: dict[str, tuple[int, float]] = {}
    growth = []
    for size in SIZES:
        row = f"{size:>12,}"
        for name in names:
            if size > LIMIT.get(name, size):
                row += f"{'':>21}"
                continue
            done = subprocess.run(
                [sys.executable, __file__, name, str(size)], capture_output=True, text=True
            )
            if done.returncode:
                row += f"{'absent':>14}{'':>7}"
                continue
            time, peak = map(float, done.stdout.split())
            row += f"{time:>14.6f}{peak:>7.0f}"
            if name == "additive" and size >= 100_000:
                if name in previous:
                    n0, t0 = previous[name]
                    ideal = size * np.log2(size) ** 2 / (n0 * np.log2(n0) ** 2)
                    growth.append((n0, size, time / t0, time / t0 / ideal))
                previous[name] = size, time
        if size <= LIMIT["real-fft"] and len(backends()) > 1:
            done = subprocess.run(
                [sys.executable, __file__, "ratio", str(size)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            row += f"{float(done.stdout):>8.1f}"
        print(row, flush=True)
    print("\ngrowth of the additive way against n log² n")
    for n0, n1, ratio, relative in growth:
        print(f"{n0:>12,} to {n1:>12,}: {ratio:6.2f} times, {relative:5.2f} of n log² n")


if __name__ == "__main__":
    main()
