"""The largest white noise at which something can be certified, by ε, n, certificate and code.

Run as `python benchmarks/noise_tolerance.py`; about half an hour.  For n → ∞ the edge is searched
to 2 %.  For finite n a family of tables is optimised over β and noises below that edge; the one
that reaches farthest is proved and planned in full (soundness 2^−64, completeness 0.99).  The best
table for just that noise may do a little better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from _report import header

from protocol.certificate.closed_form import ClosedForm, beta_limit
from protocol.certificate.proof import BETA_BITS, FACTOR_BITS, Table
from protocol.certificate.score import ScoreCertificate
from protocol.certificate.table import TableCertificate
from protocol.documents.fields import Fields
from protocol.request import Request
from protocol.search.optimise import SEARCH_GRID, largest_noise
from protocol.search.polytope import LinearProgramError
from protocol.search.prove import prove_tight
from protocol.search.table_program import best_table
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import CANDIDATE_CODES, default_code
from qdevices.game import Game
from qdevices.ks18.game import KS18
from tests.protocol.plans import closed_form_plan, plan_for

EPSILONS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.2)
RUNS = (10**6, 10**8)
#: Tables are optimised at these fractions of the asymptotic edge and these β, by octaves.
FRACTIONS = (0.15, 0.45, 0.8)
OCTAVES = (3, 5, 7, 10)


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
    code = default_code()
    joint = code.probabilities()[:, None]
    table = ClosedForm(code, epsilon, 1e-3 * beta_limit(code, epsilon)).log2_factors

    def finite(runs: int) -> Callable[[float], bool]:
        def works(noise: float) -> bool:
            behaviour = KS18.noisy(noise)
            return closed_form_plan(runs, epsilon, behaviour, code).output_bits > 0

        return works

    def infinite(noise: float) -> bool:
        return float((joint * KS18.noisy(noise) * table).sum()) > 0

    return [*(edge(finite(runs)) for runs in RUNS), edge(infinite)]


def family(code: SettingCode, epsilon: float, limit: float) -> list[Table]:
    made = []
    for fraction in FRACTIONS:
        behaviour = KS18.noisy(fraction * limit)
        for octave in OCTAVES:
            try:
                beta = 1 << (BETA_BITS - octave)
                made.append(best_table(code, epsilon, behaviour, beta, SEARCH_GRID))
            except LinearProgramError:
                continue
    return made


class Unproved(ScoreCertificate):
    """A table taken at its word, to see which is worth a proof."""

    kind = "unproved"

    def __init__(self, table: Table) -> None:
        self.code, self.epsilon = table.code, table.epsilon
        self.beta = table.beta / 2**BETA_BITS
        self.log2_factors = np.log2(np.maximum(table.factors, 1) / 2.0**FACTOR_BITS)

    def determined_by(self) -> dict[str, Any]:
        raise NotImplementedError("what is not proved has no digest")

    def content(self) -> dict[str, Any]:
        raise NotImplementedError("what is not proved is in no document")

    @classmethod
    def from_content(cls, fields: Fields, game: Game) -> Unproved:
        raise NotImplementedError("what is not proved is in no document")


def reached(runs: int, certificate: ScoreCertificate) -> float | None:
    def works(noise: float) -> bool:
        behaviour = KS18.noisy(noise)
        return plan_for(runs, behaviour, certificate).output_bits > 0

    return edge(works)


def optimised_edges(code: SettingCode, epsilon: float) -> list[float | None]:
    limit = largest_noise(Request(None, epsilon, KS18.honest), [code], precision=0.02)
    tables = [] if limit is None else family(code, epsilon, limit)
    edges: list[float | None] = []
    for runs in RUNS:
        noises = [reached(runs, Unproved(table)) or 0.0 for table in tables]
        if not any(noises):
            edges.append(None)
            continue
        best = tables[int(np.argmax(noises))]
        edges.append(reached(runs, TableCertificate(*prove_tight(best, SEARCH_GRID), {})))
    return [*edges, limit]


def percent(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{100 * value:.3g} %"


def main() -> None:
    header("numpy", "scipy")
    print("\nlargest white noise at which something is certified, soundness 2^-64")
    columns = [f"n={runs:.0e}".replace("+0", "") for runs in RUNS] + ["n→∞"]
    names = ("closed form, default code", "optimised, default code", "optimised, best other code")
    print("| ε |" + "".join(f" {name}, {c} |" for name in names for c in columns))
    print("|---" * (1 + len(names) * len(columns)) + "|")
    # One process a core; the two slowest rows do not wait for one another.
    with ProcessPoolExecutor(2) as pool:
        for epsilon, cells in zip(EPSILONS, pool.map(row, EPSILONS), strict=True):
            print(f"| {epsilon:g} | " + " | ".join(cells) + " |", flush=True)


def row(epsilon: float) -> list[str]:
    closed = [percent(value) for value in closed_edges(epsilon)]
    by_code = {code.name: optimised_edges(code, epsilon) for code in CANDIDATE_CODES}
    default = [percent(value) for value in by_code.pop("default")]
    best = []
    for k in range(len(RUNS) + 1):
        name = max(by_code, key=lambda n: by_code[n][k] or 0.0)
        value = by_code[name][k]
        best.append(percent(value) + (f" ({name})" if value else ""))
    return [*closed, *default, *best]


if __name__ == "__main__":
    main()
