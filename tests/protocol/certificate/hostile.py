"""Hostile certificates, drawn at random, each with a local box and a source that refute it.

A table is refuted by a deterministic local box, which has q = 1 everywhere, and an ε-SV source with
E[F] > 1: in exact fractions, and with nothing of `protocol.certificate.proof`.  What comes with the
table as its proof is drawn so that sums wrap, do not vanish, or are missing what would stop it.
None of these may verify.  `WEAKENED` says which forgeries a check with one part missing lets
through, so that a search that finds nothing means something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import protocol.certificate.proof as module
from protocol.certificate.file import FORMAT, from_json
from protocol.certificate.potentials import zero_sum_classes
from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    Proof,
    ProofError,
    Table,
    cases,
    check_proof,
    setting_weights,
    table_group,
)
from protocol.certificate.shipped import ShippedName, shipped
from protocol.certificate.table import TableCertificate, _pack
from protocol.documents.format import FIRST_GAME
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import compact_code, default_code, joint_code
from protocol.settings.sv_tree import sv_maximum
from qdevices.errors import InputError
from qdevices.ks18.game import KS18

ONE = 1 << FACTOR_BITS
LIMIT = 1 << (BITS + 4)
#: Around the limits of the check and of int64, and what doubles, or adds up eight times, to wrap.
SIZES = (LIMIT, 2**55, 2**59, 2**60, 2**61, 2**62)
NEAR = tuple(sign * size + step for size in SIZES for sign in (-1, 1) for step in (-1, 0, 1))
EXTREMES = (*NEAR, -(2**63) + 1, 2**63 - 1, *(-(2**63), 2**62) * 12)
CODES = (joint_code(), compact_code(), default_code(), SettingCode("few", (2, 2, 0, 5), 2, KS18))
EPSILONS = (0.0, 0.01, 0.1, 0.3, 0.49, 0.5 - 2**-54)
BETAS = (1, 1 << 10, 1 << 17, 1 << BETA_BITS, (1 << BETA_BITS) + 1, 4 << BETA_BITS)
GRIDS = (*((1024,),) * 6, (512, 1024), (1, 1024), (1023, 1024), (100, 256, 1024))
SHIPPED = (
    "ns-n10000000-e0.01-w0.001-joint",
    "ns-n10000000-e0.1-w0.001-compact",
    "ns-n10000000-e0.01-w0.03-full",
    "ns-n10000000-e0.01-w0.01-default",
)


@dataclass(frozen=True, eq=False)
class Hostile:
    """What a forger hands in, not yet checked by anything.

    Attributes:
        kind: how it was made.
        code, epsilon, beta, factors: of the table.
        grid, potentials, alpha: of its proof.
    """

    kind: str
    code: SettingCode
    epsilon: float
    beta: Any
    factors: np.ndarray
    grid: Any
    potentials: np.ndarray
    alpha: np.ndarray

    def is_refuted(self, rng: np.random.Generator) -> bool:
        """Whether a local box and an ε-SV source are found with E[F] > 1, exactly."""
        words = np.array(self.code.words)
        for outcomes in local_boxes(self.code, self.factors, rng):
            leaves = self.factors[np.arange(KS18.n_pairs), outcomes].astype(object)[words]
            if sum(leaves) > ONE * len(words):  # uniform bits are an SV source for every ε
                return True
            exact = np.array([Fraction(int(leaf)) for leaf in leaves], dtype=object)
            if sv_maximum(exact, Fraction(self.epsilon)) > ONE:
                return True
        return False

    def verify(self) -> None:
        """Check it as the library does.

        Raises:
            InputError, ProofError: it is refused, in one line.
        """
        table = Table(self.code, self.epsilon, self.beta, self.factors)
        check_proof(table, Proof(self.grid, self.potentials, self.alpha, KS18))

    def to_json(self) -> dict[str, Any]:
        """The content of its file, with a digest to match."""
        content = {
            "kind": "optimised",
            "about": {},
            "epsilon": self.epsilon,
            "code": self.code.to_json(),
            "beta": {"numerator": self.beta, "log2_denominator": BETA_BITS},
            "factors": {
                "log2_denominator": FACTOR_BITS,
                "rows": [" ".join(map(str, row)) for row in self.factors.tolist()],
            },
            "proof": {
                "grid": list(self.grid),
                "potentials": _pack(np.column_stack([self.alpha, self.potentials])),
            },
        }
        return FORMAT.seal(content, FIRST_GAME)


def local_boxes(
    code: SettingCode, factors: np.ndarray, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Deterministic local boxes, outcome 0..15 of each pair, that raise Σ_words F step by step."""
    worth = factors.astype(float) * code.probabilities()[:, None]
    worth = worth.reshape(9, 9, 4, 4)
    star = divmod(code.starred, 9)
    for start in rng.permutation(16)[:4]:
        bob = rng.integers(0, 4, 9)
        # What the starred pair answers is fixed, and varied from box to box.
        first, bob[star[1]] = divmod(int(start), 4)
        for _ in range(4):
            gain = worth[:, np.arange(9), :, bob].sum(axis=0)
            alice = gain.argmax(axis=1)
            alice[star[0]] = first
            gain = worth[np.arange(9), :, alice, :].sum(axis=0)
            second = bob[star[1]]
            bob = gain.argmax(axis=1)
            bob[star[1]] = second
        yield (4 * alice[:, None] + bob[None, :]).ravel()


