"""Backends by name: simulators, snapshots of processors, IBM hardware, and anybody's own.

`aer` or `aer:gate2=1e-3,readout=1e-2` is a simulator without limits of coupling,
`fake:FakeSherbrooke` or `fake_sherbrooke` a snapshot of a real processor, `ibm:NAME` IBM
hardware, and `python:MODULE:CALLABLE` whatever a Python callable without arguments returns: a
`BackendV2` of any provider, or a `BaseSamplerV2`.  Opening such a name runs its code: it must
come from the user, never from a file that was received.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.quantum_info import SuperOp
from qiskit.transpiler import Target
from qiskit_aer.noise import ReadoutError, depolarizing_error

from qdevices.errors import InputError
from qdevices.hardware.compilation import Compiled, compile_for, ideal_target
from qdevices.hardware.programme import check_variant
from qdevices.hardware.reduced import ReducedNoise
from qdevices.noise import NoiseSpec


@dataclass(frozen=True, eq=False)
class SimulatedBackend:
    """A processor's target and noise, simulated exactly on the qubits in use.

    Attributes:
        name: as `open_backend` takes it.
        target: gates, couplings and reported errors.
        noise: the noise of any four qubits; None: as the target reports.
        feedforward: whether the processor says that it can run dynamic circuits.
    """

    name: str
    target: Target
    noise: ReducedNoise | None = None
    feedforward: bool = True

    @cached_property
    def _compiled(self) -> dict[str, Compiled]:
        return {}

    def compiled(self, variant: str) -> Compiled:
        """The variant compiled for this backend, kept for further calls."""
        if variant not in self._compiled:
            self._compiled[variant] = compile_for(self.target, variant, noise=self.noise)
        return self._compiled[variant]


def open_backend(name: str) -> Any:
    """The backend called `name`, see the module; a `SimulatedBackend` or a `BackendV2`.

    Raises:
        InputError: an unknown name, or a package that is not installed.
    """
    kind, _, rest = name.partition(":")
    if kind == "aer":
        return _ideal_backend(name, rest)
    if kind == "fake" or name.startswith("fake_"):
        return _fake_backend(rest if kind == "fake" else name)
    if kind == "ibm" and rest:
        from qdevices.hardware import ibm

        return ibm.open_processor(rest)
    if kind == "python":
        return _python_backend(name)
    raise InputError(
        f"backend {name!r} is unknown, expected aer, aer:NOISE, fake:NAME (such as "
        "fake:FakeSherbrooke), ibm:NAME or python:MODULE:CALLABLE"
    )


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


@lru_cache(maxsize=8)
def _ideal_backend(name: str, text: str) -> SimulatedBackend:
    spec = NoiseSpec.parse(text) if text else NoiseSpec()
    if spec.white:
        raise InputError(
            f"backend {name!r} cannot have white noise, expected gate1=, gate2= or readout="
        )
    return SimulatedBackend(name, ideal_target(), _uniform_noise(spec))


def _uniform_noise(spec: NoiseSpec) -> ReducedNoise:
    """The same errors on four qubits, as `qdevices.aer.noise_model` has them."""
    gates, errors = {}, []
    singles = [(q,) for q in range(4)]
    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    one, two = depolarizing_error(spec.gate1, 1), depolarizing_error(spec.gate2, 2)
    for names, places, error in ((("sx", "x"), singles, one), (("cx",), pairs, two)):
        for name in names:
            for where in places:
                gates[name, where] = np.asarray(SuperOp(error).data)
                errors.append(("gate", error, name, where))
    flip = spec.readout
    readout = np.tile([[1 - flip, flip], [flip, 1 - flip]], (4, 1, 1))
    errors += [("readout", ReadoutError(readout[q]), "measure", (q,)) for q in range(4)]
    return ReducedNoise(4, gates, readout, tuple(errors))  # type: ignore[arg-type]


@lru_cache(maxsize=32)
def _fake_backend(name: str) -> SimulatedBackend:
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError:
        raise InputError(
            f"backend {name!r} needs qiskit-ibm-runtime, install the extra: ksamp[ibm]"
        ) from None

    def plain(text: str) -> str:
        return text.lower().replace("_", "").removeprefix("fake").removesuffix("v2")

    known = {
        plain(key): key
        for key in dir(fake_provider)
        if key.startswith("Fake") and "Provider" not in key
    }
    if plain(name) not in known:
        raise InputError(f"there is no fake backend {name!r}, expected one such as FakeSherbrooke")
    with warnings.catch_warnings():
        # Some snapshots warn that their figures are not typical.
        warnings.simplefilter("ignore")
        backend = getattr(fake_provider, known[plain(name)])()
        target = backend.target
    return SimulatedBackend(
        f"fake:{known[plain(name)]}", target, feedforward="if_else" in target.operation_names
    )


@lru_cache(maxsize=8)
def _python_backend(name: str) -> Any:
    """What the callable of `python:MODULE:CALLABLE` returns, once a process."""
    _, _, rest = name.partition(":")
    module_name, _, path = rest.partition(":")
    if not module_name or not path:
        raise InputError(f"backend {name!r} names no callable, expected python:MODULE:CALLABLE")
    if not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise InputError(f"backend {name!r} is no Python name, expected python:MODULE:CALLABLE")
    try:
        with _current_folder_last(module_name.partition(".")[0]):
            factory: Any = importlib.import_module(module_name)
            for part in path.split("."):
                factory = getattr(factory, part)
            backend = factory()
    except (Exception, SystemExit) as error:  # whatever a stranger's code does, it is about this
        line = " ".join(str(error).split())
        raise InputError(
            f"backend {name!r} cannot be opened: {type(error).__name__}: {line}"
        ) from None
    if not isinstance(backend, BaseSamplerV2) and not (
        callable(getattr(backend, "run", None))
        and isinstance(getattr(backend, "target", None), Target)
    ):
        raise InputError(
            f"backend {name!r} is a {type(backend).__name__}, expected a BackendV2 or BaseSamplerV2"
        )
    return backend


@contextlib.contextmanager
def _current_folder_last(module: str) -> Iterator[None]:
    """Let a module be found in the current folder too, for as long as this lasts.

    A script beside the data is as good as an installed package, but the folder may hold a
    `numpy.py` as well: it is looked at after everything that is installed, only if the module is
    not installed itself, and no more once the backend is open.
    """
    here = str(Path.cwd())
    if here in sys.path or module in sys.modules or _is_installed(module):
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the module may have tidied up after itself
            sys.path.remove(here)


def _is_installed(module: str) -> bool:
    """Whether a module is found without the current folder; a folder of its name is none."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None
