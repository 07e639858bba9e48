"""Options and argument types that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import numpy as np
from numpy.typing import NDArray

from protocol.certificate import file as certificates
from protocol.certificate.score import ScoreCertificate
from protocol.extract.kinds import DEFAULT, EXTRACTORS
from protocol.plan.choose import choices
from protocol.request import COMPLETE_FOR, FAIR, Request, check_demands, soundness_from
from protocol.security import EXTRACTOR_BITS, NO_SIGNALLING, PUBLIC, SIDE_INFORMATION, Security
from protocol.settings.ks18 import CODES
from protocol.settings.sv_tree import check_epsilon
from protocol.sources.kinds import SOURCES, source_forms
from qdevices.errors import InputError
from qdevices.noise import describe_terms

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_NOISE = "white=0.001"


class Count(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.4
    """A whole number, which may be written 1000000, 1_000_000 or 1e6."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number as an int; click's usage error if it is none."""
        if isinstance(value, int):
            return value
        try:
            return int(value)
        except ValueError:
            pass
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is no whole number", param, ctx)
        if not number.is_integer():
            self.fail(f"{value!r} is no whole number", param, ctx)
        return int(number)


class Sigma(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.4
    """σ of 2^−σ, which may be written 64 or 2^-64."""

    name = "float"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """σ as a float; what it may not be the library says."""
        return soundness_from(value)


def given(context: click.Context) -> set[str]:
    """The parameters that the user gave; all others have their defaults."""
    default = click.core.ParameterSource.DEFAULT
    return {name for name in context.params if context.get_parameter_source(name) is not default}


def check_not_fixed(given: set[str], what: str) -> None:
    """Check that no option is given which a plan fixes.

    Args:
        given: parameters that the user gave.
        what: where the plan comes from, for the message.

    Raises:
        InputError: one is.
    """
    for name in _PLANNED:
        if name in given:
            option = name.removesuffix("_name").replace("_", "-")
            raise InputError(f"--{option} cannot be given with {what}, which fixes it")


def _compose(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


@dataclass(frozen=True)
class Wanted:
    """What the options of `plan_options` say; with n and a behaviour it makes a request.

    Attributes:
        epsilon, soundness, completeness: as in `Request`.
        certificate: "best" and so on, or a file.
        code_name: a setting code's name; None for the certificate's own.
        extractor: a kind of extractor.
        side_information, extractor_bits, signalling: as in `Security`.
        output_bits: m; None for the largest.
        complete_for: as in `Request`.
        budget: seconds that the choice "best" may spend on a better certificate.
    """

    epsilon: float
    soundness: float
    completeness: float
    code_name: str | None
    certificate: str
    extractor: str
    side_information: str
    extractor_bits: str
    signalling: float
    output_bits: int | None
    complete_for: str
    budget: float

    def request(self, runs: int | None, behaviour: NDArray[np.float64]) -> Request:
        """The request; a certificate's file is read and its claim proved.

        Raises:
            InputError: an unusable option, or a certificate that does not hold.
        """
        # Ranges come before a file is read and minutes are spent.
        security = Security(self.side_information, self.extractor_bits, self.signalling)
        check_epsilon(self.epsilon)
        check_demands(runs, self.soundness, self.completeness)
        return Request(
            runs,
            self.epsilon,
            behaviour,
            self.soundness,
            self.completeness,
            certificate_choice(self.certificate),
            None if self.code_name is None else CODES[self.code_name](),
            self.extractor,
            security=security,
            output_bits=self.output_bits,
            complete_for=self.complete_for,
        )


#: Options that a plan fixes, by the names of their parameters; the budget made it and is spent.
_PLANNED = ("runs", "expect", *(f.name for f in fields(Wanted) if f.name != "budget"))


def certificate_choice(text: str) -> str | ScoreCertificate:
    """What --certificate names: a way to choose one, or a file, read and proved.

    Raises:
        InputError: neither, or a file that does not hold.
    """
    known = choices()
    if text in known:
        return text
    if not Path(text).exists():
        raise InputError(f"certificate {text!r} is no file and none of {', '.join(known)}")
    return certificates.read(text)


def plan_options(function: F) -> F:
    """The options that a plan is made from; the command is given them as `wanted`."""

    @functools.wraps(function)
    def with_wanted(**given: Any) -> Any:
        wanted = Wanted(**{field.name: given.pop(field.name) for field in fields(Wanted)})
        return function(wanted=wanted, **given)

    return _plan_options(cast(F, with_wanted))


side_information_option = click.option(
    "--side-information",
    type=click.Choice(SIDE_INFORMATION),
    default=NO_SIGNALLING,
    show_default=True,
    help="'no-signalling': Eve may choose her measurement after she has seen the output, as in the "
    "paper.  'classical': she has to measure before, as in most other work.",
)
signalling_option = click.option(
    "--signalling",
    type=float,
    default=0,
    show_default=True,
    metavar="G",
    help="Each device's marginals may vary by up to G with the other's setting.",
)
_plan_options = _compose(
    click.option(
        "--epsilon",
        type=float,
        default=0.01,
        show_default=True,
        help="Weakness of the source: every bit is 1 with probability 1/2 ± ε, whatever Eve knows.",
    ),
    click.option(
        "--soundness",
        type=Sigma(),
        default=64,
        show_default=True,
        help="σ: the output is within 2^-σ of ideal bits; 2^-64 is understood too.",
    ),
    click.option(
        "--completeness",
        type=float,
        default=0.99,
        show_default=True,
        help="Probability with which a device as expected is accepted, at least.",
    ),
    click.option(
        "--code",
        "code_name",
        type=click.Choice(list(CODES)),
        default=None,
        help="Setting code: how weak bits choose the settings.  [default: the certificate's own]",
    ),
    click.option(
        "--certificate",
        default="best",
        show_default=True,
        metavar="|".join((*choices(), "FILE")),
        help="'best' of the closed form, those that ship with ksamp, and what is found from there "
        "within the budget; 'optimised' now, for just this plan, in about two minutes; the best of "
        "one kind; or a file of `ksamp certificate optimise`.",
    ),
    click.option(
        "--budget",
        type=click.FloatRange(min=0),
        default=10,
        show_default=True,
        envvar="KSAMP_BUDGET",
        show_envvar=True,
        metavar="SECONDS",
        help="Time for the 'best' certificate to be improved for just this plan; 0 takes those "
        "that ship. What is found is kept in ~/.cache/ksamp or $KSAMP_CACHE.",
    ),
    click.option(
        "--extractor",
        type=click.Choice(EXTRACTORS.names),
        default=DEFAULT,
        show_default=True,
        help="Kind of two-source extractor.",
    ),
    side_information_option,
    click.option(
        "--extractor-bits",
        type=click.Choice(EXTRACTOR_BITS),
        default=PUBLIC,
        show_default=True,
        help="Whether the weak bits that the extractor used may become known beside the output "
        "(then the outcomes never may), or stay secret for ever (then the outcomes may).",
    ),
    signalling_option,
    click.option(
        "--output-bits",
        type=Count(),
        default=None,
        metavar="M",
        help="Ask for M bits; with secret extractor bits the extractor then takes as many weak "
        "bits as that needs.  [default: as many as the outcomes give]",
    ),
    click.option(
        "--complete-for",
        type=click.Choice(COMPLETE_FOR),
        default=FAIR,
        show_default=True,
        help="Whether the completeness is that with fair bits, or with any source of this ε, "
        "whatever it does.",
    ),
)

recorded_options = _compose(
    click.option(
        "--settings", type=click.Path(), metavar="A.npy", help="Settings 9u1+u2, (n,) uint8."
    ),
    click.option(
        "--outcomes", type=click.Path(), metavar="B.npy", help="Outcomes 4x1+x2, (n,) uint8."
    ),
    click.option(
        "--csv",
        "csv_file",
        type=click.Path(),
        metavar="FILE",
        help="Instead of both: a CSV with columns u1,u2,x1,x2 in the paper's 1-based labels.",
    ),
)
runs_option = click.option(
    "--runs", type=Count(), default="1e6", show_default=True, help="Number of runs n."
)
noise_option = click.option(
    "--noise",
    default=DEFAULT_NOISE,
    show_default=True,
    help=f"Noise of the simulated device: {describe_terms()}.",
)
expect_option = click.option(
    "--expect",
    default=None,
    metavar="NOISE",
    help="Noise that the plan expects; written like --noise.  [default: as --noise]",
)
source_option = click.option(
    "--source",
    "source_name",
    default="uniform",
    show_default=True,
    metavar="|".join(source_forms()),
    help="Where the weak bits come from.  "
    + "; ".join(f"{SOURCES[name].form}: {SOURCES[name].help}" for name in SOURCES)
    + ".",
)
source_offset_option = click.option(
    "--source-offset",
    type=Count(),
    default=None,
    metavar="BITS",
    help="First bit of a source file to use.  [default: the first one that no run has claimed]",
)
out_option = click.option(
    "--out", type=click.Path(), default=None, metavar="DIR", help="Write a run folder DIR."
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace DIR if it is a run folder already."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON object."
)
