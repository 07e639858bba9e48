"""A certificate for just one request, in seconds, from what is known of requests near it.

A known certificate says which code, which β and which cases do well near its own point.  From there
a few linear programmes with few cases find β and the code, and one with more cases the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from protocol.certificate.proof import BETA_BITS, ProofError
from protocol.certificate.score import ScoreCertificate
from protocol.certificate.table import TableCertificate
from protocol.certificate.worth import estimated_output, least_mean
from protocol.progress import Progress
from protocol.request import ANY, Request, same_code
from protocol.search.optimise import Found, finished, optimised_certificate
from protocol.search.polytope import LinearProgramError
from protocol.search.trials import FIRST_POINT, ONE, Point, Trials
from protocol.security import CLASSICAL, NO_SIGNALLING
from protocol.settings.code import SettingCode
from protocol.settings.kinds import candidate_codes

#: Codes that are tried at all, the best by what is known of them.
_MOST_CODES = 3
#: β where nothing is known.
_USUAL_BETA = {NO_SIGNALLING: 1 << (BETA_BITS - 4), CLASSICAL: 1 << (BETA_BITS - 8)}
#: A code is followed if it comes this near to the best at its first point.
_WORTH_FOLLOWING = 0.96
#: A table with more cases takes about this many times as long as one with two points.
_MORE_CASES_COST = 8
#: Seconds kept for the proof.
_PROOF_SECONDS = 1.0
#: White noise is at a certificate's point if it differs by this at most, relative and absolute.
_SAME_NOISE = (0.05, 1e-4)
#: n and σ are at its point within these factors.
_SAME_RUNS, _SAME_SOUNDNESS = 4.0, 2.0


@dataclass(frozen=True)
class Hint:
    """Where to look: a code, and β and the first point of the cases that did well with it."""

    code: SettingCode
    beta: int
    first_point: int

    @classmethod
    def of(cls, certificate: TableCertificate) -> Hint:
        """What a certificate says."""
        grid = certificate.proof.grid
        return cls(certificate.code, certificate.table.beta, first_point(grid))


def first_point(grid: tuple[int, ...]) -> int:
    """The first point of the grid of two from which a grid was made, about."""
    return grid[0] if 2 <= len(grid) <= 3 else FIRST_POINT


def improved(
    request: Request,
    known: Sequence[ScoreCertificate],
    budget: float,
    progress: Progress | None = None,
) -> TableCertificate | None:
    """A certificate that gives more than the known ones by estimate; None if none is found.

    Args:
        request: what is asked for.
        known: certificates that cover it, such as those that ship.
        budget: seconds that it may take; the last linear programme may take a little longer.
        progress: is told (stage, done, total).

    Raises:
        InputError: a behaviour that signals.
    """
    start = time.monotonic()
    rated = sorted(known, key=lambda c: estimate(request, c), reverse=True)
    best = estimate(request, rated[0]) if rated else 0.0
    if budget <= 0 or any(made_for(request, c) for c in rated):
        return None
    tables = [c for c in rated if isinstance(c, TableCertificate)]
    deadline = start + max(0.0, budget - _PROOF_SECONDS)
    found = found_near(request, _hints(request, tables), deadline, progress)
    if found is None or found.merit <= max(best, 0.0):
        return None
    return optimised_certificate(found, runs=request.runs, soundness=request.soundness)


def estimate(request: Request, certificate: ScoreCertificate) -> float:
    """Estimated output of a certificate for a request, bits, or its rate for n → ∞."""
    code, factors = certificate.code, certificate.log2_factors
    joint = code.probabilities()[:, None] * request.behaviour
    mean = None
    if request.complete_for == ANY:
        mean = least_mean(factors, request.behaviour, code, request.epsilon)
    return estimated_output(
        request.runs,
        factors,
        joint,
        certificate.beta,
        request.soundness,
        request.security,
        mean=mean,
        charge=certificate.signalling_charge(request.security.signalling, 1),
    )


def found_near(
    request: Request,
    hints: Iterable[Hint],
    deadline: float | None,
    progress: Progress | None = None,
    *,
    short: bool = False,
) -> Found | None:
    """The best table that is found from hints by the deadline, proved; None if there is none.

    Args:
        request: what is asked for.
        hints: at most one for each code.
        deadline: `time.monotonic()` at which to come to an end; None for no limit.
        progress: is told (stage, done, total).
        short: as in `prove`.
    """
    tell = progress or (lambda stage, done, total: None)
    followed: list[tuple[Trials, Point]] = []
    for done, hint in enumerate(hints):
        tell("improving the certificate", done, 10)
        trials = Trials(request, hint.code, deadline)
        if trials.possible:
            beta = hint.beta if request.runs is None else min(hint.beta, 1 << BETA_BITS)
            point = Point(beta, (hint.first_point, ONE))
            if trials.merit(point) > -np.inf:
                followed.append((trials, point))
    best = max((trials.merit(point) for trials, point in followed), default=-np.inf)
    ends: list[tuple[Trials, Point]] = []
    for trials, point in sorted(followed, key=lambda f: -f[0].merit(f[1])):
        # Where nothing is won yet, only the one that comes nearest.
        if ends and (best <= 0 or trials.merit(point) < _WORTH_FOLLOWING * best):
            continue
        tell("improving the certificate", 4 + len(ends), 10)
        ends.append((trials, _climbed(trials, point)))
    if not ends:
        return None
    trials, point = max(ends, key=lambda end: end[0].merit(end[1]))
    tell("improving the certificate", 8, 10)
    if trials.merit(point) > 0 and _enough_time(trials):
        point = trials.more_cases(point)
    tell("improving the certificate", 9, 10)
    try:
        return finished(trials, point, short=short)
    except (ProofError, LinearProgramError):
        return None


def _climbed(trials: Trials, point: Point) -> Point:
    if trials.request.runs is not None:
        point = trials.climb_beta(point, 0.5)
    return trials.climb_first_point(point)


def _enough_time(trials: Trials) -> bool:
    if trials.deadline is None:
        return True
    left = trials.deadline - time.monotonic()
    return left > 0.5 * _MORE_CASES_COST * trials.seconds_each


def _hints(request: Request, tables: Sequence[TableCertificate]) -> list[Hint]:
    """One hint for each code, the best first; codes of which nothing is known come last."""
    hints: list[Hint] = []
    for table in tables:
        if len(hints) < _MOST_CODES and not any(same_code(h.code, table.code) for h in hints):
            hints.append(Hint.of(table))
    if not hints:
        codes = (request.code,) if request.code else candidate_codes(request.game, request.security)
        usual = _USUAL_BETA[request.security.side_information]
        hints = [Hint(code, usual, FIRST_POINT) for code in codes[:_MOST_CODES]]
    return hints


def made_for(request: Request, certificate: ScoreCertificate) -> bool:
    """Whether a certificate was optimised at a request's own point, by its notes.

    Then nothing is gained by doing it again.  Notes prove nothing, and nothing sound rests on them.
    """
    if not isinstance(certificate, TableCertificate) or certificate.epsilon != request.epsilon:
        return False
    about, security = certificate.about, request.security
    noise, runs, soundness = (about.get(name) for name in ("noise", "runs", "soundness"))
    if about.get("side_information") != security.side_information or security.signalling:
        return False
    if not isinstance(noise, str) or not noise.startswith("white="):
        return False
    if not isinstance(soundness, (int, float)) or not _near(
        soundness, request.soundness, _SAME_SOUNDNESS
    ):
        return False
    if (runs is None) != (request.runs is None):
        return False
    if request.runs is not None and not (
        isinstance(runs, (int, float)) and _near(runs, request.runs, _SAME_RUNS)
    ):
        return False
    try:
        white = float(noise.removeprefix("white="))
    except ValueError:
        return False
    asked = _white_noise(request)
    relative, absolute = _SAME_NOISE
    return asked is not None and abs(asked - white) <= relative * white + absolute


def _near(a: float, b: float, factor: float) -> bool:
    return bool(b / factor <= a <= b * factor)


def _white_noise(request: Request) -> float | None:
    """The white noise of a behaviour that is the honest one but for it; None for any other."""
    game, noise = request.game, request.game.nearest_noise(request.behaviour)
    change = game.noisy(1.0) - game.honest
    if np.abs(request.behaviour - game.honest - noise * change).max() > 1e-6:
        return None
    return noise
