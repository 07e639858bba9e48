"""Setting codes and what an ε-SV source can do to them (theory 3)."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocol.settings.code as module
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import default_code, full_code, plain_code
from protocol.settings.sv_tree import StarTree, check_epsilon, sv_maximum, sv_ratio
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


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
    return SettingCode("small", tuple(words), words[0], KS18)


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
    """The definition of theory 3: largest value of ν(u*) − λν(u) is 0 at λ = ρ."""
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


def test_exact_ratios_are_the_floating_ones():
    code = plain_code()
    exact = code.rho_exact(Fraction(1, 10))
    assert len(exact) == 81
    rho = code.rho(0.1)
    assert all(float(value) <= rho[u] == pytest.approx(float(value)) for u, value in exact.items())


@given(st.lists(st.integers(0, 80), min_size=4, max_size=4))
def test_json_round_trip(words):
    code = _small_code(words)
    assert SettingCode.from_json(code.to_json(), KS18) == code


def test_ratio_is_exact_for_fractions():
    star = np.array([Fraction(1), Fraction(0), Fraction(0), Fraction(0)], dtype=object)
    other = np.array([Fraction(0), Fraction(0), Fraction(0), Fraction(1)], dtype=object)
    third = Fraction(1, 3)
    assert sv_ratio(star, other, third) == (Fraction(5, 6) / Fraction(1, 6)) ** 2


def test_bad_codes_and_epsilons_are_refused():
    with pytest.raises(InputError, match="3 words, expected a power of two"):
        SettingCode("x", (0, 1, 2), 0, KS18)
    with pytest.raises(InputError, match="maps word 1 to 81"):
        SettingCode("x", (0, 81), 0, KS18)
    with pytest.raises(InputError, match="no word for its starred pair"):
        SettingCode("x", (0, 1), 5, KS18)
    with pytest.raises(InputError, match="7 bits are no multiple of 8"):
        default_code().decode(np.zeros(7, dtype=np.uint8))
    for epsilon in (-0.1, 0.5, float("nan")):
        with pytest.raises(InputError, match="epsilon"):
            default_code().rho(epsilon)
    with pytest.raises(InputError, match="no entry 'starred'"):
        SettingCode.from_json({"name": "x"}, KS18)


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
        ({"game": "ks18"}, "game of type str, expected a Game"),
    ],
)
def test_only_plain_values_make_a_code(change, message):
    with pytest.raises(InputError, match=message):
        SettingCode(**{"name": "x", "words": (0, 1), "starred": 0, "game": KS18, **change})


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
