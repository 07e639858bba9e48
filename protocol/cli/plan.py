"""`ksamp plan`: what a run would commit itself to, without running."""

from __future__ import annotations

from dataclasses import asdict

import click

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._planning import fewest_runs_for, nearest_for, plan_for
from protocol.cli._text import advice_text, plan_text, summary, theorem10_of, theorem10_text
from protocol.documents.files import check_new
from protocol.plan.assumptions import assumptions
from protocol.plan.file import plan_to_json, write_plan
from protocol.request import ANY
from qdevices.laboratory import expected_behaviour
from qdevices.noise import describe_terms


@click.command("plan")
@options.runs_option
@click.option(
    "--expect",
    "--noise",
    "expect",
    default=options.DEFAULT_NOISE,
    show_default=True,
    metavar="NOISE",
    help=f"Noise that the plan expects: {describe_terms()}.",
)
@options.plan_options
@click.option(
    "--out",
    type=click.Path(),
    default=None,
    metavar="FILE",
    help="Write the plan, to be used by `ksamp certify --plan`, and print its digest.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@options.json_option
@click.pass_context
def command(
    context: click.Context,
    runs: int,
    expect: str,
    wanted: options.Wanted,
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Print the plan and the expected output without running anything.

    With --output-bits and without --runs it is for as few runs as give that many bits.

    When nothing can be certified it says why, and the least number of runs or the largest white
    noise at which something could be; the exit code is then 3.
    """
    if out is not None:
        check_new(out, "plan file", overwrite=overwrite)
    request = wanted.request(runs, expected_behaviour(expect))
    if wanted.output_bits is not None and "runs" not in options.given(context):
        request = fewest_runs_for(request)
    plan = plan_for(request, wanted.budget)
    advice = None
    if not plan.output_bits:
        advice = nearest_for(request)
    if out is not None:
        write_plan(plan, out, overwrite=overwrite)
    if as_json:
        data = {"expect": expect, **plan_to_json(plan)}
        # The proof is for machines and files: --out keeps it.
        data["certificate"] = summary(plan.certificate)
        data |= {
            "request_sha256": request.digest,
            "plan_sha256": plan.digest,
            "assumptions": assumptions(plan),
            "model": plan.security.sentence,
        }
        if plan.complete_for == ANY:
            data["theorem10"] = asdict(theorem10_of(plan, request))
        if advice is not None:
            data["least_runs"], data["largest_white_noise"] = advice
        show_json(data)
    else:
        click.echo(plan_text(plan, expect))
        if plan.complete_for == ANY:
            click.echo(theorem10_text(plan, request))
        if advice is not None:
            click.echo(advice_text(plan, *advice, wanted.output_bits))
        if out is not None:
            click.echo(f"Written to {out}")
            click.echo(f"Digest of the plan: {plan.digest}")
    return 0 if plan.output_bits else 3
