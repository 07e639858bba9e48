"""`ksamp plan`: what a run would commit itself to, without running."""

from __future__ import annotations

import json

import click

from protocol.cli import _options as options
from protocol.cli._laboratory import certificate_choice, expected_behaviour
from protocol.cli._planning import nearest_for
from protocol.cli._progress import ProgressBar
from protocol.cli._text import plan_text, summary
from protocol.documents.files import check_new
from protocol.plan.assumptions import assumptions
from protocol.plan.choose import best_plan
from protocol.plan.file import write_plan
from protocol.plan.plan import Plan
from protocol.settings.code import CODES


@click.command("plan")
@options.runs_option
@click.option(
    "--expect",
    "--noise",
    "expect",
    default=options.DEFAULT_NOISE,
    show_default=True,
    metavar="NOISE",
    help="Noise that the plan expects: 'ideal', or white=, gate1=, gate2=, readout= with a "
    "probability, comma-separated.",
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
def command(
    runs: int,
    expect: str,
    epsilon: float,
    soundness: float,
    completeness: float,
    code_name: str | None,
    certificate: str,
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Print the plan and the expected output without running anything.

    When nothing can be certified it says why, and the least number of runs or the largest white
    noise at which something could be; the exit code is then 3.
    """
    if out is not None:
        check_new(out, "plan file", overwrite=overwrite)
    choice = certificate_choice(certificate)
    code = None if code_name is None else CODES[code_name]()
    behaviour = expected_behaviour(expect)
    with ProgressBar() as progress:
        plan = best_plan(
            runs,
            epsilon,
            behaviour,
            choice,
            code=code,
            soundness=soundness,
            completeness=completeness,
            progress=progress,
        )
    advice = None
    if not plan.output_bits:
        advice = nearest_for(plan, behaviour, certificate, code_name)
    if out is not None:
        write_plan(plan, out, overwrite=overwrite)
    if as_json:
        data = {"expect": expect, **plan.to_json()}
        # The proof is for machines and files: --out keeps it.
        data["certificate"] = summary(plan.certificate)
        data |= {"plan_sha256": plan.digest, "assumptions": assumptions(plan)}
        if advice is not None:
            data["least_runs"], data["largest_white_noise"] = advice
        click.echo(json.dumps(data, allow_nan=False))
    else:
        click.echo(plan_text(plan, expect))
        if advice is not None:
            click.echo(advice_text(plan, *advice))
        if out is not None:
            click.echo(f"Written to {out}")
            click.echo(f"Digest of the plan: {plan.digest}")
    return 0 if plan.output_bits else 3


def advice_text(plan: Plan, least_runs: int | None, largest_noise: float | None) -> str:
    """What would have to change for something to be certified."""
    if least_runs is None:
        lines = ["At this noise nothing can be certified with up to 1e9 runs."]
    else:
        lines = [f"At this noise something can be certified from about {least_runs:,} runs on."]
    if largest_noise is None:
        lines.append(f"With {plan.runs:,} runs nothing can be certified even without noise.")
    else:
        lines.append(
            f"With {plan.runs:,} runs something can be certified up to about "
            f"white={largest_noise:.2g}."
        )
    lines.append(
        "That is by the certificates at hand; one optimised for the case may reach farther."
    )
    return "\n".join(lines)
