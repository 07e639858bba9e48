"""The best plan for a request: which certificate, and what would have to change.

Candidates are what the kinds of certificates have at hand, and within a budget of seconds what is
found from there; or one that is optimised on the spot; or one from a file.  All are sound; the one
with the most output is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.kinds import CERTIFICATES
from protocol.certificate.score import ScoreCertificate
from protocol.certificate.table import TableCertificate
from protocol.plan.make import plan_with
from protocol.plan.plan import Plan
from protocol.progress import Progress
from protocol.request import ANY, BEST, MOST_RUNS, OPTIMISED, Request
from protocol.search.cache import cached, keep
from protocol.search.optimise import optimised_for
from protocol.search.quick import estimate, improved, made_for
from protocol.settings.code import SettingCode
from protocol.sources.source import Source
from qdevices.errors import InputError

#: Certificates of a kind that are planned in full, the best by estimate.
_FINALISTS = 3
#: Plans that `nearest_feasible` tries, at most: both ends, and two bisections to 1 %.
_TRIALS = 2 + 11 + 12


def choices() -> tuple[str, ...]:
    """Ways to choose a certificate, by the name that the command line uses."""
    return (BEST, *CERTIFICATES)


def best_plan(request: Request, progress: Progress | None = None, *, budget: float = 0.0) -> Plan:
    """The plan with the most output bits.

    Args:
        request: what is asked for.
        progress: is told (stage, done, total) of an optimisation.
        budget: seconds that the choice "best" may spend on a better certificate than those at
            hand; what is found is kept (`search.cache`).  0 for none: the same plan everywhere.

    Raises:
        InputError: an unknown choice, n → ∞, or no certificate at hand for the request's code and
            ε.
    """
    chosen = request.certificate
    if isinstance(chosen, ScoreCertificate):
        return plan_with(request, chosen)
    if not isinstance(chosen, str):
        raise InputError(f"certificate is {chosen!r:.60}, expected a ScoreCertificate or a name")
    if chosen == OPTIMISED and (made := optimised_for(request, progress)) is not None:
        return plan_with(request, made)
    if chosen in (BEST, OPTIMISED):
        # With nothing to optimise, the plan that comes nearest says best what is missing.
        kinds: tuple[str, ...] = CERTIFICATES.names
    elif chosen in CERTIFICATES:
        kinds = (chosen,)
    else:
        raise InputError(f"certificate {chosen!r} is unknown, expected {', '.join(choices())}")
    return _best_of(request, kinds, budget if chosen == BEST else 0.0, progress)


def plan_with_source(
    request: Request,
    open_weak: Callable[[SettingCode], Source],
    progress: Progress | None = None,
    *,
    budget: float = 0.0,
) -> tuple[Plan, Source]:
    """The best plan, and the weak source opened for its setting code.

    A source that is known not to be fair is planned for: the thresholds follow what it will do.
    Soundness does not rest on that, only completeness.

    Args:
        request: what is asked for.
        open_weak: opens the source, given the code.
        progress: is told (stage, done, total) of an optimisation.
        budget: as in `best_plan`.

    Raises:
        InputError: as `best_plan`, or from the source.
    """
    plan = best_plan(request, progress, budget=budget)
    source = open_weak(plan.code)
    words = source.word_probabilities(plan.code.bits_per_run)
    if words is not None and request.complete_for != ANY:
        known = replace(request, code=plan.code, word_probabilities=words)
        plan = plan_with(known, plan.certificate)
    return plan, source


def _best_of(
    request: Request, kinds: tuple[str, ...], budget: float = 0.0, progress: Progress | None = None
) -> Plan:
    """The best plan with what these kinds have at hand; of each the best by estimate are tried."""
    known: list[ScoreCertificate] = []
    finalists: list[ScoreCertificate] = []
    for kind in kinds:
        try:
            found = list(CERTIFICATES[kind].candidates(request))
        except InputError:
            if len(kinds) == 1:
                raise
            continue  # one that does not serve this request, among others
        rated = sorted(range(len(found)), key=lambda k: (-estimate(request, found[k]), -k))
        finalists += [found[k] for k in rated[:_FINALISTS]]
        known += found
    if budget > 0 and request.runs is not None:
        finalists += _found_within(request, known, budget, progress)
    plans = [plan_with(request, certificate) for certificate in finalists]
    if not plans:
        code = None if request.code is None else request.code.name
        raise InputError(
            f"no certificate for setting code {code!r} and epsilon {request.epsilon:g} ships with "
            "ksamp; one can be optimised"
        )
    # Without any output, the plan that comes nearest says best what is missing.
    # As many bits as were asked for are best had from the fewest weak bits.
    best = max(
        plans,
        key=lambda p: (p.output_bits, -p.source_bits * bool(p.output_bits), p.min_entropy_bits),
    )
    if not best.output_bits and request.output_bits is not None:
        # What is possible is said by the certificate with which the most is.
        free = replace(request, output_bits=None)
        most = max(finalists, key=lambda c: plan_with(free, c).output_bits)
        best = plan_with(request, most)
    if best.reason is not None and len(known) > 1:
        best = replace(best, reason=f"best of {len(known)} certificates: {best.reason}")
    return best


def _found_within(
    request: Request, known: list[ScoreCertificate], budget: float, progress: Progress | None
) -> list[ScoreCertificate]:
    """At most one more certificate: the one that was found before, or is within the budget."""
    tables = [c for c in known if isinstance(c, TableCertificate)]
    shipped = max(tables, key=lambda c: estimate(request, c), default=None)
    before = cached(request)
    if before is not None and (
        shipped is None or estimate(request, before) >= estimate(request, shipped)
    ):
        return [before]
    found = improved(request, known, budget, progress)
    # When nothing better is found that is kept too, so that it is not sought again.
    best = found or shipped
    if best is not None and not any(made_for(request, c) for c in known):
        keep(request, best)
    return [] if found is None else [found]


def nearest_feasible(
    request: Request, progress: Progress | None = None
) -> tuple[int | None, float | None]:
    """What would have to change for the output: any, or as many bits as are asked for.

    Optimising anew for every trial would take minutes, so "optimised" is answered as "best".

    Returns:
        The least n (to 1 %, at most 10⁹; None if none) at the expected behaviour, and the
        largest white noise (to 1 %; None if even the noiseless device gives nothing) at n runs.
    """
    works = _Trials(request, progress)
    least = least_runs(request, works=works)
    largest: float | None = None
    if works(request.runs, request.game.honest):
        weak, strong = -30.0, 0.0
        while strong - weak > 0.01:
            middle = (weak + strong) / 2
            if works(request.runs, request.game.noisy(math.exp(middle))):
                weak = middle
            else:
                strong = middle
        largest = math.exp(weak)
    return least, largest


def least_runs(
    request: Request, progress: Progress | None = None, *, works: _Trials | None = None
) -> int | None:
    """The least n, to 1 % and at most 10⁹, with output, or with as many bits as are asked for.

    Args:
        request: what is asked for, but for n.
        progress: is told (stage, done, total).
        works: trials that are counted together with others.
    """
    works = works or _Trials(request, progress)
    if not works(MOST_RUNS, request.behaviour):
        return None
    low, high = math.log(2 + request.soundness), math.log(MOST_RUNS)
    while high - low > 0.01:
        middle = (low + high) / 2
        if works(math.ceil(math.exp(middle)), request.behaviour):
            high = middle
        else:
            low = middle
    return math.ceil(math.exp(high))


class _Trials:
    """Plans for other n and behaviours, counted for the progress."""

    def __init__(self, request: Request, progress: Progress | None) -> None:
        certificate = BEST if request.certificate == OPTIMISED else request.certificate
        self._request = replace(request, certificate=certificate)
        self._progress, self._tried = progress, 0

    def __call__(self, runs: int | None, behaviour: NDArray[np.float64]) -> bool:
        if self._progress is not None:
            self._progress("searching", self._tried, _TRIALS)
        self._tried += 1
        asked = replace(self._request, runs=runs, behaviour=behaviour)
        return best_plan(asked).output_bits > 0
