"""Kinds of backends by the word before the colon of a name, one file each.

A kind opens a backend from what follows the colon, once a process: a `SimulatedBackend`, whose
exact probabilities are sampled, or a `BackendV2` or `BaseSamplerV2`, which really executes.
"""

from __future__ import annotations

from qdevices.hardware.kinds.kind import BackendKind
from qdevices.registry import Registry

BACKENDS: Registry[BackendKind] = Registry(
    "backend kind",
    {
        "aer": "qdevices.hardware.kinds.aer:KIND",
        "fake": "qdevices.hardware.kinds.fake:KIND",
        "ibm": "qdevices.hardware.kinds.ibm:KIND",
        "python": "qdevices.hardware.kinds.python:KIND",
    },
)
#: What starts a name that says its kind without a colon.
SHORT = {"fake_": "fake"}


def kind_of(name: str) -> tuple[str, str]:
    """Kind and argument of a backend's name; the kind may be one that does not exist."""
    for start, kind in SHORT.items():
        if name.startswith(start):
            return kind, name
    kind, _, argument = name.partition(":")
    return kind, argument
