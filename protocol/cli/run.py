"""`ksamp run`: the whole protocol on a simulated quantum experiment."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import click
import numpy as np

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._planning import nearest_for, plan_and_source
from protocol.cli._progress import ProgressBar
from protocol.cli._text import advice_text, plan_text, show
from protocol.data.provenance import Provenance
from protocol.run import folder
from protocol.run.play import execute
from protocol.run.report import report_planned
from protocol.sources.kinds import open_source
from protocol.sources.seeds import device_seed, run_seed, source_seed
from qdevices.laboratory import DEVICES, expected_behaviour, open_device


@click.command("run")
@options.runs_option
@options.noise_option
@options.expect_option
@options.source_option
@options.source_offset_option
@click.option(
    "--device",
    "device_kind",
    type=click.Choice(DEVICES.names),
    default="table",
    show_default=True,
    help="'table' samples the exact noisy probabilities, 'shots' runs every shot through Aer.",
)
@options.plan_options
@click.option(
    "--seed",
    type=options.Count(),
    default=None,
    help="Seed of all simulated randomness; the same seed gives the same run.  [default: fresh]",
)
@options.out_option
@options.overwrite_option
@options.json_option
def command(
    runs: int,
    noise: str,
    expect: str | None,
    source_name: str,
    source_offset: int | None,
    device_kind: str,
    wanted: options.Wanted,
    seed: int | None,
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Go from weak bits to certified random bits, with a simulated quantum experiment.

    The plan is made for the noise given with --expect before the device is touched.  Without
    arguments: a million runs, a uniform source of declared epsilon 0.01, 0.1 % white noise.

    Exit code 0: accepted; 3: no output (a test aborted, or nothing can be certified); 2: bad
    input.
    """
    start = time.perf_counter()
    expect = noise if expect is None else expect
    seed = run_seed(seed)
    if out is not None:
        folder.check_target(Path(out), overwrite)

    request = wanted.request(runs, expected_behaviour(expect))
    device = open_device(device_kind, noise)
    plan, source = plan_and_source(
        request,
        lambda code: open_source(
            source_name,
            wanted.epsilon,
            np.random.default_rng(source_seed(seed)),
            code,
            source_offset,
        ),
        wanted.budget,
    )
    if not plan.output_bits:
        advice = nearest_for(request)
        if as_json:
            data = report_planned(plan)
            data["least_runs"], data["largest_white_noise"] = advice
            show_json(data)
        else:
            click.echo(plan_text(plan, expect))
            click.echo(advice_text(plan, *advice, wanted.output_bits))
            click.echo("NO OUTPUT: nothing can be certified, so the device was not used.")
        return 3
    source.expect(plan.source_bits)
    if not as_json:
        click.echo(plan_text(plan, expect))

    planned = time.perf_counter()
    provenance = Provenance(
        order="run",
        seed=seed,
        device=device_kind,
        source=source.name,
        noise=noise,
        expect=expect,
    )
    with contextlib.ExitStack() as stack:
        writer = None
        if out is not None:
            writer = stack.enter_context(folder.RunWriter(out, runs, overwrite=overwrite))
        result = execute(
            plan,
            device,
            source,
            np.random.default_rng(device_seed(seed)),
            provenance=provenance,
            sink=None if writer is None else writer.add,
            progress=stack.enter_context(ProgressBar()),
        )
        seconds = {"plan": planned - start, "run": time.perf_counter() - planned}
        digest = None if writer is None else writer.publish(result, seconds)
    show(plan, result, out, as_json, {"seed": seed, "seconds": seconds}, digest)
    return 0 if result.verdict.accepted else 3
