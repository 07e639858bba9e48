"""Bases as a two-valued parity followed by a one-qubit measurement.

Every basis of the game splits into two pairs of rays that a product observable M⊗N tells apart:
M⊗N = +1 on one pair, −1 on the other, each factor the identity or a one-qubit observable n·σ.
If one factor is the identity the first step is the measurement of one qubit and costs no
entangling gate; else it is a joint parity, one CNOT after both axes are turned to Z.  What is left
is one qubit with a basis that may depend on the first bit (theory 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, atan2, pi

import numpy as np
from numpy.typing import NDArray

from qdevices.ks18.frame import PAULI, Complex

_PAULIS = np.array([np.eye(2), PAULI["X"], PAULI["Y"], PAULI["Z"]])
_EPS = 1e-9


@dataclass(frozen=True, eq=False)
class ParitySplit:
    """Rays `plus` have M⊗N = +1, `minus` have −1; an axis is None where the factor is 1.

    Attributes:
        plus, minus: outcome indices 0..3 of the two pairs.
        first, second: Bloch vectors, shape (3,), of M on the first and N on the second qubit.
    """

    plus: tuple[int, int]
    minus: tuple[int, int]
    first: NDArray[np.float64] | None
    second: NDArray[np.float64] | None

    @property
    def entangling(self) -> bool:
        """Whether the parity is joint and needs a CNOT."""
        return self.first is not None and self.second is not None


def parity_splits(rays: Complex) -> list[ParitySplit]:
    """All splits of the basis `rays`, shape (4, 4), one ray a row; those without CNOT first."""
    found = []
    for other in (1, 2, 3):
        plus = (0, other)
        minus = tuple(x for x in (1, 2, 3) if x != other)
        pair = rays[list(plus)]
        observable = 2 * pair.T @ pair.conj() - np.eye(4)
        # Coefficients over products of Pauli matrices; a product observable has rank one.
        blocks = observable.reshape(2, 2, 2, 2)
        weights: NDArray[np.float64] = np.real(
            np.einsum("acbd,iba,jdc->ij", blocks, _PAULIS, _PAULIS) / 4
        )
        left, values, right = np.linalg.svd(weights)
        if values[1] > _EPS:
            continue
        vectors = (left[:, 0], right[0])
        # A factor ±1 has no axis; its sign goes to the other factor.
        trivial = [abs(vector[0]) > 1 - _EPS for vector in vectors]
        sign = np.prod([np.sign(v[0]) for v, t in zip(vectors, trivial, strict=True) if t])
        axes = [None if t else sign * v[1:] for v, t in zip(vectors, trivial, strict=True)]
        found.append(ParitySplit(plus, (minus[0], minus[1]), axes[0], axes[1]))
    return sorted(found, key=lambda split: split.entangling)


def rz(angle: float) -> Complex:
    """The matrix of rz, without error on processors that turn their frame, shape (2, 2)."""
    return np.asarray(np.diag(np.exp([-0.5j * angle, 0.5j * angle])))


#: The matrix of the native √X gate.
SX: Complex = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]], dtype=np.complex128) / 2


def to_z(axis: NDArray[np.float64], *, full: bool = False) -> tuple[float, ...]:
    """Angles of rz between √X gates that turn `axis` to ±Z; n+1 angles stand around n gates.

    One √X where the axis lies in the XY plane, none where it is ±Z, two otherwise.  The last
    angle, a turn about Z, is 0 and free to choose.  With `full`, always two √X.
    """
    x, y, z = (float(v) for v in axis)
    azimuth = atan2(y, x)
    if not full and abs(z) > 1 - _EPS:
        return (0.0,)
    if not full and abs(z) < _EPS:
        # √X turns +Y to +Z.
        return (turn(pi / 2 - azimuth), 0.0)
    # A turn by −θ about Y is √X·rz(π−θ)·√X up to turns about Z by 0 before and π after.
    return (turn(-azimuth), turn(pi - acos(max(-1.0, min(1.0, z)))), 0.0)


def turn(angle: float) -> float:
    """The angle in (−π, π]."""
    turned = angle % (2 * pi)
    return turned - 2 * pi if turned > pi + _EPS else turned


def rotation(angles: tuple[float, ...]) -> Complex:
    """The unitary of rz(angles[0]), √X, rz(angles[1]), √X, … in this order, shape (2, 2)."""
    unitary = rz(angles[0])
    for angle in angles[1:]:
        unitary = rz(angle) @ SX @ unitary
    return np.asarray(unitary)
