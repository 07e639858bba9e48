"""`ksamp diagnose`: signs of signalling and drift in recorded runs."""

from __future__ import annotations

import math

import click

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.data.recorded import Runs, load_csv
from protocol.diagnose.limit import SignallingLimit
from protocol.diagnose.signs import FALSE_ALARM, UNEVEN, Diagnosis, Sign, diagnose
from protocol.run import folder as run_folder
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.ks18.game import KS18

_SHOWN = 8
CAVEAT = (
    "This informs; it certifies nothing: that devices signal no more than --signalling says, 0 "
    "unless given, is assumed by every certificate."
)


@click.command("diagnose")
@click.argument("folder", type=click.Path(), metavar="[DIR]", required=False)
@options.recorded_options
@click.option(
    "--false-alarm",
    type=float,
    default=FALSE_ALARM,
    show_default=True,
    help="Probability, at most, that data without signalling and drift raise any sign.",
)
@options.json_option
def command(
    folder: str | None,
    settings: str | None,
    outcomes: str | None,
    csv_file: str | None,
    false_alarm: float,
    as_json: bool,
) -> int:
    """Look for signs of signalling and of drift in a run folder DIR or in recorded runs.

    Each party's outcomes are compared over the other's settings, and every setting's and setting
    pair's outcomes over time, by exact tests corrected for their number.  It informs, it does
    not certify: a device may signal in ways that no such test sees.  How far the marginals may
    shift, given the data, is said with a confidence limit: evidence for a --signalling of a plan.

    Exit code 0: no signs; 3: signs found; 2: bad input.
    """
    (u, x), game, order = _load(folder, settings, outcomes, csv_file)
    diagnosis = diagnose(u, x, game, false_alarm)
    notes = _notes(diagnosis, order)
    if as_json:
        show_json({**diagnosis.to_json(), "notes": notes})
    else:
        click.echo(diagnosis_text(diagnosis, notes))
    return 3 if diagnosis.signs else 0


def _load(
    folder: str | None, settings: str | None, outcomes: str | None, csv_file: str | None
) -> tuple[Runs, Game, str | None]:
    """The runs, their game, and the order in which a run folder says that they were made."""
    pair = settings is not None and outcomes is not None
    if (settings is None) != (outcomes is None) or (
        (folder is not None) + (csv_file is not None) + pair != 1
    ):
        raise InputError("expected either DIR, or --settings with --outcomes, or --csv")
    if settings is not None and outcomes is not None:
        data = run_folder.read_recorded(settings, outcomes, KS18)
        return (data.settings, data.outcomes), KS18, data.provenance.order
    if csv_file is not None:
        return load_csv(csv_file, KS18), KS18, None
    assert folder is not None
    stored = run_folder.read_run(folder)
    data, game = stored.data, stored.record.plan.code.game
    return (data.settings, data.outcomes), game, data.provenance.order


def _notes(diagnosis: Diagnosis, order: str | None) -> list[str]:
    notes = []
    if order == "grouped":
        notes.append(
            "the runs were grouped by setting, so drift and signalling cannot be told apart"
        )
    elif diagnosis.settings_uneven > UNEVEN:
        notes.append(
            f"the settings' frequencies change over time (Cramér's V "
            f"{diagnosis.settings_uneven:.2f}), so drift can look like signalling"
        )
    return notes


def diagnosis_text(diagnosis: Diagnosis, notes: list[str]) -> str:
    """A diagnosis for people."""
    lines = [f"Diagnostics of {diagnosis.runs:,} runs, false alarms <= {diagnosis.false_alarm:g}"]
    strongest = {sign.family: sign for sign in diagnosis.strongest}
    for family, tests in diagnosis.tests.items():
        best = strongest.get(family)
        about = best.text() if best else "nothing to test"
        lines.append(f"  {family:<15} {tests:>5} tests; strongest: {about}")
    if diagnosis.detectable is not None:
        best_shift, median, worst = (f"{shift:.4f}" for shift in diagnosis.detectable)
        lines.append(
            f"  found 9 times in 10: a marginal shift at one setting pair of {best_shift} (most "
            f"runs), {median} (median), {worst} (fewest runs)"
        )
    lines += _limit_text(diagnosis.limit)
    lines += [f"  note: {note}" for note in notes]
    lines += [f"  sign  {sign}" for sign in _distinct(diagnosis.signs)]
    hidden = len(diagnosis.signs) - len(_distinct(diagnosis.signs))
    if hidden:
        lines.append(f"  and {hidden} more (--json lists all)")
    lines.append(f"VERDICT: {diagnosis.verdict}")
    lines.append(CAVEAT)
    return "\n".join(lines)


def _limit_text(limit: SignallingLimit | None) -> list[str]:
    """What the data allow of marginal shifts, and which --signalling would cover it."""
    if limit is None:
        return ["  marginals       no limit: no setting met two settings of the other party"]
    cover = _up(limit.most)
    where = f"{limit.party}'s outcome {limit.outcome + 1} at setting {limit.setting + 1}"
    lines = [
        f"  marginals       shift by at most {cover} about a middle value (confidence "
        f"{1 - limit.error:.6g}; widest: {where}; observed {limit.observed:.2g}),",
        f"                  so --signalling {cover} would cover it; this is evidence, not proof:",
        "                  independent runs are assumed, and no count shows what Eve knows",
    ]
    if limit.least > 0:
        lines.append(f"                  and by at least {limit.least:.2g}: less is not covered")
    if limit.unseen_pairs:
        lines.append(
            f"                  nothing is said of {limit.unseen_pairs} setting pairs that never "
            "occurred"
        )
    return lines


def _up(value: float) -> str:
    """A number in (0, 1) to two significant digits, rounded up."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / step) * step:.2g}"


def _distinct(signs: tuple[Sign, ...]) -> list[Sign]:
    """The most certain sign of each family at each party and setting, a handful of them.

    One shift shows in several cells, since each is compared with all the others together.
    """
    chosen: dict[tuple[str, str | None, int | None], Sign] = {}
    for sign in signs:
        chosen.setdefault((sign.family, sign.party, sign.setting), sign)
    return list(chosen.values())[:_SHOWN]
