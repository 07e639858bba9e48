"""What is asked for: everything that a plan is made from, in one place and checked once.

A request is made at the rim, from a command's options or by a library's user, and handed on whole;
its digest is the identity of what was asked, whatever way it was said.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.data.recorded import MOST_RUNS as MOST_RUNS
from protocol.documents.fields import digest
from protocol.documents.format import FIRST_GAME, game_entry
from protocol.extract.kinds import DEFAULT, EXTRACTORS
from protocol.security import PAPER, Security
from protocol.settings.code import SettingCode
from protocol.settings.sv_tree import check_epsilon
from qdevices.arrays import frozen, is_real, is_whole, reals
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.games import GAMES

#: Ways to choose a certificate, beside the name of a kind and a certificate itself.
BEST, OPTIMISED = "best", "optimised"
#: Sources that an honest device is to be accepted with: fair bits, or any of this ε (theory 4.6).
FAIR, ANY = "fair", "any"
COMPLETE_FOR = (FAIR, ANY)
#: How far a behaviour's rows may be from normalised.
_ROUNDING = 1e-9

#: Most bits of output that may be asked for; the largest field has about as many.
MOST_OUTPUT = 10**9
_USUAL = {"security": PAPER.to_json(), "output_bits": None, "complete_for": FAIR}


class Chosen(Protocol):
    """What a request has to know of a certificate; see `protocol.certificate.score`."""

    @property
    def code(self) -> SettingCode:
        """The setting code."""
        ...

    @property
    def epsilon(self) -> float:
        """The largest ε covered."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of what determines it."""
        ...


@dataclass(frozen=True, eq=False)
class Request:
    """What a plan is asked to do; equal if the digests are.

    Attributes:
        runs: n; None for n → ∞, which has rates but no plan.
        epsilon: ε of the source, for settings and extractor alike.
        behaviour: P(x|u) expected of the device, (pairs, joint), a read-only copy.
        soundness: σ; output and ideal output may differ by at most 2^−σ.
        completeness: wanted probability that a device as expected is accepted.
        certificate: "best" of all that are at hand; "optimised", made now for just this request
            (about two minutes); the name of a kind, for the best of that kind; or a certificate.
        code: only certificates with this setting code; None for any.
        extractor: the kind of extractor.
        word_probabilities: expected distribution of the words of `code`, (2**bits_per_run,), if the
            source is known not to be fair; only completeness rests on it.
        of_game: the game that is played; that of the code or the certificate, or else the first
            one, unless given.
        security: the security model.
        output_bits: m that is wanted; the largest unless given.
        complete_for: "fair": the completeness is that with fair bits, or those of
            `word_probabilities`; "any": whatever an ε-SV source does.

    Raises:
        InputError: a value out of range or of another shape, σ beyond what n runs could give on any
            device, a certificate for another code or a smaller ε, words without their code, or
            words for a plan that is complete for any source.
    """

    runs: int | None
    epsilon: float
    behaviour: NDArray[np.float64]
    soundness: float = 64.0
    completeness: float = 0.99
    certificate: str | Chosen = BEST
    code: SettingCode | None = None
    extractor: str = DEFAULT
    word_probabilities: NDArray[np.float64] | None = None
    of_game: Game | None = None
    security: Security = PAPER
    output_bits: int | None = None
    complete_for: str = FAIR

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "epsilon", float(check_epsilon(self.epsilon)) + 0.0)
        for name in ("soundness", "completeness"):
            put(self, name, _number(name, getattr(self, name)))
        if self.runs is not None:
            put(self, "runs", check_count("runs", self.runs))
        EXTRACTORS[self.extractor]
        if type(self.security) is not Security:
            raise InputError(f"security is {self.security!r:.60}, expected a Security")
        if self.output_bits is not None:
            put(self, "output_bits", check_count("output bits", self.output_bits, MOST_OUTPUT))
        if type(self.complete_for) is not str or self.complete_for not in COMPLETE_FOR:
            raise InputError(
                f"complete_for is {self.complete_for!r:.60}, expected {' or '.join(COMPLETE_FOR)}"
            )
        if self.code is not None and not isinstance(self.code, SettingCode):
            raise InputError(f"code is {self.code!r:.60}, expected a SettingCode or None")
        if not isinstance(self.certificate, str) and not all(
            hasattr(self.certificate, name) for name in ("code", "epsilon", "digest")
        ):
            raise InputError(
                f"certificate is {self.certificate!r:.60}, expected a ScoreCertificate or a name"
            )
        if self.of_game is not None and self.of_game != self.game:
            raise InputError(
                f"what is asked for is of game {self.game.name!r}, but the game given is "
                f"{self.of_game!r:.60}"
            )
        check_demands(self.runs, self.soundness, self.completeness, self.game)
        put(self, "behaviour", _behaviour(self.behaviour, self.game))
        if not isinstance(self.certificate, str):
            self._check_certificate(self.certificate)
        if self.word_probabilities is not None:
            if self.complete_for == ANY:
                raise InputError(
                    "word probabilities are given for a plan that is complete for any source, "
                    "expected one of the two"
                )
            put(self, "word_probabilities", self._words(self.word_probabilities))

    def _check_certificate(self, certificate: Chosen) -> None:
        if self.code is not None and not same_code(certificate.code, self.code):
            raise InputError(
                f"the certificate is for setting code {certificate.code.name!r}, "
                f"not {self.code.name!r}"
            )
        check_covered(certificate, self.epsilon)

    def _words(self, given: ArrayLike) -> NDArray[np.float64]:
        words = reals("word probabilities", given)
        expected = None if self.code is None else (len(self.code.words),)
        if words.shape != expected:
            raise InputError(
                f"word probabilities have shape {words.shape}, expected {expected or 'a code'}"
            )
        if not (words >= 0).all() or abs(float(words.sum()) - 1) > _ROUNDING:
            raise InputError("word probabilities are no distribution, expected one")
        return frozen(words)

    @property
    def game(self) -> Game:
        """The one game of all that is asked for."""
        if self.code is not None:
            return self.code.game
        if not isinstance(self.certificate, str):
            return self.certificate.code.game
        return GAMES[FIRST_GAME] if self.of_game is None else self.of_game

    @property
    def digest(self) -> str:
        """SHA-256 of all that is asked, 64 hexadecimal digits; names of codes do not count."""
        found: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        del found["of_game"]
        found["security"] = self.security.to_json()
        for name, usual in _USUAL.items():
            if found[name] == usual:
                del found[name]  # what was not yet asked when digests were first printed
        for name in ("behaviour", "word_probabilities"):
            if found[name] is not None:
                found[name] = hashlib.sha256(found[name].astype("<f8").tobytes()).hexdigest()
        if not isinstance(self.certificate, str):
            found["certificate"] = {"sha256": self.certificate.digest}
        if self.code is not None:
            found["code"] = [list(self.code.words), self.code.starred]
        return digest(found | game_entry(self.game))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def same_code(a: SettingCode, b: SettingCode) -> bool:
    """Whether two codes choose the same settings, whatever they are called."""
    return a.words == b.words and a.starred == b.starred and a.game == b.game


