"""Plans and results as text for people."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from protocol.certificate.score import ScoreCertificate
from protocol.cli._json import show_json
from protocol.paper.theorem9 import second_event
from protocol.paper.theorem10 import Theorem10, theorem10
from protocol.plan.assumptions import assumptions
from protocol.plan.plan import Plan
from protocol.request import ANY, Request
from protocol.run.finish import Result
from protocol.run.judge import Verdict
from protocol.security import SECRET


def summary(certificate: ScoreCertificate) -> dict[str, Any]:
    """A certificate in a few plain entries, without table and proof."""
    return {
        "kind": certificate.kind,
        "epsilon": certificate.epsilon,
        "beta": certificate.beta,
        "code": certificate.code.name,
        "bits_per_run": certificate.code.bits_per_run,
        "starred": certificate.code.game.pair_label(certificate.code.starred),
    }


_INDENT = 15 * " "
NOT_FAITHFUL = (
    "NOT FAITHFUL: grouped by setting, the device was told its settings in advance; what is "
    "certified holds only for a device without memory."
)


def plan_text(plan: Plan, expect: str | None, chunk: int | None = None) -> str:
    """A plan in a few lines; `chunk` as in `assumptions`."""
    code, nine = plan.code, plan.theorem9
    lines = [
        f"Plan for {plan.runs:,} runs, epsilon {plan.epsilon:g}"
        + (f", expected noise {expect}" if expect else ""),
        f"  certificate  {plan.certificate.kind}, epsilon <= {plan.certificate.epsilon:g}, "
        f"beta {plan.certificate.beta:.4g}, setting code {code.name!r} "
        f"({code.bits_per_run} bits a run)",
        f"  test 1       L <= {plan.delta:.6g}   (expected {plan.expected_losing:.6g})",
        f"  test 2       S >= {plan.mu1:.6g}   (expected {plan.expected_event:.6g})",
        f"  score        >= {plan.score_least:.2f} bits   (expected {plan.expected_score:.2f})",
    ]
    if plan.complete_for == ANY:
        lines.append(
            f"  accepted     whatever a source of epsilon {plan.epsilon:g} does to the settings"
        )
    lines += wrap(f"  against      {plan.security.sentence}", 99, subsequent_indent=_INDENT)
    if plan.extractor is None:
        lines.append(f"  output       none: {plan.reason}")
    else:
        lines += [
            f"  min-entropy  >= {plan.min_entropy_bits:,.0f} bits of the outcomes at "
            f"{plan.capacity:,} starred runs at most",
            f"  extractor    {plan.extractor.title}, "
            f"{plan.extractor.source1_bits:,} more weak bits",
            f"  output       {plan.output_bits:,} bits within 2^{plan.soundness_log2:.1f} of ideal,"
            f" accepted with probability >= {plan.completeness:g}",
            f"  weak bits    {plan.source_bits:,} in all, "
            f"{plan.source_bits / plan.output_bits:,.1f} for each bit of output",
        ]
    if second_event(code.game).any():  # the paper speaks of one game
        pairs = "" if code.settings_used.all() else f"all {code.game.n_pairs} setting pairs, "
        lines.append(
            f"  Theorem 9    {'applies' if nine.applies else 'does not apply'}: the paper's own "
            f"certificate needs {pairs}{big(nine.runs_needed)} runs and L < {nine.delta_limit:.3g}"
        )
    if plan.extractor is not None:
        for k, sentence in enumerate(assumptions(plan, chunk)):
            head = "  assumes      - " if not k else f"{_INDENT}- "
            lines += wrap(sentence, 99, initial_indent=head, subsequent_indent=f"{_INDENT}  ")
    return "\n".join(lines)


def theorem10_of(plan: Plan, request: Request) -> Theorem10:
    """What martingale bounds, as the paper's, promise of the expected device at this plan."""
    return theorem10(
        plan.runs, plan.epsilon, plan.delta, plan.mu1, request.behaviour, plan.code, plan.event
    )


