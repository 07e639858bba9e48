"""The noise terms by name, in the order in which texts list them and their effects compose."""

from __future__ import annotations

from qdevices.noise.term import NoiseTerm
from qdevices.registry import Registry

TERMS: Registry[NoiseTerm] = Registry(
    "noise",
    {
        "white": "qdevices.noise.white:TERM",
        "gate1": "qdevices.noise.gate1:TERM",
        "gate2": "qdevices.noise.gate2:TERM",
        "readout": "qdevices.noise.readout:TERM",
    },
)


def describe_terms() -> str:
    """How noise is written, and what each term means, for help texts."""
    meanings = "; ".join(f"{name}=, {TERMS[name].help}" for name in TERMS)
    return f"'ideal', or comma-separated NAME=VALUE: {meanings}"
