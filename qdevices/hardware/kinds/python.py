"""`python:MODULE:CALLABLE`: whatever a Python callable without arguments returns.

That is a `BackendV2` of any provider, or a `BaseSamplerV2`.  Opening such a name runs its code: it
must come from the user, never from a file that was received.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from qiskit.primitives import BaseSamplerV2
from qiskit.transpiler import Target

from qdevices.errors import InputError
from qdevices.hardware.kinds.kind import BackendKind


@lru_cache(maxsize=8)
def _open(argument: str) -> Any:
    """What the callable of `python:MODULE:CALLABLE` returns, once a process."""
    name = f"python:{argument}"
    module_name, _, path = argument.partition(":")
    if not module_name or not path:
        raise InputError(f"backend {name!r} names no callable, expected python:MODULE:CALLABLE")
    if not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise InputError(f"backend {name!r} is no Python name, expected python:MODULE:CALLABLE")
    try:
        with _current_folder_last(module_name.partition(".")[0]):
            factory: Any = importlib.import_module(module_name)
            for part in path.split("."):
                factory = getattr(factory, part)
            backend = factory()
    except (Exception, SystemExit) as error:  # whatever a stranger's code does, it is about this
        line = " ".join(str(error).split())
        raise InputError(
            f"backend {name!r} cannot be opened: {type(error).__name__}: {line}"
        ) from None
    if not isinstance(backend, BaseSamplerV2) and not (
        callable(getattr(backend, "run", None))
        and isinstance(getattr(backend, "target", None), Target)
    ):
        raise InputError(
            f"backend {name!r} is a {type(backend).__name__}, expected a BackendV2 or BaseSamplerV2"
        )
    return backend


@contextlib.contextmanager
def _current_folder_last(module: str) -> Iterator[None]:
    """Let a module be found in the current folder too, for as long as this lasts.

    A script beside the data is as good as an installed package, but the folder may hold a
    `numpy.py` as well: it is looked at after everything that is installed, only if the module is
    not installed itself, and no more once the backend is open.
    """
    here = str(Path.cwd())
    if here in sys.path or module in sys.modules or _is_installed(module):
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the module may have tidied up after itself
            sys.path.remove(here)


def _is_installed(module: str) -> bool:
    """Whether a module is found without the current folder; a folder of its name is none."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


KIND = BackendKind("python:MODULE:CALLABLE", _open)
