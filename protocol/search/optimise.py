"""Search for the certificate with the largest output, for a setting code or the best of several.

For every β and grid of cases the best table is one linear programme.  β and the grid are searched
with few cases (`trials`), then the table is made with more of them and proved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from protocol.certificate.proof import GRID_BITS, Proof, Table
from protocol.certificate.table import TableCertificate
from protocol.progress import Progress
from protocol.request import Request
from protocol.search.prove import prove_tight
from protocol.search.trials import ASYMPTOTIC_BETA as ASYMPTOTIC_BETA
from protocol.search.trials import Point, Trials, table_merit
from protocol.settings.code import SettingCode
from protocol.settings.kinds import candidate_codes

_ONE = 1 << GRID_BITS
#: Grids that do for any noise, if one is wanted that does not depend on it: few cases, and more.
SEARCH_GRID = (_ONE // 2, _ONE)
FINAL_GRID = (_ONE // 4, 3 * _ONE // 8, _ONE // 2, 3 * _ONE // 4, _ONE)
#: Codes that come this near to the best with few cases get more of them.
_WORTH_FINISHING = 0.95


@dataclass(frozen=True, eq=False)
class Found:
    """A proved table, with what it is expected to give.

    Attributes:
        table, proof: verified.
        score_rate: expected Σ log₂F per run over β, bits: the min-entropy per run for n → ∞.
        estimate: estimated output bits at the n asked for; None for n → ∞.
    """

    table: Table
    proof: Proof
    score_rate: float
    estimate: float | None

    @property
    def merit(self) -> float:
        """What was maximised: the estimate, or for n → ∞ the rate."""
        return self.score_rate if self.estimate is None else self.estimate


def optimise(
    request: Request,
    code: SettingCode,
    *,
    grid: tuple[int, ...] | None = None,
    progress: Progress | None = None,
) -> Found | None:
    """The best table for a request, proved; None if nothing can be certified.

    Args:
        request: what is asked for, but for the certificate and its code.
        code: setting code; its starred pair is u0.
        grid: of the cases, units of 2^−10; searched unless given.
        progress: is told (stage, done, total).

    Raises:
        InputError: a behaviour that signals; the offending entry is named.
    """
    return optimise_codes(request, (code,), grid=grid, progress=progress)


def optimise_codes(
    request: Request,
    codes: Iterable[SettingCode],
    *,
    grid: tuple[int, ...] | None = None,
    progress: Progress | None = None,
) -> Found | None:
    """The best of what is found for several setting codes; None if nothing is.

    Arguments and errors as in `optimise`.
    """
    tell = progress or (lambda stage, done, total: None)
    rated = []
    for code in codes:
        trials = Trials(request, code)
        if trials.possible:
            point = trials.from_scratch(grid, tell)
            rated.append((trials.merit(point), trials, point))
    best = max((merit for merit, _, _ in rated), default=-math.inf)
    tell("final table", 19, 20)
    found = [
        finished(trials, trials.more_cases(point, thorough=True) if grid is None else point)
        for merit, trials, point in rated
        if merit > 0 and merit >= _WORTH_FINISHING * best
    ]
    tell("final table", 20, 20)
    return max((f for f in found if f is not None), key=lambda f: f.merit, default=None)


def finished(trials: Trials, point: Point, *, short: bool = False) -> Found | None:
    """The table of a trial, proved; None if there is none, or it is worth nothing.

    Args:
        trials, point: the trial.
        short: as in `prove`.

    Raises:
        ProofError: the table is too far from a certificate.
        LinearProgramError: HiGHS failed.
    """
    request, table = trials.request, trials.table(point)
    if table is None:
        return None
    table, proof = prove_tight(table, point.grid, request.security.signalling, short=short)
    merit = table_merit(table, trials.joint, request)
    if merit <= 0:
        return None
    rate = table_merit(table, trials.joint, replace(request, runs=None))
    return Found(table, proof, rate, None if request.runs is None else merit)


def largest_noise(
    request: Request,
    codes: Iterable[SettingCode],
    *,
    precision: float = 0.1,
    progress: Progress | None = None,
) -> float | None:
    """Largest white noise at which `optimise` certifies something with one of the codes.

    To a relative `precision`; None if it certifies nothing even without noise.  The adversary's
    best answer to white noise does not hinge on fine cases, so the coarse grid of the search is
    used.
    """
    listed = tuple(codes)

    def works(noise: float) -> bool:
        noisy = replace(request, behaviour=request.game.noisy(noise))
        return any(optimise(noisy, code, grid=SEARCH_GRID) for code in listed)

    tell = progress or (lambda stage, done, total: None)
    weak, strong = math.log(1e-6), 0.0
    if not works(math.exp(weak)):
        return None
    steps = math.ceil(math.log2((strong - weak) / precision))
    for step in range(steps):
        middle = (weak + strong) / 2
        weak, strong = (middle, strong) if works(math.exp(middle)) else (weak, middle)
        tell("searching noise", step + 1, steps)
    return math.exp(weak)


def optimised_certificate(found: Found, **about: Any) -> TableCertificate:
    """The score certificate of what was found, with notes on how."""
    notes = {
        "score_rate_bits_per_run": found.score_rate,
        "estimated_output_bits": found.estimate,
        **about,
    }
    return TableCertificate(found.table, found.proof, notes)


def optimised_for(request: Request, progress: Progress | None = None) -> TableCertificate | None:
    """The certificate made for just this request, of its code or the best of several; or None."""
    codes = (request.code,) if request.code else candidate_codes(request.game, request.security)
    found = optimise_codes(request, codes, progress=progress)
    return None if found is None else optimised_certificate(found)
