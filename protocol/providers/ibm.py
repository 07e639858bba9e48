"""Backends `ibm:NAME`: IBM's processors, through the user's own account."""

from __future__ import annotations

import importlib

from protocol.providers.hardware import HardwareKind
from protocol.providers.kind import Opening
from protocol.providers.remote import RemoteProvider


class _Kind(HardwareKind):
    """A provider far away, with circuits and words of `qdevices.hardware.ibm`."""

    name = "ibm"
    forms = ("ibm:NAME",)
    help = "IBM hardware, by the account saved on this machine"
    in_flight = 3  # what the free plan lets wait at a time

    def takes(self, backend: str) -> bool:
        """A processor has to be named."""
        return super().takes(backend) and backend.partition(":")[2] != ""

    def open(self, opening: Opening) -> RemoteProvider:
        """The runtime's jobs of one processor; nobody is asked before a method is called."""
        client = importlib.import_module("qdevices.hardware.ibm")
        name = opening.backend.partition(":")[2]
        return RemoteProvider(client, name, opening.variant, opening.kept)

    def named_again(self, backend: str) -> str:
        """It spends somebody's time."""
        return "uses your account, which a run folder cannot ask for"


KIND = _Kind()
