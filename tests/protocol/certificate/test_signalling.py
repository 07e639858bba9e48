"""Devices that signal a little: the charge against linear programmes, and against planted devices.

Attacks are γ-boxes found by linear programmes that are written out here from the definition, with
numbers A, B as unknowns of their own; nothing of how a proof bounds them is used.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import binom

from protocol.certificate.check import check_certificate
from protocol.certificate.closed_form import NORM, ClosedForm
from protocol.certificate.potentials import (
    marginal_parts,
    n_slots,
    reduced_costs,
    slots,
    sums,
    to_integers,
    zero_sum_classes,
)
from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    case_values,
    cases,
    setting_weights,
    table_group,
)
from protocol.certificate.rounding import charge, float_up, log2_up
from protocol.certificate.score import ScoreCertificate
from protocol.certificate.shipped import ShippedName, names, shipped, shipped_certificates
from protocol.certificate.signalling import largest_norm, potential_norms
from protocol.certificate.table import TableCertificate
from protocol.certificate.worth import estimated_output
from protocol.diagnose.limit import signalling_limit
from protocol.diagnose.signs import STRETCHES, diagnose_counts
from protocol.request import Request
from protocol.security import Security
from protocol.settings.ks18 import CODES, default_code
from protocol.settings.sv_tree import StarTree, sv_maximum
from qdevices.errors import InputError
from qdevices.game import signalling_of
from qdevices.ks18.game import KS18, STARRED_SETTING, starred_event
from tests.games.unequal import UNEQUAL
from tests.protocol.certificate.test_score import _representatives
from tests.protocol.tables import kept

#: Chance, at most, that a test of random devices fails although all is well: 10⁻⁶ each.
LUCK = 1e-6
SLOTS = n_slots(KS18)
TABLE = ("table", "proof", "about")
CLASSES = 72


def _rows():
    """Inequalities |marginal − A| ≤ γ and equations of normalisation, in (box, A and B)."""
    marginal = sparse.lil_matrix((SLOTS, 1296))
    middle = sparse.lil_matrix((SLOTS, CLASSES))
    row = 0
    for u1, u2, x in np.ndindex(9, 9, 4):
        for y in range(4):
            marginal[row, 16 * (9 * u1 + u2) + 4 * x + y] = 1
        middle[row, 4 * u1 + x] = 1
        row += 1
    for u1, u2, y in np.ndindex(9, 9, 4):
        for x in range(4):
            marginal[row, 16 * (9 * u1 + u2) + 4 * x + y] = 1
        middle[row, 36 + 4 * u2 + y] = 1
        row += 1
    one = sparse.kron(sparse.eye(81), np.ones((1, 16)))
    return (
        sparse.vstack(
            [sparse.hstack([marginal, -middle]), sparse.hstack([-marginal, middle])]
        ).tocsr(),
        sparse.hstack([one, sparse.csr_matrix((81, CLASSES))]).tocsr(),
    )


UPPER, NORMALISED = _rows()


def _best_box(objective, gamma, low=0.0, high=1.0, star=STARRED_SETTING):
    """The γ-box with the largest Σ objective·P, its entries at `star` between low and high."""
    bounds = np.zeros((1296 + CLASSES, 2))
    bounds[:1296, 1] = 1
    bounds[16 * star : 16 * star + 16, 0], bounds[16 * star : 16 * star + 16, 1] = low, high
    bounds[1296:] = [-1, 2]
    found = linprog(
        -np.concatenate([objective.ravel(), np.zeros(CLASSES)]),
        A_ub=UPPER,
        b_ub=np.full(2 * SLOTS, gamma),
        A_eq=NORMALISED,
        b_eq=np.ones(81),
        bounds=bounds,
        method="highs-ds",
    )
    assert found.status == 0
    return -found.fun, np.clip(found.x[:1296], 0, None).reshape(81, 16)


def _attack(table, case, gamma):
    """The γ-box that is best for Eve in a case, with the power's chords; and what they make it."""
    star, beta = table.code.starred, table.beta / 2**BETA_BITS
    factors = table.factors / 2**FACTOR_BITS
    low, high = case.low / 2**GRID_BITS, case.high / 2**GRID_BITS
    slope = factors[star] * (high ** (1 + beta) - low ** (1 + beta)) / (high - low)
    weights = setting_weights(table.code, table.epsilon) / 2**BITS
    objective = weights[:, None] * (factors - 1)
    objective[star] = slope
    value, box = _best_box(objective, gamma, low, high, star)
    return value + (factors[star] * low ** (1 + beta) - slope * low).sum(), box


