"""Multiplication of polynomials over GF(2)."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.extract import real_fft
from protocol.extract.cantor import REDUCTION, cantor_basis, field_product, twiddles
from protocol.extract.multiply import backends, multiply
from protocol.extract.words import (
    pack,
    shifted_down,
    square,
    truncate,
    unpack,
    xor_shifted_up,
)
from qdevices.errors import InputError
from tests.extras import needs
from tests.protocol.extract import naive

BITS = st.lists(st.integers(0, 1), min_size=1, max_size=300).map(
    lambda bits: np.array(bits, dtype=np.uint8)
)


def _value(words):
    return int.from_bytes(words.astype("<u8").tobytes(), "little")


@needs("fast")
def test_both_ways_are_tested_here():
    """Continuous integration installs numba; this fails if the compiled way went missing."""
    llvm = importlib.import_module("llvmlite.binding")
    if llvm.get_host_cpu_features().get("pclmul", False):
        assert list(backends()) == ["additive", "real-fft"]


@pytest.mark.parametrize("missing", ["numba", "the compiler of numba"])
def test_without_numba_or_its_compiler_the_real_fft_is_taken(missing):
    hide = "sys.modules['numba'] = None; " if missing == "numba" else ""
    code = f"import sys; {hide}from protocol.extract.multiply import backends; print(*backends())"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0" if hide else "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "real-fft\n"


@pytest.mark.parametrize("backend", list(backends()))
@given(a=BITS, b=BITS)
def test_products_agree_with_the_definition(backend, a, b):
    found = _value(multiply(pack(a), pack(b), backend))
    assert found == naive.product(naive.to_int(a), naive.to_int(b))


@pytest.mark.parametrize("bits", [64, 65, 4096, 100_000, 131_072, 300_001])
@needs("fast")
def test_both_ways_agree_at_many_lengths(bits):
    rng = np.random.default_rng(bits)
    a, b = (pack(rng.integers(0, 2, bits, dtype=np.uint8)) for _ in range(2))
    products = [multiply(a, b, backend) for backend in backends()]
    assert all(np.array_equal(products[0], other) for other in products[1:])
    squares = [multiply(a, a, backend) for backend in backends()]
    assert all(np.array_equal(square(a), other) for other in squares)


@pytest.mark.parametrize("backend", list(backends()))
@pytest.mark.parametrize("bits", [10_000, 1_000_000])
def test_the_worst_case_of_rounding(backend, bits):
    """All ones times all ones: the largest coefficients, (1+…+t^{n−1})² = Σ t^{2i}."""
    ones = pack(np.ones(bits, dtype=np.uint8))
    other = ones.copy()
    expected = np.zeros(2 * bits, dtype=np.uint8)
    expected[0::2] = 1
    assert np.array_equal(unpack(multiply(ones, other, backend), 2 * bits), expected)


def test_the_rounding_of_the_worst_case_stays_below_its_bound():
    bits, points = 1 << 18, 1 << 19
    spectrum = np.fft.rfft(np.ones(bits), points)
    computed = np.fft.irfft(spectrum * spectrum, points)[: 2 * bits - 1]
    exact = np.minimum(np.arange(1, 2 * bits), np.arange(2 * bits - 1, 0, -1))
    deviation = np.abs(computed - exact).max()
    bound = real_fft.rounding_bound(bits, bits, points)
    assert 0 < deviation < bound < 1e-4
    half = real_fft.MOST_LENGTH // 2
    assert real_fft.rounding_bound(half, half, 2**30) < 1e-4  # the largest product allowed


def test_a_transform_that_rounds_too_badly_is_noticed():
    values = np.arange(64.0)
    assert np.array_equal(unpack(real_fft.parities(values + 0.124), 64), np.arange(64) % 2)
    values[40] += 0.13
    with pytest.raises(ArithmeticError, match=r"0\.13\d* from a whole number"):
        real_fft.parities(values)


def test_a_product_above_the_limit_of_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(real_fft, "MOST_LENGTH", 127)
    with pytest.raises(InputError, match="a product of 128 coefficients is above the limit 127"):
        real_fft.multiply(np.ones(1, np.uint64), np.ones(1, np.uint64))


def test_the_cantor_basis_satisfies_its_equation():
    basis = cantor_basis()
    assert basis[0] == 1
    for previous, element in pairwise(basis):
        assert field_product(element, element) ^ element == previous


def test_twiddles_are_sums_of_the_basis():
    basis, table = cantor_basis(), twiddles(2, 5)
    for c in range(32):
        expected = 0
        for b in range(5):
            expected ^= basis[2 + b] * (c >> b & 1)
        assert table[c] == expected


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_field_product_is_multiplication_modulo_the_polynomial(a, b):
    assert field_product(a, b) == naive.remainder(naive.product(a, b), 1 << 64 | REDUCTION)


@given(BITS, st.integers(0, 400), st.integers(1, 400))
def test_shifts_and_masks_are_those_of_integers(bits, amount, length):
    words, value = pack(bits), naive.to_int(bits)
    assert _value(shifted_down(words, amount)) == value >> amount
    assert _value(truncate(words, length)) == value % (1 << length)
    target = pack(np.ones(800, dtype=np.uint8))
    before = _value(target)
    xor_shifted_up(target, words, amount)
    assert _value(target) == before ^ (value << amount)
    assert np.array_equal(unpack(words, len(bits)), bits)


def test_a_missing_way_is_named():
    with pytest.raises(InputError, match="'abacus' is not available"):
        multiply(np.ones(1, np.uint64), np.ones(1, np.uint64), "abacus")  # type: ignore[arg-type]
