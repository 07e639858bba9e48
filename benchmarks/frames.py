"""Search of all frames V in U(4), Clifford or not, for bases that are cheap to measure.

    python benchmarks/frames.py

Two questions about the rays V|v⟩, from random starts by least squares (a few minutes):

- which four of the nine bases can consist of product rays, so that they need no entangling gate
  with feed-forward?  If no five can, 252/81 on a square and 414/81 on a line cannot be improved.
- in which frames do all nine bases take one CNOT at most?  Each must have a product tr γ = 0 and
  tr γ² = −4 for some phases of its outcomes (Shende, Bullock and Markov 2004).

Evidence, no proof: a frame that random starts do not reach would be missed.
"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
from _report import header
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.optimize import least_squares

from qdevices.ks18.frame import PAULI, RELABELLINGS, concurrence, unit_rays

Complex = NDArray[np.complex128]
STARTS = 12
FRAMES = 40
BASES = unit_rays()
_ONE = [np.eye(2), *PAULI.values()]
GENERATORS = np.array([np.kron(a, b) for a in _ONE for b in _ONE][1:])
FLIP = np.kron(PAULI["Y"], PAULI["Y"])


def random_unitary(rng: np.random.Generator) -> Complex:
    q, r = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))
    return np.asarray(q * (np.diag(r) / np.abs(np.diag(r))))


def near(x: NDArray[np.float64], start: Complex) -> Complex:
    return np.asarray(expm(1j * np.tensordot(x, GENERATORS, 1)) @ start)


def product_residual(x: NDArray[np.float64], start: Complex, rays: Complex) -> NDArray[np.float64]:
    """Twice the determinant of every ray as a 2×2 matrix, 0 for a product."""
    turned = rays @ near(x, start).T
    found = 2 * (turned[:, 0] * turned[:, 3] - turned[:, 1] * turned[:, 2])
    return np.concatenate([found.real, found.imag])


def one_gate_residual(basis: Complex) -> NDArray[np.float64]:
    """(|tr γ|, |tr γ² + 4|)/2 of a basis, rows its rays, with the best phases and relabelling."""
    best: NDArray[np.float64] | None = None
    for order in RELABELLINGS:
        duals = basis[order].conj()
        spin = duals @ FLIP @ duals.T
        phases = np.pi / 4 * np.arange(8)
        if min(abs(spin[0, 3]), abs(spin[1, 2])) > 1e-6:
            phases = np.array([np.angle(spin[1, 2] / spin[0, 3])])
        for phase in phases:
            unitary = np.array([1, 1, 1, np.exp(1j * phase)])[:, None] * duals
            unitary = unitary / np.linalg.det(unitary) ** 0.25
            gamma = unitary @ FLIP @ unitary.T @ FLIP
            found = np.array([abs(np.trace(gamma)), abs(np.trace(gamma @ gamma) + 4)]) / 2
            best = found if best is None or found @ found < best @ best else best
    assert best is not None
    return best


def products(rng: np.random.Generator) -> None:
    solved = []
    for chosen in itertools.combinations(range(9), 4):
        rays = np.unique(np.round(BASES[list(chosen)].reshape(-1, 4), 12), axis=0)
        for _ in range(STARTS):
            start = random_unitary(rng)
            fit = least_squares(product_residual, np.zeros(15), args=(start, rays), max_nfev=60)
            if fit.cost < 1e-18:
                solved.append(chosen)
                break
    print(f"\nfour bases of product rays: {len(solved)} of 126 choices have a frame")
    print("  " + " ".join("".join(str(u + 1) for u in chosen) for chosen in solved))
    five = [
        chosen
        for chosen in itertools.combinations(range(9), 5)
        if all(part in solved for part in itertools.combinations(chosen, 4))
    ]
    print(f"five: {len(five)} choices whose parts all have one")


def one_gate(rng: np.random.Generator) -> None:
    kinds: Counter[tuple[float, float]] = Counter()
    for _ in range(FRAMES):
        start = random_unitary(rng)

        def residual(x: NDArray[np.float64], start: Complex = start) -> NDArray[np.float64]:
            return np.concatenate([one_gate_residual(b) for b in unit_rays(near(x, start))])

        fit = least_squares(residual, np.zeros(15), max_nfev=25)
        if fit.cost < 1e-9:
            found = concurrence(unit_rays(near(fit.x, start)))
            kinds[round(float(found.min()), 2), round(float(found.max()), 2)] += 1
    print(f"\nall nine bases at one CNOT: {kinds.total()} of {FRAMES} starts end in such a frame")
    for (least, most), count in sorted(kinds.items()):
        print(f"  {count:>3} with concurrences of the rays from {least:.2f} to {most:.2f}")


def main() -> None:
    header("numpy", "scipy", "qiskit")
    rng = np.random.default_rng(1)
    products(rng)
    one_gate(rng)


if __name__ == "__main__":
    main()
