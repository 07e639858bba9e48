"""Providers by the names of their backends: the one list of their kinds."""

from __future__ import annotations

from protocol.providers.kind import ProviderKind
from qdevices.errors import InputError
from qdevices.registry import Registry

#: Kinds of providers by the word before the colon.
PROVIDERS: Registry[ProviderKind] = Registry(
    "backend",
    {
        "local": "protocol.providers.local:KIND",
        "aer": "protocol.providers.aer:KIND",
        "fake": "protocol.providers.fake:KIND",
        "ibm": "protocol.providers.ibm:KIND",
        "python": "protocol.providers.python:KIND",
    },
)


def backend_forms() -> tuple[str, ...]:
    """How the names of backends are written, all kinds."""
    return tuple(form for name in PROVIDERS for form in PROVIDERS[name].forms)


def find_kind(backend: str) -> ProviderKind | None:
    """The kind of provider that has the backend of this name; None if nobody has."""
    kinds = (PROVIDERS[name] for name in PROVIDERS)
    return next((kind for kind in kinds if kind.takes(backend)), None)


def provider_kind(backend: str) -> ProviderKind:
    """The kind of provider that has the backend of this name.

    Raises:
        InputError: nobody has.
    """
    if (kind := find_kind(backend)) is None:
        raise InputError(
            f"backend {backend!r} is unknown, expected one of {', '.join(backend_forms())}"
        )
    return kind
