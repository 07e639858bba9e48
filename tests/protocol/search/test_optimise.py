"""How good optimised tables are: against the guessing bound, the closed form, and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protocol.certificate.proof import FACTOR_BITS, case_values, check_proof
from protocol.certificate.table import TableCertificate
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.search.optimise import (
    ASYMPTOTIC_BETA,
    SEARCH_GRID,
    largest_noise,
    optimise,
    optimised_certificate,
)
from protocol.search.prove import prove_tight
from protocol.search.table_program import best_table
from protocol.search.values import guessing_attack, guessing_probability
from protocol.settings.ks18 import default_code, joint_code
from qdevices.errors import InputError
from qdevices.ks18.game import KS18
from tests.protocol.plans import closed_form_plan, plan_for


def _rate(code, epsilon, behaviour, beta, grid=(256, 512, 1024)):
    """Proved score per starred run over β, in bits."""
    table, proof = prove_tight(best_table(code, epsilon, behaviour, beta, grid), grid)
    check_proof(table, proof)
    settings = code.probabilities()
    logs = np.log2(np.maximum(table.factors, 1) / 2**FACTOR_BITS)
    score = (settings[:, None] * behaviour * logs).sum()
    return score / settings[code.starred] / (table.beta / 2**20)


def _entropy_left(behaviour, setting):
    """H(x|e) in bits of the adversary who guesses best: an attack, so a bound on any rate."""
    total = 0.0
    for _, count, part in guessing_attack(behaviour, setting, KS18):
        weight = part[setting].sum()
        if weight > 1e-9:
            p = np.clip(part[setting] / weight, 1e-300, 1)
            total -= count * weight * float((p * np.log2(p)).sum())
    return total


@pytest.mark.parametrize("setting", [0, 2])
def test_the_asymptotic_rate_reaches_what_the_guessing_probability_allows(setting):
    """At least 95 % of −log₂ of the guessing probability, noiseless, ε = 0 (here: more)."""
    rate = _rate(default_code(setting), 0.0, KS18.honest, ASYMPTOTIC_BETA)
    allowed = -math.log2(guessing_probability(KS18.honest, setting, KS18))
    assert rate >= 0.95 * allowed


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("beta", [1 << 10, 1 << 17])
def test_the_sandwich_no_rate_exceeds_an_attack(noise, beta):
    """E log F + β·E log q ≤ log E[F·q^β] ≤ 0 for every decomposition of the behaviour."""
    behaviour = KS18.noisy(noise)
    rate = _rate(joint_code(), 0.0, behaviour, beta, SEARCH_GRID)
    assert 0 < rate <= _entropy_left(behaviour, 2) + 1e-6


def test_certified_min_entropy_is_below_the_guessing_bound_of_the_same_behaviour():
    behaviour = KS18.noisy(0.01)
    plan = best_plan(Request(1_000_000, 0.01, behaviour, code=joint_code()))
    starred = 1_000_000 * joint_code().probabilities()[2]
    bound = -math.log2(guessing_probability(behaviour, 2, KS18))
    assert 0 < plan.min_entropy_bits <= starred * bound


def test_at_least_twice_the_closed_form_in_the_default_code():
    for noise in (0.001, 0.01):
        behaviour = KS18.noisy(noise)
        closed = closed_form_plan(1_000_000, 0.01, behaviour, default_code())
        table = best_table(default_code(), 0.01, behaviour, 3 << 16, SEARCH_GRID)
        certificate = TableCertificate(*prove_tight(table, SEARCH_GRID), {})
        plan = plan_for(1_000_000, behaviour, certificate)
        assert plan.output_bits >= 2 * closed.output_bits > 0


def test_the_optimiser_finds_the_beta_that_gives_most():
    """Against a scan over a finer grid of β, by the output that is finally planned."""
    behaviour = KS18.noisy(0.01)
    found = optimise(Request(100_000, 0.01, behaviour), joint_code(), grid=SEARCH_GRID)
    assert found is not None
    best = plan_for(100_000, behaviour, optimised_certificate(found)).output_bits
    for beta in (found.table.beta // 2, found.table.beta * 3 // 4, found.table.beta * 3 // 2):
        table = best_table(joint_code(), 0.01, behaviour, beta, SEARCH_GRID)
        other = TableCertificate(*prove_tight(table, SEARCH_GRID), {})
        assert plan_for(100_000, behaviour, other).output_bits <= 1.03 * best


@pytest.mark.parametrize(
    ("epsilon", "noise"), [(0, 0.1), (0.01, 0.05), (0.05, 0.03), (0.1, 0.01), (0.2, 0.001)]
)
def test_noise_that_the_default_code_tolerates_when_n_grows(epsilon, noise):
    behaviour = KS18.noisy(noise)
    found = optimise(Request(None, epsilon, behaviour), default_code(), grid=SEARCH_GRID)
    assert found is not None
    assert found.score_rate > 0
    assert max(case_values(found.table, found.proof)) <= 0


def test_more_cases_never_hurt():
    behaviour = KS18.noisy(0.001)
    rates = [
        _rate(joint_code(), 0.01, behaviour, 1 << 17, grid)
        for grid in ((1024,), (512, 1024), (256, 512, 1024))
    ]
    assert rates[0] <= rates[1] + 1e-6 <= rates[2] + 2e-6


def test_what_cannot_be_certified_is_none():
    behaviour = KS18.noisy(0.5)
    assert optimise(Request(None, 0.01, behaviour), joint_code(), grid=SEARCH_GRID) is None


def test_the_largest_noise_is_an_edge():
    largest = largest_noise(Request(None, 0.1, KS18.honest), [joint_code()], precision=0.3)
    assert largest is not None
    assert 0.01 < largest < 0.3
    for factor, works in ((1 / 1.4, True), (1.4, False)):
        behaviour = KS18.noisy(largest * factor)
        found = optimise(Request(None, 0.1, behaviour), joint_code(), grid=SEARCH_GRID)
        assert (found is not None) is works


def test_a_behaviour_that_signals_is_refused_with_the_entry():
    table = KS18.honest.copy()
    table[7] = np.eye(16)[0]
    with pytest.raises(InputError, match="signals: Alice's probability of outcome 1 at setting 1"):
        optimise(Request(1000, 0.01, table), joint_code())
    with pytest.raises(InputError, match="epsilon 0"):
        optimise(Request(1000, 0.7, KS18.honest), joint_code())
    with pytest.raises(InputError, match="runs 0"):
        optimise(Request(0, 0.1, KS18.honest), joint_code())
