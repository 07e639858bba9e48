"""Products over GF(2) by the additive Fourier transform of Lin, Chung and Han over GF(2⁶⁴).

32 coefficients make one element of GF(2⁶⁴), so that sums of products of two of them (degree at
most 62) come out unreduced.  The transform evaluates at the 2^m points ω_j = Σ_i j_i v_i spanned
by a Cantor basis.  With s₀(x) = x, s_{i+1} = s_i² + s_i one has s_i(v_j) = v_{j−i}, and in the
novel basis X_k = Π s_i^{k_i} a polynomial of 2^{i+1} coefficients splits as D₀ + s_i·D₁.  On the
coset of block c at level i, s_i takes two values, ω_{2c} and ω_{2c}+1, which gives the butterfly

    u = D₀ + ω_{2c}·D₁,    v = u + D₁.

The change of basis needs exclusive ors only, as s_{2^k} = x^{2^{2^k}} + x (Gao and Mateer's Taylor
expansion).  Cost: 1.5·N·log₂N field products for three transforms of N = 2^m points.

Lin, Chung, Han, FOCS 2014; Gao, Mateer, IEEE Trans. Inf. Theory 56, 6265 (2010); Chen et al.,
arXiv:1708.09746.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from protocol.extract import _kernels
from protocol.extract.cantor import twiddles
from protocol.extract.words import Words

AVAILABLE = _kernels.AVAILABLE
#: Below this transform length a second thread costs more than it saves.
_THREADED_FROM = 12


def _transform(words: Words, m: int) -> Words:
    values = np.zeros(1 << m, dtype=np.uint64)
    halves = words.astype("<u8", copy=False).view("<u4")[: 1 << m]
    values[: len(halves)] = halves
    _kernels.to_novel(values, 0, m, 1)
    _kernels.forward(values, m, *_tables(m))
    return values


def _tables(m: int) -> tuple[Words, Words]:
    low = twiddles(1, _kernels.LOW_BITS)
    return low, twiddles(1 + _kernels.LOW_BITS, max(0, m - 1 - _kernels.LOW_BITS))


def multiply(a: Words, b: Words) -> Words:
    """The product of two polynomials, in len(a) + len(b) words.

    Memory: two arrays of N 64-bit words and the result, where N is the power of two next to
    twice the number of words of the product.
    """
    size = len(a) + len(b)
    m = max(1, (2 * size - 1).bit_length())
    if m >= _THREADED_FROM and a is not b:
        with ThreadPoolExecutor(2) as pool:
            left, right = pool.map(_transform, (a, b), (m, m))
    else:
        left = _transform(a, m)
        right = left if a is b else _transform(b, m)
    _kernels.pointwise(left, right)
    del right
    _kernels.inverse(left, m, *_tables(m))
    _kernels.from_novel(left, 0, m, 1)
    # Element i has 63 coefficients from 32i on: its upper half belongs to element i+1.
    result = (left[: 2 * size] & np.uint64(0xFFFFFFFF)).astype("<u4")
    result[1:] ^= (left[: 2 * size - 1] >> np.uint64(32)).astype("<u4")
    return result.view("<u8").astype(np.uint64, copy=False)