def _expectation(certificate, box):
    """Largest E[F·q^β] over all ε-SV sources for one box, exact in the source."""
    factors = 2.0**certificate.log2_factors
    by_setting, star = (factors * box).sum(axis=1), certificate.code.starred
    by_setting[star] = (factors[star] * box[star] ** (1 + certificate.beta)).sum()
    return float(sv_maximum(by_setting[certificate.code.table], certificate.epsilon))


def _listed(certificate):
    table, proof = certificate.table, certificate.proof
    return cases(proof.grid, table_group(table), table.code.starred, KS18)


def _worst_cases(certificate, gamma, count):
    """Numbers of the cases with the largest (B) + γN."""
    values = np.array(case_values(certificate.table, certificate.proof), dtype=float)
    norms = np.array(potential_norms(certificate.proof.potentials, KS18), dtype=float)
    return np.argsort(-(values + gamma * norms))[:count]


# What potentials cost


def _cost_by_programme(potentials, game):
    """max Σ d·(a, b) over |d| ≤ 1 whose sums over outcomes depend on the own setting alone."""
    total = 0.0
    a, b = marginal_parts(potentials, game)
    for part in (a, b.swapaxes(0, 1)):
        for own in part:  # (other, outcome)
            others, outcomes = own.shape
            rows = np.zeros((others - 1, own.size))
            for v in range(1, others):
                rows[v - 1, :outcomes] = 1
                rows[v - 1, outcomes * v : outcomes * (v + 1)] = -1
            found = linprog(
                -own.ravel(),
                A_eq=rows if len(rows) else None,
                b_eq=np.zeros(others - 1) if len(rows) else None,
                bounds=(-1, 1),
            )
            total -= found.fun
    return total


@pytest.mark.parametrize("game", [KS18, UNEQUAL], ids=lambda g: g.name)
@pytest.mark.parametrize("seed", range(5))
def test_what_potentials_cost_is_the_most_that_such_marginals_can_make_of_them(game, seed):
    rng = np.random.default_rng(seed)
    free = rng.integers(-99, 99, n_slots(game)) * rng.integers(0, 2, n_slots(game))
    whole = to_integers(free.astype(float), 1.0, game)
    norm = potential_norms(whole[None, :], game)[0]
    assert norm == pytest.approx(_cost_by_programme(whole, game))
    assert norm <= np.abs(whole).sum()


def test_the_largest_potentials_do_not_wrap():
    potentials = np.full((1, SLOTS), 1 << (BITS + 4), dtype=np.int64)
    a, b = marginal_parts(potentials, KS18)
    a[..., ::2] *= -1
    b[..., ::2] *= -1
    assert potential_norms(potentials, KS18) == [SLOTS << (BITS + 4)]


# The excess and the charge


@pytest.mark.parametrize("name", ["compact-e0.01-w0.01", "joint-e0.1-w0.001"])
@pytest.mark.parametrize("gamma", [2.0**-60, 1e-6, 1e-3, 0.01, 0.3])
def test_the_excess_is_the_formula_in_fractions(name, gamma):
    """ν_max by fractions over the tree, everything in numbers and not in units."""
    certificate = kept(name)
    table, proof = certificate.table, certificate.proof
    star = np.array([Fraction(int(w == table.code.starred)) for w in table.code.words])
    largest = Fraction(sv_maximum(star, Fraction(table.epsilon)).item())
    unit = Fraction(1, 2**BITS)
    worst = max(
        value * unit + Fraction(gamma) * norm * unit
        for value, norm in zip(
            case_values(table, proof), potential_norms(proof.potentials, KS18), strict=True
        )
    )
    exact = largest * max(Fraction(0), worst)
    found = Fraction(certificate.signalling_excess(gamma))
    assert exact <= found <= exact + Fraction(1, 2**44)
    assert largest_norm(proof) == max(potential_norms(proof.potentials, KS18)) * unit


