"""What stands in the laboratory: the Kochen-Specker game and the honest devices that play it.

The names below are what a user needs.  `NoiseSpec` says how noisy the simulated laboratory is,
`expected_behaviour` what it then does and `open_device` which device to play with (`DEVICES` has
their names); a `Device` answers settings with outcomes, `TableDevice` from any behaviour and
`ReplayDevice` from a record.  `honest_table`, `with_white_noise` and `losing_table` are the
game's own tables.  `open_backend`, `run_chunk` and `reported_behaviour` are for processors.  All
are imported when they are first used, Qiskit only by those that simulate or compile.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdevices.device import Device, ReplayDevice, TableDevice, check_behaviour
    from qdevices.errors import InputError, KsampError
    from qdevices.hardware.backends import reported_behaviour, run_chunk
    from qdevices.hardware.catalogue import open_backend
    from qdevices.ks18.game import honest_table, losing_table, with_white_noise
    from qdevices.laboratory import DEVICES, expected_behaviour, open_device
    from qdevices.noise.spec import NoiseSpec

__all__ = [
    "DEVICES",
    "Device",
    "InputError",
    "KsampError",
    "NoiseSpec",
    "ReplayDevice",
    "TableDevice",
    "check_behaviour",
    "expected_behaviour",
    "honest_table",
    "losing_table",
    "open_backend",
    "open_device",
    "reported_behaviour",
    "run_chunk",
    "with_white_noise",
]

#: Where each name is at home.
_HOMES = {
    "DEVICES": "laboratory",
    "Device": "device",
    "InputError": "errors",
    "KsampError": "errors",
    "NoiseSpec": "noise.spec",
    "ReplayDevice": "device",
    "TableDevice": "device",
    "check_behaviour": "device",
    "expected_behaviour": "laboratory",
    "honest_table": "ks18.game",
    "losing_table": "ks18.game",
    "open_backend": "hardware.catalogue",
    "open_device": "laboratory",
    "reported_behaviour": "hardware.backends",
    "run_chunk": "hardware.backends",
    "with_white_noise": "ks18.game",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
