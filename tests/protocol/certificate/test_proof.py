"""The exact check of score tables, and attacks on it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.certificate.closed_form import ClosedForm
from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    MOST_FACTOR,
    MOST_POTENTIAL,
    Proof,
    ProofError,
    Table,
    case_values,
    cases,
    check_proof,
    power_up,
    setting_weights,
    table_group,
)
from protocol.search.prove import chord_box, prove, prove_tight
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import CODES, default_code, joint_code
from protocol.settings.sv_tree import sv_maximum
from qdevices.errors import InputError
from qdevices.ks18.game import KS18

GRID = (512, 1024)


def _expectation(table, box):
    """Largest E[F·q^β] over all ε-SV sources for one box, exact in the source."""
    factors, beta = table.factors / 2**FACTOR_BITS, table.beta / 2**BETA_BITS
    by_setting = (factors * box).sum(axis=1)
    star = table.code.starred
    by_setting[star] = (factors[star] * np.clip(box[star], 0, None) ** (1 + beta)).sum()
    return float(sv_maximum(by_setting[table.code.table], table.epsilon))


@given(st.integers(1, 1 << GRID_BITS), st.integers(1, 4 << BETA_BITS))
def test_powers_are_rounded_up_and_hardly(value, beta):
    p = value / 2**GRID_BITS
    true = p ** (1 + beta / 2**BETA_BITS)
    assert true * (1 - 1e-15) <= power_up(value, beta) / 2**BITS <= true + 1e-13


@given(st.integers(1, (1 << GRID_BITS) - 1), st.integers(1, 64))
def test_powers_bound_the_true_ones_exactly(value, eighths):
    """(p^{1+k/8})^8 = p^{8+k} in fractions: the rounded power is never below."""
    power = Fraction(power_up(value, eighths << (BETA_BITS - 3)), 2**BITS)
    assert power**8 >= Fraction(value, 2**GRID_BITS) ** (8 + eighths)


@pytest.mark.parametrize("name", ["default", "joint", "plain"])
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.3])
def test_weights_are_below_the_exact_ratios(name, epsilon):
    """The ratios by fractions are another way to the worst of the SV sources."""
    code = CODES[name]()
    weights = setting_weights(code, epsilon)
    for setting, ratio in code.rho_exact(Fraction(epsilon)).items():
        if setting != code.starred:
            assert 0 < Fraction(int(weights[setting]), 2**BITS) <= 1 / ratio
    assert not weights[~code.settings_used].any()


@pytest.mark.parametrize("grid", [(512, 1024), (100, 256, 384, 1024)])
def test_every_point_of_the_simplex_is_in_a_case_up_to_symmetry(proved, grid):
    table, _ = proved
    group, star = table_group(table), table.code.starred
    listed = cases(grid, group, star, KS18)
    images = group[:, 16 * star : 16 * star + 16] - 16 * star
    rng = np.random.default_rng(5)
    for _ in range(300):
        p = rng.dirichlet(np.full(16, rng.choice([0.02, 0.1, 1.0, 10.0]))) * 2**GRID_BITS
        assert any(
            ((case.low - 1e-6 <= p[image]) & (p[image] <= case.high + 1e-6)).all()
            for case in listed
            for image in images
        )


def test_a_proved_table_is_verified_and_tight(proved):
    table, proof = proved
    check_proof(table, proof)
    assert -1e-8 < max(case_values(table, proof)) / 2**BITS <= 0


def test_every_case_agrees_with_its_linear_programme(proved):
    """The exact bound against HiGHS's optimum for the same case."""
    table, proof = proved
    listed = cases(proof.grid, table_group(table), table.code.starred, KS18)
    for case, exact in zip(listed, case_values(table, proof), strict=True):
        value, _, _ = chord_box(table, case)
        assert exact / 2**BITS == pytest.approx(value, abs=1e-7)


