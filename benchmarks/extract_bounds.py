"""Output bits that the published and the SV-aware bounds allow for the same data, by ε.

Run as `python benchmarks/extract_bounds.py`.  Source 1 is ε-Santha-Vazirani, 2r bits for Raz and
n for Dodis; source 2 has the length and the min-entropy named.  "published" takes source 1 by its
min-entropy rate −log₂(½+ε) with the published formulas; "SV norm" is the published formula with
‖D‖_q of the SV source; "strong 1" and "strong 2" are the theorem of `protocol.extract.raz`, the
latter also for the weak form, in which nobody learns either source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from _report import header

from protocol.extract import Source1, dodis, raz_bounds, smallest_field
from protocol.extract.dodis import Dodis
from protocol.extract.extractor import Extractor, Strong
from protocol.extract.raz import Raz
from qdevices.errors import InputError

STRONG: tuple[Strong, ...] = ("source1", "source2")
EPSILONS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.38)
LENGTH2, RAZ_K2, DODIS_RATE, LOG2_ERROR = 1_000_000, 20_000, 0.9, -64.0


def published_output(source1: Source1) -> int:
    """Largest m of the published bound, over p and l."""
    field = smallest_field(LENGTH2)

    def reaches(m: int) -> bool:
        # Beyond r/64 the first term alone is above the wanted error.
        moments = {2 * int(p / 2) for p in np.geomspace(2, field.degree / -LOG2_ERROR, 1000)}
        return any(
            raz_bounds.published_log2_error(
                field, source1, RAZ_K2, m, p, max(1, math.ceil(math.log2(p * m)))
            )
            <= LOG2_ERROR
            for p in moments
        )

    if not reaches(1):
        return 0
    low, high = 1, field.degree
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reaches(middle) else (low, middle)
    return low


def or_zero(plan: Callable[[], Extractor]) -> int:
    try:
        return plan().output_bits
    except InputError:
        return 0


def main() -> None:
    header("numpy", "scipy")
    field, n = smallest_field(LENGTH2), dodis.smallest_length(LENGTH2)
    print(
        f"\noutput bits at error 2^{LOG2_ERROR:g}: Raz with {LENGTH2:,} bits of source 2 having "
        f"{RAZ_K2:,} of min-entropy; Dodis with n = {n:,}, source 2 at rate {DODIS_RATE}"
    )
    print(f"{'':>8}" + f"{'Raz':>12}" * 4 + f"{'Dodis':>14}{'Dodis':>12}")
    print(
        f"{'epsilon':>8}{'published':>12}{'SV norm':>12}{'strong 1':>12}{'strong 2':>12}"
        f"{'min-entropy':>14}{'H2':>12}"
    )
    raz_given = (None, LENGTH2, RAZ_K2, LOG2_ERROR)
    dodis_given = (n, DODIS_RATE * n, LOG2_ERROR)
    for epsilon in EPSILONS:
        rate = -math.log2(0.5 + epsilon)
        bits = 2 * field.degree
        cells = [
            published_output(Source1(bits, min_entropy=rate * bits)),
            published_output(Source1(bits, epsilon=epsilon)),
            *(
                or_zero(partial(Raz.largest, *raz_given, epsilon=epsilon, strong=strong))
                for strong in STRONG
            ),
            or_zero(partial(Dodis.largest, Source1(n, min_entropy=rate * n), *dodis_given)),
            or_zero(partial(Dodis.largest, Source1(n, epsilon=epsilon), *dodis_given)),
        ]
        print(
            f"{epsilon:>8}"
            + "".join(f"{cell:>12,}" for cell in cells[:4])
            + f"{cells[4]:>14,}{cells[5]:>12,}",
            flush=True,
        )


if __name__ == "__main__":
    main()
