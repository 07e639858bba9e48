"""Rounding of the real FFT product at its worst case, all coefficients 1, against its proven bound.

Run as `python benchmarks/extract_rounding.py [LARGEST SIZE]`; 10⁸ coefficients take 9 GB.
The largest deviation from the exact product, and from whole numbers for random coefficients.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from _report import header
from scipy.fft import irfft, rfft

from protocol.extract.real_fft import rounding_bound

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


def product(a: np.ndarray, points: int) -> np.ndarray:
    """Integer coefficients of a², computed as `real_fft.multiply` does."""
    padded = np.zeros(points)
    padded[: len(a)] = a
    spectrum = rfft(padded)
    del padded
    spectrum *= spectrum
    return np.asarray(irfft(spectrum, points))


def deviation(values: np.ndarray, exact: np.ndarray | None, block: int = 1 << 20) -> float:
    worst = 0.0
    for start in range(0, len(values), block):
        part = values[start : start + block]
        whole = np.rint(part) if exact is None else exact[start : start + block]
        worst = max(worst, float(np.abs(part - whole).max()))
    return worst


def main() -> None:
    header("numpy", "scipy")
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print("\nlargest deviation of a computed coefficient; 0.5 would be needed for a wrong bit")
    print(f"{'coefficients':>12}{'bound':>11}{'all ones':>11}{'random':>11}{'seconds':>9}{'MB':>8}")
    for size in SIZES:
        if size > largest:
            break
        start = time.perf_counter()
        points = 1 << (2 * size - 1).bit_length()
        found = product(np.ones(size, dtype=np.uint8), points)[: 2 * size - 1]
        exact = np.minimum(np.arange(1, 2 * size), np.arange(2 * size - 1, 0, -1))
        ones = deviation(found, exact)
        del found, exact
        bits = np.random.default_rng(size).integers(0, 2, size, dtype=np.uint8)
        random = deviation(product(bits, points)[: 2 * size - 1], None)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{size:>12,}{rounding_bound(size, size, points):>11.1e}{ones:>11.1e}{random:>11.1e}"
            f"{time.perf_counter() - start:>9.1f}{peak:>8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