@pytest.mark.parametrize("name", sorted(CODES))
@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.1, 0.4])
def test_the_largest_share_of_the_star_is_never_too_small(name, epsilon):
    code = CODES[name]()
    most = StarTree(code.table, code.starred, epsilon).most
    leaves = np.array([Fraction(int(w == code.starred)) for w in code.words])
    exact = sv_maximum(leaves, Fraction(epsilon)).item()
    assert exact <= most <= exact + Fraction(1, 2**50)
    assert float(most) == pytest.approx(code.extreme_probabilities(epsilon)[1][code.starred])


@given(st.fractions(1, 2**40) | st.floats(0, 1).map(lambda x: 1 + Fraction(x)))
def test_logarithms_are_rounded_up_and_hardly(value):
    with localcontext() as context:
        context.prec = 60
        true = (Decimal(value.numerator) / Decimal(value.denominator)).ln() / Decimal(2).ln()
        found = log2_up(value)
        difference = Decimal(found.numerator) / Decimal(found.denominator) - true
    assert Decimal(-1).scaleb(-55) <= difference < Decimal(2) ** -62


def test_a_charge_is_never_below_and_nothing_for_nothing():
    assert log2_up(Fraction(1)) == 0
    assert all(0 < log2_up(Fraction(2**k)) - k <= Fraction(1, 2**64) for k in (1, 5, 63))
    assert charge(0.0, 10**9) == 0.0
    assert charge(math.inf, 1) == math.inf
    assert charge(1.0, 1000) == math.nextafter(1000, math.inf)
    third = float_up(Fraction(1, 3))
    assert Fraction(third) >= Fraction(1, 3) > Fraction(math.nextafter(third, 0))


def test_no_signalling_costs_nothing_and_more_never_costs_less():
    for certificate in (kept("compact-e0.01-w0.01"), ClosedForm(default_code(), 0.01, 0.05)):
        assert certificate.signalling_excess(0) == certificate.signalling_excess(-0.0) == 0.0
        assert certificate.signalling_charge(0.0, 10**9) == 0.0
        found = [certificate.signalling_excess(g) for g in (0, 1e-300, 1e-9, 1e-4, 1e-3, 0.999)]
        assert found == sorted(found)
        assert found[1] > 0 or certificate.kind == "optimised"  # a proof may have room
        assert certificate.signalling_charge(1e-3, 10**6) == pytest.approx(
            1e6 * math.log2(1 + certificate.signalling_excess(1e-3))
        )


@pytest.mark.parametrize("gamma", [-1e-9, 1.0, math.nan, math.inf, "0.1", None, True])
def test_a_gamma_that_is_none_is_refused_with_its_value(gamma):
    for certificate in (kept("compact-e0.01-w0.01"), ClosedForm(default_code(), 0.01, 0.05)):
        with pytest.raises(InputError, match=r"is outside \[0, 1\)"):
            certificate.signalling_excess(gamma)
        with pytest.raises(InputError, match=r"is outside \[0, 1\)"):
            certificate.signalling_charge(gamma, 10)


def test_a_kind_without_a_theorem_says_that_nothing_is_left():
    class Other(ClosedForm):
        signalling_excess = ScoreCertificate.signalling_excess

    other = Other(default_code(), 0.01, 0.05)
    assert other.signalling_excess(0.0) == 0.0
    assert other.signalling_excess(1e-9) == math.inf
    assert other.signalling_charge(1e-9, 1) == math.inf
    assert other.signalling_charge(0.0, 10) == 0.0


def test_verify_prints_what_signalling_costs_exactly(ksamp, tmp_path):
    from protocol.certificate.file import write

    certificate = kept("compact-e0.01-w0.01")
    write(certificate, tmp_path / "c.json")
    data = ksamp("certificate", "verify", tmp_path / "c.json", "--json").json["signalling_norm"]
    assert Fraction(data["numerator"], data["denominator"]) == largest_norm(certificate.proof)
    text = ksamp("certificate", "verify", tmp_path / "c.json").out
    assert f"N = {data['numerator']}/{data['denominator']}, about 4.02" in text


