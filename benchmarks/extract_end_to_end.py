"""Raz and Dodis end to end: the sizes of the reference library, a field above 10⁷, and memory.

Run as `python benchmarks/extract_end_to_end.py`.  The last column is the ratio of the plain real
FFT to the way that is used, medians of 5 runs each in the same process.
"""

from __future__ import annotations

import dataclasses
import math
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

import numpy as np
from _report import header, seconds

from protocol.extract import Field, Source1, dodis, smallest_field
from protocol.extract.dodis import Dodis
from protocol.extract.fields import trinomial_field
from protocol.extract.multiply import Backend, backends
from protocol.extract.raz import Raz
from protocol.extract.words import pack

LEVELS = 20


def raz_case(field: Field, ratio: bool) -> str:
    rng = np.random.default_rng(field.degree)
    source1 = Source1(2 * field.degree, epsilon=0.01)
    plan = Raz.for_field(field, source1, field.degree, 1000, -1066.0)
    plan = dataclasses.replace(plan, levels=LEVELS)
    weak = rng.integers(0, 2, plan.source1_bits, dtype=np.uint8)
    other = rng.integers(0, 2, field.degree, dtype=np.uint8)
    return times(lambda backend: plan.extract(weak, other, backend=backend), ratio)


def product_case(field: Field) -> str:
    rng = np.random.default_rng(field.degree)
    a, b = (pack(rng.integers(0, 2, field.ring_bits, dtype=np.uint8)) for _ in range(2))
    return times(lambda backend: field.multiply(a, b, backend), True)


def dodis_case(bits: int, ratio: bool) -> str:
    rng = np.random.default_rng(bits)
    n = dodis.smallest_length(bits)
    source1 = Source1(n, min_entropy=0.8 * n)
    plan = Dodis.largest(source1, n, 0.8 * n, -64.0, output_bits=n // 2)
    a, b = (rng.integers(0, 2, n, dtype=np.uint8) for _ in range(2))
    return times(lambda backend: plan.extract(a, b, backend=backend), ratio)


def times(call: Callable[[Backend | None], object], ratio: bool) -> str:
    fast = seconds(lambda: call(None), 5)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = f"{min(fast):9.4f}{statistics.median(fast):9.4f}{max(fast):9.4f}{peak:8.0f}"
    if ratio and len(backends()) > 1:
        slow = seconds(lambda: call("real-fft"), 5)
        text += f"{statistics.median(slow) / statistics.median(fast):10.1f}"
    return text


CASES = {
    "one product in GF(2^756839)": lambda: product_case(trinomial_field(756_839)),
    "Raz GF(2^756839), l=20": lambda: raz_case(trinomial_field(756_839), True),
    "Raz all-one r>=10^6, l=20": lambda: raz_case(smallest_field(1_000_000), True),
    "Raz all-one r>=10^7, l=20": lambda: raz_case(smallest_field(10_000_000), False),
    "Dodis n~10^6, m=n/2": lambda: dodis_case(1_000_000, True),
    "Dodis n~10^7, m=n/2": lambda: dodis_case(10_000_000, True),
}


def main() -> None:
    if len(sys.argv) == 2:
        print(CASES[sys.argv[1]]())
        return
    header("numpy", "scipy", "numba")
    print("\nseconds of 5 extractions, bits in and bits out; peak memory of the process in MB")
    print(f"{'':<28}{'min':>9}{'median':>9}{'max':>9}{'MB':>8}{'FFT/this':>10}")
    medians = {}
    for name in CASES:
        done = subprocess.run(
            [sys.executable, __file__, name], capture_output=True, text=True, check=True
        )
        print(f"{name:<28}{done.stdout.rstrip()}", flush=True)
        medians[name] = float(done.stdout.split()[1])
    print("\ngrowth from 10^6 to 10^7 against n log^2 n")
    ideal = 10 * (math.log(1e7) / math.log(1e6)) ** 2
    for method in ("Raz all-one r>=", "Dodis n~"):
        small, large = (
            next(t for name, t in medians.items() if name.startswith(f"{method}10^{k}"))
            for k in (6, 7)
        )
        print(f"{method:<28}{large / small:9.2f} times, {large / small / ideal:.2f} of n log^2 n")


if __name__ == "__main__":
    main()
