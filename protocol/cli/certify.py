"""`ksamp certify`: the same path for recorded data."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import click

from protocol import folder
from protocol.acceptance import check_settings
from protocol.best_plan import best_plan
from protocol.cli import _options as options
from protocol.cli._laboratory import certificate_choice, expected_behaviour
from protocol.cli._progress import ProgressBar
from protocol.cli._providers import check_finished
from protocol.cli._text import NOT_FAITHFUL, plan_text
from protocol.cli.run import show
from protocol.errors import InputError
from protocol.plan import check_demands
from protocol.plan_file import read_plan
from protocol.record import run_record
from protocol.recorded import load_csv, load_pair
from protocol.redraws import recorded_charge
from protocol.run import BLOCK, finish, new_tally
from protocol.setting_code import CODES, check_epsilon
from protocol.sources import StreamSource


@click.command("certify")
@click.argument("run", type=click.Path(), metavar="[DIR]", required=False)
@click.option("--settings", type=click.Path(), metavar="A.npy", help="Settings 9u1+u2, (n,) uint8.")
@click.option("--outcomes", type=click.Path(), metavar="B.npy", help="Outcomes 4x1+x2, (n,) uint8.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(),
    metavar="FILE",
    help="Instead of both: a CSV with columns u1,u2,x1,x2 in the paper's 1-based labels.",
)
@click.option(
    "--expect",
    default=options.DEFAULT_NOISE,
    show_default=True,
    metavar="NOISE",
    help="Noise that was expected of the device before the data were taken.",
)
@options.plan_options
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(),
    default=None,
    metavar="FILE",
    help="A plan fixed before the data were taken (`ksamp plan --out`), instead of the options "
    "--expect, --epsilon, --soundness, --completeness, --code and --certificate.",
)
@click.option(
    "--extract", is_flag=True, help="Go on to output bits; needs --source-bits and --out."
)
@click.option(
    "--source-bits",
    type=click.Path(),
    metavar="FILE",
    help="Fresh bits of the weak source for the extractor, packed; not those of the settings.",
)
@click.option(
    "--allow-grouped",
    is_flag=True,
    help="Accept runs that were grouped by setting, though the device was told its settings.",
)
@options.out_option
@options.overwrite_option
@options.json_option
@click.pass_context
def command(
    context: click.Context,
    run: str | None,
    settings: str | None,
    outcomes: str | None,
    csv_file: str | None,
    expect: str,
    epsilon: float,
    soundness: float,
    completeness: float,
    code_name: str | None,
    certificate: str,
    plan_file: str | None,
    extract: bool,
    source_bits: str | None,
    allow_grouped: bool,
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Certify recorded runs, and with --extract turn them into output bits.

    The settings must have been chosen by bits of the weak source through the setting code
    ('default' unless --code, --plan or a certificate file says otherwise), and the plan must not
    depend on the outcomes: either fix it beforehand with `ksamp plan --out`, or state with
    --expect what was expected.  With --out everything is written as a run folder.

    DIR, a run folder, stands for its settings, its outcomes and (without --plan) its plan.

    Runs that a run folder marks as grouped by setting are refused: no certificate holds for a
    device that knows its settings in advance, unless it has no memory (--allow-grouped).

    Exit code 0: accepted; 3: no output; 2: bad input.
    """
    start = time.perf_counter()
    if extract and (source_bits is None or out is None):
        raise InputError("--extract needs --source-bits FILE and --out DIR")
    if source_bits is not None and not extract:
        raise InputError("--source-bits is used only with --extract")
    if out is not None:
        folder.check_target(Path(out), overwrite)
    if run is not None:
        if settings is not None or outcomes is not None or csv_file is not None:
            raise InputError(f"folder {run!r} cannot be given with --settings, --outcomes or --csv")
        check_finished(run)
        folder.read_record(run)
        settings = str(Path(run) / folder.SETTINGS)
        outcomes = str(Path(run) / folder.OUTCOMES)
        plan_file = str(Path(run) / folder.RECORD) if plan_file is None else plan_file
    records = [_record_around(file) for file in (settings, outcomes)]
    grouped = any(record.get("order") == "grouped" for record in records)
    order = "grouped" if grouped else "recorded"
    if order == "grouped" and not allow_grouped:
        raise InputError(
            "these runs were grouped by setting, which is not faithful to the protocol; expected "
            "run order, or --allow-grouped for a device known to have no memory"
        )
    if csv_file is not None and settings is None and outcomes is None:
        u, x = load_csv(csv_file)
    elif csv_file is None and settings is not None and outcomes is not None:
        u, x = load_pair(settings, outcomes)
    else:
        raise InputError("expected either --settings with --outcomes, or --csv, or a run folder")

    if plan_file is not None:
        fixed = ("expect", "epsilon", "soundness", "completeness", "code_name", "certificate")
        for name in fixed:
            if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
                option = name.removesuffix("_name")
                raise InputError(f"--{option} cannot be given with --plan, which fixes it")
        plan = read_plan(plan_file)
        if plan.runs != len(u):
            raise InputError(f"the plan is for {plan.runs} runs, but {len(u)} were recorded")
    else:
        check_epsilon(epsilon)
        check_demands(len(u), soundness, completeness)
        choice = certificate_choice(certificate)
        # The code says how the recorded settings were chosen, so it is never picked for them.
        if code_name is None and isinstance(choice, str):
            code_name = "default"
        with ProgressBar() as progress:
            plan = best_plan(
                len(u),
                epsilon,
                expected_behaviour(expect),
                choice,
                code=None if code_name is None else CODES[code_name](),
                soundness=soundness,
                completeness=completeness,
                progress=progress,
            )
    source = StreamSource(source_bits) if source_bits is not None else None
    if source is not None and plan.extractor is not None:
        source.expect(plan.extractor.source1_bits)
    if not as_json:
        click.echo(plan_text(plan, None if plan_file else expect))

    inputs = {
        "settings": settings or csv_file,
        "outcomes": outcomes or csv_file,
        "expect": None if plan_file else expect,
        "plan": plan_file,
        "source_bits": source_bits,
        "order": order,
    }
    # Redrawn chunks cost the same whoever certifies the runs.
    redrawn = max(records, key=lambda record: record.get("redraws") or 0)
    inputs |= {key: redrawn[key] for key in ("redraws", "chunk") if redrawn.get("redraws")}
    tally = new_tally(plan)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(ProgressBar())
        writer = None
        if out is not None:
            writer = stack.enter_context(folder.RunWriter(out, len(u), overwrite=overwrite))
        for block_settings, block_outcomes in folder.blocks(u, x, BLOCK):
            tally.add(block_settings, block_outcomes)
            if writer is not None:
                writer.add(block_settings, block_outcomes)
            progress("runs", tally.runs, plan.runs)
        check_settings(tally.counts.sum(axis=1), plan.code, plan.epsilon)
        result = finish(
            plan,
            tally,
            source,
            charge=recorded_charge({"inputs": inputs}, plan),
            progress=progress,
        )
        seconds = {"certify": time.perf_counter() - start}
        if writer is not None:
            writer.publish(
                run_record(result, inputs, seconds), result.extractor_bits, result.output
            )
    show(plan, result, out, as_json, {"order": order, "seconds": seconds})
    if order == "grouped" and not as_json:
        click.echo(NOT_FAITHFUL)
    return 0 if result.verdict.accepted else 3


def _record_around(file: str | None) -> dict[str, Any]:
    """What the run folder around this file says that it was made from; empty if there is none."""
    if file is None or not (Path(file).parent / folder.RECORD).is_file():
        return {}
    inputs = folder.read_record(Path(file).parent).get("inputs")
    return inputs if isinstance(inputs, dict) else {}