def test_an_object_with_a_charge_of_its_own_is_no_certificate():
    certificate = TableCertificate(*(getattr(kept("compact-e0.01-w0.01"), n) for n in TABLE))
    check_certificate(certificate)
    object.__setattr__(certificate, "signalling_charge", lambda gamma, runs: 0.0)
    with pytest.raises(InputError, match="has a signalling_charge of its own"):
        check_certificate(certificate)


# The closed form


def test_the_inequality_of_the_closed_form_loses_its_norm_and_no_less_in_whole_numbers():
    """Potentials of ten times (LP) with the least sizes, by programme; checked exactly."""
    alice, bob = slots(KS18)
    entries = np.arange(1296)
    both = sparse.csr_matrix(
        (np.ones(2592), (np.tile(entries, 2), np.concatenate([alice, bob]))), (1296, SLOTS)
    )
    pairs = sparse.kron(sparse.eye(81), np.ones((16, 1)))
    zero = sparse.csr_matrix((np.ones(SLOTS), (zero_sum_classes(KS18), np.arange(SLOTS))))
    largest = []
    for guess in _representatives():
        tenths = -KS18.losing.astype(np.int64)
        tenths[starred_event()] += 2
        tenths[STARRED_SETTING, guess] += 10
        total = sparse.csr_matrix(np.concatenate([np.zeros(2 * SLOTS), np.ones(81)])[None])
        found = linprog(
            np.concatenate([np.ones(2 * SLOTS), np.zeros(81)]),
            A_ub=sparse.vstack([sparse.hstack([-both, both, -pairs]), total]).tocsr(),
            b_ub=np.concatenate([-tenths.ravel(), [10]]),
            A_eq=sparse.hstack([zero, -zero, sparse.csr_matrix((CLASSES, 81))]).tocsr(),
            b_eq=np.zeros(CLASSES),
            bounds=[(0, None)] * (2 * SLOTS) + [(None, None)] * 81,
            method="highs-ds",
        )
        whole = np.rint(found.x[:SLOTS] - found.x[SLOTS : 2 * SLOTS]).astype(np.int64)
        assert not sums(whole, KS18).any()
        assert reduced_costs(tenths, whole, KS18).max(axis=1).sum() <= 10
        assert np.abs(whole).sum() <= 10 * NORM
        largest.append(found.fun)
    assert max(largest) == pytest.approx(float(10 * NORM))  # so that no other potentials do better


@pytest.mark.parametrize("gamma", [1e-3, 0.01])
def test_no_box_within_gamma_beats_the_closed_form(gamma):
    certificate = ClosedForm(default_code(), 0.01, 0.05)
    eta, lost = certificate.signalling_excess(gamma), []
    for guess in _representatives():
        objective = -KS18.losing.astype(float) / 10
        objective[starred_event()] += 0.2
        objective[STARRED_SETTING, guess] += 1
        value, box = _best_box(objective, gamma)
        assert value <= 1 + gamma * float(NORM) + 1e-9
        assert _expectation(certificate, box) <= 1 + eta + 1e-12
        lost.append(value - 1)
    assert max(lost) > gamma  # and the attacks are real ones


# Tables


@pytest.mark.parametrize("name", [name.text for name in names()[::5]])
def test_no_box_within_gamma_beats_a_shipped_table(name):
    """The best boxes of the γ-polytope in the two worst cases, with the worst ε-SV source."""
    certificate = shipped(ShippedName.parse(name))
    assert isinstance(certificate, TableCertificate)
    table, proof = certificate.table, certificate.proof
    values, norms = case_values(table, proof), potential_norms(proof.potentials, KS18)
    for gamma in (1e-3, 0.01):
        eta = certificate.signalling_excess(gamma)
        for k in _worst_cases(certificate, gamma, 2):
            value, box = _attack(table, _listed(certificate)[k], gamma)
            assert value <= 1 + (values[k] + gamma * norms[k]) / 2**BITS + 1e-8
            assert signalling_of(box, KS18) <= gamma + 1e-9
            assert _expectation(certificate, box) <= 1 + eta + 1e-9


