"""Products over GF(2) by the real fast Fourier transform in double precision, exact by a bound.

The coefficients of the integer product of two 0/1 polynomials of n coefficients are at most n, and
their parities are the product over GF(2).  For a transform of N = 2^k points the computed
coefficients differ from the exact ones by at most (Percival, Math. Comp. 72, 387 (2003); Brent,
Percival, Zimmermann, Math. Comp. 76, 1469 (2007), Theorem 5.1)

    ‖a‖₂‖b‖₂·((1+ε)^{3k} (1+ε√5)^{3k+1} (1+β)^{3k} − 1),    ε = 2⁻⁵³,

β the error of the roots of unity, at most 2ε here.  Each of k passes of each of the three
transforms contributes one factor for its additions, its products and its roots.  The theorem names
radix 2; a radix-4 pass has the additions of two passes of radix 2 and fewer products, and a real
transform leaves out half of the same operations, so that the bound stays.  The norms are at most
√n, so it is about n·k·1.8e-15: 4e-8 at n = 10⁶ and 5e-6 at n = 10⁸, where 1/2 would be needed
to go wrong.  `multiply` asserts it, and beyond it that no computed coefficient is further than
1/8 from a whole number, should a transform be worse than any that is known.

Memory: five to six arrays of N doubles, 1.7 GB at n = 10⁷ and so 13 GB at 10⁸, where the additive
transform takes 0.5 GB; no extra package is needed, and no particular processor.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from protocol.extract.words import WORD, Words, pack, unpack
from qdevices.errors import InputError

_EPSILON = 2.0**-53
MOST_LENGTH = 10**9
#: Largest distance to a whole number that is taken for rounding; it must be below 1/2.
_TOLERANCE = 1 / 8
#: Below this transform length a second thread costs more than it saves.
_THREADED_FROM = 1 << 15
_BLOCK = 1 << 20


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
        ArithmeticError: this machine's transform rounds worse than its bound; never seen.
    """
    length = WORD * (len(a) + len(b))
    if length > MOST_LENGTH:
        raise InputError(f"a product of {length} coefficients is above the limit {MOST_LENGTH}")
    points = 1 << (length - 1).bit_length()
    assert rounding_bound(WORD * len(a), WORD * len(b), points) < _TOLERANCE
    if a is b:
        left = _spectrum(a, points)
        left *= left
    elif points >= _THREADED_FROM:
        with ThreadPoolExecutor(2) as pool:
            left, right = pool.map(_spectrum, (a, b), (points, points))
        left *= right
        del right
    else:
        left = _spectrum(a, points)
        left *= _spectrum(b, points)
    product = irfft(left, points)[:length]
    del left
    return parities(product)


def _spectrum(words: Words, points: int) -> NDArray[np.complex128]:
    padded = np.zeros(points)
    padded[: WORD * len(words)] = unpack(words, WORD * len(words))
    return np.asarray(rfft(padded))


def parities(product: NDArray[np.float64]) -> Words:
    """Parities of the whole numbers next to `product`, whose length is a multiple of 64.

    Raises:
        ArithmeticError: an entry further from a whole number than rounding explains.
    """
    result = []
    for start in range(0, len(product), _BLOCK):
        block = product[start : start + _BLOCK]
        whole = np.rint(block)
        if (worst := float(np.abs(block - whole).max())) > _TOLERANCE:
            raise ArithmeticError(
                f"a Fourier transform is {worst} from a whole number, expected at most {_TOLERANCE}"
            )
        result.append(pack((whole.astype(np.int64) & 1).astype(np.uint8)))
    return np.concatenate(result)
