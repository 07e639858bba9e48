"""Fields in which reduction is cheap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.extract.fields import (
    TRINOMIALS,
    Field,
    is_artin_prime,
    is_prime,
    next_all_one,
    prime_factors,
    smallest_field,
    trinomial_field,
)
from protocol.extract.words import pack, unpack
from qdevices.errors import InputError
from tests.protocol.extract import naive

SMALL = [Field("all-one", r) for r in (2, 4, 10, 12, 130)] + [trinomial_field(127)]


def test_primes_agree_with_a_sieve():
    sieve = np.ones(20_000, dtype=bool)
    sieve[:2] = False
    for p in range(2, 142):
        if sieve[p]:
            sieve[p * p :: p] = False
    assert [is_prime(n) for n in range(20_000)] == sieve.tolist()
    assert is_prime(2**61 - 1)
    assert not is_prime(3215031751)  # a strong pseudoprime to bases 2, 3, 5, 7


@given(st.integers(1, 10**9))
def test_prime_factors_are_prime_and_divide(n):
    rest = n
    for p in prime_factors(n):
        assert is_prime(p)
        while rest % p == 0:
            rest //= p
    assert rest == 1


def test_artin_primes_are_those_whose_powers_of_two_run_through_everything():
    for n in range(3, 600):
        order, power = 1, 2 % n
        while power != 1 and order <= n:
            order, power = order + 1, power * 2 % n
        assert is_artin_prime(n) == (is_prime(n) and order == n - 1)


def _is_irreducible(f):
    """By trial division with everything of at most half the degree."""
    return all(naive.remainder(f, d) for d in range(2, 1 << (f.bit_length() // 2 + 1)) if d < f)


def test_all_one_polynomials_are_irreducible_exactly_at_artin_primes():
    for r in range(2, 21):
        assert _is_irreducible((1 << (r + 1)) - 1) == is_artin_prime(r + 1)


@pytest.mark.parametrize("degree", [r for r in TRINOMIALS if r <= 4423])
def test_known_trinomials_are_irreducible(degree):
    assert trinomial_field(degree).is_irreducible()


def test_the_irreducibility_test_can_fail():
    reducible = object.__new__(Field)  # past the check, to see that the computation itself decides
    object.__setattr__(reducible, "kind", "trinomial")
    object.__setattr__(reducible, "degree", 127)
    object.__setattr__(reducible, "middle", 2)
    assert not reducible.is_irreducible()


@pytest.mark.parametrize("field", SMALL, ids=str)
@given(data=st.data())
def test_arithmetic_agrees_with_the_definition(field, data):
    r, modulus = field.degree, naive.modulus_of(field)
    a, b = (data.draw(st.integers(0, 2**r - 1)) for _ in range(2))
    words = []
    for value in (a, b):
        bits = np.array([value >> i & 1 for i in range(field.ring_bits)], dtype=np.uint8)
        words.append(pack(bits))

    def value_of(element):
        return naive.to_int(unpack(field.canonical(element), r))

    assert value_of(field.multiply(*words)) == naive.remainder(naive.product(a, b), modulus)
    assert value_of(field.square(words[0])) == naive.remainder(naive.product(a, a), modulus)


@pytest.mark.parametrize("field", [Field("all-one", 2), Field("all-one", 4)], ids=str)
def test_tiny_fields_have_inverses(field):
    modulus, size = naive.modulus_of(field), 2**field.degree
    for a in range(1, size):
        assert any(naive.remainder(naive.product(a, b), modulus) == 1 for b in range(size))


@given(st.integers(1, 3 * 10**6))
def test_the_smallest_field_fits_and_none_between_exists(bits):
    field = smallest_field(bits)
    assert field.degree >= bits
    between = range(bits, min(field.degree, bits + 200))
    assert not any(is_artin_prime(r + 1) or r in TRINOMIALS for r in between)


def test_trinomials_are_chosen_where_they_fit_best():
    assert smallest_field(756_839) == trinomial_field(756_839)
    assert smallest_field(127) == trinomial_field(127)
    assert smallest_field(126).kind == "trinomial"
    assert next_all_one(128) == 130


def test_a_field_that_does_not_exist_names_the_nearest():
    with pytest.raises(InputError, match="no all-one field of degree 7; nearest: all-one 4 and 10"):
        Field("all-one", 7)
    with pytest.raises(InputError, match=r"no trinomial field of degree 1000.*trinomial 1279"):
        trinomial_field(1000)
    with pytest.raises(InputError, match="middle term 3"):
        Field("trinomial", 127, 3)
    with pytest.raises(InputError, match="no dense field of degree 127"):
        Field("dense", 127, 1)  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match=r"degree 1000000000000000000000\d+; nearest: all-one 8589"
    ):
        Field("all-one", 10**30 + 98)  # 10**30 + 99 is prime; no search for factors of 10**30 + 98
    for degree in (-5, 0, 1):
        with pytest.raises(InputError, match="nearest: all-one 2, trinomial 127"):
            Field("all-one", degree)
    with pytest.raises(InputError, match="field of 0 bits"):
        smallest_field(0)


@pytest.mark.parametrize("field", SMALL, ids=str)
def test_json_round_trip(field):
    assert Field.from_json(field.to_json()) == field
