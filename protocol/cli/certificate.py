"""`ksamp certificate`: optimise, and verify in exact arithmetic, certificates as files."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from typing import Any

import click

from protocol.certificate.file import read, write
from protocol.certificate.score import ScoreCertificate
from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._progress import ProgressBar
from protocol.cli._text import summary
from protocol.documents.fields import printable
from protocol.documents.files import check_new
from protocol.plan.choose import best_plan
from protocol.request import Request, check_count, check_demands
from protocol.security import Security
from protocol.settings.code import SettingCode
from protocol.settings.kinds import candidate_codes
from protocol.settings.ks18 import CODES, default_code, plain_code
from protocol.settings.sv_tree import check_epsilon
from qdevices.errors import InputError
from qdevices.ks18.game import KS18, STARRED_SETTING
from qdevices.laboratory import expected_behaviour


@click.group("certificate")
def command() -> None:
    """Score certificates as files: optimised by linear programme, verified in exact arithmetic."""


@command.command("verify")
@click.argument("file", type=click.Path())
@options.json_option
def verify(file: str, as_json: bool) -> int:
    """Prove again, in exact arithmetic, what the certificate FILE claims.

    That E[F·q^β | past] <= 1 for every no-signalling box and every ε-SV source; nothing of the
    optimiser that made the file is trusted.  Exit code 2 and the reason if it does not hold.
    """
    start = time.perf_counter()
    certificate = read(file)
    seconds = time.perf_counter() - start
    data = _facts(certificate)
    if as_json:
        show_json({**data, "verified": True, "seconds": seconds})
    else:
        click.echo(_text(data))
        click.echo(f"VERIFIED in exact arithmetic, {seconds:.3f} s")
    return 0


@command.command("optimise")
@click.option("--epsilon", type=float, default=0.01, show_default=True, help="ε of the source.")
@click.option(
    "--noise",
    "--expect",
    "noise",
    default=options.DEFAULT_NOISE,
    show_default=True,
    help="Noise expected of the device, written as for `ksamp run`.",
)
@click.option(
    "--runs",
    default="1e6",
    show_default=True,
    help="Number of runs n that the output is maximised for, or 'inf' for the best rate.",
)
@click.option(
    "--soundness", type=options.Sigma(), default=64, show_default=True, help="σ of the output."
)
@options.side_information_option
@options.signalling_option
@click.option(
    "--code",
    "code_name",
    type=click.Choice(["best", "search", *CODES]),
    default="best",
    show_default=True,
    help="Setting code: 'best' of all but plain; 'search' looks for pairs, words and "
    "starred pair anew (minutes); or one by its name.",
)
@click.option(
    "--starred",
    type=str,
    default="1,3",
    show_default=True,
    metavar="U1,U2",
    help="Starred pair u0 in the paper's labels; other than 1,3 for the codes default and plain. "
    "'search' tries all three classes of pairs.",
)
@click.option("--out", type=click.Path(), required=True, metavar="FILE", help="Where to write it.")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@options.json_option
def optimise_command(
    epsilon: float,
    noise: str,
    runs: str,
    soundness: float,
    side_information: str,
    signalling: float,
    code_name: str,
    starred: str,
    out: str,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Find the best certificate for a source, a noise and a number of runs, and write it.

    Takes about two minutes.  Exit code 0: written; 3: nothing can be certified, with the nearest
    request at which something could be; 2: bad input.
    """
    check_epsilon(epsilon)
    security = Security(side_information, signalling=signalling)
    count = _runs(runs)
    check_demands(count, soundness, 0.5)
    chosen = _code(code_name, starred)
    check_new(out, "certificate file", overwrite=overwrite)  # before the minutes of work
    request = Request(count, epsilon, expected_behaviour(noise), soundness, security=security)
    from protocol.search.code_search import search_codes
    from protocol.search.optimise import largest_noise, optimise_codes, optimised_certificate

    with ProgressBar() as progress:
        candidates = candidate_codes(request.game, request.security)
        codes: tuple[SettingCode, ...] = candidates if chosen is None else (chosen,)
        if code_name == "search":
            rated = search_codes(request, progress)
            codes = tuple(r.code for r in rated[:1]) + candidates
        found = optimise_codes(request, codes, progress=progress)
        if found is None:
            nearest = largest_noise(request, codes, progress=progress)
            advice = (
                f"the nearest that can be is white={nearest:.2g}"
                if nearest
                else "not even without noise"
            )
            what = "any setting code tried" if chosen is None else f"setting code {chosen.name!r}"
            click.echo(
                f"nothing can be certified at epsilon {epsilon:g}, noise {noise} and "
                f"{runs} runs with {what}; {advice}"
            )
            return 3
    certificate = optimised_certificate(
        found,
        noise=noise,
        runs=count,
        soundness=soundness,
        side_information=side_information,
        signalling=signalling,
    )
    write(certificate, out, overwrite=overwrite)
    data = {**_facts(certificate), "file": out}
    if count is not None:
        plan = best_plan(replace(request, certificate=certificate))
        data["output_bits"] = plan.output_bits
    if as_json:
        show_json(data)
    else:
        click.echo(_text(data))
        click.echo(f"Written to {out}; `ksamp run --certificate {out}` uses it.")
    return 0