def theorem10_text(plan: Plan, request: Request) -> str:
    """The same in a line."""
    ten = theorem10_of(plan, request)
    says = (
        f"an abort has probability 2^{ten.log2_failure:.3g} at most"
        if ten.applies
        else "says nothing at these thresholds"
    )
    return (
        "  Theorem 10   the paper's way to any source: "
        f"zeta {ten.zeta:.3g}, gamma {ten.gamma:.3g}, "
        f"mu5 {ten.mu5:.3g}; {says}"
    )


def verdict_text(plan: Plan, verdict: Verdict, extracted: bool) -> str:
    """A verdict in a few lines; `extracted` says whether the output was made."""
    lines = [
        f"Run of {verdict.runs:,}",
        f"  test 1       L = {verdict.losing_rate:.6g}   (at most {plan.delta:.6g})",
        f"  test 2       S = {verdict.event_rate:.6g}   (at least {plan.mu1:.6g})",
        f"  score        {verdict.score:.2f} bits   (at least {plan.score_least:.2f})",
        f"  min-entropy  {verdict.min_entropy_bits:,.0f} bits certified",
    ]
    if verdict.accepted:
        what = "bits" if extracted else "bits can be extracted,"
        lines.append(
            f"ACCEPTED: {plan.output_bits:,} {what} within 2^{plan.soundness_log2:.1f} of ideal"
        )
        lines += wrap(f"  {plan.security.sentence}", 99, subsequent_indent="  ")
    else:
        lines.append("ABORTED, no output:")
        lines += [f"  {reason}" for reason in verdict.reasons]
    return "\n".join(lines)


def big(number: float) -> str:
    """A count that may be astronomically large."""
    if math.isinf(number):
        return "more than 1e270"
    return f"{number:,.0f}" if number < 1e9 else f"{number:.3g}"


def bits_hex(bits: NDArray[np.uint8]) -> str:
    """Bits as hexadecimal, most significant first, padded with zero bits at the end."""
    return np.packbits(bits).tobytes().hex()


def advice_text(
    plan: Plan, least_runs: int | None, largest_noise: float | None, wanted: int | None = None
) -> str:
    """What would have to change for the output, or for the `wanted` number of bits."""
    if wanted is None:
        what, never = "something can be certified", "nothing can be certified"
    else:
        what, never = f"{wanted:,} bits are possible", f"{wanted:,} bits are not possible"
    if least_runs is None:
        lines = [f"At this noise {never} with up to 1e9 runs."]
    else:
        lines = [f"At this noise {what} from about {least_runs:,} runs on."]
    if largest_noise is None:
        lines.append(f"With {plan.runs:,} runs {never} even without noise.")
    else:
        lines.append(f"With {plan.runs:,} runs {what} up to about white={largest_noise:.2g}.")
    lines.append(
        "That is by the certificates at hand; one optimised for the case may reach farther."
    )
    return "\n".join(lines)


def show(
    plan: Plan,
    result: Result,
    out: str | None,
    as_json: bool,
    extra: dict[str, Any],
    digest: str | None = None,
) -> None:
    """Print a finished run; `digest` is that of the record in the folder `out`."""
    if as_json:
        data = {**result.to_json(), **extra, "output_hex": bits_hex(result.output), "folder": out}
        data["record_sha256"] = digest
        show_json(data)
        return
    click.echo(verdict_text(plan, result.verdict, bool(len(result.output))))
    if len(result.output):
        shown = bits_hex(result.output[:256])
        click.echo(f"  {shown}{'...' if plan.output_bits > 256 else ''}")
        if out is None:
            click.echo("  (--out DIR keeps all of them, with everything needed to verify them)")
    if out is not None:
        click.echo(f"Written to {out}; `ksamp verify {out}` checks it.")
        if len(result.output) and plan.security.extractor_bits == SECRET:
            click.echo(
                f"SECRET: {out}/extractor_bits.bin must never become known; `ksamp publish` writes "
                "what may."
            )
        click.echo(f"Digest of its record: {digest}")
