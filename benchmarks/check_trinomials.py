"""Check the irreducibility of the known trinomials up to a degree, by Rabin's test.

Run as `python benchmarks/check_trinomials.py [LARGEST DEGREE]`.
"""

from __future__ import annotations

import sys
import time

from _report import header

from protocol.extract.fields import TRINOMIALS, trinomial_field


def main() -> None:
    header("numpy")
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 44497
    for degree in TRINOMIALS:
        if degree > largest:
            break
        start = time.perf_counter()
        good = trinomial_field(degree).is_irreducible()
        seconds = time.perf_counter() - start
        verdict = "irreducible" if good else "REDUCIBLE"
        print(f"t^{degree}+t^{TRINOMIALS[degree]}+1: {verdict} ({seconds:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
