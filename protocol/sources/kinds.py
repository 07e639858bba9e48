"""Sources by name: the one list of their kinds."""

from __future__ import annotations

from numpy.random import Generator

from protocol.documents.fields import printable
from protocol.settings.code import SettingCode
from protocol.sources.source import Source, SourceKind, no_offset
from qdevices.errors import InputError
from qdevices.registry import Registry

#: Kinds of weak sources by the word before the colon.
SOURCES: Registry[SourceKind] = Registry(
    "source",
    {
        "uniform": "protocol.sources.uniform:KIND",
        "bias": "protocol.sources.bias:KIND",
        "markov": "protocol.sources.markov:KIND",
        "adversarial": "protocol.sources.adversarial:KIND",
        "os": "protocol.sources.system:KIND",
        "stdin": "protocol.sources.stream:KIND",
        "file": "protocol.sources.file:KIND",
    },
)


def source_forms() -> tuple[str, ...]:
    """How the names of sources are written, one for each kind."""
    return tuple(SOURCES[name].form for name in SOURCES)


def source_kind(text: str) -> tuple[SourceKind, str]:
    """The kind of the source named `text`, and what stands after the colon.

    Raises:
        InputError: no text, an unknown name, or an argument where none is expected or none where
            one is.
    """
    if not isinstance(text, str):
        raise InputError(f"source {printable(repr(text), 60)}, expected a text")
    name, colon, argument = text.partition(":")
    if name in SOURCES:
        kind = SOURCES[name]
        if bool(argument) == bool(kind.argument) and (argument or not colon):
            return kind, argument
    raise InputError(f"source {text!r} is unknown, expected one of {', '.join(source_forms())}")


def open_source(
    text: str, epsilon: float, rng: Generator, code: SettingCode, offset: int | None = None
) -> Source:
    """The source named by `text`; `offset` is the first bit of a file to use.

    Raises:
        InputError: an unknown name, a file that cannot be read, or an offset into something else.
    """
    kind, argument = source_kind(text)
    if offset is not None and not kind.offsets:
        raise no_offset(offset, text)
    return kind.open(argument, epsilon, rng, code, offset)


def absolute_source(text: str) -> str:
    """The name of a source as a process in another current folder has to say it.

    Raises:
        InputError: an unknown name.
    """
    kind, argument = source_kind(text)
    return f"{kind.name}:{kind.absolute(argument)}" if argument else text
