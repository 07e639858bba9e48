"""`ksamp certify`: the same path for recorded data."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path

import click

from protocol.cli import _options as options
from protocol.cli._planning import plan_for
from protocol.cli._progress import ProgressBar
from protocol.cli._text import NOT_FAITHFUL, plan_text, show
from protocol.data.provenance import Provenance
from protocol.data.recorded import Recorded, load_csv
from protocol.jobs.ledger import check_finished
from protocol.plan.choose import choices
from protocol.plan.plan import Plan
from protocol.run import folder
from protocol.run.finish import check_faithful
from protocol.run.record import read_planned
from protocol.run.replay import certify, check_recorded
from protocol.sources.file import open_file
from qdevices.errors import InputError
from qdevices.ks18.game import KS18
from qdevices.laboratory import expected_behaviour


@click.command("certify")
@click.argument("run", type=click.Path(), metavar="[DIR]", required=False)
@options.recorded_options
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
@options.source_offset_option
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
    wanted: options.Wanted,
    plan_file: str | None,
    extract: bool,
    source_bits: str | None,
    source_offset: int | None,
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

    DIR, a run folder, stands for its settings, its outcomes and (without --plan) its plan.  Data
    from a run folder, given as DIR or by its files, must be what its record has digests of, and
    carry the record's order and redraws.

    Runs that a run folder marks as grouped by setting are refused: no certificate holds for a
    device that knows its settings in advance, unless it has no memory (--allow-grouped).

    Exit code 0: accepted; 3: no output; 2: bad input.
    """
    start = time.perf_counter()
    if extract and (source_bits is None or out is None):
        raise InputError("--extract needs --source-bits FILE and --out DIR")
    if (source_bits is not None or source_offset is not None) and not extract:
        raise InputError("--source-bits and --source-offset are used only with --extract")
    if out is not None:
        folder.check_target(Path(out), overwrite)
    kept: Plan | None = None
    given = None if plan_file is None else read_planned(plan_file)
    game = KS18 if given is None else given.code.game
    if run is not None:
        if settings is not None or outcomes is not None or csv_file is not None:
            raise InputError(f"folder {run!r} cannot be given with --settings, --outcomes or --csv")
        check_finished(Path(run))
        stored = folder.read_run(run)
        data, kept = stored.data, stored.record.plan
    elif csv_file is not None and settings is None and outcomes is None:
        with ProgressBar() as progress:
            data = Recorded(*load_csv(csv_file, game, progress), Provenance("recorded"))
    elif csv_file is None and settings is not None and outcomes is not None:
        data = folder.read_recorded(settings, outcomes, game)
    else:
        raise InputError("expected either --settings with --outcomes, or --csv, or a run folder")
    check_faithful(data.provenance, allow_grouped)

    if plan_file is not None or kept is not None:
        what = "--plan" if plan_file is not None else "a run folder"
        options.check_not_fixed(options.given(context), what)
    if given is not None:
        plan = given
    elif kept is not None:
        plan = kept
    else:
        # The code says how the recorded settings were chosen, so it is never picked for them.
        if wanted.code_name is None and wanted.certificate in choices():
            wanted = replace(wanted, code_name="default")
        plan = plan_for(
            wanted.request(len(data.settings), expected_behaviour(expect)), wanted.budget
        )
    check_recorded(plan, data, allow_grouped)
    source = None if source_bits is None else open_file(source_bits, source_offset)
    planned = plan_file is not None or kept is not None
    data = replace(
        data,
        provenance=replace(
            data.provenance,
            settings=settings or csv_file or data.provenance.settings,
            outcomes=outcomes or csv_file or data.provenance.outcomes,
            expect=data.provenance.expect if planned else expect,
            plan=plan_file,
            source_bits=source_bits,
        ),
    )
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(ProgressBar())
        writer = None
        if out is not None:
            size = len(data.settings)
            writer = stack.enter_context(folder.RunWriter(out, size, overwrite=overwrite))
        result = certify(
            plan,
            data,
            source,
            allow_grouped=allow_grouped,
            sink=None if writer is None else writer.add,
            progress=progress,
        )
        seconds = {"certify": time.perf_counter() - start}
        digest = None if writer is None else writer.publish(result, seconds)
    order = data.provenance.order
    if not as_json:
        click.echo(plan_text(plan, None if planned else expect, data.provenance.chunk))
    show(plan, result, out, as_json, {"order": order, "seconds": seconds}, digest)
    if order == "grouped" and not as_json:
        click.echo(NOT_FAITHFUL)
    return 0 if result.verdict.accepted else 3
