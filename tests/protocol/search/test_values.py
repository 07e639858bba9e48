"""Known answers of theory 2 and 4, by linear programme and by independent ways."""

from __future__ import annotations

import numpy as np
import pytest

import protocol.search.values as values
from protocol.search.values import (
    guessing_attack,
    guessing_probability,
    local_value,
    no_signalling_value,
)
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


def test_guessing_probabilities_of_the_three_classes():
    """¾ at (1,1) and 12/17 at (1,3) are facts of theory 2 (2.10); (1,2) is lower still."""
    assert guessing_probability(KS18.honest, 0, KS18) == pytest.approx(3 / 4, abs=1e-7)
    assert guessing_probability(KS18.honest, 2, KS18) == pytest.approx(12 / 17, abs=1e-7)
    assert guessing_probability(KS18.honest, 1, KS18) == pytest.approx(0.7019230769, abs=1e-7)


def test_a_guess_is_the_same_wherever_a_symmetry_takes_the_setting():
    images = KS18.symmetries[:, 32] // 16
    other = int(images[images != 2][0])
    expected = guessing_probability(KS18.honest, 2, KS18)
    assert guessing_probability(KS18.honest, other, KS18) == pytest.approx(expected, abs=1e-7)


def test_orbits_give_the_same_guess_as_the_programme_without_symmetry(monkeypatch):
    behaviour = KS18.noisy(0.0)
    expected = guessing_probability(behaviour, 2, KS18)
    monkeypatch.setattr(values, "invariance_group", lambda *_: KS18.symmetries[:1])
    assert guessing_probability(behaviour, 2, KS18) == pytest.approx(expected, abs=1e-6)


def test_noise_helps_the_adversary_until_she_knows_everything():
    guesses = [guessing_probability(KS18.noisy(q), 2, KS18) for q in (0, 0.02, 0.1, 0.5)]
    assert guesses == sorted(guesses)
    assert guesses[-1] == pytest.approx(1, abs=1e-6)


def test_the_attack_is_a_decomposition_into_no_signalling_parts():
    behaviour = KS18.noisy(0.01)
    total = 0.0
    for _, count, part in guessing_attack(behaviour, 2, KS18):
        weights = part.sum(axis=1)
        assert np.allclose(weights, weights[0], atol=1e-7)
        total += count * weights[0]
    assert total == pytest.approx(1, abs=1e-6)


def test_the_value_of_the_game():
    assert local_value(KS18) == 4
    assert no_signalling_value(KS18) == pytest.approx(0, abs=1e-9)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="setting 81 is outside"):
        guessing_probability(KS18.honest, 81, KS18)
    signalling = KS18.honest.copy()
    signalling[5] = np.eye(16)[0]
    with pytest.raises(InputError, match="behaviour signals: Alice's"):
        guessing_probability(signalling, 2, KS18)
    scaled = KS18.honest.copy()
    scaled[7] *= 0.9
    with pytest.raises(InputError, match=r"row 7 sums to 0\.9"):
        guessing_probability(scaled, 2, KS18)
