"""What a noise term is: a name, a value, and the effects that the value stands for.

An effect is a channel after gates, or a confusion of measured bits, as a matrix; every model of
the noise is derived from it.  A channel may do anything to the qubits of its gate: mix, relax,
or turn them coherently.  A place that is no gate, such as the shared pair before the measurements,
is an identity with a label in the circuits (`places`), and effects name it like a gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdevices.errors import InputError
from qdevices.noise.channels import Channel, check_channel

_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class AfterGate:
    """A channel after every gate of these names, on the gate's qubits.

    Attributes:
        gates: names of gates, or labels of marked places.
        channel: on the gate's qubits, the first listed least significant, shape (4, 4) or (16, 16).
        qubits: only on gates on these qubits, in this order; None: wherever the gates are.

    Raises:
        InputError: a matrix that is no channel.
    """

    gates: tuple[str, ...]
    channel: Channel
    qubits: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel", check_channel(self.channel))


@dataclass(frozen=True, eq=False)
class OnReadout:
    """Confusion of a measured bit.

    Attributes:
        matrix: P(recorded|actual), shape (2, 2) indexed [actual, recorded].
        qubit: only where this qubit is measured; None: of every qubit.

    Raises:
        InputError: a matrix whose rows are no probability distributions.
    """

    matrix: NDArray[np.float64]
    qubit: int | None = None

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.shape != (2, 2) or not (
            (matrix >= 0).all() and np.allclose(matrix.sum(axis=1), 1, rtol=0, atol=_TOLERANCE)
        ):
            raise InputError(f"readout matrix {matrix.tolist()}, expected two distributions of two")
        object.__setattr__(self, "matrix", matrix)


Effect = AfterGate | OnReadout


@dataclass(frozen=True)
class NoiseTerm:
    """One kind of noise; a probability by default, other values by overriding the methods.

    Attributes:
        name: as in `NAME=VALUE`.
        help: what the value is, a phrase for help texts.
        formula: what happens, for the documentation.
        effects: what a value other than `none` does, in the order in which it happens.
        least, most: smallest and largest value.
        none: the value that does nothing.
    """

    name: str
    help: str
    formula: str
    effects: Callable[[Any], Sequence[Effect]]
    least: float = 0.0
    most: float = 1.0
    none: Any = 0.0

    def read(self, text: str) -> Any:
        """The value that a text stands for; it must be hashable.

        Raises:
            InputError: no number, or one outside the range.
        """
        try:
            value = float(text)
        except ValueError:
            raise InputError(
                f"noise {self.name}={text!r} is no number, expected one in "
                f"[{self.least:g}, {self.most:g}]"
            ) from None
        return self.check(value)

    def write(self, value: Any) -> str:
        """The canonical text of a value, which `read` reads back."""
        return f"{value:.12g}"

    def check(self, value: Any) -> Any:
        """Return `value`, as it is kept, if the term can have it.

        Raises:
            InputError: no number, or one outside the range.
        """
        if not isinstance(value, int | float | np.number) or isinstance(value, bool):
            raise InputError(
                f"noise {self.name} is a {type(value).__name__}, expected a number in "
                f"[{self.least:g}, {self.most:g}]"
            )
        if math.isnan(value) or not self.least <= value <= self.most:
            raise InputError(
                f"noise {self.name}={value} is outside [{self.least:g}, {self.most:g}]"
            )
        return float(value)