def _runs(text: str) -> int | None:
    if text in ("inf", "infinity"):
        return None
    return check_count("runs", options.Count().convert(text, None, None))


def _code(name: str, starred: str) -> SettingCode | None:
    """The code of that name at a starred pair; None for "best" and "search"."""
    try:
        u1, u2 = (int(label) for label in starred.strip("()").split(","))
    except ValueError:
        raise InputError(f"starred pair {starred!r} is not understood, expected U1,U2") from None
    pair = KS18.pair_index(u1, u2)
    if name in ("default", "plain"):
        return {"default": default_code, "plain": plain_code}[name](pair)
    if pair != STARRED_SETTING:
        raise InputError(
            f"setting code {name!r} does not go with the starred pair {starred}, expected the code "
            "default or plain"
        )
    return CODES[name]() if name in CODES else None


def _facts(certificate: ScoreCertificate) -> dict[str, Any]:
    tested = int(certificate.code.settings_used.sum()) - 1
    return {**summary(certificate), "tested_pairs": tested, **certificate.facts()}


def _text(data: dict[str, Any]) -> str:
    lines = [
        f"Certificate ({data['kind']}) for sources up to epsilon {data['epsilon']:g}",
        f"  setting code  {data['code']!r}, {data['bits_per_run']} bits a run, starred pair "
        f"{data['starred']}, {data['tested_pairs']} other pairs tested",
        f"  beta          {data['beta']:.6g}",
    ]
    if "cases" in data:
        lines.append(f"  proof         {data['cases']} cases")
    if norm := data.get("signalling_norm"):
        exact = Fraction(norm["numerator"], norm["denominator"])
        lines.append(
            f"  signalling    N = {norm['numerator']}/{norm['denominator']}, about "
            f"{float(exact):.4g}: what the proof loses for marginals that shift by G is at most N*G"
        )
    about = data.get("about", {})  # notes of whoever made it: any texts and numbers
    if "noise" in about:
        runs = about.get("runs")
        count = "infinitely many" if runs is None else _number(runs, ",")
        lines.append(f"  made for      noise {printable(about['noise'])}, {count} runs")
    if "side_information" in about:
        lines.append(f"  against       {printable(about['side_information'])} side information")
    if "score_rate_bits_per_run" in about:
        lines.append(
            f"  rate          {_number(about['score_rate_bits_per_run'], '.5f')} bits of "
            "min-entropy a run at that noise"
        )
    if "output_bits" in data:
        lines.append(f"  output        {data['output_bits']:,} bits planned")
    return "\n".join(lines)


def _number(value: object, form: str) -> str:
    """A note as a number of this form, or as it is if it is none."""
    return format(value, form) if isinstance(value, (int, float)) else printable(value)
