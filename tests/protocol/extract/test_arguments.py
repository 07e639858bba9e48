"""Counts from NumPy are as good as Python's; what is no count is refused in one line."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from protocol.extract import Dodis, Field, PackedBits, Raz, Source1, dodis, fields, raz_bounds
from protocol.extract.levels import Levels, score_levels
from qdevices.errors import InputError

FIELD = Field("all-one", 1018)
WEAK = Source1(2036, epsilon=0.01)
LEVELS = Levels(np.array([600.0]), np.array([0.0]))

#: Public functions of a count, and a value that suits them.
COUNTS = [
    (lambda n: Source1(n, epsilon=0.01), 1000),
    (lambda n: Field("all-one", n), 1018),
    (lambda n: Field("trinomial", 127, n), 1),
    (fields.is_prime, 1019),
    (fields.is_artin_prime, 1019),
    (fields.prime_factors, 1018),
    (fields.trinomial_field, 127),
    (fields.field_of_degree, 1018),
    (fields.smallest_field, 1000),
    (fields.next_all_one, 1000),
    (lambda n: len(PackedBits(b"ab", n)), 12),
    (lambda n: raz_bounds.log2_error(FIELD, WEAK, 600, n, 4, 2), 50),
    (lambda n: raz_bounds.log2_error(FIELD, WEAK, 600, 50, n, 2), 4),
    (lambda n: raz_bounds.log2_error(FIELD, WEAK, 600, 50, 4, n), 40),
    (lambda n: raz_bounds.published_log2_error(FIELD, WEAK, 600, n, 4, 20), 50),
    (lambda n: raz_bounds.published_log2_error(FIELD, WEAK, 600, 5, n, 20), 4),
    (lambda n: raz_bounds.published_log2_error(FIELD, WEAK, 600, 5, 4, n), 63),
    (lambda n: raz_bounds.best_error(FIELD, WEAK, 600, n), 50),
    (lambda n: raz_bounds.least_min_entropy2(FIELD, WEAK, n, -40), 50),
    (lambda n: raz_bounds.out_of_reach(FIELD, WEAK, n, -40), 50),
    (lambda n: raz_bounds.min_entropy2_of_parts(FIELD, WEAK, n, -40, 4, 2), 50),
    (lambda n: raz_bounds.min_entropy2_of_parts(FIELD, WEAK, 5, -40, n, 2), 4),
    (lambda n: raz_bounds.min_entropy2_of_parts(FIELD, WEAK, 5, -40, 4, n), 2),
    (lambda n: Raz(FIELD, WEAK, n, 0, 5, 0, 2, 2), 1000),
    (lambda n: Raz(FIELD, WEAK, 1000, 0, n, 0, 2, 2), 5),
    (lambda n: Raz(FIELD, WEAK, 1000, 0, 5, 0, n, 2), 4),
    (lambda n: Raz(FIELD, WEAK, 1000, 0, 5, 0, 2, n), 2),
    (Raz.source1_bits_for, 1000),
    (lambda n: Raz.source1_bits_for(1000, n), 3000),
    (lambda n: Raz.for_output(0.01, n, 5, -40), 1000),
    (lambda n: Raz.for_output(0.01, 1000, n, -40), 5),
    (lambda n: Raz.for_field(FIELD, WEAK, n, 5, -40), 1000),
    (lambda n: Raz.for_field(FIELD, WEAK, 1000, n, -40), 5),
    (lambda n: Raz.for_levels(0.01, n, 5, LEVELS, -40), 1000),
    (lambda n: Raz.for_levels(0.01, 1000, n, LEVELS, -40), 5),
    (lambda n: Raz.for_levels(0.01, 1000, 5, LEVELS, -40, source1_bits=n), 2036),
    (lambda n: Raz.source1_bits_for_output(0.01, n, 5, LEVELS, -40), 1000),
    (lambda n: Raz.source1_bits_for_output(0.01, 1000, n, LEVELS, -40), 5),
    (lambda n: Raz.largest(WEAK, n, 600, -40), 1000),
    (lambda n: Raz.largest(WEAK, 1000, 600, -40, output_bits=n), 5),
    (dodis.smallest_length, 1000),
    (lambda n: dodis.log2_error(1019, WEAK, 600, n), 50),
    (lambda n: dodis.least_min_entropy2(1019, WEAK, n, -40), 50),
    (lambda n: Dodis(n, WEAK, 1000, 0, 5, 0), 2053),
    (lambda n: Dodis(2053, WEAK, n, 0, 5, 0), 1000),
    (lambda n: Dodis(2053, WEAK, 1000, 0, n, 0), 5),
    (Dodis.source1_bits_for, 1000),
    (lambda n: Dodis.source1_bits_for(1000, n), 900),
    (lambda n: Dodis.for_output(0.01, n, 5, -40), 1000),
    (lambda n: Dodis.for_output(0.01, 1000, n, -40), 5),
    (lambda n: Dodis.for_levels(0.01, n, 5, LEVELS, -40), 1000),
    (lambda n: Dodis.for_levels(0.01, 1000, n, LEVELS, -40), 5),
    (lambda n: Dodis.for_levels(0.01, 1000, 5, LEVELS, -40, source1_bits=n), 1010),
    (lambda n: Dodis.largest(Source1(1000, epsilon=0.0), n, 600, -40), 1000),
    (lambda n: Dodis.largest(Source1(1000, epsilon=0.0), 1000, 600, -40, output_bits=n), 5),
    (lambda n: Dodis.largest(Source1(1000, epsilon=0.0), 1000, 600, -40, length=n), 1019),
]
#: Functions of a number, and a value that suits them.
NUMBERS = [
    (lambda x: Source1(100, epsilon=x), 0.25),
    (lambda x: Source1(100, min_entropy=x), 50),
    (lambda x: raz_bounds.log2_error(FIELD, WEAK, x, 50, 4, 2), 600),
    (lambda x: raz_bounds.best_error(FIELD, WEAK, x, 50), 600),
    (lambda x: raz_bounds.least_min_entropy2(FIELD, WEAK, 50, x), -40),
    (lambda x: Raz(FIELD, WEAK, 1000, x, 5, 0, 2, 2), 100),
    (lambda x: Raz(FIELD, WEAK, 1000, 100, 5, x, 2, 2), 0),
    (lambda x: Raz.largest(WEAK, 1000, x, -40), 600),
    (lambda x: Raz.largest(WEAK, 1000, 600, x), -40),
    (lambda x: Raz.for_output(x, 1000, 5, -40), 0.125),
    (lambda x: Raz.for_levels(x, 1000, 5, LEVELS, -40), 0.125),
    (lambda x: Raz.for_levels(0.01, 1000, 5, LEVELS, x), -40),
    (lambda x: Raz.source1_bits_for_output(x, 1000, 5, LEVELS, -40), 0.125),
    (lambda x: Raz.source1_bits_for_output(0.01, 1000, 5, LEVELS, x), -40),
    (lambda x: dodis.log2_error(1019, WEAK, x, 50), 600),
    (lambda x: dodis.least_min_entropy2(1019, WEAK, 50, x), -40),
    (lambda x: Dodis(2053, WEAK, 1000, x, 5, 0), 100),
    (lambda x: Dodis(2053, WEAK, 1000, 100, 5, x), 0),
    (lambda x: Dodis.for_levels(0.01, 1000, 5, LEVELS, x), -40),
    (lambda x: score_levels(x, 0.5, 10).min_entropy.tolist(), 40),
    (lambda x: score_levels(40, x, 10).min_entropy.tolist(), 0.5),
    (lambda x: score_levels(40, 0.5, x).min_entropy.tolist(), 10),
]


@pytest.mark.parametrize("number", range(len(COUNTS)))
def test_counts_are_whole_numbers_of_any_kind(number):
    function, count = COUNTS[number]
    expected = function(count)
    for kind in (np.int64, np.uint32) if count > 127 else (np.int8, np.uint64):
        found = function(kind(count))
        assert found == expected
        assert type(found) is type(expected)
        if isinstance(found, Raz | Dodis):
            assert json.dumps(found.to_json()) == json.dumps(expected.to_json())
    for wrong in (float(count), True, np.True_, str(count), [count], "\n\x1b"):
        with pytest.raises(InputError, match="expected a whole number") as error:
            function(wrong)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("number", range(len(NUMBERS)))
def test_numbers_are_real_numbers_of_any_kind(number):
    function, value = NUMBERS[number]
    expected = function(value)
    for kind in (np.float64, np.float32):
        found = function(kind(value))
        assert found == expected
        if isinstance(found, Raz | Dodis):
            assert json.dumps(found.to_json()) == json.dumps(expected.to_json())
    for wrong in (True, str(value), [value], 1j, "\n\x1b"):
        with pytest.raises(InputError, match="expected a number") as error:
            function(wrong)
        assert str(error.value).isprintable()
    for wrong in (math.nan, 10**400):
        with pytest.raises(InputError) as error:
            function(wrong)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("strong", ["both", "Source1", "", None, 1, np.array(["source1", "x"])])
def test_a_source_by_another_name_never_gets_the_smaller_bound(strong):
    raz = Raz.largest(WEAK, 1000, 600, -40)
    cyclic = Dodis.largest(Source1(1000, epsilon=0.0), 1000, 600, -40)
    for function in (
        lambda: raz_bounds.log2_error(FIELD, WEAK, 600, 50, 4, 2, strong),
        lambda: raz_bounds.best_error(FIELD, WEAK, 600, 50, strong),
        lambda: raz_bounds.least_min_entropy2(FIELD, WEAK, 50, -40, strong),
        lambda: Raz(FIELD, WEAK, 1000, 0, 5, 0, 2, 2, strong),
        lambda: Raz.for_field(FIELD, WEAK, 1000, 5, -40, strong),
        lambda: Raz.for_levels(0.01, 1000, 5, LEVELS, -40, strong),
        lambda: Raz.largest(WEAK, 1000, 600, -40, strong=strong),
        lambda: Dodis.for_levels(0.01, 1000, 5, LEVELS, -40, strong),
        lambda: Dodis.largest(WEAK, 1000, 600, -40, strong=strong),
        lambda: raz.strong_in(strong),
        lambda: cyclic.strong_in(strong),
    ):
        with pytest.raises(InputError, match=r"strong in .*, expected 'source1' or 'source2'"):
            function()


def test_the_largest_field_is_the_largest_that_may_be_asked_for():
    largest = fields.LARGEST_DEGREE
    assert largest == fields.next_all_one(fields.MOST_DEGREE, -1)
    assert fields.smallest_field(largest).degree == largest
    many: tuple[Any, ...] = (largest + 1, 2**33, np.int64(2**33), 10**30)
    for bits in many:
        with pytest.raises(InputError, match=f"{bits} bits is asked for, expected 1..{largest}"):
            fields.smallest_field(bits)
    with pytest.raises(InputError, match=rf"degree 8589934592; nearest: all-one {largest}, tri"):
        Field("all-one", 2**33)
    with pytest.raises(InputError, match=f"asked for, expected at most {largest + 1}"):
        dodis.smallest_length(2**40)
    with pytest.raises(InputError, match="length 1125899906842597 is no prime"):
        Dodis(1125899906842597, Source1(1000, epsilon=0.0), 1000, 0, 5, 0)  # no search for factors


def test_no_bits_are_no_bits_of_whatever_type():
    raz = Raz.largest(WEAK, 1000, 600, -40)
    cyclic = Dodis.largest(Source1(1000, epsilon=0.0), 1000, 600, -40)
    empties: tuple[Any, ...] = (
        [],
        (),
        np.array([]),
        np.zeros(0, dtype=np.uint8),
        PackedBits(b"", 0),
    )
    for plan, expected in ((raz, "2r = 2036"), (cyclic, "1000")):
        weak = np.ones(plan.source1_bits, dtype=np.uint8)
        for empty in empties:
            with pytest.raises(InputError, match=f"source 1 has 0 bits, expected {expected}"):
                plan.extract(empty, weak[:1000])
            same = plan.extract(weak, empty), plan.extract(weak, np.zeros(1000, dtype=np.uint8))
            assert np.array_equal(*same)
        wrongs: tuple[Any, ...] = ([[1], [1, 0]], "0101", None, [[]], ["0"])
        for wrong in wrongs:
            with pytest.raises(InputError, match=r"source 1 .* expected .n,. bits"):
                plan.extract(wrong, weak[:1000])


def test_levels_that_are_none_are_refused():
    for k, mass, message in (
        ([], [], r"shapes \(0,\) and \(0,\)"),
        ([1.0], [0.0, 0.0], r"shapes \(1,\) and \(2,\)"),
        ("ab", [0.0], "min_entropy is 'ab', expected an array of real numbers"),
        ([2.0, 1.0], [0.0, 0.0], "do not rise"),
        ([1.0], [0.1], "a mass above 1"),
        ([math.nan], [0.0], "a negative min-entropy"),
        ([1.0], [math.nan], "a mass above 1"),
    ):
        with pytest.raises(InputError, match=message):
            Levels(k, mass)  # type: ignore[arg-type]
    found = Levels([1, 2], [-1, 0])  # type: ignore[arg-type]
    assert found.min_entropy.dtype == found.log2_mass.dtype == np.float64
    for beta in (0.0, -1.0, math.inf):
        with pytest.raises(InputError, match="beta above 0"):
            score_levels(40, beta, 10)
