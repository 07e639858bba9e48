"""The Clifford frame, and the split of bases into a parity and what is left."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from qdevices.ks18.frame import (
    FRAME_CLASS,
    LINE_TURN,
    PAULI,
    concurrence,
    entangler,
    frame,
    line_frame,
    search,
    search_line,
    static_cost,
    unit_rays,
)
from qdevices.ks18.parity import parity_splits, rotation, to_z
from qdevices.ks18.state import bob_frame


def test_exactly_one_class_of_frames_has_all_nine_bases_at_one_gate() -> None:
    costs = search()
    assert len(costs) == 10
    assert [name for name, cost in costs.items() if set(cost) == {1}] == [FRAME_CLASS]


def test_each_diagonal_turned_to_one_axis_gives_bob_on_a_line_nine_bases_at_one_gate() -> None:
    costs = search_line(bob_frame("line"))
    places = [place for place, cost in costs.items() if set(cost) == {1}]
    assert LINE_TURN in places
    assert sorted((qubit, axis) for qubit, _, axis in places) == [(0, "Y")] * 4 + [(1, "Z")] * 4
    assert {static_cost(basis) for basis in unit_rays(line_frame())} == {1}


def test_no_frame_of_cliffords_serves_both_parties_of_a_line() -> None:
    # A one-qubit Clifford of Alice's permutes her axes; six of them are all, up to Pauli matrices.
    turns = [np.eye(2), entangler_turn("X"), entangler_turn("Y"), entangler_turn("Z")]
    turns += [turns[1] @ turns[2], turns[2] @ turns[1]]
    for first in turns:
        for second in turns:
            alice = np.kron(first, second) @ frame()
            bob = unit_rays(bob_frame("line") @ alice.conj())
            assert max(static_cost(basis) for basis in bob) == 2


def entangler_turn(axis: str) -> np.ndarray:
    """A quarter turn of one qubit about an axis."""
    return np.asarray((np.eye(2) + 1j * PAULI[axis]) / np.sqrt(2))


def test_on_a_line_bobs_rays_have_the_concurrence_of_a_body_diagonal() -> None:
    bob = bob_frame("line") @ line_frame().conj()
    np.testing.assert_allclose(concurrence(unit_rays(bob)), 1 / np.sqrt(3))
    np.testing.assert_allclose(concurrence(unit_rays(line_frame())), 1)


def test_the_literal_bases_cost_thirteen_gates_with_free_relabelling() -> None:
    assert sum(search()["1"]) == 13


def test_all_rays_are_maximally_entangled_in_the_frame() -> None:
    np.testing.assert_allclose(concurrence(unit_rays(frame())), 1)
    np.testing.assert_allclose(concurrence(unit_rays(frame().conj())), 1)


def test_the_frame_leaves_the_shared_state_as_it_is() -> None:
    state = np.eye(4).ravel() / 2
    np.testing.assert_allclose(np.kron(frame(), frame().conj()) @ state, state)


def test_a_product_basis_costs_nothing_and_bell_states_one_gate() -> None:
    assert static_cost(np.eye(4, dtype=np.complex128)) == 0
    assert static_cost(entangler("Y", "Y").T) == 1


def test_the_cost_does_not_depend_on_the_order_of_the_rays() -> None:
    rng = np.random.default_rng(1)
    for basis in unit_rays():
        for order in permutations(range(4)):
            phases = np.exp(0.25j * np.pi * rng.integers(8, size=4))
            assert static_cost((phases[:, None] * basis)[list(order)]) == static_cost(basis)


@pytest.mark.parametrize("conjugate", [False, True])
def test_every_split_tells_its_two_pairs_of_rays_apart(conjugate: bool) -> None:
    paulis = list(PAULI.values())
    for own in (None, frame()):
        rays = unit_rays(own)
        for basis in rays.conj() if conjugate else rays:
            splits = parity_splits(basis)
            assert splits
            for split in splits:
                factors = [
                    np.eye(2)
                    if axis is None
                    else sum(n * p for n, p in zip(axis, paulis, strict=True))
                    for axis in (split.first, split.second)
                ]
                observable = np.kron(factors[0], factors[1])
                for ray in split.plus:
                    np.testing.assert_allclose(observable @ basis[ray], basis[ray], atol=1e-12)
                for ray in split.minus:
                    np.testing.assert_allclose(observable @ basis[ray], -basis[ray], atol=1e-12)


@pytest.mark.parametrize("full", [False, True])
def test_any_axis_is_turned_to_the_z_axis(full: bool) -> None:
    rng = np.random.default_rng(2)
    axes = [*rng.normal(size=(20, 3)), *np.eye(3), *-np.eye(3), np.array([1.0, -1.0, 0.0])]
    for axis in axes:
        axis = axis / np.linalg.norm(axis)
        angles = to_z(axis, full=full)
        assert not full or len(angles) == 3
        unitary = rotation(angles)
        observable = sum(n * p for n, p in zip(axis, PAULI.values(), strict=True))
        turned = unitary @ observable @ unitary.conj().T
        assert abs(turned[0, 1]) < 1e-12
