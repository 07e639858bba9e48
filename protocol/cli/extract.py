"""`ksamp extract`: the two-source extractors on bit files, without the rest of the protocol."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._progress import ProgressBar
from protocol.documents.files import PRIVATE, check_new, open_regular, write_file
from protocol.extract.bounds import InsufficientError, Source1
from protocol.extract.extractor import Extractor, Strong
from protocol.extract.kinds import DEFAULT, EXTRACTORS
from protocol.extract.words import PackedBits
from qdevices.errors import InputError


class ErrorBound(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """An error as a number in (0, 1) or as a power of two such as 2^-64; gives its log₂."""

    name = "error"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """log₂ of the error; click's usage error if it is not in (0, 1)."""
        try:
            text = str(value)
            log2 = float(text[2:]) if text.startswith("2^") else math.log2(float(text))
        except ValueError:
            log2 = math.nan
        if not (log2 < 0 and math.isfinite(log2)):
            self.fail(f"{value!r} is no error in (0, 1), such as 1e-9 or 2^-64", param, ctx)
        return log2


@click.command("extract")
@click.option("--method", type=click.Choice(EXTRACTORS.names), default=DEFAULT, show_default=True)
@click.option(
    "--source1", required=True, type=click.Path(), metavar="FILE", help="Source 1, packed bits."
)
@click.option(
    "--source2", required=True, type=click.Path(), metavar="FILE", help="Source 2, packed bits."
)
@click.option("--length1", type=options.Count(), help="Bits of source 1.  [default: all]")
@click.option("--length2", type=options.Count(), help="Bits of source 2.  [default: all]")
@click.option("--min-entropy1", type=float, help="Min-entropy of source 1 in bits; or --epsilon1.")
@click.option("--epsilon1", type=float, help="ε, if source 1 is ε-Santha-Vazirani.")
@click.option("--min-entropy2", type=float, required=True, help="Min-entropy of source 2 in bits.")
@click.option(
    "--error",
    "log2_error",
    type=ErrorBound(),
    required=True,
    help="Wanted error (total variation distance), such as 1e-9 or 2^-64.",
)
@click.option("--output-bits", type=options.Count(), help="Output bits.  [default: most possible]")
@click.option(
    "--strong",
    type=click.Choice(["source1", "source2"]),
    default="source1",
    show_default=True,
    help="The source that may become known beside the output.  With raz source2 costs far less, "
    "and will do if both stay secret; dodis is strong in either.",
)
@click.option(
    "--out", type=click.Path(), metavar="FILE", help="Write the output, packed.  [default: print]"
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@options.json_option
def command(
    method: str,
    source1: str,
    source2: str,
    length1: int | None,
    length2: int | None,
    min_entropy1: float | None,
    epsilon1: float | None,
    min_entropy2: float,
    log2_error: float,
    output_bits: int | None,
    strong: Strong,
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Extract almost uniform bits from two independent weak sources.

    Files are packed, most significant bit of each byte first; a length that is no multiple of 8 is
    given by --length1 or --length2, that of the output is in the plan, printed first.  Raz
    wants 2r bits of source 1 for the least field GF(2^r) that holds source 2, and takes a prefix of
    a longer one; Dodis wants both of about the same length.

    Exit code 3 if the sources do not suffice (with the arithmetic), 2 for bad input.
    """
    if out is not None:
        _check_out(Path(out), (source1, source2), overwrite)
    bits1, bits2 = _length("1", source1, length1), _length("2", source2, length2)
    kind = EXTRACTORS[method]
    # No more is read than is used; what is not takes at most its length from the min-entropy.
    used = kind.source1_bits_for(bits2, bits1)
    known = _source1(used, bits1, min_entropy1, epsilon1)
    first, second = _read(source1, used), _read(source2, bits2)
    try:
        extractor = kind.largest(
            known, bits2, min_entropy2, log2_error, strong=strong, output_bits=output_bits
        )
    except InsufficientError as error:
        click.echo(f"ksamp: no output: {error}", err=True)
        return 3
    with ProgressBar() as progress:
        bits = extractor.extract(
            first, second, lambda done, total: progress("extracting", done, total)
        )
    if not as_json:
        click.echo(extractor_text(extractor))
    packed = np.packbits(bits).tobytes()
    if out is not None:
        write_file(out, packed, "output file", overwrite=overwrite, mode=PRIVATE)
    if as_json:
        data = {**extractor.to_json(), "output_hex": packed.hex(), "file": out}
        show_json(data)
    else:
        click.echo(f"Written to {out}" if out is not None else packed.hex())
    return 0


def extractor_text(extractor: Extractor) -> str:
    """An extractor in a few lines."""
    source1 = extractor.source1
    known = (
        f"{source1.epsilon:g}-Santha-Vazirani"
        if source1.epsilon is not None
        else f"{source1.min_entropy:,.15g} bits of min-entropy"
    )
    strong = [name for name in ("source1", "source2") if extractor.strong_in(name)]
    either = len(strong) > 1
    what = (
        "either source: one of them may become known"
        if either
        else f"source {strong[0][-1]}, which may become known beside the output"
    )
    return "\n".join(
        [
            f"{extractor.title}, {extractor.output_bits:,} bits within "
            f"2^{extractor.log2_error:.1f} of uniform",
            f"  source 1  {source1.bits:,} bits, {known}",
            f"  source 2  {extractor.length2:,} bits, {extractor.min_entropy2:,.15g} bits of "
            "min-entropy",
            f"  strong in {what}",
            *(f"  {line}" for line in extractor.describe()),
        ]
    )


def _source1(bits: int, whole: int, min_entropy: float | None, epsilon: float | None) -> Source1:
    if min_entropy is None or epsilon is not None:
        return Source1(bits, min_entropy=min_entropy, epsilon=epsilon)
    Source1(whole, min_entropy=min_entropy)  # the statement is about the whole file
    return Source1(bits, min_entropy=max(0.0, min_entropy - (whole - bits)))


def _length(name: str, path: str, length: int | None) -> int:
    """Bits of a source: all of its file, or as many as asked for."""
    with open_regular(path, "source file") as file:
        bits = 8 * os.fstat(file.fileno()).st_size
    if length is None:
        length = bits
    if not 1 <= length <= bits:
        raise InputError(
            f"source {name} is asked for {length} bits, {path!r} has {bits}, "
            "expected between 1 and that"
        )
    return length


def _read(path: str, bits: int) -> PackedBits:
    """The first `bits` bits of a file."""
    size = -(-bits // 8)
    with open_regular(path, "source file") as file:
        try:
            data = file.read(size)
        except OSError as error:
            raise InputError(f"source file {path!r} cannot be read: {error.strerror}") from None
    if len(data) < size:
        raise InputError(f"source file {path!r} was cut short while it was read")
    return PackedBits(data, bits)


def _check_out(path: Path, sources: tuple[str, str], overwrite: bool) -> None:
    """Find out before the work that the output could not be written."""
    check_new(path, "output file", overwrite=overwrite)
    for name in sources:
        if path.exists() and Path(name).exists() and path.samefile(name):
            raise InputError(f"output file {str(path)!r} is a source, expected another")
