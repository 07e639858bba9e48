"""`ksamp submit`: fix plan and settings, then send the runs to a provider."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from protocol.cli import _options as options
from protocol.cli import _providers as providers
from protocol.cli._json import show_json
from protocol.cli._planning import nearest_for, plan_and_source
from protocol.cli._text import NOT_FAITHFUL, advice_text, plan_text
from protocol.documents.lock import NAME, Lock
from protocol.jobs.drive import send
from protocol.jobs.ledger import Ledger
from protocol.jobs.named import collect_command
from protocol.jobs.opening import open_provider
from protocol.jobs.start import begin
from protocol.plan.assumptions import assumptions
from protocol.plan.plan import Plan
from protocol.providers import retry
from protocol.providers.kinds import provider_kind
from protocol.request import Request
from protocol.run import folder
from protocol.run.record import read_planned
from protocol.run.report import report_planned
from protocol.settings.code import SettingCode
from protocol.sources.kinds import absolute_source, open_source
from protocol.sources.positions import WeakBits
from protocol.sources.seeds import run_seed, source_seed
from protocol.sources.source import Source
from qdevices.laboratory import expected_behaviour
from qdevices.noise import NoiseSpec
from qdevices.variants import ORDERS, VARIANTS, Order, Variant


@click.command("submit")
@click.option(
    "--backend",
    required=True,
    metavar="NAME",
    help=providers.backend_help(),
)
@click.option(
    "--out", required=True, type=click.Path(), metavar="DIR", help="The run folder; a new one."
)
@click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    default="static",
    show_default=True,
    help="Circuits of a quantum processor; local:table has none.",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default="run",
    show_default=True,
    help="'run': one shot a run in run order, faithful.  'grouped': sorted by setting in every "
    "chunk, which tells the device its settings in advance; not faithful.",
)
@click.option(
    "--chunk", type=options.Count(), default="10000", show_default=True, help="Runs in a job."
)
@click.option(
    "--in-flight",
    type=options.Count(),
    default=None,
    metavar="JOBS",
    help="Jobs under way at a time, at most; `ksamp collect --wait` sends the rest.  "
    + providers.in_flight_help(),
)
@options.runs_option
@options.noise_option
@click.option(
    "--expect",
    default=None,
    metavar="NOISE",
    help="Noise that the plan expects; written like --noise.  [default: as --noise for "
    "local:table, otherwise the errors that the processor reports]",
)
@options.source_option
@options.source_offset_option
@options.plan_options
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(),
    default=None,
    metavar="FILE",
    help="A plan made before (`ksamp plan --out`), instead of --runs, --expect, --epsilon, "
    "--soundness, --completeness, --code and --certificate.",
)
@click.option(
    "--seed",
    type=options.Count(),
    default=None,
    help="Seed of all simulated randomness; the same seed gives the same run.  [default: fresh]",
)
@options.json_option
@click.pass_context
def command(
    context: click.Context,
    backend: str,
    out: str,
    variant: Variant,
    order: Order,
    chunk: int,
    in_flight: int | None,
    runs: int,
    noise: str,
    expect: str | None,
    source_name: str,
    source_offset: int | None,
    wanted: options.Wanted,
    plan_file: str | None,
    seed: int | None,
    as_json: bool,
) -> int:
    """Send a run to a provider in chunks, and come back when it has them.

    Plan, settings and weak bits spent are written to DIR before anything is sent.  The process
    may be killed at any time: `ksamp collect DIR` goes on, and nothing is sent twice.

    Exit code 0: sent; 3: nothing can be certified, so nothing was sent; 2: bad input.
    """
    kind = provider_kind(backend)
    kind.check(backend, variant)
    retry.check_installed()
    seed = run_seed(seed)
    root = Path(out)
    folder.check_target(root, replaceable=False)
    given = options.given(context)
    simulated = kind.takes_noise(backend)
    kind.check_noise(backend, noise if "noise" in given else None)
    if simulated:
        NoiseSpec.parse(noise)
        expect = noise if expect is None else expect

    if plan_file is not None:
        options.check_not_fixed(given, "--plan")
        plan, request, expect = read_planned(plan_file), None, None
    else:
        if expect is None:
            behaviour = kind.behaviour(backend, variant)
            expect = f"as {backend} reports"
        else:
            behaviour = expected_behaviour(expect)

        def open_weak(code: SettingCode) -> Source:
            # Refuses what cannot be taken up again.
            WeakBits(source_name, wanted.epsilon, seed, code)
            rng = np.random.default_rng(source_seed(seed))
            return open_source(source_name, wanted.epsilon, rng, code, source_offset)

        request = wanted.request(runs, behaviour)
        plan, _ = plan_and_source(request, open_weak, wanted.budget)
    if not plan.output_bits:
        _decline(plan, request, expect, as_json)
        return 3
    if not as_json:
        click.echo(plan_text(plan, expect, chunk))

    weak = WeakBits(absolute_source(source_name), plan.epsilon, seed, plan.code)
    begin(
        root,
        plan,
        weak,
        backend=backend,
        variant=variant,
        order=order,
        chunk=chunk,
        noise=noise if simulated else None,
        expect=expect,
        source_offset=source_offset,
        in_flight=in_flight,
    )
    with Lock(root / NAME), Ledger(root) as ledger, providers.reachable(out, ledger.job):
        sent = send(ledger, open_provider(ledger, backend))
        claimed = ledger.weak_bits()
        sent_runs = sum(c.stop - c.start for c in ledger.chunks() if c.job_id is not None)
    bits = {"first": claimed[0][0], "next": claimed[-1][1]}
    if as_json:
        data = {"folder": out, "chunks": sent, "backend": backend, "order": order}
        data |= {"faithful": order == "run", "seed": seed, "source_bits": bits}
        data |= {"plan_sha256": plan.digest, "assumptions": assumptions(plan, chunk)}
        data |= {"security": plan.security.to_json(), "model": plan.security.sentence}
        show_json(data)
        return 0
    click.echo(
        f"Sent {sent_runs:,} of {plan.runs:,} runs in {sent:,} job{'s' * (sent != 1)} to {backend}."
    )
    if weak.accounted:
        click.echo(f"Bits {bits['first']:,} to {bits['next']:,} of {weak.name} are spent.")
    if order == "grouped":
        click.echo(NOT_FAITHFUL)
    again = collect_command(out, backend, weak.name)
    click.echo(f"`{again} --wait` fetches and judges them.")
    return 0


def _decline(
    plan: Plan,
    request: Request | None,
    expect: str | None,
    as_json: bool,
) -> None:
    """Say that nothing can be certified, and what would have to change."""
    if as_json:
        data = report_planned(plan)
    else:
        click.echo(plan_text(plan, expect))
    if request is not None:
        advice = nearest_for(request)
        if as_json:
            data["least_runs"], data["largest_white_noise"] = advice
        else:
            click.echo(advice_text(plan, *advice, request.output_bits))
    if as_json:
        show_json(data)
    else:
        click.echo("NO OUTPUT: nothing can be certified, so nothing was sent.")
