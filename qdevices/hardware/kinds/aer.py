"""`aer` or `aer:gate2=1e-3,readout=1e-2`: a simulator without limits of coupling."""

from __future__ import annotations

from functools import lru_cache

from qdevices.errors import InputError
from qdevices.hardware.compilation import ideal_target
from qdevices.hardware.kinds.kind import BackendKind
from qdevices.hardware.simulated import SimulatedBackend
from qdevices.noise.reduced import noise_on
from qdevices.noise.spec import NoiseSpec


@lru_cache(maxsize=8)
def _open(argument: str) -> SimulatedBackend:
    name = f"aer:{argument}" if argument else "aer"
    noise = NoiseSpec.parse(argument) if argument else NoiseSpec()
    target = ideal_target()
    places = {
        gate: tuple(target[gate])
        for gate in target.operation_names
        if gate not in ("measure", "if_else")
    }
    try:
        reduced = noise_on(noise, places)
    except InputError as error:
        raise InputError(f"backend {name!r}: {error}") from None
    return SimulatedBackend(name, target, reduced)


KIND = BackendKind("aer, aer:NOISE", _open)
