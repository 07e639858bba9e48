"""The best plan for (n, ε, expected behaviour): which certificate, and what would have to change.

Candidates are the closed form and the certificates that ship with the package; or one that is
optimised on the spot; or one from a file.  All are sound; the one with the most output is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from protocol.certificate.file import TableCertificate
from protocol.certificate.score import ScoreCertificate
from protocol.certificate.shipped import shipped_certificates
from protocol.errors import InputError
from protocol.plan.plan import (
    MAX_RUNS,
    Plan,
    best_closed_form,
    check_demands,
    estimated_output,
    plan_run,
)
from protocol.settings.code import CANDIDATE_CODES, SettingCode, check_epsilon, default_code
from qdevices.ks18.game import STARRED_SETTING, honest_table, with_white_noise

#: Ways to choose a certificate, by the name that the command line uses.
CHOICES = ("best", "closed-form", "optimised")
#: Shipped certificates that are planned in full, the best by estimate.
_FINALISTS = 3
#: Plans that `nearest_feasible` tries, at most: both ends, and two bisections to 1 %.
_TRIALS = 2 + 11 + 12

Progress = Callable[[str, int, int], None]


def best_plan(
    runs: int,
    epsilon: float,
    behaviour: NDArray[np.float64],
    certificate: str | ScoreCertificate = "best",
    *,
    code: SettingCode | None = None,
    soundness: float = 64,
    completeness: float = 0.99,
    progress: Progress | None = None,
) -> Plan:
    """The plan with the most output bits.

    Args:
        runs: n.
        epsilon: ε of the source.
        behaviour: P(x|u) expected of the device, (81, 16).
        certificate: "best", the closed form or a shipped certificate, whichever gives more;
            "closed-form"; "optimised", made now for just this n, ε and behaviour (two minutes);
            or a certificate.
        code: only certificates with this setting code; unless given any, and of those that are
            optimised the best of `setting_code.CANDIDATE_CODES`.
        soundness: σ.
        completeness: wanted probability that a device as expected is accepted.
        progress: is told (stage, done, total) of an optimisation.

    Raises:
        InputError: an argument out of range, an unknown choice, or a certificate for another
            code or a smaller ε.
    """
    check_epsilon(epsilon)
    check_demands(runs, soundness, completeness)

    def planned(chosen: ScoreCertificate) -> Plan:
        return plan_run(
            runs,
            behaviour,
            chosen,
            epsilon=epsilon,
            soundness=soundness,
            completeness=completeness,
        )

    if isinstance(certificate, ScoreCertificate):
        if code is not None and not _same_code(certificate.code, code):
            raise InputError(
                f"the certificate is for setting code {certificate.code.name!r}, not {code.name!r}"
            )
        return planned(certificate)
    if certificate == "closed-form":
        return best_closed_form(
            runs,
            epsilon,
            behaviour,
            default_code() if code is None else code,
            soundness=soundness,
            completeness=completeness,
        )
    if certificate == "optimised":
        made = _optimised(runs, epsilon, behaviour, code, soundness, progress)
        if made is not None:
            return planned(made)
    elif certificate != "best":
        raise InputError(f"certificate {certificate!r} is unknown, expected {', '.join(CHOICES)}")
    plans = []
    if code is None or (code.settings_used.all() and code.starred == STARRED_SETTING):
        plans.append(
            best_plan(
                runs,
                epsilon,
                behaviour,
                "closed-form",
                code=code,
                soundness=soundness,
                completeness=completeness,
            )
        )
    rated = sorted(
        (
            (_estimate(c, runs, behaviour, soundness), k, c)
            for k, c in enumerate(shipped_certificates(epsilon))
            if code is None or _same_code(c.code, code)
        ),
        reverse=True,
    )
    plans += [planned(c) for _, _, c in rated[:_FINALISTS]]
    if not plans:
        raise InputError(
            f"no certificate for setting code {code.name if code else None!r} and epsilon "
            f"{epsilon:g} ships with ksamp; one can be optimised"
        )
    # Without any output, the plan that comes nearest says best what is missing.
    best = max(plans, key=lambda p: (p.output_bits, p.min_entropy_bits, p.expected_score))
    if best.reason is not None and len(plans) > 1:
        tried = len(rated) + len(plans) - len(rated[:_FINALISTS])
        best = replace(best, reason=f"best of {tried} certificates: {best.reason}")
    return best


def _same_code(a: SettingCode, b: SettingCode) -> bool:
    return a.words == b.words and a.starred == b.starred


def _estimate(
    certificate: ScoreCertificate, runs: int, behaviour: NDArray[np.float64], soundness: float
) -> float:
    joint = certificate.code.probabilities()[:, None] * behaviour
    return estimated_output(runs, certificate.log2_factors, joint, certificate.beta, soundness)


def _optimised(
    runs: int,
    epsilon: float,
    behaviour: NDArray[np.float64],
    code: SettingCode | None,
    soundness: float,
    progress: Progress | None,
) -> TableCertificate | None:
    # The optimiser is imported only when it is wanted.
    from protocol.search.optimise import optimise_codes, optimised_certificate

    codes = CANDIDATE_CODES if code is None else (code,)
    found = optimise_codes(runs, epsilon, behaviour, codes, soundness=soundness, progress=progress)
    return None if found is None else optimised_certificate(found)


def nearest_feasible(
    runs: int,
    epsilon: float,
    behaviour: NDArray[np.float64],
    certificate: str | ScoreCertificate = "best",
    *,
    code: SettingCode | None = None,
    soundness: float = 64,
    completeness: float = 0.99,
    progress: Progress | None = None,
) -> tuple[int | None, float | None]:
    """What would have to change for something to be certified.

    Optimising anew for every trial would take minutes, so "optimised" is answered as "best".

    Returns:
        The least n (to 1 %, at most 10⁹; None if none) at the expected behaviour, and the
        largest white noise (to 1 %; None if even the noiseless device gives nothing) at n runs.
    """
    choice = "best" if certificate == "optimised" else certificate
    tried = 0

    def works(n: int, table: NDArray[np.float64]) -> bool:
        nonlocal tried
        if progress is not None:
            progress("searching", tried, _TRIALS)
        tried += 1
        plan = best_plan(
            n, epsilon, table, choice, code=code, soundness=soundness, completeness=completeness
        )
        return plan.output_bits > 0

    least: int | None = None
    if works(MAX_RUNS, behaviour):
        low, high = math.log(2 + soundness), math.log(MAX_RUNS)
        while high - low > 0.01:
            middle = (low + high) / 2
            if works(math.ceil(math.exp(middle)), behaviour):
                high = middle
            else:
                low = middle
        least = math.ceil(math.exp(high))
    largest: float | None = None
    if works(runs, honest_table()):
        weak, strong = -30.0, 0.0
        while strong - weak > 0.01:
            middle = (weak + strong) / 2
            if works(runs, with_white_noise(honest_table(), math.exp(middle))):
                weak = middle
            else:
                strong = middle
        largest = math.exp(weak)
    return least, largest
