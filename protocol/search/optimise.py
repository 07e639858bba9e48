"""Search for the certificate with the largest output, for a setting code or the best of several.

For every β the best table is one linear programme (`table_program`).  The output, about
(score − σ)/(1 + 3β) − const, rises with β as long as the factors can follow, so β is searched over
a logarithmic grid with few cases, then the table is made with all cases and proved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    Proof,
    Table,
    setting_weights,
)
from protocol.certificate.table import TableCertificate
from protocol.certificate.worth import estimated_output
from protocol.progress import Progress
from protocol.request import Request
from protocol.search.polytope import LinearProgramError
from protocol.search.prove import prove_tight
from protocol.search.table_program import best_table
from protocol.settings.code import SettingCode
from protocol.settings.kinds import CANDIDATES
from qdevices.game import check_behaviour

_ONE = 1 << GRID_BITS
#: Few cases while β is searched, more for the table that is kept.
SEARCH_GRID = (_ONE // 2, _ONE)
FINAL_GRID = (_ONE // 4, 3 * _ONE // 8, _ONE // 2, 3 * _ONE // 4, _ONE)
#: β when n → ∞: small enough that the score per run is that of β → 0 within a percent.
ASYMPTOTIC_BETA = 1 << (BETA_BITS - 10)
_LEAST_BETA = 1 << (BETA_BITS - 14)


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
    grid: tuple[int, ...] = FINAL_GRID,
    progress: Progress | None = None,
) -> Found | None:
    """The best table for a request, proved; None if nothing can be certified.

    Args:
        request: what is asked for, but for the certificate and its code.
        code: setting code; its starred pair is u0.
        grid: of the cases of the final table, units of 2^−10.
        progress: is told (stage, done, total).

    Raises:
        InputError: a behaviour that signals; the offending entry is named.
    """
    epsilon, behaviour = request.epsilon, check_behaviour(request.behaviour, code.game)
    joint = code.probabilities()[:, None] * behaviour
    tell = progress or (lambda stage, done, total: None)

    def attempt(beta: int, cases: tuple[int, ...]) -> tuple[float, Table | None]:
        try:
            table = best_table(code, epsilon, behaviour, beta, cases)
        except LinearProgramError:
            return -math.inf, None
        return table_merit(table, joint, request), table

    if not (setting_weights(code, epsilon) > 0).any():
        return None  # so weak a source may never test any pair
    if request.runs is None:
        best_beta = ASYMPTOTIC_BETA
    else:
        best_beta = _best_beta(lambda beta: attempt(beta, SEARCH_GRID)[0], code, epsilon, tell)
    tell("final table", 19, 20)
    _, table = attempt(best_beta, grid)
    if table is None:
        return None
    table, proof = prove_tight(table, grid)
    tell("final table", 20, 20)
    rate = table_merit(table, joint, replace(request, runs=None))
    merit = table_merit(table, joint, request)
    if merit <= 0:
        return None
    return Found(table, proof, rate, None if request.runs is None else merit)


def optimise_codes(
    request: Request,
    codes: Iterable[SettingCode],
    *,
    grid: tuple[int, ...] = FINAL_GRID,
    progress: Progress | None = None,
) -> Found | None:
    """The best of what `optimise` finds for several setting codes; None if it finds nothing.

    Arguments and errors as in `optimise`.
    """
    found = [optimise(request, code, grid=grid, progress=progress) for code in codes]
    return max((f for f in found if f is not None), key=lambda f: f.merit, default=None)


def _best_beta(
    merit: Callable[[int], float], code: SettingCode, epsilon: float, tell: Progress
) -> int:
    """β by octaves, starting where the factors can follow, then at halves of octaves."""
    weights = setting_weights(code, epsilon)
    limit = 1 << BETA_BITS
    start = 1 << round(math.log2(16 * weights[weights > 0].min() / 2 ** (BITS - BETA_BITS)))
    start = min(limit, max(start, _LEAST_BETA))
    tried = {start: merit(start)}

    def improve(step: Callable[[int], int]) -> None:
        beta, best = step(start), tried[start]
        while _LEAST_BETA <= beta <= limit:
            tried[beta] = merit(beta)
            tell("searching beta", min(len(tried), 18), 20)
            if best > 0 and tried[beta] <= best:
                break
            best, beta = max(best, tried[beta]), step(beta)

    improve(lambda beta: beta >> 1)
    improve(lambda beta: beta << 1)
    for octaves in (0.5, 0.25):
        centre = max(tried, key=lambda b: tried[b])
        for beta in (round(centre * 2**-octaves), round(centre * 2**octaves)):
            if _LEAST_BETA <= beta <= limit:
                tried[beta] = merit(beta)
    return max(tried, key=lambda b: tried[b])


def table_merit(table: Table, joint: NDArray[np.float64], request: Request) -> float:
    """What is maximised: estimated output bits, or the rate when n → ∞ (see `estimated_output`)."""
    log2_factors = np.log2(np.maximum(table.factors, 1) / 2**FACTOR_BITS)
    beta = table.beta / 2**BETA_BITS
    return estimated_output(
        request.runs, log2_factors, joint, beta, request.soundness, request.security
    )


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
    codes = CANDIDATES[request.game.name] if request.code is None else (request.code,)
    found = optimise_codes(request, codes, progress=progress)
    return None if found is None else optimised_certificate(found)
