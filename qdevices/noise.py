"""Noise of the simulated laboratory as text: `ideal`, `white=0.01`, `gate2=1e-3,readout=2e-3`.

Parsing is here and light; `qdevices.aer` turns the result into an Aer noise model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from qdevices.errors import InputError


@dataclass(frozen=True)
class NoiseSpec:
    """Error probabilities of the simulated laboratory; all 0 is the ideal one.

    Attributes:
        white: weight of the maximally mixed state in the shared pair, P ← (1−q)P + q/16.
        gate1: depolarising probability of every one-qubit gate.
        gate2: depolarising probability of every two-qubit gate.
        readout: probability that a measured bit is flipped.
    """

    white: float = 0.0
    gate1: float = 0.0
    gate2: float = 0.0
    readout: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1:
                raise InputError(f"noise {field.name}={value} is outside [0, 1]")

    @classmethod
    def parse(cls, text: str) -> NoiseSpec:
        """Read `ideal` or comma-separated `key=probability` pairs.

        Raises:
            InputError: an unknown or repeated key, or a value that is no probability.
        """
        names = [field.name for field in fields(cls)]
        if text.strip() == "ideal":
            return cls()
        values: dict[str, float] = {}
        for part in text.split(","):
            key, equals, number = (piece.strip() for piece in part.partition("="))
            if key not in names or not equals:
                raise InputError(
                    f"noise {part.strip()!r} is not understood, expected 'ideal' or "
                    f"{'|'.join(names)}=PROBABILITY, comma-separated"
                )
            if key in values:
                raise InputError(f"noise {key!r} is given twice in {text!r}")
            try:
                values[key] = float(number)
            except ValueError:
                raise InputError(
                    f"noise {key}={number!r} is no number, expected a probability"
                ) from None
            if math.isnan(values[key]):
                raise InputError(f"noise {key}=nan is outside [0, 1]")
        return cls(**values)

    def __str__(self) -> str:
        """The canonical text, which `parse` reads back to an equal object."""
        parts = [f"{f.name}={v:.12g}" for f in fields(self) if (v := getattr(self, f.name))]
        return ",".join(parts) or "ideal"
