"""The setting codes of the 18-ray game (theory 3)."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.certificate.groups import setting_permutations, stabiliser
from protocol.search.polytope import full_polytope, solve
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import CODES, default_code, full_code, joint_code
from qdevices.ks18.game import KS18, STARRED_SETTING, starred_event


def test_known_ratios_of_the_default_code():
    code = default_code()
    assert code.rho(0.0).max() == pytest.approx(64, rel=1e-9)
    assert code.rho(0.1).max() == pytest.approx(549.3164, rel=1e-6)


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
    images = setting_permutations(stabiliser(STARRED_SETTING, KS18), KS18)
    weights = np.bincount(code.table, minlength=81)
    assert len(images) == 4
    assert all(np.array_equal(weights[image], weights) for image in images)


def test_the_pairs_of_the_joint_code_suffice_for_the_linear_inequality():
    """(LP) of theory 4.2 with its own penalty for each pair, Σ c_u = 4, by linear programme."""
    penalties = np.bincount(joint_code().table, minlength=81) / 10
    penalties[STARRED_SETTING] = 0
    assert penalties.sum() == pytest.approx(4)
    objective = -(penalties[:, None] * KS18.losing)
    objective[starred_event()] += 0.2
    for guess in range(16):
        guessed = objective.copy()
        guessed[STARRED_SETTING, guess] += 1
        assert solve(guessed.ravel(), full_polytope(KS18)).fun <= 1 + 1e-7


@pytest.mark.parametrize("bits", [6, 7, 8, 9, 10])
def test_spot_codes_test_each_of_their_pairs_with_one_word_and_star_the_rest(bits):
    code = CODES[f"spot{bits}"]()
    counts = np.bincount(code.table, minlength=81)
    tested = {6: 23, 7: 23, 8: 38, 9: 80, 10: 80}[bits]
    assert code.bits_per_run == bits
    assert counts[STARRED_SETTING] == 2**bits - tested
    assert set(counts[counts > 0].tolist()) == {1, 2**bits - tested}
    assert np.count_nonzero(counts) == tested + 1
    fair = code.rho(0.0)
    assert fair[code.settings_used].max() == pytest.approx(2**bits - tested)


@pytest.mark.parametrize("bits", [6, 8, 10])
@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_tests_at_the_end_are_no_worse_than_spread_over_the_tree(bits, epsilon):
    code = CODES[f"spot{bits}"]()
    tested = [u for u in code.words if u != STARRED_SETTING]
    words = [STARRED_SETTING] * 2**bits
    order = [int(f"{k:0{bits}b}"[::-1], 2) for k in range(2**bits)]  # far from each other
    for place, pair in zip(sorted(order[: len(tested)]), tested, strict=True):
        words[place] = pair
    spread = SettingCode("spread", tuple(words), STARRED_SETTING, KS18)
    used = code.settings_used
    assert (code.rho(epsilon)[used] <= spread.rho(epsilon)[used].max() * (1 + 1e-9)).all()
