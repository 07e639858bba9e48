"""Make the certificates that ship with the package: one for each code, ε and white noise.

Run as `python benchmarks/make_shipped.py`; about an hour.  Each is optimised for 10⁷
runs, or for 10⁹ where fewer give nothing, and proved in exact arithmetic; existing files are kept.
"""

from __future__ import annotations

from pathlib import Path

from _report import header

import protocol.certificate
from protocol.certificate.file import write
from protocol.request import Request
from protocol.search.optimise import optimise, optimised_certificate
from protocol.settings.ks18 import CODES
from qdevices.ks18.game import KS18

FOLDER = Path(protocol.certificate.__file__).parent / "data" / "shipped"
_QUIET = (1e-4, 1e-3, 1e-2)
_LOUD = (3e-2, 5e-2)  # today's processors
WANTED = {
    # Good sources and devices.
    "joint": {
        **dict.fromkeys((0, 0.001), (*_QUIET, *_LOUD, 8e-2)),
        **dict.fromkeys((0.01, 0.02), (*_QUIET, *_LOUD)),
        **dict.fromkeys((0.05, 0.1), _QUIET),
    },
    # Weak sources.
    "compact": {
        0.1: _QUIET,
        0.2: (1e-4, 1e-3),
        0.05: (*_QUIET, 3e-2),
        0.02: (1e-3, 1e-2, *_LOUD),
        0.01: (*_QUIET, *_LOUD),
        0.15: (1e-4, 1e-3),
        0.3: (1e-4,),
    },
    # Noisy devices.
    "full": {
        **dict.fromkeys((0, 0.005, 0.01), (*_LOUD, 8e-2)),
        **dict.fromkeys((0.02, 0.03), _LOUD),
    },
    "default": {
        0: (1e-3, 1e-2, 5e-2, 0.12),
        0.01: (1e-3, 1e-2, 5e-2, 8e-2),
        **dict.fromkeys((0.05, 0.1), (1e-3, 1e-2)),
        0.2: (1e-3,),
    },
}


def main() -> None:
    header("numpy", "scipy")
    for name, wanted in WANTED.items():
        for epsilon, noises in wanted.items():
            for noise in noises:
                path = FOLDER / f"{name}-e{epsilon:g}-w{noise:g}.json"
                if path.exists():
                    continue
                for runs in (10**7, 10**9):  # the second where the first gives nothing
                    behaviour = KS18.noisy(noise)
                    found = optimise(Request(runs, epsilon, behaviour), CODES[name]())
                    if found is not None:
                        break
                if found is None:
                    print(f"{path.name}: nothing can be certified", flush=True)
                    continue
                about = {"noise": f"white={noise:g}", "runs": runs, "soundness": 64}
                write(optimised_certificate(found, **about), path)
                print(f"{path.name}: about {found.estimate:,.0f} bits from {runs:,}", flush=True)


if __name__ == "__main__":
    main()
