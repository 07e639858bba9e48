"""Products over GF(2) by the real fast Fourier transform in double precision, exact by a bound.

The coefficients of the integer product of two 0/1 polynomials of n coefficients are at most n, and
their parities are the product over GF(2).  For a transform of N = 2^k points the computed
coefficients differ from the exact ones by at most (Percival, Math. Comp. 72, 387 (2003); Brent,
Percival, Zimmermann, Math. Comp. 76, 1469 (2007), Theorem 5.1)

    ‖a‖₂‖b‖₂·((1+ε)^{3k} (1+ε√5)^{3k+1} (1+β)^{3k} − 1),    ε = 2⁻⁵³,

β the error of the roots of unity, at most 2ε here.  The norms are at most √n, so the bound is
about n·k·1.8e-15: 2e-8 at n = 10⁶ and 5e-6 at n = 10⁸, where 1/2 would be needed to go wrong.  That
leaves a factor 10⁵ for the transform's mixed radices, which the theorem does not name.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.fft import irfft, rfft

from protocol.errors import InputError
from protocol.extract.words import WORD, Words, pack, unpack

_EPSILON = 2.0**-53
_MAX_BITS = 10**9


def rounding_bound(ones_a: int, ones_b: int, points: int) -> float:
    """The bound above for polynomials with that many coefficients 1 and 2^k = `points`."""
    k = math.log2(points)
    growth = (
        3 * k * math.log1p(_EPSILON)
        + (3 * k + 1) * math.log1p(_EPSILON * math.sqrt(5))
        + 3 * k * math.log1p(2 * _EPSILON)
    )
    return math.sqrt(ones_a) * math.sqrt(ones_b) * math.expm1(growth)


def multiply(a: Words, b: Words) -> Words:
    """The product of two polynomials, in len(a) + len(b) words.

    Raises:
        InputError: more than 10⁹ coefficients.
    """
    length = WORD * (len(a) + len(b))
    if length > _MAX_BITS:
        raise InputError(f"a product of {length} coefficients is above the limit {_MAX_BITS}")
    points = 1 << (length - 1).bit_length()
    left = rfft(unpack(a, WORD * len(a)).astype(np.float64), points)
    left *= left if a is b else rfft(unpack(b, WORD * len(b)).astype(np.float64), points)
    product = irfft(left, points)[:length]
    return pack((np.rint(product).astype(np.int64) & 1).astype(np.uint8))
