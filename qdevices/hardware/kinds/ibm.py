"""`ibm:NAME`: IBM hardware, with the account that the provider's own configuration has."""

from __future__ import annotations

from typing import Any

from qdevices.errors import InputError
from qdevices.hardware.kinds.kind import BackendKind


def _open(name: str) -> Any:
    if not name:
        raise InputError("backend 'ibm:' names no processor, expected ibm:NAME")
    from qdevices.hardware.ibm import open_processor

    return open_processor(name)


KIND = BackendKind("ibm:NAME", _open)
