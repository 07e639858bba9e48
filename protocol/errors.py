"""The exceptions of both packages, under the names that `protocol` uses."""

from qdevices.errors import InputError, KsampError

__all__ = ["InputError", "KsampError"]
