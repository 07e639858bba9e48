"""What ships, what ten seconds find from there, and what a full optimisation finds, between points.

Run as `python benchmarks/quick_certificates.py [--full]`; with --full about a quarter of an hour.
"""

from __future__ import annotations

import sys
import time

from _report import header

from protocol.certificate.kinds import CERTIFICATES
from protocol.request import Request
from protocol.search.optimise import optimised_for
from protocol.search.quick import estimate, improved
from protocol.security import SIDE_INFORMATION, Security
from qdevices.ks18.game import KS18

#: (ε, white noise, n), none of them a point of the grid that ships but for the last.
POINTS = (
    (0.04, 0.001, 10**6),
    (0.07, 0.002, 10**6),
    (0.01, 0.034, 10**6),
    (0.01, 0.001, 3 * 10**6),
    (0.01, 0.001, 10**6),
)
BUDGET = 10.0


def main() -> None:
    header("numpy", "scipy")
    print(f"{'model':>14} {'ε':>5} {'white':>6} {'n':>9} {'ships':>10} {'10 s':>18} {'full':>18}")
    for model in SIDE_INFORMATION:
        for epsilon, white, runs in POINTS:
            request = Request(runs, epsilon, KS18.noisy(white), security=Security(model))
            known = list(CERTIFICATES["optimised"].candidates(request))
            best = max(estimate(request, c) for c in known)
            start = time.perf_counter()
            quick = improved(request, known, BUDGET)
            took = time.perf_counter() - start
            got = best if quick is None else estimate(request, quick)
            line = f"{model:>14} {epsilon:>5g} {white:>6g} {runs:>9} {best:>10,.0f} "
            line += f"{got:>10,.0f} ({took:4.1f} s)"
            if "--full" in sys.argv:
                start = time.perf_counter()
                full = optimised_for(request)
                took = time.perf_counter() - start
                found = 0.0 if full is None else estimate(request, full)
                line += f" {found:>10,.0f} ({took:4.0f} s) {got / found - 1:+.1%}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