def check_covered(certificate: Chosen, epsilon: float) -> None:
    """Check that a certificate covers ε-SV sources.

    Raises:
        InputError: it does not.
    """
    if check_epsilon(epsilon) > certificate.epsilon:
        raise InputError(
            f"the certificate covers sources up to epsilon {certificate.epsilon:g}, "
            f"not epsilon {epsilon:g}"
        )


def check_count(name: str, value: Any, most: int = MOST_RUNS) -> int:
    """Return `value` as an int if it is a positive count of at most 10⁹, or `most`.

    Raises:
        InputError: otherwise.
    """
    if not is_whole(value):
        raise InputError(f"{name} is {value!r:.60}, expected a whole number in 1..{most}")
    if not 0 < value <= most:
        raise InputError(f"{name} {value} is outside 1..{most}")
    return int(value)


def check_demands(
    runs: int | None, soundness: float, completeness: float, game: Game | None = None
) -> None:
    """Check n (None for n → ∞), σ and the completeness for a game, the first one unless given.

    Raises:
        InputError: a value out of range, or σ beyond what n runs could give on any device.
    """
    if runs is not None:
        check_count("runs", runs)
    if not 0 < completeness < 1:
        raise InputError(f"completeness {completeness} is outside (0, 1)")
    check_soundness(soundness)
    # An extractor needs k₂ > 2·log₂(1/ξ) ≥ 2(σ+3), and an outcome's bits are all that there are.
    bits = (game or GAMES[FIRST_GAME]).outcome_bits
    if runs is not None and not 2 * (soundness + 3) < bits * runs:
        raise InputError(
            f"soundness {soundness} can never be met: {runs} runs have at most "
            f"{bits * runs} bits of min-entropy, "
            f"2(σ+3) = {2 * (soundness + 3):g} are needed"
        )


def check_soundness(soundness: float) -> float:
    """Return σ if it is a number from 1 on.

    Raises:
        InputError: otherwise; whoever wrote the distance itself is told its σ.
    """
    if not 1 <= soundness < math.inf:
        meant = ""
        if 0 < soundness < 1:
            meant = f"; did you mean {math.ceil(-math.log2(soundness) - 1e-9)}?"
        raise InputError(
            f"soundness {soundness:g} is below 1: it is σ of 2^−σ{meant or ', such as 64'}"
            if soundness < 1
            else f"soundness {soundness:g} is no finite number: it is σ of 2^−σ, such as 64"
        )
    return soundness


def soundness_from(text: str | float) -> float:
    """σ as people write it: 64, or the distance 2^-64.

    Raises:
        InputError: neither, or below 1.
    """
    try:
        power = re.fullmatch(r"\s*2\s*(?:\^|\*\*)\s*[-−]\s*([0-9.]+)\s*", str(text))
        found = float(power[1] if power else text)
    except ValueError:
        raise InputError(
            f"soundness {text!r:.60} is not understood, expected σ of 2^−σ, such as 64 or 2^-64"
        ) from None
    return check_soundness(found)


def _number(name: str, value: Any) -> float:
    if not is_real(value):
        raise InputError(f"{name} is {value!r:.60}, expected a number")
    try:
        return float(value) + 0.0
    except OverflowError:
        raise InputError(f"{name} is {value!r:.60}, expected a finite number") from None


def _behaviour(given: ArrayLike, game: Game) -> NDArray[np.float64]:
    """A read-only copy of P(x|u), normalised; it may signal, as processors do."""
    table = reals("behaviour", given)
    if table.shape != game.shape:
        raise InputError(f"behaviour has shape {table.shape}, expected {game.shape}")
    off = ~((table >= -_ROUNDING) & (table <= 1 + _ROUNDING))
    if off.any():
        u, x = (int(i) for i in np.argwhere(off)[0])
        raise InputError(f"behaviour entry [{u}, {x}] is {table[u, x]}, expected a probability")
    sums = np.abs(table.sum(axis=1) - 1)
    if sums.max() > 1e-6:
        u = int(sums.argmax())
        raise InputError(f"behaviour row {u} sums to {table[u].sum():.12g}, expected 1")
    return frozen(table)
