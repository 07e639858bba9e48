"""What snapshots of real processors would achieve: gates, expected L and S, for each variant.

    python benchmarks/fake_backends.py [--picture FILE.png] [--json FILE] [NAME ...]

Every row is exact for the errors that the snapshot reports (no crosstalk, no idle time).  "white"
is the white noise that gives the honest device the same L, "signals" the largest change of one
party's outcome probabilities with the other's setting.  Qiskit's optimisation level 3 compiles
the literal circuits, on the same four qubits; the last lines compare gate counts alone.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from _report import header
from numpy.typing import NDArray
from qiskit.transpiler import CouplingMap, Target

from protocol.plan import best_closed_form
from protocol.setting_code import CODES
from qdevices.hardware.catalogue import open_backend
from qdevices.hardware.compilation import compile_for, ideal_target, white_noise_equivalent
from qdevices.hardware.programme import VARIANTS

BACKENDS = (
    "FakeGuadalupeV2",
    "FakeHanoiV2",
    "FakeKolkataV2",
    "FakeBrisbane",
    "FakeSherbrooke",
    "FakeTorino",
    "FakeFez",
    "FakeMarrakesh",
    "FakeKingston",
    "FakeBoston",
    "FakeNighthawk",
)
#: Runs at which the largest certifiable ε is looked for.
RUNS = (10**6, 10**8)


def certifiable(behaviour: NDArray[np.float64]) -> dict[int, float | None]:
    """Largest ε, to 1 %, at which the closed form certifies something, for each number of runs."""
    code = CODES["default"]()
    found: dict[int, float | None] = {}
    for runs in RUNS:

        def works(epsilon: float, runs: int = runs) -> bool:
            return best_closed_form(runs, epsilon, behaviour, code).output_bits > 0

        if not works(0.0):
            found[runs] = None
            continue
        low, high = 0.0, 0.4
        while high - low > 0.01 * max(low, 1e-3):
            middle = (low + high) / 2
            low, high = (middle, high) if works(middle) else (low, middle)
        found[runs] = low
    return found


def rows_of(name: str) -> list[dict[str, Any]]:
    """One row for each variant on one snapshot."""
    backend = open_backend(f"fake:{name}")
    rows = []
    for variant in VARIANTS:
        start = time.perf_counter()
        compiled = backend.compiled(variant)
        gates = compiled.programme.two_qubit_gates()
        rows.append(
            {
                "backend": name,
                "variant": variant,
                "dynamic": backend.feedforward,
                "qubits": [int(q) for q in compiled.programme.placement.qubits],
                "shape": compiled.programme.placement.shape,
                "gates_least": int(gates.min()),
                "gates_most": int(gates.max()),
                "gates_mean": float(gates.mean()),
                "losing": compiled.losing,
                "starred": compiled.starred,
                "white_noise": white_noise_equivalent(compiled.behaviour),
                "signalling": compiled.signalling,
                "epsilon": {f"{n:g}": e for n, e in certifiable(compiled.behaviour).items()},
                "seconds": time.perf_counter() - start,
            }
        )
    return rows


def print_row(row: dict[str, Any]) -> None:
    star = "" if row["dynamic"] or row["variant"] != "feedforward" else "*"
    epsilons = " ".join(f"{'-' if e is None else f'{e:.3g}':>8}" for e in row["epsilon"].values())
    print(
        f"{row['backend']:<16} {row['variant'] + star:<13} {row['shape']:<7} "
        f"{row['gates_least']}-{row['gates_most']:<2} {row['gates_mean']:5.2f} "
        f"{row['losing']:9.5f} {row['starred']:8.5f} {100 * row['white_noise']:7.2f} % "
        f"{row['signalling']:9.1e} {epsilons} {row['seconds']:6.1f}",
        flush=True,
    )


def coupled(edges: list[tuple[int, int]], size: int) -> Target:
    """An ideal processor with CNOTs on these couplings in both directions."""
    return Target.from_configuration(
        basis_gates=["rz", "sx", "x", "cx"],
        num_qubits=size,
        coupling_map=CouplingMap([*edges, *((b, a) for a, b in edges)]),
    )


def gate_counts() -> None:
    """Two-qubit gates on ideal couplings, and Qiskit's level 3 on the literal circuits."""
    line = [(i, i + 1) for i in range(6)]
    grid = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
    heavy = list(CouplingMap.from_heavy_hex(3, bidirectional=False).get_edges())
    size = 1 + max(max(edge) for edge in heavy)
    targets = {
        "all-to-all": ideal_target(),
        "grid": coupled(grid, 6),
        "line": coupled(line, 7),
        "heavy-hex": coupled([(int(a), int(b)) for a, b in heavy], size),
    }
    print("\ntwo-qubit gates: least-most (mean over the 81 setting pairs)")
    print(f"{'coupling':<12} " + " ".join(f"{v:>18}" for v in VARIANTS))
    for name, target in targets.items():
        cells = []
        for variant in VARIANTS:
            gates = compile_for(target, variant).programme.two_qubit_gates()
            cells.append(f"{gates.min()}-{gates.max()} ({gates.mean():.2f})")
        print(f"{name:<12} " + " ".join(f"{cell:>18}" for cell in cells))


def draw(rows: list[dict[str, Any]], path: str) -> None:
    """Equivalent white noise of each snapshot and variant as bars."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(row["backend"] for row in rows))
    figure, axes = pyplot.subplots(figsize=(10, 4.5), layout="constrained")
    for offset, variant in enumerate(VARIANTS):
        heights = [
            100
            * next(r["white_noise"] for r in rows if (r["backend"], r["variant"]) == (n, variant))
            for n in names
        ]
        axes.bar(np.arange(len(names)) + 0.27 * (offset - 1), heights, 0.25, label=variant)
    axes.set_xticks(np.arange(len(names)), [n.removeprefix("Fake") for n in names], rotation=30)
    axes.set_ylabel("equivalent white noise, per cent")
    axes.set_title("Expected noise of the test on snapshots of processors")
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=BACKENDS)
    parser.add_argument("--picture", default="fake_backends.png")
    parser.add_argument("--json", default=None)
    options = parser.parse_args()
    header("qiskit", "qiskit-aer", "qiskit-ibm-runtime", "numpy")
    epsilons = " ".join(f"{f'eps@{n:.0e}':>8}" for n in RUNS)
    print(
        f"\n{'backend':<16} {'variant':<13} {'shape':<7} {'2q':<4} {'mean':>5} {'L':>9} {'S':>8} "
        f"{'white':>9} {'signals':>9} {epsilons} {'s':>6}"
    )
    rows: list[dict[str, Any]] = []
    for name in options.names:
        for row in rows_of(name):
            rows.append(row)
            print_row(row)
    print("* the snapshot does not offer dynamic circuits; as if it did")
    gate_counts()
    draw(rows, options.picture)
    print(f"\npicture {options.picture}")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
