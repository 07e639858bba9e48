"""What it costs that failed chunks of a submitted run were played again.

A provider, or a device in league with it, that may fail a chunk after it has seen the chunk's
settings or outcomes chooses which tries count: without a price it would get as many chances as
there were tries.  The price is a union bound.  Fix a pattern: which try of each chunk is the last.
The runs of these tries alone, the others being only a part of the past, obey the theorem of
`protocol.certificate.proof`, so for that pattern the certificate holds with ε' and k of its own.
With N chunks there are at most N^R patterns of R redraws.  Each gets w = 2^-31·2^-R·N^-R of ε',
and 2·log2(1/w) more bits of min-entropy than the extractor asks for, which makes its share of
the extractor's error w too (that falls as 2^(-k/2), down to a floor which the patterns share by
their probabilities).  Summed over all patterns with R ≥ 1 that is 2^-31 of what was promised, less
than the rounding that `verify` allows; a run without redraws pays nothing.

In bits of the score, k = (score − log2(1/ε'))/β, the price is (1 + 2β)·log2(1/w).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from protocol.errors import InputError
from protocol.plan import Plan

#: log2 of the share of all patterns with redraws together.
SHARE_BITS = 31


def redraw_charge(beta: float, chunks: int, redraws: int) -> float:
    """Bits that the score loses, 0 without redraws.

    Args:
        beta: of the certificate.
        chunks: N, in which the run was sent.
        redraws: R, tries in all beyond the first of each chunk.

    Raises:
        InputError: no chunks, or a negative number.
    """
    if chunks < 1 or redraws < 0:
        raise InputError(f"{redraws} redraws of {chunks} chunks, expected 0 or more of 1 or more")
    if not redraws:
        return 0.0
    return (1 + 2 * beta) * (SHARE_BITS + redraws * (1 + math.log2(chunks)))


def recorded_charge(record: Mapping[str, Any], plan: Plan) -> float:
    """The charge for what a run folder's record says, 0 for a run that was not submitted in chunks.

    Raises:
        InputError: a record that does not make sense.
    """
    inputs = record.get("inputs")
    if not isinstance(inputs, Mapping) or not inputs.get("redraws"):
        return 0.0
    redraws, chunk = inputs["redraws"], inputs.get("chunk")
    if not (isinstance(redraws, int) and isinstance(chunk, int) and chunk > 0):
        raise InputError(f"run.json has {redraws!r} redraws of chunks of {chunk!r} runs")
    return redraw_charge(plan.certificate.beta, -(-plan.runs // chunk), redraws)
