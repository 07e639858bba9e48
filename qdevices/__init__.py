"""What stands in the laboratory: the Kochen-Specker game and the honest devices that play it.

The names below are what a user needs.  `NoiseSpec` says how noisy the simulated laboratory is,
`expected_behaviour` what it then does and `open_device` which device to play with (`DEVICES` has
their names); a `Device` answers settings with outcomes, `TableDevice` from any behaviour and
`ReplayDevice` from a record.  `KS18` is the game that ships, a `Game` with its tables and labels;
`GAMES` has games by name.  `open_backend`, `run_chunk` and `reported_behaviour` are for processors.
All are imported when they are first used, Qiskit only by those that simulate or compile.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdevices.device import Device, ReplayDevice, TableDevice
    from qdevices.errors import InputError, KsampError
    from qdevices.game import Game, check_behaviour
    from qdevices.games import GAMES
    from qdevices.hardware.backends import reported_behaviour, run_chunk
    from qdevices.hardware.catalogue import open_backend
    from qdevices.hardware.kinds import BACKENDS
    from qdevices.hardware.kinds.kind import BackendKind
    from qdevices.ks18.game import KS18
    from qdevices.laboratory import DEVICES, expected_behaviour, open_device
    from qdevices.noise.spec import NoiseSpec
    from qdevices.noise.term import NoiseTerm
    from qdevices.noise.terms import TERMS as NOISE_TERMS

__all__ = [
    "BACKENDS",
    "DEVICES",
    "GAMES",
    "KS18",
    "NOISE_TERMS",
    "BackendKind",
    "Device",
    "Game",
    "InputError",
    "KsampError",
    "NoiseSpec",
    "NoiseTerm",
    "ReplayDevice",
    "TableDevice",
    "check_behaviour",
    "expected_behaviour",
    "open_backend",
    "open_device",
    "reported_behaviour",
    "run_chunk",
]

#: Where each public name is, "module" or "module:name there".
_PLACES = {
    "BACKENDS": "qdevices.hardware.kinds",
    "BackendKind": "qdevices.hardware.kinds.kind",
    "DEVICES": "qdevices.laboratory",
    "Device": "qdevices.device",
    "GAMES": "qdevices.games",
    "Game": "qdevices.game",
    "InputError": "qdevices.errors",
    "KS18": "qdevices.ks18.game",
    "KsampError": "qdevices.errors",
    "NOISE_TERMS": "qdevices.noise.terms:TERMS",
    "NoiseSpec": "qdevices.noise.spec",
    "NoiseTerm": "qdevices.noise.term",
    "ReplayDevice": "qdevices.device",
    "TableDevice": "qdevices.device",
    "check_behaviour": "qdevices.game",
    "expected_behaviour": "qdevices.laboratory",
    "open_backend": "qdevices.hardware.catalogue",
    "open_device": "qdevices.laboratory",
    "reported_behaviour": "qdevices.hardware.backends",
    "run_chunk": "qdevices.hardware.backends",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'qdevices' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
