"""Backends by name: simulators, snapshots of processors, IBM hardware, and anybody's own.

A name is a kind, a colon and an argument of that kind (`kinds`, one file each).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from qiskit.transpiler import Target

from qdevices.errors import InputError
from qdevices.hardware.compilation import Compiled, compile_for, ideal_target
from qdevices.hardware.kinds import BACKENDS, kind_of
from qdevices.hardware.simulated import SimulatedBackend
from qdevices.variants import check_variant


def open_backend(name: str) -> Any:
    """The backend called `name`: a `SimulatedBackend`, a `BackendV2` or a `BaseSamplerV2`.

    Raises:
        InputError: an unknown name, or a package that is not installed.
    """
    kind, argument = kind_of(name)
    if kind not in BACKENDS:
        forms = ", ".join(BACKENDS[known].forms for known in BACKENDS)
        raise InputError(f"backend {name!r} is unknown, expected one of {forms}")
    return BACKENDS[kind].open(argument)


def compiled_for(name: str, variant: str) -> Compiled:
    """The variant compiled for the backend called `name`, kept for further calls.

    Raises:
        InputError: an unknown backend or variant, or no four qubits that can be used.
    """
    backend = check_offered(name, variant)
    return (
        backend.compiled(variant) if isinstance(backend, SimulatedBackend) else _kept(name, variant)
    )


def check_offered(name: str, variant: str) -> Any:
    """The backend called `name`, if it can run the circuits of `variant`.

    Raises:
        InputError: an unknown backend or variant, or dynamic circuits where there are none.
    """
    backend = open_backend(name)
    simulated = isinstance(backend, SimulatedBackend)
    if check_variant(variant) == "feedforward" and not (
        backend.feedforward if simulated else "if_else" in target_of(backend).operation_names
    ):
        raise InputError(
            f"backend {name!r} offers no dynamic circuits (if_else), expected variant static or "
            "literal"
        )
    return backend


@lru_cache(maxsize=8)
def _kept(name: str, variant: str) -> Compiled:
    return compile_for(target_of(open_backend(name)), variant)


def target_of(backend: Any) -> Target:
    """The target of a backend, or of what a sampler runs on; an ideal one if there is none."""
    behind = getattr(backend, "backend", None)  # an attribute or a method, by provider
    for candidate in (backend, behind() if callable(behind) else behind):
        if isinstance(target := getattr(candidate, "target", None), Target):
            return target
    return ideal_target()
