"""The closed-form score certificate (theory 4.2)."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import lil_matrix

from protocol.certificate.closed_form import C, ClosedForm, S, beta_limit
from protocol.certificate.file import from_json, to_json
from protocol.certificate.groups import orbits, stabiliser
from protocol.documents.fields import digest
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import default_code, plain_code
from protocol.settings.sv_tree import sv_maximum
from qdevices.errors import InputError
from qdevices.ks18.game import KS18, STARRED_SETTING, starred_event, starred_outcomes


def _no_signalling_rows():
    """Equality constraints of the polytope, written out one by one from the definition."""
    rows, right = [], []
    for u in range(81):
        rows.append([(16 * u + x, 1.0) for x in range(16)])
        right.append(1.0)
    for own in range(9):
        for x in range(4):
            for other in range(1, 9):
                alice = [(16 * (9 * own + other) + 4 * x + y, 1.0) for y in range(4)]
                alice += [(16 * (9 * own) + 4 * x + y, -1.0) for y in range(4)]
                bob = [(16 * (9 * other + own) + 4 * y + x, 1.0) for y in range(4)]
                bob += [(16 * own + 4 * y + x, -1.0) for y in range(4)]
                rows += [alice, bob]
                right += [0.0, 0.0]
    matrix = lil_matrix((len(rows), 1296))
    for i, row in enumerate(rows):
        for column, value in row:
            matrix[i, column] += value
    return matrix.tocsr(), np.array(right)


def _largest(objective):
    matrix, right = _no_signalling_rows()
    found = linprog(-objective.ravel(), A_eq=matrix, b_eq=right, method="highs-ipm")
    assert found.status == 0
    return -found.fun


def _representatives():
    """One outcome of u0 for each orbit under the symmetries that keep u0."""
    labels = orbits(stabiliser(STARRED_SETTING, KS18))[16 * STARRED_SETTING :][:16]
    return [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)]


def _lp_value(guess, c):
    objective = -c * KS18.losing.astype(float)
    objective[starred_event()] += S
    objective[STARRED_SETTING, guess] += 1
    return _largest(objective)


def test_the_linear_inequality_of_the_closed_form_is_proved_in_whole_numbers():
    """A dual solution found in floating point, rounded to twelfths, and checked exactly."""
    matrix, right = _no_signalling_rows()
    exact, exact_right = matrix.toarray().astype(np.int64), right.astype(np.int64)
    for guess in _representatives():
        tenths = -KS18.losing.astype(np.int64)  # ten times (LP): C is 1, S is 2
        tenths[starred_event()] += 2
        tenths[STARRED_SETTING, guess] += 10
        found = linprog(
            right, A_ub=-matrix.T, b_ub=-tenths.ravel(), bounds=(None, None), method="highs-ds"
        )
        scale = 12
        dual = np.rint(scale * found.x).astype(np.int64)
        assert (dual @ exact >= scale * tenths.ravel()).all()
        assert dual @ exact_right <= 10 * scale
    assert (C, S) == (1 / 10, 2 / 10)


def test_the_linear_inequality_is_tight_in_c():
    assert max(_lp_value(guess, 0.97 * C) for guess in _representatives()) > 1 + 1e-4


@given(st.sampled_from([0.0, 0.01, 0.1, 0.3]), st.floats(0.01, 0.99), st.integers(0, 2**32))
def test_no_local_strategy_and_sv_source_exceeds_one(epsilon, share, seed):
    """The theorem for deterministic boxes, where q = 1, against the exact best SV source."""
    code = default_code()
    certificate = ClosedForm(code, epsilon, share * beta_limit(code, epsilon))
    rng = np.random.default_rng(seed)
    losing = KS18.losing.reshape(9, 9, 4, 4)
    alice = rng.integers(0, 4, 9)
    for _ in range(4):  # improve both sides in turn: local optima of the game
        bob = np.array(
            [np.argmin([losing[range(9), u, alice, x].sum() for x in range(4)]) for u in range(9)]
        )
        alice = np.array(
            [np.argmin([losing[u, range(9), x, bob].sum() for x in range(4)]) for u in range(9)]
        )
    outcomes = (4 * alice[:, None] + bob[None, :]).ravel()
    factors = np.exp2(certificate.log2_factors)[np.arange(81), outcomes]
    assert sv_maximum(factors[code.table], epsilon) <= 1 + 1e-12


def test_factors_are_those_of_the_theorem():
    code, beta = default_code(), 0.05
    certificate = ClosedForm(code, 0.05, beta)
    floor, rho = 1 - beta * C, code.rho(0.05)
    factors = np.exp2(certificate.log2_factors)
    assert np.allclose(factors[starred_event()], 1 + beta * floor * S)
    for u in (0, 2, 17, 80):
        weight = 1.0 if u == STARRED_SETTING else rho[u]
        assert np.allclose(factors[u][KS18.losing[u]], 1 - beta * floor * C * weight)
    neutral = ~KS18.losing & ~starred_event()
    assert (certificate.log2_factors[neutral] == 0).all()


def test_score_of_counts_is_the_sum_over_runs():
    certificate = ClosedForm(default_code(), 0.01, 0.1)
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 50, (81, 16))
    by_runs = sum(
        certificate.log2_factors[u, x] for u, x in np.ndindex(81, 16) for _ in range(counts[u, x])
    )
    assert certificate.score(counts) == pytest.approx(by_runs)


def test_honest_score_is_positive_at_a_tenth_of_a_percent_and_dies_at_a_few_percent():
    """Theory 4.2, remark 4.2.7: the closed form dies at about 3 % (default code, ε = 0)."""
    code = default_code()
    joint = code.probabilities()[:, None]
    # β → 0 is the most tolerant choice.
    factors = ClosedForm(code, 0.0, 1e-3).log2_factors
    means = {q: (joint * KS18.noisy(q) * factors).sum() for q in (0.001, 0.02, 0.04)}
    assert means[0.001] > means[0.02] > 0 > means[0.04]


def test_credited_event_is_the_starred_event():
    certificate = ClosedForm(default_code(), 0.01, 0.1)
    assert np.array_equal(certificate.credited_event(), starred_event())
    assert starred_outcomes().sum() == 8


def test_json_round_trip_of_the_closed_form():
    closed = ClosedForm(default_code(), 0.02, 0.05)
    again = from_json(to_json(closed))
    assert np.array_equal(again.log2_factors, closed.log2_factors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "best"}, "has kind"),
        ({"kind": 1}, "has kind"),
        ({"epsilon": "0.02"}, "has epsilon"),
        ({"epsilon": False}, "has epsilon"),
        ({"epsilon": 0.5}, "outside"),
        ({"beta": "0.05"}, "has beta"),
        ({"beta": 0}, "beta 0.0 is outside"),
        ({"beta": 1e-400}, "beta 0.0 is outside"),
        ({"beta": 10**400}, "has beta"),
        ({"code": None}, "has code"),
        ({"more": 1}, "unknown entry"),
    ],
)
def test_a_closed_form_is_read_strictly(change, message):
    sealed = to_json(ClosedForm(default_code(), 0.02, 0.05))
    data = {k: v for k, v in {**sealed, **change}.items() if k != "sha256"}
    try:
        data["sha256"] = digest(data)
    except ValueError:
        data["sha256"] = "0" * 64  # no JSON at all
    with pytest.raises(InputError, match=message) as refusal:
        from_json(data)
    assert str(refusal.value).isprintable()


def test_digests_tell_certificates_apart_but_not_names():
    closed = ClosedForm(default_code(), 0.02, 0.05)
    assert re.fullmatch("[0-9a-f]{64}", closed.digest)
    assert from_json(to_json(closed)).digest == closed.digest
    renamed = replace(default_code(), name="mine")
    assert ClosedForm(renamed, 0.02, 0.05).digest == closed.digest
    others = (
        ClosedForm(default_code(), 0.03, 0.05),
        ClosedForm(default_code(), 0.02, 0.06),
        ClosedForm(plain_code(), 0.02, 0.05),
    )
    assert len({closed.digest, *(other.digest for other in others)}) == 4


def test_a_table_without_a_proof_is_not_read():
    closed = to_json(ClosedForm(default_code(), 0.02, 0.05))
    bare = {**closed, "kind": "optimised", "log2_factors": [[0.0] * 16] * 81}
    with pytest.raises(InputError, match="was edited"):
        from_json(bare)
    bare["sha256"] = digest({k: v for k, v in bare.items() if k != "sha256"})
    with pytest.raises(InputError, match="has no entry 'about'"):
        from_json(bare)


def test_bad_parameters_are_refused():
    code = default_code()
    with pytest.raises(InputError, match="beta"):
        ClosedForm(code, 0.01, 0.0)
    with pytest.raises(InputError, match="beta"):
        ClosedForm(code, 0.1, 2 * beta_limit(code, 0.1))
    with pytest.raises(InputError, match="epsilon"):
        ClosedForm(code, 0.5, 0.1)
    with pytest.raises(InputError, match="starred pair"):
        ClosedForm(plain_code(starred=0), 0.01, 0.1)
    with pytest.raises(InputError, match="no word for pair"):
        ClosedForm(SettingCode("tiny", (2, 2, 1, 0), 2, KS18), 0.01, 0.1)
