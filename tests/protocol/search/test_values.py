"""Known answers of design 2 and 4, by linear programme and by independent ways."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocol.search.values as values
from protocol.errors import InputError
from protocol.paper.lemma2 import lemma2_duals
from protocol.search.values import (
    guessing_attack,
    guessing_probability,
    largest_probability,
    local_value,
    no_signalling_value,
)
from qdevices.ks18.game import honest_table, losing_table, paper_event, with_white_noise
from qdevices.ks18.symmetry import entry_permutations


@pytest.mark.parametrize("bell_value", [0.0, 0.1, 0.3, 0.5])
def test_equation_36_is_three_quarters_plus_a_sixth(bell_value):
    found = largest_probability(paper_event(), bell_value)
    assert found.value == pytest.approx(0.75 + bell_value / 6, abs=1e-7)
    assert found.at(bell_value) == pytest.approx(found.value, abs=1e-7)


@given(st.floats(0, 4), st.floats(0, 4))
def test_one_dual_vector_bounds_every_bell_value(here, there):
    found = largest_probability(paper_event(), here)
    assert largest_probability(paper_event(), there).value <= found.at(there) + 1e-7


def test_lemma_2_has_exact_rational_duals_for_both_slopes():
    paper, optimal = lemma2_duals()
    assert (paper.slope, optimal.slope) == (Fraction(1, 2), Fraction(1, 6))
    assert paper.constant() == optimal.constant() == Fraction(3, 4)


def test_a_changed_dual_vector_proves_less_or_nothing():
    optimal = lemma2_duals()[1]
    slot = int(np.flatnonzero(optimal.numerators)[0])
    broken = optimal.numerators.copy()
    broken[slot] += 1
    with pytest.raises(InputError, match="do not sum to zero"):
        replace(optimal, numerators=broken).constant()
    broken[slot + 4] -= 1  # the same class, so the sums vanish again
    assert replace(optimal, numerators=broken).constant() > Fraction(3, 4)
    steeper = replace(optimal, slope=Fraction(1, 7), denominator=84, numerators=optimal.numerators)
    assert steeper.constant() > Fraction(3, 4)


def test_no_slope_below_a_sixth_keeps_three_quarters():
    """Independent of the duals: at a Bell value of 1/2 the optimum itself is 3/4 + 1/12."""
    assert largest_probability(paper_event(), 0.5).value > 0.75 + 0.5 * 0.16


def test_guessing_probabilities_of_the_three_classes():
    """¾ at (1,1) and 12/17 at (1,3) are facts of design 4.3; (1,2) is lower still."""
    assert guessing_probability(honest_table(), 0) == pytest.approx(3 / 4, abs=1e-7)
    assert guessing_probability(honest_table(), 2) == pytest.approx(12 / 17, abs=1e-7)
    assert guessing_probability(honest_table(), 1) == pytest.approx(0.7019230769, abs=1e-7)


def test_a_guess_is_the_same_wherever_a_symmetry_takes_the_setting():
    images = entry_permutations()[:, 32] // 16
    other = int(images[images != 2][0])
    expected = guessing_probability(honest_table(), 2)
    assert guessing_probability(honest_table(), other) == pytest.approx(expected, abs=1e-7)


def test_orbits_give_the_same_guess_as_the_programme_without_symmetry(monkeypatch):
    behaviour = with_white_noise(honest_table(), 0.0)
    expected = guessing_probability(behaviour, 2)
    monkeypatch.setattr(values, "invariance_group", lambda *_: entry_permutations()[:1])
    assert guessing_probability(behaviour, 2) == pytest.approx(expected, abs=1e-6)


def test_noise_helps_the_adversary_until_she_knows_everything():
    guesses = [
        guessing_probability(with_white_noise(honest_table(), q), 2) for q in (0, 0.02, 0.1, 0.5)
    ]
    assert guesses == sorted(guesses)
    assert guesses[-1] == pytest.approx(1, abs=1e-6)


def test_the_attack_is_a_decomposition_into_no_signalling_parts():
    behaviour = with_white_noise(honest_table(), 0.01)
    total = 0.0
    for _, count, part in guessing_attack(behaviour, 2):
        weights = part.sum(axis=1)
        assert np.allclose(weights, weights[0], atol=1e-7)
        total += count * weights[0]
    assert total == pytest.approx(1, abs=1e-6)


def test_the_value_of_the_game():
    assert local_value() == 4
    assert no_signalling_value() == pytest.approx(0, abs=1e-9)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="shape"):
        largest_probability(np.zeros((2, 2), dtype=bool), 0.1)
    with pytest.raises(InputError, match="Bell value -1 is negative"):
        largest_probability(losing_table(), -1)
    with pytest.raises(InputError, match="setting 81 is outside"):
        guessing_probability(honest_table(), 81)
    signalling = honest_table().copy()
    signalling[5] = np.eye(16)[0]
    with pytest.raises(InputError, match="behaviour signals: Alice's"):
        guessing_probability(signalling, 2)
    scaled = honest_table().copy()
    scaled[7] *= 0.9
    with pytest.raises(InputError, match=r"row 7 sums to 0\.9"):
        guessing_probability(scaled, 2)