def hostile_certificates(count: int, seed: int) -> Iterator[Hostile]:
    """`count` refuted certificates; the same for the same seed."""
    rng = np.random.default_rng(seed)
    while count:
        drawn = _KINDS[rng.integers(len(_KINDS))](rng)
        if drawn.is_refuted(rng):
            yield drawn
            count -= 1


def _any(rng: np.random.Generator, values: tuple[Any, ...]) -> Any:
    return values[rng.integers(len(values))]


def _credit_for_nothing(rng: np.random.Generator) -> Hostile:
    """Credit at u0, negligible penalties if any, and a proof that is built to wrap."""
    code, epsilon, beta = _any(rng, CODES), _any(rng, EPSILONS), _any(rng, BETAS)
    factors = np.full((KS18.n_pairs, 16), ONE, dtype=np.int64)
    credited = rng.permutation(16)[: _any(rng, (1, 8, 16))]
    factors[code.starred, credited] += _any(rng, (1 << 20, 1 << 30, ONE // 8, ONE, 4095 * ONE))
    if rng.random() < 0.3:
        others = np.delete(np.arange(KS18.n_pairs), code.starred)
        pairs = rng.permutation(others)[: rng.integers(1, 80)]
        factors[pairs] -= rng.integers(0, 1 << 8, (len(pairs), 16))
    grid = _any(rng, GRIDS)
    table = Table(code, epsilon, beta, factors)
    number = len(cases(grid, table_group(table), code.starred, KS18))
    potentials, alpha = _wrapping(rng, code, number)
    name = "credit for nothing"
    return Hostile(name, code, epsilon, beta, factors, grid, potentials, alpha)


def _wrapping(
    rng: np.random.Generator, code: SettingCode, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Potentials and α of which some sum wraps, or does not vanish, in every case."""
    potentials, alpha = np.zeros(648, dtype=np.int64), 0
    party, recipe = int(rng.integers(2)), rng.integers(6)
    star, other, third = code.starred, *_pairs_beside(rng, code.starred, party)
    own = 324 * party + 4 * np.array([star, other, third])[:, None] + np.arange(4)
    value = _any(rng, EXTREMES)
    if recipe == 0:  # α that wraps when the price at u0 is added
        alpha = value
        small = int(rng.integers(-2, 3))
        potentials[own[0]], potentials[own[1]] = small, -small
    elif recipe == 1:  # two entries of a class whose sum wraps to zero, or vanishes
        at = (own[0], own[1]) if rng.random() < 0.5 else (own[1], own[2])
        potentials[at[0]], potentials[at[1]] = value, _negative(value)
        alpha = int(rng.integers(-2, 3))
    elif recipe == 2:  # honest sums, but a total over the pairs that wraps
        signs = np.array([1, -1, -1, -1]) * _any(rng, (-1, 1))
        potentials[own[1]] = [value if s > 0 else _negative(value) for s in signs]
        potentials[own[2]] = [value if s < 0 else _negative(value) for s in signs]
    elif recipe == 3:  # small enough, but the sums do not vanish
        potentials[own[0]] = int(rng.integers(1, LIMIT + 1))
        if rng.random() < 0.5:
            potentials[own[1]] = -int(rng.integers(1, LIMIT + 1))
    elif recipe == 4:  # entries that wrap to zero by fours or eights
        times = _any(rng, (4, 8))
        classes = zero_sum_classes(KS18)
        for chosen in np.unique(classes[own[0]]):
            members = np.flatnonzero(classes == chosen)
            potentials[members[:times]] = _any(rng, (2**62, -(2**62), 2**61, -(2**61)))
        alpha = value if rng.random() < 0.5 else 0
    else:  # anything
        slots = rng.permutation(648)[: rng.integers(1, 60)]
        potentials[slots] = [_any(rng, EXTREMES) for _ in slots]
        alpha = value
    return np.tile(potentials, (number, 1)), np.full(number, alpha, dtype=np.int64)


def _pairs_beside(rng: np.random.Generator, star: int, party: int) -> list[int]:
    """Two other pairs in which the party has the setting that it has in the starred one."""
    mine = divmod(star, 9)[party]
    theirs = rng.permutation(np.delete(np.arange(9), divmod(star, 9)[1 - party]))[:2]
    return [int(9 * mine + t if party == 0 else 9 * t + mine) for t in theirs]


def _negative(value: int) -> int:
    return value if value == -(2**63) else -value


def _credit_elsewhere(rng: np.random.Generator) -> Hostile:
    """Credit at a pair u ≠ u0, charged with the least of ν(u)/ν(u0) instead of the largest."""
    code, epsilon = _any(rng, CODES[:3]), _any(rng, EPSILONS[1:5])
    weights = setting_weights(code, epsilon)
    pair = _any(rng, tuple(np.flatnonzero(weights)))
    credit = _any(rng, (1 << 20, ONE // 16, ONE // 2))
    cost = -(-int(weights[pair]) * credit >> BITS) + 1
    factors = np.full((KS18.n_pairs, 16), ONE, dtype=np.int64)
    factors[pair] += credit
    factors[code.starred] -= cost
    alpha = np.array([(ONE - cost) << (BITS - FACTOR_BITS)], dtype=np.int64)
    potentials = np.zeros((1, 648), dtype=np.int64)
    beta = _any(rng, BETAS)
    return Hostile("credit elsewhere", code, epsilon, beta, factors, (1024,), potentials, alpha)


def _unprovable_numbers(rng: np.random.Generator) -> Hostile:
    """Credit for nothing, with an entry of another size or type than the check understands."""
    drawn = _credit_for_nothing(rng)
    parts = {**vars(drawn), "kind": "malformed"}
    choice = rng.integers(5)
    if choice == 0:
        parts["beta"] = _any(rng, (0, -1, True, 2.5, (4 << BETA_BITS) + 1, -(2**63), 2**63))
    elif choice == 1:
        grids = ((), (0, 1024), (1024.0,), (True, 1024), (512,), (1024, 1024), (-(2**63), 1024))
        parts["grid"] = _any(rng, (*grids, (*range(1, 65), 1024)))
    elif choice == 2:
        name = _any(rng, ("factors", "potentials", "alpha"))
        kind = _any(rng, (np.uint64, np.int32, np.float64, object, ">i8"))
        with np.errstate(invalid="ignore"):
            parts[name] = parts[name].astype(kind)
    elif choice == 3:
        factors = drawn.factors.copy()
        factors[drawn.code.starred, rng.integers(16)] = _any(rng, EXTREMES)
        parts["factors"] = factors
    else:
        parts["potentials"], parts["alpha"] = drawn.potentials[:0], drawn.alpha[:0]
    return Hostile(**parts)


def _mutant(rng: np.random.Generator) -> Hostile:
    """A certificate that ships, with more credit, fewer penalties or a weaker source."""
    genuine = shipped(ShippedName.parse(_any(rng, SHIPPED)))
    assert isinstance(genuine, TableCertificate)
    table, proof = genuine.table, genuine.proof
    code, epsilon, beta, factors = table.code, table.epsilon, table.beta, table.factors.copy()
    potentials, alpha = proof.potentials.copy(), proof.alpha.copy()
    star, choice = code.starred, rng.integers(5)
    if choice == 0:
        credited = factors[star] > ONE
        factors[star, credited] = factors[star, credited] * int(rng.integers(2, 9))
    elif choice == 1:
        tested = rng.random(KS18.n_pairs) < _any(rng, (0.7, 1.0))
        tested[star] = False
        factors[tested] = ONE
    elif choice == 2:
        epsilon = float(rng.uniform(table.epsilon, 0.5 - 2**-54))
    elif choice == 3:
        code = _any(rng, (joint_code(), compact_code(), default_code()))
        epsilon = _any(rng, EPSILONS[2:])
    else:
        factors[star] += int(rng.integers(1, ONE))
    if rng.random() < 0.5:
        extra, more = _wrapping(rng, code, len(alpha))
        potentials, alpha = potentials + extra, alpha + more
    return Hostile("mutant", code, epsilon, beta, factors, proof.grid, potentials, alpha)


_KINDS = (
    _credit_for_nothing,
    _credit_for_nothing,
    _credit_for_nothing,
    _credit_elsewhere,
    _unprovable_numbers,
    _mutant,
    _mutant,
)


def _old_outside(numbers: np.ndarray, least: int, most: int) -> np.ndarray:
    """The limit as it was: |−2^63| is −2^63."""
    return np.asarray(np.abs(numbers) > most)


def _outside_except(limit: int) -> Callable[[np.ndarray, int, int], np.ndarray]:
    """The limits without the one of this size."""

    def outside(numbers: np.ndarray, least: int, most: int) -> np.ndarray:
        return np.asarray(((numbers < least) | (numbers > most)) & (most != limit))

    return outside


#: A part of the check that is missing, and what stands in its place.
WEAKENED: dict[str, tuple[str, Callable[..., Any]]] = {
    "limits by absolute value": ("_outside", _old_outside),
    "potentials without a limit": ("_outside", _outside_except(LIMIT)),
    "no limits": ("_outside", lambda numbers, least, most: np.zeros(numbers.shape, dtype=bool)),
    "sums need not vanish": ("sums", lambda potentials, _: np.zeros((len(potentials), 72), int)),
    "credit at any pair": ("_outside", _outside_except(ONE)),
    "every source is uniform": ("setting_weights", lambda code, _: setting_weights(code, 0.0)),
}


@contextmanager
def weakened(part: str) -> Iterator[None]:
    """The check without one of its parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, *WEAKENED[part])
        yield


def forged(hostile: Hostile) -> bool:
    """Whether a weakened check takes it; it may fall over in any way, which is no forgery."""
    try:
        hostile.verify()
    except Exception:
        return False
    return True


def refused(hostile: Hostile, as_file: bool) -> bool:
    """Whether the check refuses it, in one line of bounded length.

    Anything that is raised but a refusal goes on to the caller.
    """
    try:
        if as_file:
            from_json(hostile.to_json())
        else:
            hostile.verify()
    except (InputError, ProofError) as refusal:
        return str(refusal).isprintable() and len(str(refusal)) < 400
    return False


#: The forgery that was once accepted: no penalty anywhere, F = 2 at u0, ε = 0.49.
def first_forgery() -> Hostile:
    """α = −2^63 and ∓1 at two pairs of each class of Alice's starred setting."""
    code = default_code()
    factors = np.full((KS18.n_pairs, 16), ONE, dtype=np.int64)
    factors[code.starred] = 2 * ONE
    potentials = np.zeros((1, 648), dtype=np.int64)
    potentials[0, 4 * code.starred : 4 * code.starred + 4] = -1
    other = KS18.pair_index(1, 4)
    potentials[0, 4 * other : 4 * other + 4] = 1
    alpha = np.array([-(2**63)])
    return Hostile("first", code, 0.49, 1 << BETA_BITS, factors, (1024,), potentials, alpha)


def second_forgery() -> Hostile:
    """−2^63 twice in each class of Alice's starred setting, which wraps to a sum of zero."""
    first = first_forgery()
    potentials = np.abs(first.potentials) * np.int64(-(2**63))
    return Hostile(**{**vars(first), "potentials": potentials, "alpha": np.array([-1])})