def test_no_box_and_source_exceeds_one(proved, boxes):
    table, _ = proved
    worst = max(_expectation(table, box) for box in boxes)
    assert worst <= 1 + 1e-9
    # Mixtures are boxes too, and the power makes them no better for the adversary.
    rng = np.random.default_rng(3)
    for _ in range(50):
        mix = np.tensordot(rng.dirichlet(np.full(len(boxes), 0.1)), np.array(boxes), 1)
        assert _expectation(table, mix) <= 1 + 1e-9


def test_the_boxes_that_attain_the_cases_do_not_exceed_one(proved):
    table, proof = proved
    reached = []
    for case in cases(proof.grid, table_group(table), table.code.starred, KS18):
        _, box, _ = chord_box(table, case)
        reached.append(_expectation(table, box))
    assert max(reached) <= 1 + 1e-9
    assert max(reached) > 1 - 0.01  # and the attack is a real one


def test_no_optimal_local_strategy_exceeds_one(proved):
    """All deterministic strategies that lose only four pairs, with the worst SV source."""
    table, _ = proved
    losing = KS18.losing.reshape(9, 9, 4, 4)
    strategies = np.indices((4,) * 9).reshape(9, -1).T
    lost = sum(losing[u][:, strategies[:, u], :].transpose(1, 0, 2).astype(int) for u in range(9))
    optimal = np.flatnonzero(lost.min(axis=2).sum(axis=1) == 4)
    assert len(optimal) > 0
    factors = table.factors / 2**FACTOR_BITS
    leaves = []
    for k in optimal:
        # Both the first and the last of Bob's best answers, where several are equally good.
        for pick in (np.argmin, lambda a, axis: 3 - np.argmin(a[:, ::-1], axis=axis)):
            bob = pick(lost[k], axis=1)
            outcomes = (4 * strategies[k][:, None] + np.asarray(bob)[None, :]).ravel()
            leaves.append(factors[np.arange(81), outcomes][table.code.table])
    assert sv_maximum(np.array(leaves), table.epsilon).max() <= 1 + 1e-12


def test_a_greedy_source_and_a_local_box_do_not_exceed_one_over_many_runs(proved):
    """The supermartingale in action: the mean of Π F·q^β over simulated attacks is at most 1."""
    table, _ = proved
    rng = np.random.default_rng(8)
    losing = KS18.losing.reshape(9, 9, 4, 4)
    alice = rng.integers(0, 4, 9)
    for _ in range(6):
        bob = losing[np.arange(9), :, alice, :].sum(axis=0).argmin(axis=1)
        alice = losing[:, np.arange(9), :, bob].sum(axis=0).argmin(axis=1)
    outcomes = (4 * alice[:, None] + bob[None, :]).ravel()
    words = (table.factors / 2**FACTOR_BITS)[np.arange(81), outcomes][table.code.table]
    levels = [words]
    while len(levels[-1]) > 1:  # expected factor at every node, under the greedy lean
        low, high = levels[-1][0::2], levels[-1][1::2]
        up, down = 0.5 + table.epsilon, 0.5 - table.epsilon
        levels.append(up * np.maximum(low, high) + down * np.minimum(low, high))
    node = np.zeros(20_000, dtype=int)
    for level in reversed(levels[:-1]):
        low, high = level[2 * node], level[2 * node + 1]
        one = rng.random(len(node)) < np.where(high > low, 0.5 + table.epsilon, 0.5 - table.epsilon)
        node = 2 * node + one
    mean = words[node].mean()
    assert mean == pytest.approx(float(levels[-1][0]), abs=5 * words[node].std() / 20_000**0.5)
    assert levels[-1][0] <= 1 + 1e-12


def test_a_table_that_is_wrong_by_a_millionth_is_refused(proved):
    table, proof = proved
    wrong = round(1e-6 * 2**FACTOR_BITS)
    credited = np.flatnonzero(table.factors[table.code.starred] > 1 << FACTOR_BITS)
    assert len(credited) >= 8
    for outcome in credited:
        factors = table.factors.copy()
        factors[table.code.starred, outcome] += wrong
        broken = replace(table, factors=factors)
        with pytest.raises(ProofError):
            check_proof(broken, proof)
        # Not even the best proof of the broken table holds.
        with pytest.raises(ProofError, match="may exceed 1"):
            check_proof(broken, prove(broken, proof.grid))


