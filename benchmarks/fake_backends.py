"""What snapshots of real processors would achieve: gates, expected L and S, for each variant.

    python benchmarks/fake_backends.py [--picture FILE.png] [--json FILE] [NAME ...]

Results: results/fake_backends.txt (what this prints) and results/fake_backends.png.

Every row is exact for the errors that the snapshot reports (no crosstalk, no idle time).  "white"
is the white noise that gives the honest device the same L, "signals" the largest change of one
party's outcome probabilities with the other's setting.  Feed-forward would also wait for the
controller, which no snapshot reports: its rows are an upper bound of what it can do.  "eps@n" is
the largest ε, to 1 %, at which n runs certify anything with the best certificate that ships; they
ship for some values of ε only, which shows.  Qiskit's optimisation level 3 compiles the literal
circuits, on the same four qubits; the last lines compare gate counts alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _report import header
from numpy.typing import NDArray
from qiskit.transpiler import CouplingMap, Target

from protocol.plan.choose import best_plan
from protocol.request import Request
from qdevices.hardware.catalogue import open_backend
from qdevices.hardware.compilation import compile_for, ideal_target
from qdevices.hardware.figures import white_noise_equivalent
from qdevices.ks18.game import KS18
from qdevices.variants import VARIANTS

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
COLOURS = ("#9aa5b1", "#3b6fb6", "#d9822b")
LABELS = {
    "literal": "literal, compiled by Qiskit at level 3",
    "static": "static, one template for all settings",
    "feedforward": "feed-forward",
}
RESULTS = Path(__file__).parent / "results"
#: Runs at which the largest certifiable ε is looked for.
RUNS = (10**6, 10**8)


def certifies(runs: int, epsilon: float, behaviour: NDArray[np.float64]) -> bool:
    """Whether the best certificate available has an output."""
    return best_plan(Request(runs, epsilon, behaviour)).output_bits > 0


def largest(works: Callable[[float], bool], most: float) -> float | None:
    """The largest number up to `most` that works, to 1 %; None if 0 does not."""
    if not works(0.0):
        return None
    low, high = 0.0, most
    while high - low > 0.01 * max(low, 1e-3):
        middle = (low + high) / 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return low


def certifiable(behaviour: NDArray[np.float64]) -> dict[int, float | None]:
    """Largest ε at which something is certified, for each number of runs."""
    return {n: largest(partial(certifies, n, behaviour=behaviour), 0.4) for n in RUNS}


def tolerated_white_noise(runs: int) -> float | None:
    """Largest white noise with which fair bits certify something."""
    return largest(lambda w: certifies(runs, 0.0, KS18.noisy(w)), 0.3)


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
    epsilons = " ".join(f"{'-' if e is None else f'{e:.2g}':>8}" for e in row["epsilon"].values())
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


def draw(rows: list[dict[str, Any]], path: str, about: dict[str, str]) -> None:
    """Equivalent white noise of each snapshot and variant as bars; `about` goes into the file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {(row["backend"], row["variant"]): row for row in rows}
    names = list(dict.fromkeys(row["backend"] for row in rows))
    names.sort(key=lambda name: -found[name, "static"]["white_noise"])
    figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
    for offset, (variant, colour) in enumerate(zip(VARIANTS, COLOURS, strict=True)):
        for place, name in enumerate(names):
            row = found[name, variant]
            offered = row["dynamic"] or variant != "feedforward"
            axes.bar(
                place + 0.27 * (offset - 1),
                100 * row["white_noise"],
                0.25,
                color=colour if offered else "white",
                edgecolor=colour,
                hatch=None if offered else "////",
                label=LABELS[variant] if place == len(names) - 1 else None,
            )
    for runs, style in zip(RUNS, ("--", ":"), strict=True):
        tolerated = tolerated_white_noise(runs)
        if tolerated is not None:
            label = f"largest with output from $10^{round(np.log10(runs))}$ runs, fair bits"
            axes.axhline(100 * tolerated, color="black", linestyle=style, lw=1, label=label)
    if any(not row["dynamic"] for row in rows):
        axes.bar(0, 0, color="white", edgecolor="grey", hatch="////", label="not offered there")
    axes.set_xticks(
        range(len(names)), [n.removeprefix("Fake").removesuffix("V2") for n in names], fontsize=9
    )
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel("equivalent white noise, per cent")
    axes.set_title("Noise of the game on snapshots of processors, by circuit")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(frameon=False)
    figure.savefig(
        path, dpi=120, metadata={"Description": "\n".join(map(": ".join, about.items()))}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=BACKENDS)
    parser.add_argument("--picture", default=str(RESULTS / "fake_backends.png"))
    parser.add_argument("--json", default=None)
    options = parser.parse_args()
    about = header("qiskit", "qiskit-aer", "qiskit-ibm-runtime", "numpy")
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
    print("  where a circuit signals, no-signalling fails by as much and its eps is only nominal")
    for runs in RUNS:
        tolerated = tolerated_white_noise(runs)
        text = "nothing" if tolerated is None else f"up to {100 * tolerated:.2f} % white noise"
        print(f"  {runs:.0e} runs with fair bits certify {text}")
    gate_counts()
    draw(rows, options.picture, about)
    print(f"\npicture   {Path(options.picture).name}")
    if options.json:
        text = json.dumps({**about, "rows": rows}, indent=1) + "\n"
        Path(options.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
