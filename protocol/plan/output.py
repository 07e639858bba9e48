"""The largest output that a guaranteed score pays for, and why there may be none.

Of the distance 2^{price}·(2·2^{−s₀+βk₀} + 2·D) nearly all goes to the first part, as a bit there is
worth 1/β bits of k₀, and in D only two; what is left for D is 2^−7 of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from protocol.certificate.score import ScoreCertificate
from protocol.extract.extractor import Extractor
from protocol.extract.kinds import EXTRACTORS
from protocol.extract.levels import Levels, score_levels
from protocol.request import MOST_OUTPUT, Request
from protocol.security import CLASSICAL, SECRET
from qdevices.errors import InputError

#: −log₂ of the share of the distance that is left for the extractor.
_SHARE_BITS = 7
_LOG2_REST = math.log2(1 - 2.0**-_SHARE_BITS)


@dataclass(frozen=True)
class Output:
    """What a score pays for: m, k₀ in bits, and the extractor; 0 bits and None if nothing."""

    bits: int
    min_entropy: float
    extractor: Extractor | None


def largest_output(request: Request, beta: float, score: float, length2: int) -> Output:
    """The largest m, or the one that is asked for, at a guaranteed score.

    Args:
        request: the extractor's kind, the security model, ε, σ and the wanted m.
        beta: β of the certificate.
        score: s₀ in bits, less all charges.
        length2: bits of the outcomes at u0, at most.
    """
    attempt = _Attempt(request, beta, score, length2)
    if request.output_bits is None:
        bits, found = _largest(attempt.with_usual_field)
    else:
        bits, found = request.output_bits, attempt.with_any_field(request.output_bits)
    if found is not None:
        return Output(bits, attempt.least(bits), found)
    # k₀ is what there is for none.
    return Output(0, max(0.0, (score - (request.soundness + 2)) / beta), None)


def most_with_any_field(request: Request, beta: float, score: float, length2: int) -> int:
    """The largest m with as many secret weak bits as one is willing to spend; 0 if none."""
    attempt = _Attempt(request, beta, score, length2)
    # To one part in ten thousand: it is said to people.
    return _largest(attempt.with_any_field, 10_000)[0]


def _largest(
    attempt: Callable[[int], Extractor | None], precision: int | None = None
) -> tuple[int, Extractor | None]:
    """The largest m of which an attempt makes something, and that; 0 and None if of none.

    By doubling, then bisection: what is enough for m bits is enough for fewer.

    Args:
        attempt: at m bits.
        precision: m is found to one part in so many; exactly unless given.
    """
    if (best := attempt(1)) is None:
        return 0, None
    low, high = 1, 2
    while high <= MOST_OUTPUT and (found := attempt(high)) is not None:
        best, low, high = found, high, 2 * high
    while high - low > (1 if precision is None else max(1, low // precision)):
        middle = (low + high) // 2
        if (found := attempt(middle)) is None:
            high = middle
        else:
            best, low = found, middle
    return low, best


class _Attempt:
    """Tries numbers of bits at one score."""

    def __init__(self, request: Request, beta: float, score: float, length2: int) -> None:
        self._request, self._beta, self._score = request, beta, score
        self._length2 = length2
        self._kind = EXTRACTORS[request.extractor]

    def least(self, bits: int) -> float:
        """k₀: where 2·2^{−s₀+βk₀} is all of 2^−(σ+price) but the extractor's share."""
        return (self._score - self._exponent(bits) - 1 + _LOG2_REST) / self._beta

    def _exponent(self, bits: int) -> float:
        """−log₂ of what the distance may be before the price: σ + price."""
        return self._request.soundness + self._request.security.log2_price(bits)

    def _wanted(self, bits: int) -> tuple[float, int, int, Levels, float]:
        """What an extractor is asked for: ε, bits of source 2, m, levels and log₂ of its distance.

        Raises:
            InputError: no outcomes, or a score that gives no levels for so many bits.
        """
        if self._length2 < 1:
            raise InputError(f"source 2 has {self._length2} bits, expected 1 or more")
        levels = score_levels(self._score, self._beta, self.least(bits))
        distance = -(self._exponent(bits) + _SHARE_BITS + 1)
        return self._request.epsilon, self._length2, bits, levels, distance

    def with_usual_field(self, bits: int, source1_bits: int | None = None) -> Extractor | None:
        """The extractor for m = `bits` with source 1 of the usual length, or another; or None."""
        try:
            strong = self._request.security.strong
            return self._kind.for_levels(*self._wanted(bits), strong, source1_bits)
        except InputError:
            return None  # no parameters reach this error with sources like these

    def with_any_field(self, bits: int) -> Extractor | None:
        """As well, with a longer source 1 if that helps: where its bits stay secret."""
        usual = self.with_usual_field(bits)
        if usual is not None or self._request.security.extractor_bits != SECRET:
            return usual
        try:
            wanted = self._kind.source1_bits_for_output(*self._wanted(bits))
        except InputError:
            return None
        return self.with_usual_field(bits, wanted)


def why_nothing(
    request: Request,
    certificate: ScoreCertificate,
    expected: float,
    score: float,
    length2: int,
) -> str:
    """One line that says why a plan has no output.

    Args:
        request: what is asked for.
        certificate: that was tried.
        expected: mean score of the expected device, bits.
        score: s₀, bits.
        length2: bits of the outcomes at u0, at most.
    """
    epsilon, soundness, security = request.epsilon, request.soundness, request.security
    if math.isinf(certificate.signalling_charge(security.signalling, 1)):
        return f"the {certificate.kind} certificate has no bound for devices that signal"
    if expected <= 0:
        return (
            f"the {certificate.kind} certificate gives no credit at this noise and epsilon "
            f"{epsilon:g}: expected score {expected:.4g} bits"
        )
    if request.output_bits is not None:
        most = most_with_any_field(request, certificate.beta, score, length2)
        if most:
            return f"{request.output_bits:,} bits are beyond reach, {most:,} are possible" + _more(
                request
            )
    certified = max(0.0, certificate.min_entropy(score, -(soundness + 3)))
    try:
        first = EXTRACTORS[request.extractor].for_output(epsilon, length2, 1, -(soundness + 3))
    except InputError as error:
        return f"the extractor cannot give one bit: {error}"
    return (
        f"too little min-entropy: {certified:.0f} bits certified, "
        f"{first.min_entropy2:.0f} needed for the first output bit at soundness 2^-{soundness:g}"
    )


def _more(request: Request) -> str:
    """What would make more bits possible."""
    ways = ["more runs"]
    if request.security.extractor_bits != SECRET:
        ways.append("secret extractor bits")
    if request.security.side_information != CLASSICAL:
        ways.append("classical side information")
    return f"; more would take {' or '.join(ways)}"
