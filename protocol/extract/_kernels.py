"""Compiled inner loops of the additive Fourier transform over GF(2⁶⁴).

Needs numba and a processor with carry-less multiplication (x86 PCLMULQDQ); `AVAILABLE` says
whether both are there.  `additive` explains the algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Twiddle factors are the exclusive or of two table entries, of the low and the high index bits.
LOW_BITS = 13


def _available() -> bool:
    try:
        import llvmlite.binding as llvm

        if Path(".numba_config.yaml").exists():
            # numba would take its settings from the current folder, and with them compiled code.
            return False
        import numba
    except ImportError:
        return False
    return not numba.config.DISABLE_JIT and bool(llvm.get_host_cpu_features().get("pclmul", False))


AVAILABLE = _available()

Array = NDArray[np.uint64]
to_novel: Callable[[Array, int, int, int], None]
from_novel: Callable[[Array, int, int, int], None]
forward: Callable[[Array, int, Array, Array], None]
inverse: Callable[[Array, int, Array, Array], None]
pointwise: Callable[[Array, Array], None]

if AVAILABLE:
    import numba
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def _compiled(signature: str) -> Callable[[Any], Any]:
        """Compile without the interpreter lock; keep the machine code on disk where possible."""

        def wrap(function: Any) -> Any:
            try:
                return numba.njit(signature, nogil=True, cache=True)(function)
            except RuntimeError:  # no writable place for the cache
                return numba.njit(signature, nogil=True)(function)

        return wrap

    @intrinsic  # type: ignore[untyped-decorator,unused-ignore]
    def _clmul(typing_context: Any, a: Any, b: Any) -> Any:
        """Carry-less product of two 64-bit words as (low, high)."""
        signature = types.UniTuple(types.uint64, 2)(types.uint64, types.uint64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            i32, vector = ir.IntType(32), ir.VectorType(ir.IntType(64), 2)
            kind = ir.FunctionType(vector, [vector, vector, ir.IntType(8)])
            function = builder.module.declare_intrinsic("llvm.x86.pclmulqdq", fnty=kind)
            empty = ir.Constant(vector, ir.Undefined)
            x, y = (builder.insert_element(empty, word, i32(0)) for word in arguments)
            product = builder.call(function, [x, y, ir.IntType(8)(0)])
            halves = [builder.extract_element(product, i32(k)) for k in (0, 1)]
            return context.make_tuple(builder, signature.return_type, halves)

        return signature, generate

    @numba.njit(inline="always")  # type: ignore[untyped-decorator,unused-ignore]
    def _product(a, b):  # type: ignore[no-untyped-def]
        # x⁶⁴ = x⁴+x³+x+1: two further products bring 128 bits down to 64.
        low, high = _clmul(a, b)
        fold, rest = _clmul(high, np.uint64(0b11011))
        last, _ = _clmul(rest, np.uint64(0b11011))
        return low ^ fold ^ last

    @_compiled("void(uint64[::1], int64, int64, int64)")
    def to_novel(a, offset, m, width):  # type: ignore[no-untyped-def]
        """Monomial to novel basis, in place: 2^m coefficients of `width` words at `offset`."""
        if m <= 1:
            return
        e = 1
        while 2 * e < m:
            e *= 2
        t = 1 << e
        n = 1 << m
        while n >= 2 * t:
            half, step = (n >> 1) * width, (n // (2 * t)) * width
            size = n * width
            for start in range(offset, offset + (width << m), size):
                middle = start + half
                top = start + size - step
                # x^(n/2) = h^(n/2t) + x^(n/2t) with h = x^t + x; the highest part first.
                shift = half - step
                for j in range(top, start + size):
                    a[j - shift] ^= a[j]
                for j in range(middle, top):
                    a[j - shift] ^= a[j]
            n >>= 1
        for piece in range(1 << (m - e)):
            to_novel(a, offset + piece * t * width, e, width)
        to_novel(a, offset, m - e, t * width)

    @_compiled("void(uint64[::1], int64, int64, int64)")
    def from_novel(a, offset, m, width):  # type: ignore[no-untyped-def]
        """Inverse of `to_novel`: the same steps backwards."""
        if m <= 1:
            return
        e = 1
        while 2 * e < m:
            e *= 2
        t = 1 << e
        from_novel(a, offset, m - e, t * width)
        for piece in range(1 << (m - e)):
            from_novel(a, offset + piece * t * width, e, width)
        n = 2 * t
        while n <= (1 << m):
            half, step = (n >> 1) * width, (n // (2 * t)) * width
            size = n * width
            for start in range(offset, offset + (width << m), size):
                middle = start + half
                top = start + size - step
                shift = half - step
                for j in range(middle, top):
                    a[j - shift] ^= a[j]
                for j in range(top, start + size):
                    a[j - shift] ^= a[j]
            n <<= 1

    @_compiled("void(uint64[::1], int64, uint64[::1], uint64[::1])")
    def forward(a, m, low, high):  # type: ignore[no-untyped-def]
        """Values at ω₀ … ω_{2^m−1} from novel-basis coefficients, in place."""
        mask = (1 << LOW_BITS) - 1
        for level in range(m - 1, -1, -1):
            half = 1 << level
            for c in range(1 << (m - level - 1)):
                w = low[c & mask] ^ high[c >> LOW_BITS]
                base = c << (level + 1)
                for j in range(base, base + half):
                    u = a[j] ^ _product(w, a[j + half])
                    a[j] = u
                    a[j + half] ^= u

    @_compiled("void(uint64[::1], int64, uint64[::1], uint64[::1])")
    def inverse(a, m, low, high):  # type: ignore[no-untyped-def]
        """Inverse of `forward`, in place."""
        mask = (1 << LOW_BITS) - 1
        for level in range(m):
            half = 1 << level
            for c in range(1 << (m - level - 1)):
                w = low[c & mask] ^ high[c >> LOW_BITS]
                base = c << (level + 1)
                for j in range(base, base + half):
                    d = a[j] ^ a[j + half]
                    a[j + half] = d
                    a[j] ^= _product(w, d)

    @_compiled("void(uint64[::1], uint64[::1])")
    def pointwise(a, b):  # type: ignore[no-untyped-def]
        """a ← a·b, value by value."""
        for j in range(len(a)):
            a[j] = _product(a[j], b[j])
