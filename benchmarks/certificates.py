"""Optimised certificates: rates, outputs against the closed form, and the times of every step.

Run as `python benchmarks/certificates.py`; about five minutes.
"""

from __future__ import annotations

import math
import statistics
import time

from _report import header, seconds

from protocol.certificate.file import _proved as proved_cache
from protocol.certificate.file import from_json, to_json
from protocol.certificate.proof import FACTOR_BITS, check_proof
from protocol.certificate.table import TableCertificate
from protocol.plan.choose import best_plan, nearest_feasible
from protocol.request import Request
from protocol.search.optimise import FINAL_GRID, optimise, optimised_certificate
from protocol.search.prove import prove_tight
from protocol.search.table_program import best_table
from protocol.search.values import guessing_probability
from protocol.settings.code import _rho as ratio_cache
from protocol.settings.ks18 import compact_code, default_code, joint_code
from qdevices.aer import behaviour as simulated
from qdevices.ks18.game import KS18
from qdevices.noise import NoiseSpec
from tests.protocol.plans import closed_form_plan, plan_for


def guesses() -> None:
    print("\nguessing probability, full no-signalling adversary (seconds in brackets)")
    gates = simulated(NoiseSpec.parse("gate2=1e-2,gate1=1e-3,readout=1e-2"))
    tables = {
        "ideal": KS18.honest,
        "white=0.01": KS18.noisy(0.01),
        "gates 1e-2": gates,
    }
    print(f"{'u0':>6}" + "".join(f"{name:>22}" for name in tables))
    for setting in (0, 1, 2):
        cells = []
        for table in tables.values():
            start = time.perf_counter()
            value = guessing_probability(table, setting, KS18)
            cells.append(f"{value:.6f} ({time.perf_counter() - start:.2f})")
        print(f"{KS18.pair_label(setting):>6}" + "".join(f"{cell:>22}" for cell in cells))


def rates() -> None:
    print("\nnoiseless, ε = 0, β → 0: proved bits per starred run against −log₂ of the guess")
    import numpy as np

    for setting in (0, 1, 2):
        code, beta = default_code(setting), 1 << 10
        table, proof = prove_tight(best_table(code, 0.0, KS18.honest, beta, FINAL_GRID), FINAL_GRID)
        check_proof(table, proof)
        settings = code.probabilities()
        logs = np.log2(np.maximum(table.factors, 1) / 2**FACTOR_BITS)
        score = float((settings[:, None] * KS18.honest * logs).sum())
        rate = score / settings[setting] * 2**20 / beta
        allowed = -math.log2(guessing_probability(KS18.honest, setting, KS18))
        print(f"{KS18.pair_label(setting):>6}  {rate:.4f}  {allowed:.4f}  {rate / allowed:6.1%}")


def outputs() -> None:
    codes = (joint_code(), compact_code())
    print("\noutput bits at soundness 2^-64; in brackets the seconds of the optimisation")
    print(
        f"{'n':>14} {'ε':>5} {'white':>7} {'closed':>8} {'shipped':>9} "
        + " ".join(f"{'opt. ' + code.name:>17}" for code in codes)
    )
    for runs, epsilon, white in (
        (10**6, 0.01, 0.001),
        (10**6, 0.01, 0.01),
        (10**6, 0.05, 0.001),
        (10**8, 0.1, 0.01),
        (10**9, 0.2, 0.0001),
    ):
        behaviour = KS18.noisy(white)
        closed = closed_form_plan(runs, epsilon, behaviour, default_code()).output_bits
        shipped = best_plan(Request(runs, epsilon, behaviour)).output_bits
        cells = []
        for code in codes:
            start = time.perf_counter()
            found = optimise(Request(runs, epsilon, behaviour), code)
            took = time.perf_counter() - start
            bits = 0
            if found is not None:
                bits = plan_for(runs, behaviour, optimised_certificate(found)).output_bits
            cells.append(f"{bits:,} ({took:.0f})")
        print(
            f"{runs:>14,} {epsilon:>5g} {white:>7g} {closed:>8,} {shipped:>9,} "
            + " ".join(f"{cell:>17}" for cell in cells),
            flush=True,
        )


def tolerance() -> None:
    """Done-when of the code: ε = 0.1, n = 10⁸, best code against the closed form."""
    print("\nlargest white noise at ε = 0.1, n = 10⁸, to 1 %")
    for name, choice, code in (
        ("closed form, default code", "closed-form", default_code()),
        ("best shipped certificate", "best", None),
    ):
        _, largest = nearest_feasible(
            Request(10**8, 0.1, KS18.honest, certificate=choice, code=code)
        )
        print(f"{name:>30}  {100 * (largest or 0):.3g} %")


def times() -> None:
    behaviour = KS18.noisy(0.01)
    table = best_table(joint_code(), 0.01, behaviour, 1 << 17, FINAL_GRID)
    certificate = TableCertificate(*prove_tight(table, FINAL_GRID), {})
    data = to_json(certificate)

    def fresh() -> None:
        proved_cache.cache_clear()
        ratio_cache.cache_clear()
        from_json(data)

    print(
        f"\nverification of a file with {len(certificate.proof.alpha)} cases, caches empty: "
        f"median {statistics.median(seconds(fresh)):.4f} s"
    )


def main() -> None:
    header("numpy", "scipy")
    guesses()
    rates()
    times()
    tolerance()
    outputs()


if __name__ == "__main__":
    main()
