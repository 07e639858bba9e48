"""A choice of noise terms with their values, and its text: `ideal`, `gate2=1e-3,readout=2e-3`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qdevices.errors import InputError
from qdevices.noise.term import Effect
from qdevices.noise.terms import TERMS


@dataclass(frozen=True, init=False)
class NoiseSpec:
    """Noise of the simulated laboratory, `NoiseSpec(gate2=1e-3)`; without terms the ideal one.

    Attributes:
        values: name and value of each term that does something, in the order of `TERMS`.

    Raises:
        InputError: a term that does not exist, or a value that it cannot have.
    """

    values: tuple[tuple[str, Any], ...]

    def __init__(self, **values: Any) -> None:
        checked = {name: TERMS[name].check(value) for name, value in values.items()}
        object.__setattr__(
            self,
            "values",
            tuple(
                (name, checked[name])
                for name in TERMS
                if name in checked and checked[name] != TERMS[name].none
            ),
        )

    @classmethod
    def parse(cls, text: str) -> NoiseSpec:
        """Read `ideal` or comma-separated `NAME=VALUE` pairs.

        Raises:
            InputError: an unknown or repeated name, or a value that its term cannot have.
        """
        if not isinstance(text, str):
            raise InputError(f"noise {text!r:.60}, expected a text such as 'ideal' or white=0.01")
        if text.strip() == "ideal":
            return cls()
        values: dict[str, Any] = {}
        for part in text.split(","):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if name not in TERMS or not equals:
                raise InputError(
                    f"noise {part.strip()!r} is not understood, expected 'ideal' or "
                    f"{'|'.join(TERMS)}=VALUE, comma-separated"
                )
            if name in values:
                raise InputError(f"noise {name!r} is given twice in {text!r}")
            values[name] = TERMS[name].read(value)
        return cls(**values)

    def __str__(self) -> str:
        """The canonical text, which `parse` reads back to an equal object."""
        parts = [f"{name}={TERMS[name].write(value)}" for name, value in self.values]
        return ",".join(parts) or "ideal"

    def __getitem__(self, name: str) -> Any:
        """The value of a term, the one that does nothing if it is not chosen.

        Raises:
            InputError: there is no such term.
        """
        return dict(self.values).get(name, TERMS[name].none)

    def __iter__(self) -> Iterator[str]:
        """Names of the terms that do something."""
        return (name for name, _ in self.values)

    def effects(self) -> list[tuple[str, Effect]]:
        """What happens, in order, each with the name of its term."""
        return [
            (name, effect) for name, value in self.values for effect in TERMS[name].effects(value)
        ]