@pytest.mark.parametrize("name", ["compact-e0.01-w0.01", "joint-e0.01-w0.01"])
def test_every_case_is_below_its_bound_and_the_worst_is_a_real_attack(name):
    certificate, gamma, reached = kept(name), 0.01, []
    eta = certificate.signalling_excess(gamma)
    for case in _listed(certificate):
        _, box = _attack(certificate.table, case, gamma)
        reached.append(_expectation(certificate, box) - 1)
    assert 0.8 * eta < max(reached) <= eta


# Planted devices.  Eve knows the box, so that she knows q exactly: −log₂q is what she is short of.


def _planted(certificate, gamma):
    """The γ-box, of the attacks on all cases, whose log₂(F·q^β) grows the fastest; fair bits."""
    joint = certificate.code.probabilities()[:, None]
    grown: list[Any] = []
    for case in _listed(certificate):
        _, box = _attack(certificate.table, case, gamma)
        grown.append((float((joint * box * _log2_gain(certificate, box)).sum()), len(grown), box))
    return max(grown)[2]


def _log2_gain(certificate, box):
    """log₂(F·q^β) of every entry, 0 where the box has no probability."""
    star, gain = certificate.code.starred, certificate.log2_factors.copy()
    gain[star] += certificate.beta * np.log2(np.maximum(box[star], 1e-300))
    return np.where(box > 0, gain, 0.0)


def _played(certificate, box, runs, devices, rng):
    """Settings and outcomes as entries 16u + x, (devices, runs), words from fair bits."""
    joint = certificate.code.probabilities()[:, None] * box
    chances = joint.ravel() / joint.sum()
    return rng.choice(1296, (devices, runs), p=chances)


@pytest.mark.parametrize("name", ["compact-e0.01-w0.01", "joint-e0.01-w0.01"])
def test_a_device_within_gamma_is_never_more_predictable_than_certified(name):
    """It breaks the certificate of devices that do not signal nearly always, the charged one never.

    Except with probability ε' = 2^−8 −log₂q is at least (score − charge − 8)/β.
    """
    certificate, gamma, runs, devices = kept(name), 0.05, 3000, 400
    box = _planted(certificate, gamma)
    rng = np.random.default_rng(20)
    gain = _log2_gain(certificate, box).ravel()
    grown = gain[_played(certificate, box, runs, devices, rng)].sum(axis=1)
    assert (grown > 8).mean() > 0.9  # log₂(1/q) < (score − 8)/β
    broken = grown - certificate.signalling_charge(gamma, runs) > 8
    assert broken.sum() <= binom.isf(LUCK, devices, 2.0**-8)


@pytest.mark.parametrize("bits", [5, 8])
@pytest.mark.parametrize("gamma", [1e-3, 0.01, 0.05])
def test_a_device_that_stops_when_it_is_ahead_is_ahead_no_more_often_than_stated(gamma, bits):
    """With a memory: it signals until its past is below the bound, and is harmless from then on.

    Ville: that the charged Π F·q^β ever exceeds 2^bits has probability 2^−bits at most.
    """
    certificate, runs, devices = kept("joint-e0.01-w0.01"), 2000, 1000
    k = _worst_cases(certificate, gamma, 1)[0]
    rng = np.random.default_rng(21)
    for box in (_attack(certificate.table, _listed(certificate)[k], gamma)[1],):
        gain = _log2_gain(certificate, box).ravel()
        path = gain[_played(certificate, box, runs, devices, rng)].cumsum(axis=1)
        path -= np.arange(1, runs + 1) * certificate.signalling_charge(gamma, 1)
        ahead = (path > bits).any(axis=1).sum()
        assert ahead <= binom.isf(LUCK, devices, 2.0**-bits)


