"""What devices that signal a little cost the certificates that ship: N, η, and the score lost.

    python benchmarks/signalling.py [--gamma 1e-3] [--epsilon E]

For every shipped table: N exact, η at γ rounded up, the share of the honest device's expected score
(fair bits, the white noise of the table's name) that the charge takes, the same if N were the sum
of the potentials' sizes, and the γ at which nothing is left, however many the runs.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from _report import header

from protocol.certificate.shipped import names, shipped
from protocol.certificate.signalling import largest_norm
from protocol.certificate.table import TableCertificate
from qdevices.ks18.game import KS18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gamma", type=float, default=1e-3)
    parser.add_argument("--epsilon", type=float)
    wanted = parser.parse_args()
    header("numpy", "scipy")
    print(
        f"{'certificate':<36} {'beta':>7} {'rate':>7} {'N':>7} {'sizes':>7} {'eta':>9} "
        f"{'lost':>7} {'nothing left':>12}"
    )
    for name in names():
        if wanted.epsilon is not None and name.epsilon != wanted.epsilon:
            continue
        certificate = shipped(name)
        assert isinstance(certificate, TableCertificate)
        score = _score(certificate, name.noise)
        sizes = int(np.abs(certificate.proof.potentials).sum(axis=1).max()) / 2**50
        print(
            f"{name.text:<36} {certificate.beta:7.4f} "
            f"{score / certificate.beta:7.4f} {float(largest_norm(certificate.proof)):7.3f} "
            f"{sizes:7.3f} {certificate.signalling_excess(wanted.gamma):9.3g} "
            f"{certificate.signalling_charge(wanted.gamma, 1) / score:7.1%} "
            f"{_last(certificate, score):12.3%}"
        )


def _score(certificate: TableCertificate, noise: float) -> float:
    """Expected score of a run, bits."""
    joint = certificate.code.probabilities()[:, None] * KS18.noisy(noise)
    return float(np.where(joint > 0, joint * certificate.log2_factors, 0).sum())


def _last(certificate: TableCertificate, score: float) -> float:
    """The γ at which the charge is all of the score."""
    low, high = 0.0, math.nextafter(1, 0)
    for _ in range(40):
        middle = (low + high) / 2
        if certificate.signalling_charge(middle, 1) < score:
            low = middle
        else:
            high = middle
    return low


if __name__ == "__main__":
    main()
