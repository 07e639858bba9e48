"""The Cantor basis of GF(2⁶⁴), on which the additive Fourier transform stands.

GF(2⁶⁴) = GF(2)[x]/(x⁶⁴+x⁴+x³+x+1).  The basis v₀ = 1, vᵢ² + vᵢ = vᵢ₋₁ exists up to v₆₃ since
64 is a power of two (Cantor, J. Comb. Theory A 50, 285 (1989)).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: x⁶⁴ modulo the field's polynomial.
REDUCTION = 0b11011
_MASK = (1 << 64) - 1


def field_product(a: int, b: int) -> int:
    """Product in GF(2⁶⁴), the obvious way."""
    result = 0
    while b:
        if b & 1:
            result ^= a
        b >>= 1
        carry = a >> 63
        a = (a << 1) & _MASK
        if carry:
            a ^= REDUCTION
    return result


@cache
def cantor_basis(count: int = 32) -> tuple[int, ...]:
    """v₀ … v_{count−1}."""
    # x ↦ x² + x is linear: eliminate its images of the unit vectors, remembering preimages.
    pivots: dict[int, tuple[int, int]] = {}
    for i in range(64):
        image, preimage = field_product(1 << i, 1 << i) ^ (1 << i), 1 << i
        while image and (top := image.bit_length() - 1) in pivots:
            image ^= pivots[top][0]
            preimage ^= pivots[top][1]
        if image:
            pivots[image.bit_length() - 1] = (image, preimage)
    basis = [1]
    while len(basis) < count:
        rest, solution = basis[-1], 0
        while rest:
            image, preimage = pivots[rest.bit_length() - 1]
            rest ^= image
            solution ^= preimage
        basis.append(solution)
    return tuple(basis)


@cache
def twiddles(first: int, count: int) -> NDArray[np.uint64]:
    """Σ_b c_b·v_{first+b} for all c < 2^count, shape (2**count,) uint64."""
    basis = cantor_basis()
    table = np.zeros(1, dtype=np.uint64)
    for b in range(count):
        table = np.concatenate([table, table ^ np.uint64(basis[first + b])])
    return table
