"""The largest white noise at which something can be certified, by ε, n, certificate and code.

Run as `python benchmarks/noise_tolerance.py`; some minutes.  For n → ∞ the edge is searched to
2 %.  For finite n a family of tables is optimised near that edge, over β and noise, and the most
promising are planned in full (soundness 2^−64, completeness 0.99): what is printed is certified by
a proved table, and the best table for just that noise may do a little better.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from _report import header

from protocol.certificate.file import TableCertificate, certify_table
from protocol.certificate.optimise import SEARCH_GRID, largest_noise
from protocol.certificate.polytope import LinearProgramError
from protocol.certificate.proof import BETA_BITS, ProofError
from protocol.certificate.prove import prove_tight
from protocol.certificate.table_program import best_table
from protocol.plan import best_closed_form, plan_run
from protocol.score import beta_limit, closed_form
from protocol.setting_code import CODES, SettingCode
from qdevices.game import honest_table, with_white_noise

EPSILONS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.2)
RUNS = (10**6, 10**8)
#: Tables are optimised at these fractions of the asymptotic edge and these β, by octaves.
FRACTIONS = (0.1, 0.45, 0.85)
OCTAVES = (3, 5, 7, 9, 12)


def edge(works: Callable[[float], bool]) -> float | None:
    """The largest noise that works, to 2 %."""
    low, high = math.log(1e-7), 0.0
    if not works(math.exp(low)):
        return None
    while high - low > 0.02:
        middle = (low + high) / 2
        low, high = (middle, high) if works(math.exp(middle)) else (low, middle)
    return math.exp(low)


def closed_edges(epsilon: float) -> list[float | None]:
    code = CODES["default"]()
    joint = code.probabilities()[:, None]
    table = closed_form(code, epsilon, 1e-3 * beta_limit(code, epsilon)).log2_factors

    def finite(runs: int) -> Callable[[float], bool]:
        def works(noise: float) -> bool:
            behaviour = with_white_noise(honest_table(), noise)
            return best_closed_form(runs, epsilon, behaviour, code).output_bits > 0

        return works

    def infinite(noise: float) -> bool:
        return float((joint * with_white_noise(honest_table(), noise) * table).sum()) > 0

    return [*(edge(finite(runs)) for runs in RUNS), edge(infinite)]


def family(code: SettingCode, epsilon: float, limit: float) -> list[TableCertificate]:
    made = []
    for fraction in FRACTIONS:
        behaviour = with_white_noise(honest_table(), fraction * limit)
        for octave in OCTAVES:
            try:
                table = best_table(code, epsilon, behaviour, 1 << (BETA_BITS - octave), SEARCH_GRID)
                made.append(certify_table(*prove_tight(table, SEARCH_GRID), {}))
            except (LinearProgramError, ProofError):
                continue
    return made


def optimised_edges(code: SettingCode, epsilon: float) -> list[float | None]:
    limit = largest_noise(None, epsilon, code, precision=0.02)
    if limit is None:
        return [None] * (len(RUNS) + 1)
    tables = family(code, epsilon, limit)

    def finite(runs: int) -> Callable[[float], bool]:
        def works(noise: float) -> bool:
            behaviour = with_white_noise(honest_table(), noise)
            joint = code.probabilities()[:, None] * behaviour
            promising = sorted(tables, key=lambda c: -float((joint * c.log2_factors).sum()))
            return any(plan_run(runs, behaviour, c).output_bits > 0 for c in promising[:5])

        return works

    return [*(edge(finite(runs)) for runs in RUNS), limit]


def percent(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{100 * value:.3g} %"


def main() -> None:
    header("numpy", "scipy")
    print("\nlargest white noise at which something is certified, soundness 2^-64")
    columns = [f"n={runs:.0e}".replace("+0", "") for runs in RUNS] + ["n→∞"]
    names = ("closed form, default code", "optimised, default code", "optimised, best code")
    print("| ε |" + "".join(f" {name}, {c} |" for name in names for c in columns))
    print("|---" * (1 + len(names) * len(columns)) + "|")
    for epsilon in EPSILONS:
        cells = closed_edges(epsilon)
        by_code = [optimised_edges(CODES[n](), epsilon) for n in ("default", "joint", "full")]
        cells += by_code[0]
        cells += [max(c or 0 for c in column) or None for column in zip(*by_code, strict=True)]
        print(f"| {epsilon:g} | " + " | ".join(percent(c) for c in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
