"""Power, false alarms and time of `protocol.diagnose.signs` on simulated runs with planted signals.

Run as `python benchmarks/diagnose.py`.  Settings come from uniform bits through the default
code (Bob's starred setting is 3, Alice's 1), outcomes from the honest device with 0.1 % white
noise; a signal moves outcome 1 to outcome 2 in some runs.  False-alarm rate 1 %.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from _report import header, seconds, spread
from numpy.typing import NDArray
from scipy.stats import binomtest

from protocol.diagnose.signs import count_runs, diagnose, diagnose_counts
from protocol.settings.ks18 import default_code
from protocol.sources.uniform import UniformSource
from qdevices.device import TableDevice
from qdevices.ks18.game import KS18

Bytes = NDArray[np.uint8]
Where = Callable[[Bytes], NDArray[np.bool_]]
N = 1_000_000
TRIALS = 40
DEVICE = TableDevice(KS18.noisy(0.001), KS18)

PLANTS: tuple[tuple[str, Where, tuple[float, ...]], ...] = (
    ("Bob at his starred setting", lambda u: u % 9 == 2, (0.003, 0.005, 0.01)),
    ("both starred", lambda u: u == 2, (0.005, 0.007, 0.01)),
    ("Bob at one unstarred setting", lambda u: u % 9 == 6, (0.007, 0.01, 0.015)),
    ("Alice starred, Bob at one unstarred", lambda u: u == 6, (0.01, 0.0125, 0.015)),
    ("one pair, both unstarred", lambda u: u == 9 * 3 + 6, (0.02, 0.03, 0.04, 0.05)),
)


def clean(runs: int, seed: int) -> tuple[Bytes, Bytes]:
    rng = np.random.default_rng(seed)
    code = default_code()
    settings = code.decode(UniformSource(rng).bits(code.bits_per_run * runs))
    return settings, DEVICE.sample(settings, rng)


def planted(settings: Bytes, outcomes: Bytes, where: Where, shift: float, seed: int) -> Bytes:
    """Alice's outcome 2 made more probable by `shift`."""
    chance = np.random.default_rng(seed).random(len(settings)) < 4 * shift
    return outcomes + np.uint8(4) * (where(settings) & (outcomes < 4) & chance)


def false_alarms() -> None:
    print(f"\n{'clean data, runs':<24}{'trials':>8}{'alarms':>8}   95 % interval of the rate")
    for runs, trials in ((1_000, 2000), (20_000, 1000), (N, 100)):
        alarms = sum(bool(diagnose(*clean(runs, 10_000 + s), KS18).signs) for s in range(trials))
        low, high = binomtest(alarms, trials).proportion_ci()
        print(f"{runs:<24,}{trials:>8}{alarms:>8}   {low:.4f} to {high:.4f}")


def power() -> None:
    print(f"\nshift of Alice's outcome 2 in {N:,} runs: share of {TRIALS} data sets found")
    data = [clean(N, 20_000 + s) for s in range(TRIALS)]
    for name, where, shifts in PLANTS:
        for shift in shifts:
            found = right = 0
            for seed, (u, x) in enumerate(data):
                diagnosis = diagnose(u, planted(u, x, where, shift, 30_000 + seed), KS18)
                found += diagnosis.signalling
                right += all(s.party == "Alice" for s in diagnosis.signs if s.signalling)
            print(f"  {name:<38}{shift:>8}{found / TRIALS:>8.2f}   right party {right}/{TRIALS}")
    best, median, worst = diagnose(*data[0], KS18).detectable or (0.0, 0.0, 0.0)
    print(f"  predicted for 0.9 at one pair: {best:.4f} (most runs), {median:.4f}, {worst:.4f}")
    drift(data)


def drift(data: list[tuple[Bytes, Bytes]]) -> None:
    # Moving an outcome also fills joint outcomes that the honest device all but forbids; there a
    # tiny drift shows at once.  A drift without that side effect is found by marginals only.
    print("\ndrift of Alice's outcome 2 at all settings, linear from 0 to the shift")
    print(f"  {'':<46}{'any':>8}{'marginals':>11}")
    rising = np.arange(N) / N
    for shift in (0.005, 0.01, 0.02):
        found = own = 0
        for seed, (u, x) in enumerate(data):
            chance = np.random.default_rng(30_000 + seed).random(N) < 4 * shift * rising
            signs = diagnose(u, x + np.uint8(4) * ((x < 4) & chance), KS18).signs
            found += any(not s.signalling for s in signs)
            own += any(not s.signalling and s.party is not None for s in signs)
        print(f"  {shift:<46}{found / TRIALS:>8.2f}{own / TRIALS:>11.2f}")


def main() -> None:
    header("numpy", "scipy")
    u, x = clean(N, 1)
    counts = count_runs(u, x, KS18)
    print(f"\n{'seconds':<40}{'min':>8} {'median':>8} {'max':>8}")
    print(f"{'diagnose, 10^6 runs':<40}{spread(seconds(lambda: diagnose(u, x, KS18)))}")
    print(f"{'of it the counting':<40}{spread(seconds(lambda: count_runs(u, x, KS18)))}")
    u100, x100 = np.tile(u, 100), np.tile(x, 100)
    many_runs = seconds(lambda: diagnose(u100, x100, KS18), 2)
    print(f"{'diagnose, 10^8 runs in memory':<40}{spread(many_runs)}")
    many = 100 * counts
    print(f"{'of it the tests':<40}{spread(seconds(lambda: diagnose_counts(many, KS18), 2))}")
    false_alarms()
    power()


if __name__ == "__main__":
    main()
