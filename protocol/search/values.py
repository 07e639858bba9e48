"""Linear programmes over the whole no-signalling polytope: events, guesses, values of the game.

Equation (36) of the paper with its dual vector, the guessing probability of a full no-signalling
adversary, and the local and the no-signalling value.  Everything is solved over orbits of the
symmetries that the data leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import linprog

from protocol.certificate.groups import box_stabiliser, invariance_group
from protocol.certificate.potentials import from_marginals, reduced_costs
from protocol.errors import InputError
from protocol.search.polytope import (
    LinearProgramError,
    full_polytope,
    reduced_polytope,
    solve,
)
from qdevices.device import check_behaviour
from qdevices.ks18.game import (
    N_JOINT,
    N_OUTCOMES,
    N_PAIRS,
    N_SETTINGS,
    losing_table,
)
from qdevices.ks18.symmetry import entry_permutations

_ROUNDING = 1e-11


@dataclass(frozen=True, eq=False)
class EventBound:
    """The largest probability of an event given a Bell value, with its proof.

    Attributes:
        value: the optimum at the Bell value asked for.
        multiplier: λ ≥ 0, the price of the Bell value.
        potentials: marginal potentials, (648,); see `potentials`.
        event: the event, an (81, 16) mask.
    """

    value: float
    multiplier: float
    potentials: NDArray[np.float64]
    event: NDArray[np.bool_]

    def at(self, bell_value: float) -> float:
        """The bound that the same dual vector proves at any other Bell value."""
        table = self.event - self.multiplier * losing_table()
        constant = float(reduced_costs(table, self.potentials).max(axis=1).sum())
        return constant + self.multiplier * bell_value


def largest_probability(event: NDArray[np.bool_], bell_value: float) -> EventBound:
    """Equation (36): max P(event) over no-signalling boxes with Σ_u B_u ≤ `bell_value`.

    Args:
        event: an (81, 16) mask; rows may be summed over several settings.
        bell_value: δ̃ ≥ 0, the sum over the 81 setting pairs.

    Raises:
        InputError: a mask of another shape, or a Bell value below 0.
    """
    event = np.asarray(event, dtype=np.bool_)
    if event.shape != (N_PAIRS, N_JOINT):
        raise InputError(f"event has shape {event.shape}, expected {(N_PAIRS, N_JOINT)}")
    if not bell_value >= 0:
        raise InputError(f"Bell value {bell_value} is negative, expected 0 or more")
    losing = losing_table().ravel().astype(np.float64)
    upper = sparse.csr_matrix(losing[None, :]), np.array([bell_value])
    found = solve(event.ravel().astype(np.float64), full_polytope(), upper=upper)
    potentials = from_marginals(found.eqlin.marginals[N_PAIRS:])
    return EventBound(
        float(found.fun), max(0.0, float(found.ineqlin.marginals[0])), potentials, event
    )


def guessing_probability(behaviour: NDArray[np.float64], setting: int) -> float:
    """The best guess of the joint outcome at `setting` by a full no-signalling adversary.

    Arguments and errors as in `guessing_attack`.
    """
    return sum(
        float(part[setting, guess]) * count
        for guess, count, part in guessing_attack(behaviour, setting)
    )


def guessing_attack(
    behaviour: NDArray[np.float64], setting: int
) -> list[tuple[int, int, NDArray[np.float64]]]:
    """How a full no-signalling adversary guesses the joint outcome at `setting` best.

    The maximum of Σ_x̂ P^x̂(x̂|setting) over no-signalling P^x̂ ≥ 0, not normalised, with
    Σ_x̂ P^x̂ = behaviour: the adversary holds x̂, the name of her part, and guesses it.  Where the
    behaviour has symmetries that keep `setting`, one x̂ per orbit suffices.

    Args:
        behaviour: P(x|u), (81, 16).
        setting: the pair at which she guesses, 0..80.

    Returns:
        For each orbit of guesses: one guess x̂, the size of the orbit, and its part P^x̂,
        (81, 16), whose entries sum to its weight in every row.  What the parts leave of the
        behaviour (rounding) is not listed.

    Raises:
        InputError: `behaviour` is no normalised no-signalling behaviour of shape (81, 16), or
            `setting` is outside 0..80.
    """
    behaviour = check_behaviour(behaviour)
    if not 0 <= setting < N_PAIRS:
        raise InputError(f"setting {setting} is outside 0..{N_PAIRS - 1}")
    flat = np.where(behaviour.ravel() < _ROUNDING, 0.0, behaviour.ravel())
    group = invariance_group(setting, [behaviour], _ROUNDING)
    labels = reduced_polytope(group).labels
    size = int(labels.max()) + 1
    shares: list[sparse.csr_matrix] = []
    equations: list[sparse.csr_matrix] = []
    objective: list[float] = []
    limits: list[float] = []
    listed: list[tuple[int, int, NDArray[np.int64], int]] = []
    outcome_orbits = labels[N_JOINT * setting :][:N_JOINT]
    for orbit in np.unique(outcome_orbits):
        members = np.flatnonzero(outcome_orbits == orbit)
        guess = np.zeros(N_JOINT, dtype=np.bool_)
        guess[members[0]] = True
        if not flat[N_JOINT * setting + members[0]]:
            continue  # an outcome that never occurs cannot be guessed
        part = reduced_polytope(box_stabiliser(group, setting, guess))
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
        gain[part.labels[N_JOINT * setting + members[0]]] = len(members)
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
        (guess, count, found.x[start + part].reshape(N_PAIRS, N_JOINT))
        for guess, count, part, start in listed
    ]


def local_value() -> int:
    """Fewest of the 81 setting pairs that a deterministic local strategy loses, by search.

    All 4⁹ strategies of one party, each against the best answer of the other.
    """
    losing = losing_table().reshape(N_SETTINGS, N_SETTINGS, N_OUTCOMES, N_OUTCOMES)
    strategies = np.indices((N_OUTCOMES,) * N_SETTINGS).reshape(N_SETTINGS, -1)
    lost = np.zeros((strategies.shape[1], N_SETTINGS, N_OUTCOMES), dtype=np.int8)
    for u1 in range(N_SETTINGS):
        lost += losing[u1].transpose(1, 0, 2)[strategies[u1]]
    return int(lost.min(axis=2).sum(axis=1).min())


def no_signalling_value() -> float:
    """Least Σ_u B_u of a no-signalling box, by linear programme (0: the honest box wins)."""
    polytope = reduced_polytope(entry_permutations())
    losing = polytope.gather(losing_table().astype(np.float64))
    return 0.0 - float(solve(-losing, polytope).fun)