def test_a_penalty_forgotten_is_refused(proved):
    table, _ = proved
    factors = table.factors.copy()
    tested = np.flatnonzero((factors < 1 << FACTOR_BITS).any(axis=1))
    factors[tested[tested != table.code.starred]] = 1 << FACTOR_BITS
    with pytest.raises(ProofError, match="may exceed 1"):
        check_proof(replace(table, factors=factors), prove(replace(table, factors=factors), GRID))


def test_a_weaker_source_or_another_code_is_refused(proved):
    table, proof = proved
    for changed in (replace(table, epsilon=0.06), replace(table, code=default_code())):
        with pytest.raises(ProofError):
            check_proof(changed, proof)


def test_malformed_tables_and_proofs_are_refused_with_the_reason(proved):
    table, proof = proved

    def factors(setting, outcome, value):
        changed = table.factors.copy()
        changed[setting, outcome] = value
        return {"factors": changed}

    one = 1 << FACTOR_BITS
    for change, message in [
        (factors(5, 3, one + 1), r"factor \[5, 3\] exceeds 1 at a pair other"),
        (factors(5, 3, -1), r"factor \[5, 3\] is negative"),
        (factors(5, 3, -(2**63)), r"factor \[5, 3\] is negative"),
        (factors(2, 0, (one << 12) + 1), r"factor \[2, 0\] is negative or exceeds 4096"),
        ({"factors": table.factors[:80]}, "shape"),
        ({"factors": table.factors.astype(np.uint64)}, "of type uint64, expected an array of int6"),
        ({"factors": table.factors.astype(">i8")}, "of type >i8"),
        ({"factors": table.factors.astype(float)}, "of type float64"),
        ({"factors": table.factors.astype(object)}, "of type object"),
        ({"factors": table.factors.tolist()}, "of type list"),
        ({"factors": np.ma.masked_array(table.factors)}, "of type int64"),
        ({"beta": 0}, "beta is 0/2"),
        ({"beta": (4 << BETA_BITS) + 1}, "beta is"),
        ({"beta": True}, "beta is True"),
        ({"beta": 2.0}, "beta is 2.0"),
        ({"beta": np.int64(5)}, "beta is 5"),
        ({"code": "joint"}, "of type str, expected a SettingCode"),
    ]:
        with pytest.raises(ProofError, match=message):
            replace(table, **change)
    for epsilon in (0.5, -1e-9, float("nan"), "0.1", True, None):
        with pytest.raises(InputError, match="epsilon"):
            replace(table, epsilon=epsilon)
    assert np.copysign(1, replace(table, epsilon=-0.0).epsilon) == 1
    shifted = proof.potentials.copy()
    shifted[0, 0] += 1
    with pytest.raises(ProofError, match="case 0 do not sum to zero"):
        check_proof(table, replace(proof, potentials=shifted))
    with pytest.raises(ProofError, match="the table needs"):
        check_proof(table, replace(proof, potentials=proof.potentials[1:], alpha=proof.alpha[1:]))
    least = np.full_like(proof.alpha, -(2**63))
    for change, message in [
        ({"alpha": proof.alpha + (1 << 60)}, "too large"),
        ({"alpha": least}, "too large"),
        ({"alpha": np.full_like(least, -(1 << 54) - 1)}, "too large"),
        ({"potentials": np.full_like(proof.potentials, -(2**63))}, "too large"),
        ({"alpha": proof.alpha.astype(np.int32)}, "alpha are of type int32"),
        ({"alpha": list(proof.alpha)}, "alpha are of type list"),
        ({"alpha": proof.alpha[1:]}, "shapes"),
        ({"alpha": proof.alpha[:, None]}, "shapes"),
        ({"alpha": proof.alpha[:0], "potentials": proof.potentials[:0]}, "shapes"),
        ({"potentials": proof.potentials[:, 1:]}, "shapes"),
    ]:
        with pytest.raises(ProofError, match=message):
            replace(proof, **change)
    many = (*range(1, 65), 1024)
    floats, flags = (512.0, 1024), (True, 1024)
    for grid in ((), (512,), (512, 512, 1024), (0, 1024), many, floats, flags, [512, 1024], None):
        with pytest.raises(ProofError, match="grid"):
            replace(proof, grid=grid)


