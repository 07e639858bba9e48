"""The registry of kinds, under the name that `protocol` uses."""

from qdevices.registry import Registry

__all__ = ["Registry"]
