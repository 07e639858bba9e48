"""`fake:FakeSherbrooke` or `fake_sherbrooke`: a snapshot of a real processor."""

from __future__ import annotations

import warnings
from functools import lru_cache

from qdevices.errors import InputError
from qdevices.hardware.kinds.kind import BackendKind
from qdevices.hardware.simulated import SimulatedBackend


@lru_cache(maxsize=32)
def _open(name: str) -> SimulatedBackend:
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError:
        raise InputError(
            f"backend {name!r} needs qiskit-ibm-runtime, install the extra: ksamp[ibm]"
        ) from None
    known = {
        _plain(key): key
        for key in dir(fake_provider)
        if key.startswith("Fake") and "Provider" not in key
    }
    if _plain(name) not in known:
        raise InputError(f"there is no fake backend {name!r}, expected one such as FakeSherbrooke")
    with warnings.catch_warnings():
        # Some snapshots warn that their figures are not typical.
        warnings.simplefilter("ignore")
        backend = getattr(fake_provider, known[_plain(name)])()
        target = backend.target
    return SimulatedBackend(
        f"fake:{known[_plain(name)]}", target, feedforward="if_else" in target.operation_names
    )


def _plain(name: str) -> str:
    """What is left of a name that may be written fake_sherbrooke, FakeSherbrooke or sherbrooke."""
    return name.lower().replace("_", "").removeprefix("fake").removesuffix("v2")


KIND = BackendKind("fake:NAME (such as fake:FakeSherbrooke)", _open)
