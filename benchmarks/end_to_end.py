"""Time of `ksamp run --seed 1 --json` and of its parts, and the planned output against theory 4.4.

Run as `python benchmarks/end_to_end.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
from _report import header, seconds, spread

from protocol.run.tally import Tally
from protocol.settings.ks18 import default_code
from protocol.sources.uniform import UniformSource
from qdevices.aer import behaviour
from qdevices.device import TableDevice
from qdevices.ks18.game import KS18
from qdevices.noise import NoiseSpec
from tests.protocol.plans import closed_form_plan

COMMAND = [sys.executable, "-m", "protocol.cli", "run", "--seed", "1", "--json"]
FIGURES = (  # ε, white noise, expected bits of theory 4.4 at n = 10⁶, σ = 64
    (0.01, 0.001, 2600),
    (0.05, 0.001, 1100),
    (0.1, 0.0, 460),
    (0.01, 0.01, 930),
)


def parts() -> None:
    code, rng = default_code(), np.random.default_rng(1)
    table = KS18.noisy(0.001)
    plan = closed_form_plan(1_000_000, 0.01, table, code)
    source, device = UniformSource(rng), TableDevice(table, KS18)
    bits = source.bits(plan.settings_bits)
    settings = code.decode(bits)
    outcomes = device.sample(settings, rng)
    assert plan.extractor is not None
    extractor = plan.extractor
    weak = source.bits(extractor.source1_bits)
    tally = Tally(code, plan.capacity)
    tally.add(settings, outcomes)
    for name, function in (
        ("exact behaviour by Aer, 81 circuits", lambda: behaviour(NoiseSpec(white=0.001))),
        ("plan", lambda: closed_form_plan(1_000_000, 0.01, table, code)),
        ("weak bits", lambda: source.bits(plan.settings_bits)),
        ("settings", lambda: code.decode(bits)),
        ("outcomes", lambda: device.sample(settings, rng)),
        ("tally", lambda: Tally(code, plan.capacity).add(settings, outcomes)),
        ("extraction", lambda: extractor.extract(weak, tally.device_bits())),
    ):
        print(f"{name:<40}{spread(seconds(function))}")


def main() -> None:
    header("numpy", "scipy", "qiskit", "qiskit-aer")
    print(f"\n{'seconds':<40}{'min':>8} {'median':>8} {'max':>8}")

    def whole() -> None:
        subprocess.run(COMMAND, check=True, capture_output=True)

    print(f"{'whole command, n = 10^6':<40}{spread(seconds(whole))}")
    parts()
    result = json.loads(subprocess.run(COMMAND, check=True, capture_output=True).stdout)
    print(f"\naccepted {result['accepted']}, {result['output_bits']} output bits")

    print("\nplanned output at n = 10^6, soundness 2^-64, completeness 0.99, closed form")
    print(f"{'epsilon':>8} {'white':>8} {'planned':>8} {'theory 4.4':>11}")
    for epsilon, white, figure in FIGURES:
        table = KS18.noisy(white)
        plan = closed_form_plan(1_000_000, epsilon, table, default_code())
        print(f"{epsilon:>8} {white:>8} {plan.output_bits:>8} {figure:>11}")


if __name__ == "__main__":
    main()
