"""A search for certificates that verify and should not, also where a part of the check is missing.

Run as `python benchmarks/hostile_certificates.py`; about ten minutes.  Every certificate drawn is
refuted first, in exact fractions, by a local box and a source with E[F] > 1
(`tests/protocol/certificate/hostile.py`), so each one that verifies is a forgery.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from _report import header

from protocol.certificate.file import read
from protocol.certificate.proof import MOST_BETA, MOST_POINTS, most_cases
from protocol.settings.code import MOST_BITS_PER_RUN, SettingCode
from qdevices.errors import InputError
from qdevices.ks18.game import KS18, STARRED_SETTING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.protocol.certificate.hostile import (
    ONE,
    WEAKENED,
    Hostile,
    first_forgery,
    forged,
    hostile_certificates,
    refused,
    second_forgery,
    weakened,
)

COUNT, SEED = 100_000, 20161130
#: Drawn, judged and forgotten by so many; every batch has a seed of its own.
BATCH = 1_000
#: Every so many goes by way of a file's content as well.
FILES = 10


def slow() -> None:
    """The most work that a file can ask for: 2^16 words, 64 points, no symmetry, all to be read."""
    rng = np.random.default_rng(SEED)
    words = tuple(rng.integers(0, KS18.n_pairs, 1 << MOST_BITS_PER_RUN).tolist())
    code = SettingCode("slow", (STARRED_SETTING, *words[1:]), STARRED_SETTING, KS18)
    factors = rng.integers(0, ONE, (KS18.n_pairs, 16))
    grid = (*range(1, 2 * MOST_POINTS - 2, 2), 1024)
    whole = rng.integers(-(1 << 50), 1 << 50, (most_cases(KS18), 9, 4, 9))
    whole[..., -1] -= whole.sum(axis=-1)
    alice = whole.transpose(0, 1, 3, 2).reshape(most_cases(KS18), 324)
    potentials = np.concatenate([alice, np.zeros_like(alice)], axis=1)
    alpha = np.zeros(most_cases(KS18), dtype=np.int64)
    hostile = Hostile("slow", code, 0.3, MOST_BETA, factors, grid, potentials, alpha)
    data = hostile.to_json()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slow.json"
        path.write_text(json.dumps(data))
        start = time.perf_counter()
        try:
            read(path)
        except InputError as refusal:
            took = time.perf_counter() - start
            print(
                f"\na file made to be slow, {path.stat().st_size:,} bytes: {took:.2f} s, {refusal}"
            )


def main() -> None:
    header("numpy", "scipy")
    slow()
    last = SEED + COUNT // BATCH - 1
    print(f"\n{COUNT:,} refuted certificates, seeds {SEED} to {last}", flush=True)
    drawn: Counter[str] = Counter()
    accepted, files, slowest, spent = 0, 0, 0.0, 0.0
    found: dict[str, Counter[str]] = {part: Counter() for part in WEAKENED}
    for seed in range(SEED, SEED + COUNT // BATCH):
        batch = list(hostile_certificates(BATCH, seed))
        drawn.update(hostile.kind for hostile in batch)
        for k, hostile in enumerate(batch):
            start = time.perf_counter()
            accepted += not refused(hostile, as_file=False)
            took = time.perf_counter() - start
            slowest, spent = max(slowest, took), spent + took
            if k % FILES == 0 and hostile.kind != "malformed":
                accepted += not refused(hostile, as_file=True)
                files += 1
        for part, kinds in found.items():
            with weakened(part):
                kinds.update(hostile.kind for hostile in batch if forged(hostile))
    print("\n" + ", ".join(f"{number:,} {kind}" for kind, number in sorted(drawn.items())))
    print(f"{files:,} of them also by way of a file's content")
    print(f"ACCEPTED: {accepted}; {1e3 * spent / COUNT:.2f} ms each, the slowest {slowest:.3f} s")
    print("\nforgeries that the same search finds where a part of the check is missing")
    for part, kinds in found.items():
        listed = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
        print(f"  {part:<28} {sum(kinds.values()):>7,}   {listed}")
    old = sum(not refused(f(), as_file=way) for f in _FORGERIES for way in (False, True))
    print(f"\nthe two forgeries that were once accepted: {old} accepted")


_FORGERIES = (first_forgery, second_forgery)


if __name__ == "__main__":
    main()
