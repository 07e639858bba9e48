"""Extractors written down from their definitions, with Python integers as polynomials."""

from __future__ import annotations

import numpy as np


def to_int(bits):
    return sum(int(b) << i for i, b in enumerate(bits))


def product(a, b):
    result = 0
    while b:
        if b & 1:
            result ^= a
        a <<= 1
        b >>= 1
    return result


def remainder(a, modulus):
    degree = modulus.bit_length() - 1
    while a.bit_length() > degree:
        a ^= modulus << (a.bit_length() - 1 - degree)
    return a


def modulus_of(field):
    if field.kind == "all-one":
        return (1 << (field.degree + 1)) - 1
    return 1 << field.degree | 1 << field.middle | 1


def raz(plan, source1, source2):
    """The lowest m coefficients of x₂·Σ_{i<2^l} (x₁y)^i."""
    modulus, r = modulus_of(plan.field), plan.degree
    x1, x2, y = to_int(source1[:r]), to_int(source1[r:]), to_int(source2)
    z = remainder(product(x1, y), modulus)
    total, power = 0, 1
    for _ in range(2**plan.levels):
        total ^= power
        power = remainder(product(power, z), modulus)
    value = remainder(product(x2, total), modulus)
    return np.array([value >> i & 1 for i in range(plan.output_bits)], dtype=np.uint8)


def dodis(plan, source1, source2):
    """Output i is y·A_i x with the cyclic shift A_i."""
    n = plan.length
    x = [*map(int, source1), *([0] * (n - len(source1)))]
    y = [*map(int, source2), *([0] * (n - len(source2)))]
    return np.array(
        [sum(x[(j - i) % n] * y[j] for j in range(n)) % 2 for i in range(plan.output_bits)],
        dtype=np.uint8,
    )
