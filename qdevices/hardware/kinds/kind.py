"""What a kind of backend is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BackendKind:
    """One kind of backend.

    Attributes:
        forms: how names of this kind are written, for messages and help texts.
        open: the backend of an argument, empty if the name has none; raises `InputError` for one
            that cannot be opened, and for a package that is not installed.
    """

    forms: str
    open: Callable[[str], Any]
