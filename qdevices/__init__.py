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
_PLACES = {
    "DEVICES": "qdevices.laboratory",
    "Device": "qdevices.device",
    "InputError": "qdevices.errors",
    "KsampError": "qdevices.errors",
    "NoiseSpec": "qdevices.noise.spec",
    "ReplayDevice": "qdevices.device",
    "TableDevice": "qdevices.device",
    "check_behaviour": "qdevices.device",
    "expected_behaviour": "qdevices.laboratory",
    "honest_table": "qdevices.ks18.game",
    "losing_table": "qdevices.ks18.game",
    "open_backend": "qdevices.hardware.catalogue",
    "open_device": "qdevices.laboratory",
    "reported_behaviour": "qdevices.hardware.backends",
    "run_chunk": "qdevices.hardware.backends",
    "with_white_noise": "qdevices.ks18.game",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'qdevices' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
