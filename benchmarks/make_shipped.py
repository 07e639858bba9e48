"""Make the certificates that ship with the package: one grid of points for both security models.

Run as `python benchmarks/make_shipped.py [--workers 2] [--minutes 45]`.  A point is a security
model, n, ε and white noise; along a chain of rising noise every certificate starts from those made
nearby, and the chain ends where nothing can be certified.  Each is proved in exact arithmetic and
kept as a file in build/shipped, so that an interrupted run goes on where it stopped; at the end all
that are there are bundled into protocol/certificate/data/shipped.zip.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from _report import header

import protocol.certificate
from protocol.certificate.file import read, write
from protocol.certificate.shipped import ShippedName, bundle
from protocol.certificate.table import TableCertificate
from protocol.request import Request
from protocol.search.optimise import optimised_certificate
from protocol.search.quick import Hint, first_point, found_near
from protocol.search.trials import FIRST_POINT
from protocol.security import SIDE_INFORMATION, Security
from protocol.settings.kinds import candidate_codes
from protocol.settings.ks18 import CODES
from qdevices.ks18.game import KS18

WORK = Path("build") / "shipped"
ARCHIVE = Path(protocol.certificate.__file__).parent / "data" / "shipped.zip"
NO_SIGNALLING, CLASSICAL = SIDE_INFORMATION
SOUNDNESS = 64
EPSILONS = (0, 0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
NOISES = (1e-4, 1e-3, 3e-3, 1e-2, 2e-2, 3e-2, 5e-2, 8e-2)
#: The same for other n than 10⁶, from where seconds lead to what lies between (`search.quick`).
FEWER_EPSILONS, FEWER_NOISES = (0, 0.01, 0.03, 0.1, 0.2, 0.3), (1e-4, 1e-3, 1e-2, 3e-2, 8e-2)
#: (model, n), the most wanted first.  In the classical model the best β falls like 1/√n.
MODELS = (
    (CLASSICAL, 10**6),
    (NO_SIGNALLING, 10**6),
    (CLASSICAL, 10**8),
    (NO_SIGNALLING, 10**8),
    (CLASSICAL, 10**4),
    (CLASSICAL, 10**5),
    (NO_SIGNALLING, 10**5),
)
#: Codes that may be asked for by name where they are not the best, on a coarser grid.
NAMED = ("default", "full", "joint", "compact")
NAMED_EPSILONS, NAMED_NOISES = (0, 0.01, 0.02, 0.05, 0.1, 0.2), (1e-3, 1e-2, 3e-2, 8e-2)
#: Hints that are taken from what was made nearby.
NEAREST = 6


@dataclass(frozen=True)
class Chain:
    """Points of one model, n and ε, and of one code or any, by rising noise."""

    model: str
    runs: int
    epsilon: float
    noises: tuple[float, ...]
    code: str | None = None


def chains() -> list[Chain]:
    """All of them, in the order in which they are made."""
    # From the middle outwards, so that every chain finds hints.
    found = []
    for model, runs in MODELS:
        usual = runs == 10**6
        epsilons, noises = (EPSILONS, NOISES) if usual else (FEWER_EPSILONS, FEWER_NOISES)
        order = sorted(epsilons, key=lambda e: abs(math.log((e + 0.003) / 0.013)))
        found += [Chain(model, runs, epsilon, noises) for epsilon in order]
        if (model, runs) == (NO_SIGNALLING, 10**6):
            for code in NAMED:
                found += [Chain(model, runs, e, NAMED_NOISES, code) for e in NAMED_EPSILONS]
    return found


def made() -> list[tuple[ShippedName, Path]]:
    """What is there already."""
    return [(ShippedName.parse(path.stem), path) for path in sorted(WORK.glob("*.json"))]


def hints(chain: Chain, noise: float) -> list[Hint]:
    """Where to look: the codes made nearby, their neighbours among the candidates, or all."""
    security = Security(chain.model)
    listed = candidate_codes(KS18, security)
    if chain.code is not None:
        listed = (CODES[chain.code](),)

    def distance(name: ShippedName) -> float:
        return (
            abs(math.log(name.epsilon + 0.01) - math.log(chain.epsilon + 0.01))
            + 0.3 * abs(math.log(name.noise / noise))
            + 0.2 * abs(math.log(name.runs / chain.runs))
        )

    near = sorted(
        (entry for entry in made() if entry[0].side_information == chain.model),
        key=lambda entry: distance(entry[0]),
    )
    known: dict[str, Hint] = {}
    for name, path in near:
        if name.code in known:
            continue
        data = json.loads(path.read_text())
        grid = tuple(data["proof"]["grid"])
        known[name.code] = Hint(
            CODES[name.code](),
            data["beta"]["numerator"],
            first_point(grid),
        )
        # β falls like the weights where the source is weaker, and in the classical model like 1/√n.
        if chain.model == CLASSICAL:
            scaled = known[name.code].beta * math.sqrt(name.runs / chain.runs)
            known[name.code] = Hint(
                CODES[name.code](), max(64, min(1 << 20, round(scaled))), first_point(grid)
            )
    names = [code.name for code in listed]
    wanted: list[str] = []
    for name, _ in near[:NEAREST]:
        if name.code in names:
            place = names.index(name.code)
            wanted += [names[k] for k in (place, place - 1, place + 1) if 0 <= k < len(names)]
    wanted = list(dict.fromkeys(wanted))[:3] or names
    usual = 1 << (11 if chain.model == CLASSICAL else 17)
    return [known.get(name, Hint(CODES[name](), usual, FIRST_POINT)) for name in wanted]


def make(chain: Chain) -> list[str]:
    """Make one chain; returns a line for every point."""
    lines = []
    for noise in chain.noises:
        stem = (
            f"{'ns' if chain.model == NO_SIGNALLING else 'cl'}-n{chain.runs}"
            f"-e{chain.epsilon:g}-w{noise:g}"
        )
        there = [name for name, _ in made() if name.text.startswith(stem + "-")]
        if any(chain.code in (None, name.code) for name in there):
            continue
        if chain.code is None and (WORK / f"{stem}.none").exists():
            break
        start = time.perf_counter()
        request = Request(
            chain.runs,
            chain.epsilon,
            KS18.noisy(noise),
            SOUNDNESS,
            security=Security(chain.model),
            code=None if chain.code is None else CODES[chain.code](),
        )
        found = found_near(request, hints(chain, noise), None, short=True)
        took = time.perf_counter() - start
        if found is None:
            (WORK / f"{stem}.none").touch()
            lines.append(f"{stem}: nothing can be certified, {took:.1f} s")
            break
        about = {
            "noise": f"white={noise:g}",
            "runs": chain.runs,
            "soundness": SOUNDNESS,
            "side_information": chain.model,
        }
        certificate: TableCertificate = optimised_certificate(found, **about)
        name = f"{stem}-{found.table.code.name}"
        write(certificate, WORK / f"{name}.json", overwrite=True)
        lines.append(
            f"{name}: {found.merit:,.0f} bits, beta {certificate.beta:.5f}, cases "
            f"{found.proof.grid}, {took:.1f} s"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    chosen = parser.parse_args()
    header("numpy", "scipy")
    WORK.mkdir(parents=True, exist_ok=True)
    stop = time.monotonic() + 60 * chosen.minutes
    waiting = chains()
    with ProcessPoolExecutor(chosen.workers) as pool:
        running: set[Future[list[str]]] = set()
        while (waiting and time.monotonic() < stop) or running:
            while waiting and len(running) < chosen.workers and time.monotonic() < stop:
                running.add(pool.submit(make, waiting.pop(0)))
            done = {future for future in running if future.done()}
            for future in done:
                for line in future.result():
                    if "nothing" in line:
                        print(line, flush=True)
            running -= done
            time.sleep(0.2)
    size = bundle([(name, read(path)) for name, path in made()], ARCHIVE)
    print(f"{len(made())} certificates, {size:,} bytes; {len(waiting)} chains were not begun")


if __name__ == "__main__":
    main()
