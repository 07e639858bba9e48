"""Values of a game: guessing probability, local and no-signalling value.

The guessing probability is that of a full no-signalling adversary.  Everything is solved over
orbits of the symmetries that the data leave.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import linprog

from protocol.certificate.groups import box_stabiliser, invariance_group
from protocol.search.polytope import LinearProgramError, reduced_polytope, solve
from qdevices.errors import InputError
from qdevices.game import Game, check_behaviour

_ROUNDING = 1e-11
_MOST_STRATEGIES = 10**7


def guessing_probability(behaviour: NDArray[np.float64], setting: int, game: Game) -> float:
    """The best guess of the joint outcome at `setting` by a full no-signalling adversary.

    Arguments and errors as in `guessing_attack`.
    """
    return sum(
        float(part[setting, guess]) * count
        for guess, count, part in guessing_attack(behaviour, setting, game)
    )


def guessing_attack(
    behaviour: NDArray[np.float64], setting: int, game: Game
) -> list[tuple[int, int, NDArray[np.float64]]]:
    """How a full no-signalling adversary guesses the joint outcome at `setting` best.

    The maximum of Σ_x̂ P^x̂(x̂|setting) over no-signalling P^x̂ ≥ 0, not normalised, with
    Σ_x̂ P^x̂ = behaviour: the adversary holds x̂, the name of her part, and guesses it.  Where the
    behaviour has symmetries that keep `setting`, one x̂ per orbit suffices.

    Args:
        behaviour: P(x|u), (pairs, joint).
        setting: the pair at which she guesses.
        game: that is played.

    Returns:
        For each orbit of guesses: one guess x̂, the size of the orbit, and its part P^x̂,
        (pairs, joint), whose entries sum to its weight in every row.  What the parts leave of the
        behaviour (rounding) is not listed.

    Raises:
        InputError: `behaviour` is no normalised no-signalling behaviour of the game, or `setting`
            no pair of it.
    """
    behaviour = check_behaviour(behaviour, game)
    if not 0 <= setting < game.n_pairs:
        raise InputError(f"setting {setting} is outside 0..{game.n_pairs - 1}")
    joint = game.n_joint
    flat = np.where(behaviour.ravel() < _ROUNDING, 0.0, behaviour.ravel())
    group = invariance_group(setting, [behaviour], game, _ROUNDING)
    labels = reduced_polytope(group, game).labels
    size = int(labels.max()) + 1
    shares: list[sparse.csr_matrix] = []
    equations: list[sparse.csr_matrix] = []
    objective: list[float] = []
    limits: list[float] = []
    listed: list[tuple[int, int, NDArray[np.int64], int]] = []
    outcome_orbits = labels[joint * setting :][:joint]
    for orbit in np.unique(outcome_orbits):
        members = np.flatnonzero(outcome_orbits == orbit)
        guess = np.zeros(joint, dtype=np.bool_)
        guess[members[0]] = True
        if not flat[joint * setting + members[0]]:
            continue  # an outcome that never occurs cannot be guessed
        part = reduced_polytope(box_stabiliser(group, setting, game, guess), game)
        columns = part.matrix.shape[1]
        # The last column is the weight of the part, to which all its rows are normalised.
        equations.append(sparse.hstack([part.matrix, -part.right[:, None]], format="csr"))
        share = sparse.csr_matrix(
            (np.full(len(flat), float(len(members))), (labels, part.labels)),
            shape=(size, columns + 1),
        )
        shares.append(share)
        listed.append((int(members[0]), len(members), part.labels, len(objective)))
        gain = np.zeros(columns + 1)
        gain[part.labels[joint * setting + members[0]]] = len(members)
        objective.extend(gain)
        limit = np.zeros(columns)
        np.maximum.at(limit, part.labels, flat)
        limits.extend([*limit, 1.0])
    # "At most the behaviour" is enough: what is left over is a part with any guess.
    found = linprog(
        -np.array(objective),
        A_ub=sparse.hstack(shares, format="csr"),
        b_ub=np.bincount(labels, flat, size),
        A_eq=sparse.block_diag(equations, format="csr"),
        b_eq=np.zeros(sum(e.shape[0] for e in equations)),
        bounds=np.column_stack([np.zeros(len(limits)), limits]),
        method="highs-ipm",
    )
    if found.status != 0:
        raise LinearProgramError(found.message)
    return [
        (guess, count, found.x[start + part].reshape(game.shape))
        for guess, count, part, start in listed
    ]


def local_value(game: Game) -> int:
    """Fewest setting pairs that a deterministic local strategy loses, by search.

    All strategies of one party, 4⁹ for KS-18, each against the best answer of the other.

    Raises:
        InputError: more than 10⁷ strategies of either party.
    """
    losing = game.grid(game.losing)
    counts = [o**s for o, s in zip(game.outcomes, game.settings, strict=True)]
    if min(counts) > _MOST_STRATEGIES:
        raise InputError(f"{min(counts)} strategies are too many, expected {_MOST_STRATEGIES}")
    if counts[0] > counts[1]:
        losing = losing.transpose(1, 0, 3, 2)
    own, other, answers, others = losing.shape
    strategies = np.indices((answers,) * own).reshape(own, -1)
    lost = np.zeros((strategies.shape[1], other, others), dtype=np.int16)
    for u in range(own):
        lost += losing[u].transpose(1, 0, 2)[strategies[u]]
    return int(lost.min(axis=2).sum(axis=1).min())


def no_signalling_value(game: Game) -> float:
    """Least Σ_u B_u of a no-signalling box, by linear programme (0 for KS-18's honest box)."""
    polytope = reduced_polytope(game.symmetries, game)
    losing = polytope.gather(game.losing.astype(np.float64))
    return 0.0 - float(solve(-losing, polytope).fun)
