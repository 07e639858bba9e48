"""Setting codes and what an ε-SV source can do to them (design 3)."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocol.settings.code as module
from protocol.errors import InputError
from protocol.search.polytope import full_polytope, solve
from protocol.settings.code import (
    CODES,
    SettingCode,
    check_epsilon,
    default_code,
    full_code,
    joint_code,
    plain_code,
)
from protocol.settings.sv_tree import StarTree, sv_maximum, sv_ratio
from qdevices.ks18.game import STARRED_SETTING, losing_table, starred_event
from qdevices.ks18.symmetry import setting_permutations, stabiliser


def _lean_patterns(bits, epsilon):
    """Word distributions of all sources that lean fully one way at every node of the tree."""
    nodes = 2**bits - 1
    for leans in product((-1, 1), repeat=nodes):
        words = np.ones(1)
        for level in range(bits):
            one = 0.5 + epsilon * np.array(leans[2**level - 1 : 2 ** (level + 1) - 1])
            words = np.stack([words * (1 - one), words * one], axis=1).ravel()
        yield words


def _small_code(words):
    return SettingCode("small", tuple(words), words[0])


@given(
    st.lists(st.integers(0, 5), min_size=8, max_size=8),
    st.sampled_from([0.0, 0.05, 0.2, 0.45]),
)
def test_extremes_and_rho_agree_with_all_lean_patterns(words, epsilon):
    """The extremes of linear and fractional-linear functions are at the extreme SV sources."""
    code = _small_code(words)
    distributions = np.array(list(_lean_patterns(3, epsilon)))
    low, high = code.extreme_probabilities(epsilon)
    rho = code.rho(epsilon)
    star = distributions[:, [w == words[0] for w in words]].sum(1)
    for setting in set(words):
        nu = distributions[:, [w == setting for w in words]].sum(1)
        assert low[setting] == pytest.approx(nu.min(), abs=1e-14)
        assert high[setting] == pytest.approx(nu.max(), abs=1e-14)
        assert rho[setting] == pytest.approx((star / nu).max(), rel=1e-11)


def _rho_by_bisection(code, setting, epsilon):
    """The definition of design 3: largest value of ν(u*) − λν(u) is 0 at λ = ρ."""
    star = (code.table == code.starred).astype(float)
    other = (code.table == setting).astype(float)
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        if sv_maximum(star - middle * other, epsilon) > 0:
            low = middle
        else:
            high = middle
    return high


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.1, 0.3])
def test_rho_agrees_with_bisection_on_the_default_code(epsilon):
    code = default_code()
    rho = code.rho(epsilon)
    for setting in (0, 1, 3, 20, 80):
        assert rho[setting] == pytest.approx(_rho_by_bisection(code, setting, epsilon), rel=1e-9)
    assert rho[code.starred] == 1


def test_known_ratios_of_the_default_code():
    code = default_code()
    assert code.rho(0.0).max() == pytest.approx(64, rel=1e-9)
    assert code.rho(0.1).max() == pytest.approx(549.3164, rel=1e-6)


def test_exact_ratios_are_the_floating_ones():
    code = plain_code()
    exact = code.rho_exact(Fraction(1, 10))
    assert len(exact) == 81
    rho = code.rho(0.1)
    assert all(float(value) <= rho[u] == pytest.approx(float(value)) for u, value in exact.items())


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.4])
def test_default_code_stars_one_pair_and_keeps_the_others_possible(epsilon):
    code = default_code()
    assert code.bits_per_run == 8
    assert code.probabilities()[STARRED_SETTING] == 0.25
    low, high = code.extreme_probabilities(epsilon)
    assert low.min() >= (0.5 - epsilon) ** 8 * (1 - 1e-12)
    assert high[STARRED_SETTING] == pytest.approx((0.5 + epsilon) ** 2)


def test_default_and_plain_codes_use_all_settings_and_decode_bits_alice_first():
    assert full_code().settings_used.all()
    assert full_code().bits_per_run == 7
    for name in ("default", "plain"):
        code = CODES[name]()
        assert code.settings_used.all()
        words = np.arange(256, dtype=np.uint8)
        assert np.array_equal(code.decode(np.unpackbits(words)), code.table)
    bits = np.array([1, 0, 0, 0, 0, 1, 1, 1], dtype=np.uint8)  # Alice 1000, Bob starred
    assert default_code().decode(bits)[0] == 9 * 1 + 2


def test_joint_code_selects_38_pairs_and_the_starred_one_with_six_bits():
    code = joint_code()
    assert code.bits_per_run == 6
    assert code.settings_used.sum() == 39
    assert code.probabilities()[STARRED_SETTING] == 24 / 64
    # The set of tested pairs is invariant under the symmetries that keep u0.
    images = setting_permutations(stabiliser(STARRED_SETTING))
    weights = np.bincount(code.table, minlength=81)
    assert len(images) == 4
    assert all(np.array_equal(weights[image], weights) for image in images)


def test_the_pairs_of_the_joint_code_suffice_for_the_linear_inequality():
    """(LP) of design 4.2 with its own penalty for each pair, Σ c_u = 4, by linear programme."""
    penalties = np.bincount(joint_code().table, minlength=81) / 10
    penalties[STARRED_SETTING] = 0
    assert penalties.sum() == pytest.approx(4)
    objective = -(penalties[:, None] * losing_table())
    objective[starred_event()] += 0.2
    for guess in range(16):
        guessed = objective.copy()
        guessed[STARRED_SETTING, guess] += 1
        assert solve(guessed.ravel(), full_polytope()).fun <= 1 + 1e-7


@given(st.lists(st.integers(0, 80), min_size=4, max_size=4))
def test_json_round_trip(words):
    code = _small_code(words)
    assert SettingCode.from_json(code.to_json()) == code


def test_ratio_is_exact_for_fractions():
    star = np.array([Fraction(1), Fraction(0), Fraction(0), Fraction(0)], dtype=object)
    other = np.array([Fraction(0), Fraction(0), Fraction(0), Fraction(1)], dtype=object)
    third = Fraction(1, 3)
    assert sv_ratio(star, other, third) == (Fraction(5, 6) / Fraction(1, 6)) ** 2


def test_bad_codes_and_epsilons_are_refused():
    with pytest.raises(InputError, match="3 words, expected a power of two"):
        SettingCode("x", (0, 1, 2), 0)
    with pytest.raises(InputError, match="maps word 1 to 81"):
        SettingCode("x", (0, 81), 0)
    with pytest.raises(InputError, match="no word for its starred pair"):
        SettingCode("x", (0, 1), 5)
    with pytest.raises(InputError, match="7 bits are no multiple of 8"):
        default_code().decode(np.zeros(7, dtype=np.uint8))
    for epsilon in (-0.1, 0.5, float("nan")):
        with pytest.raises(InputError, match="epsilon"):
            default_code().rho(epsilon)
    with pytest.raises(InputError, match="no entry 'starred'"):
        SettingCode.from_json({"name": "x"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "has name"),
        ({"name": 5}, "has name"),
        ({"name": "x" * 65}, "has name"),
        ({"name": "a\nb"}, "not printable"),
        ({"name": "\u202ea"}, "not printable"),
        ({"words": [0, 1]}, "types list and int"),
        ({"words": "01"}, "types str and int"),
        ({"words": (0, True)}, "maps word 1 to True"),
        ({"words": (0, 1.0)}, "maps word 1 to 1.0"),
        ({"words": (0, np.int64(1))}, "maps word 1 to 1, expected"),
        ({"words": (0,) * 2**17}, "131072 words"),
        ({"starred": True}, "types tuple and bool"),
        ({"starred": 0.0}, "types tuple and float"),
    ],
)
def test_only_plain_values_make_a_code(change, message):
    with pytest.raises(InputError, match=message):
        SettingCode(**{"name": "x", "words": (0, 1), "starred": 0, **change})


@pytest.mark.parametrize("epsilon", ["0.1", None, True, [0.1], 0.1j])
def test_an_epsilon_is_a_number(epsilon):
    with pytest.raises(InputError, match=r"epsilon is .*, expected a number"):
        check_epsilon(epsilon)


@given(
    st.lists(st.integers(0, 3), min_size=16, max_size=16),
    st.sampled_from([0.0, 0.01, 0.1, 0.37, 0.49, 0.4999999, 0.5 - 2**-54]),
    st.floats(1e-13, 1e-3),
)
def test_the_exact_bound_on_ratios_is_that_of_fractions(words, epsilon, step):
    """True at and above the exact supremum, false below it."""
    code = _small_code(words)
    tree = StarTree(code.table, words[0], epsilon)
    exact = code.rho_exact(Fraction(epsilon))
    for setting in set(words) - {words[0]}:
        above, below = exact[setting] * Fraction(1 + step), exact[setting] * Fraction(1 - step)
        assert tree.bounds(setting, above)
        assert not tree.bounds(setting, below)
        assert exact[setting] <= code.rho(epsilon)[setting]
    assert not tree.bounds(50, 1e300)


def test_ratios_near_one_half_are_found_or_refused_and_never_too_small():
    """As (½−ε) comes near to 0 floating point loses the ratio; the exact check does not."""
    for epsilon in (0.4999, 0.5 - 2**-40, 0.5 - 2**-54):
        rho = full_code().rho(epsilon)
        exact = full_code().rho_exact(Fraction(epsilon))
        assert all(exact[u] <= rho[u] for u in exact)
    tiny = np.zeros(2**20), np.zeros(2**20)
    tiny[0][0] = tiny[1][-1] = 1.0
    with pytest.raises(InputError, match="a probability vanishes"):
        sv_ratio(*tiny, 0.5 - 2**-54)


def test_a_ratio_that_rounding_makes_too_small_is_not_believed(monkeypatch):
    """The exact check stands between the floating-point guess and every certificate."""
    expected = default_code().rho(0.123)
    monkeypatch.setattr(module, "sv_ratio", lambda *a: sv_ratio(*a) * (1 - 1e-10))
    module._rho.cache_clear()
    widened = default_code().rho(0.123)
    assert ((expected < widened) & (widened < expected * (1 + 1e-8)))[1:2].all()
    monkeypatch.setattr(module, "sv_ratio", lambda *a: sv_ratio(*a) / 2)
    module._rho.cache_clear()
    with pytest.raises(InputError, match="cannot be computed"):
        default_code().rho(0.123)
    module._rho.cache_clear()
