"""Output bits that the published and the SV-aware bounds allow for the same data, by ε.

Run as `python benchmarks/extract_bounds.py`.  Source 1 is ε-Santha-Vazirani, 2r bits for Raz and
n for Dodis; source 2 has the length and the min-entropy named.  "published" takes source 1 by its
min-entropy rate −log₂(½+ε) with the published formulas; "SV norm" is the published formula with
‖D‖_q of the SV source (design 5); "here" is the theorem of `protocol.extract.raz`.
"""

from __future__ import annotations

import math

from _report import header

from protocol.errors import InputError
from protocol.extract import Source1, dodis, raz, smallest_field

EPSILONS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.38)
LENGTH2, RAZ_K2, DODIS_RATE, LOG2_ERROR = 1_000_000, 20_000, 0.9, -64.0


def published_output(source1: Source1) -> int:
    """Largest m of the published bound, over p and l."""
    field = smallest_field(LENGTH2)

    def reaches(m: int) -> bool:
        for levels in range(2, 40):
            largest = int(2**levels / m) // 2 * 2
            for p in {largest, largest * 3 // 4 // 2 * 2}:
                if p >= 2 and (
                    raz.published_log2_error(field, source1, RAZ_K2, m, p, levels) <= LOG2_ERROR
                ):
                    return True
        return False

    if not reaches(1):
        return 0
    low, high = 1, field.degree
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reaches(middle) else (low, middle)
    return low


def or_zero(plan) -> int:
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
    print(f"{'':>8}{'Raz':>12}{'Raz':>12}{'Raz':>12}{'Dodis':>14}{'Dodis':>12}")
    print(
        f"{'epsilon':>8}{'published':>12}{'SV norm':>12}{'here':>12}{'min-entropy':>14}{'H2':>12}"
    )
    for epsilon in EPSILONS:
        rate = -math.log2(0.5 + epsilon)
        bits = 2 * field.degree
        cells = [
            published_output(Source1(bits, min_entropy=rate * bits)),
            published_output(Source1(bits, epsilon=epsilon)),
            or_zero(lambda e=epsilon: raz.plan_sv(e, LENGTH2, RAZ_K2, LOG2_ERROR)),
            or_zero(
                lambda r=rate: dodis.plan(
                    Source1(n, min_entropy=r * n), n, DODIS_RATE * n, LOG2_ERROR
                )
            ),
            or_zero(
                lambda e=epsilon: dodis.plan(Source1(n, epsilon=e), n, DODIS_RATE * n, LOG2_ERROR)
            ),
        ]
        print(
            f"{epsilon:>8}{cells[0]:>12,}{cells[1]:>12,}{cells[2]:>12,}{cells[3]:>14,}{cells[4]:>12,}"
        )


if __name__ == "__main__":
    main()