def test_tables_and_proofs_keep_their_own_numbers(proved):
    table, proof = proved
    factors = table.factors.copy()
    own = replace(table, factors=factors)
    factors[2] = 0
    assert np.array_equal(own.factors, table.factors)
    for numbers in (own.factors, proof.alpha, proof.potentials, setting_weights(own.code, 0.1)):
        with pytest.raises(ValueError, match="read-only"):
            numbers[0] = 1


def test_no_number_of_the_check_comes_near_to_wrapping():
    """With every entry at its limit the int64 numbers are what Python's integers say."""
    most, code = MOST_POTENTIAL, default_code()
    factors = np.zeros((81, 16), dtype=np.int64)
    factors[code.starred] = MOST_FACTOR
    table = Table(code, 0.0, 1, factors)
    # Class by class, pairs at +most and −most; one of the nine is 0.
    signs = np.array([1, -1, 1, -1, 1, -1, 1, -1, 0])
    grid = most * np.roll(signs, 3)[None, :].repeat(9, axis=0)
    potentials = np.concatenate(
        [grid.reshape(81, 1).repeat(4, axis=1).ravel(), grid.T.reshape(81, 1).repeat(4, 1).ravel()]
    )
    for alpha in (most, -most):
        proof = Proof((1024,), potentials[None, :], np.array([alpha]), KS18)
        exact = alpha - (1 << BITS)
        for u in range(81):
            a, b = int(potentials[4 * u]), int(potentials[324 + 4 * u])
            if u == code.starred:
                exact += 16 * max(0, (MOST_FACTOR << BITS >> FACTOR_BITS) - (a + b + alpha))
            else:
                exact -= int(setting_weights(code, 0.0)[u]) + a + b
        assert case_values(table, proof) == [exact]


@pytest.mark.parametrize(("epsilon", "excess"), [(0.0, 1e-8), (0.05, 1e-3)])
def test_the_closed_form_is_a_special_case(epsilon, excess):
    """The table of theory 4.2 passes the same exact check, all but untouched.

    Above ε = 0 it uses a ratio ρ(u) for every pair, the check one for all pairs with as many
    words, which costs what `excess` says.
    """
    code, beta = default_code(), 1 << (BETA_BITS - 6)
    closed = ClosedForm(code, epsilon, beta / 2**BETA_BITS)
    factors = np.floor(np.exp2(closed.log2_factors) * 2**FACTOR_BITS).astype(np.int64)
    given_table = Table(code, epsilon, beta, factors)
    assert max(case_values(given_table, prove(given_table, GRID))) / 2**BITS < excess
    table, proof = prove_tight(given_table, GRID)
    check_proof(table, proof)
    lowered = (factors - table.factors)[code.starred].max() / 2**FACTOR_BITS
    assert lowered <= 2 * excess


def test_a_weight_is_at_most_sixteen_however_many_words_a_pair_has():
    code = SettingCode("many", (2, *(0,) * 127), 2, KS18)
    assert code.rho(0.0)[0] == pytest.approx(1 / 127)
    assert setting_weights(code, 0.0)[0] == 16 << BITS


def test_a_case_of_the_joint_code_tests_38_pairs():
    weights = setting_weights(joint_code(), 0.0)
    assert np.count_nonzero(weights) == 38
