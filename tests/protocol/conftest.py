"""Certificates and boxes that several of these tests use."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.certificate.proof import BETA_BITS
from protocol.search.optimise import SEARCH_GRID
from protocol.search.polytope import full_polytope, solve
from protocol.search.prove import prove_tight
from protocol.search.table_program import best_table
from protocol.settings.ks18 import joint_code
from qdevices.ks18.game import KS18


@pytest.fixture(scope="session")
def proved():
    """A table for ε = 0.05, 1 % white noise and β = 1/8, with its proof."""
    behaviour = KS18.noisy(0.01)
    table = best_table(joint_code(), 0.05, behaviour, 1 << (BETA_BITS - 3), SEARCH_GRID)
    return prove_tight(table, SEARCH_GRID)


@pytest.fixture(scope="session")
def boxes():
    """Forty vertices of the no-signalling polytope, from linear programmes with random objectives.

    Half of them are pulled towards winning, as an adversary's boxes are.
    """
    rng = np.random.default_rng(20161130)
    losing = KS18.losing.ravel()
    found = []
    for k in range(40):
        objective = rng.normal(size=1296) - (k % 2) * 10 * losing
        vertex = solve(objective, full_polytope(KS18)).x
        found.append(np.clip(vertex, 0, None).reshape(81, 16))
    return found
