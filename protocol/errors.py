"""The project's input error, under the name that `protocol` uses."""

from qdevices.errors import InputError

__all__ = ["InputError"]