@pytest.mark.parametrize(
    ("gamma", "runs"), [(1e-3, 2_000_000_000), (0.003, 100_000_000), (0.05 / 3, 200_000)]
)
def test_an_attack_that_signals_three_times_as_much_is_flagged_and_scores_too_little(gamma, runs):
    """It breaks the inequality that the charge for γ pays for; its marginals say so, and its score.

    The limit is wrong, and a sign false, with probability 10⁻³ and 10⁻² at most.
    """
    certificate = kept("compact-e0.01-w0.01")
    boxes = [_attack(certificate.table, case, 3 * gamma)[1] for case in _listed(certificate)]
    box = max(boxes, key=lambda box: _expectation(certificate, box))
    assert _expectation(certificate, box) > 1 + 1.5 * certificate.signalling_excess(gamma)
    share = certificate.code.probabilities()[:, None]
    chances = (share * box).ravel()
    rng = np.random.default_rng(22)
    counts = rng.multinomial(runs // STRETCHES, chances / chances.sum(), STRETCHES)
    found = diagnose_counts(counts.reshape(STRETCHES, 81, 16), KS18)
    assert found.signalling
    assert found.limit is not None
    assert gamma < found.limit.least <= 3 * gamma <= found.limit.most
    honest = share * KS18.noisy(0.01)
    expected = runs * float(np.where(honest > 0, honest * certificate.log2_factors, 0).sum())
    charge_of_runs = certificate.signalling_charge(gamma, runs)
    score = certificate.score(counts.sum(0).reshape(81, 16))
    # Refused: the plan's threshold is the honest score less a few deviations, and where the charge
    # is more than that there is no plan.
    assert score < 0.99 * expected or charge_of_runs > expected


def test_signalling_of_one_in_a_thousand_is_told_from_three_given_the_runs():
    """Ten devices each, honest but for one marginal; the limit errs once in a thousand."""
    rng, gamma, runs = np.random.default_rng(23), 1e-3, 4 * 10**9
    share = kept("compact-e0.01-w0.01").code.probabilities()[:, None]
    for times, flagged in ((1, False), (3, True)):
        box = KS18.grid(KS18.noisy(0.05)).copy()
        box[0, 2, 0] += times * gamma / 4  # Alice's outcome 1 at (1,3) instead of her outcome 2
        box[0, 2, 1] -= times * gamma / 4
        box[0, 5:, 0] -= times * gamma / 4
        box[0, 5:, 1] += times * gamma / 4
        table = box.reshape(81, 16)
        assert table.min() >= 0
        assert signalling_of(table, KS18) == pytest.approx(times * gamma)
        for _ in range(10):
            chances = (share * table).ravel()
            counts = rng.multinomial(runs, chances / chances.sum()).reshape(81, 16)
            limit = signalling_limit(counts, KS18)
            assert limit is not None
            assert (limit.least > gamma) == flagged


# What the charge costs the honest device


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("compact-e0.01-w0.01", 0.134),
        ("joint-e0.01-w0.01", 0.154),
        ("default-e0.01-w0.01", 0.119),
        ("compact-e0.01-w0.001", 0.095),
        ("default-e0.05-w0.001", 0.112),
        ("default-e0.1-w0.001", 0.148),
    ],
)
def test_what_a_thousandth_costs_of_the_expected_score(name, share):
    certificate = kept(name)
    noise = float(name.rsplit("w", 1)[1])
    joint = certificate.code.probabilities()[:, None] * KS18.noisy(noise)
    score = float(np.where(joint > 0, joint * certificate.log2_factors, 0).sum())
    assert certificate.signalling_charge(1e-3, 1) / score == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(("epsilon", "noise", "share"), [(0.01, 0.01, 0.15), (0.1, 0.001, 0.16)])
def test_a_thousandth_costs_a_small_part_of_the_output_of_what_ships(epsilon, noise, share):
    """Classical side information, 10⁶ runs, the best table of each by its estimated output."""

    def output(gamma):
        security, found = Security("classical"), []
        asked = Request(10**6, epsilon, KS18.noisy(noise), security=security)
        for certificate in shipped_certificates(asked):
            joint = certificate.code.probabilities()[:, None] * KS18.noisy(noise)
            factors = certificate.log2_factors - certificate.signalling_charge(gamma, 1)
            found.append(estimated_output(10**6, factors, joint, certificate.beta, 64, security))
        return max(found)

    assert 0 < output(1e-3) < output(0.0)
    assert output(1e-3) > (1 - share) * output(0.0)
