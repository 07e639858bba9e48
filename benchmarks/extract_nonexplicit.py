"""Existence is not the obstacle: found tables against the explicit inner product, all verified.

Run as `python benchmarks/extract_nonexplicit.py`.
"""

from __future__ import annotations

import numpy as np
from _report import header

from protocol.paper.nonexplicit import exact_error, inner_product_table, search

FLIPS = 3000


def main() -> None:
    header("numpy")
    print(
        "\nexact worst-case error of one bit from two 4-bit sources, flat on K strings each; "
        f"{FLIPS:,} flips"
    )
    print(f"{'K':>4}{'k1+k2':>8}{'inner product':>15}{'found':>9}")
    for size in (4, 5, 6, 7, 8):
        explicit = exact_error(inner_product_table(4), size, size)
        found = search(4, size, size, FLIPS, np.random.default_rng(0)).error
        print(f"{size:>4}{2 * np.log2(size):>8.2f}{explicit:>15.4f}{found:>9.4f}")


if __name__ == "__main__":
    main()
