"""Placement and gate counts on ideal couplings and on snapshots of processors."""

from __future__ import annotations

import numpy as np
import pytest

from qdevices.errors import InputError
from qdevices.hardware.compilation import (
    compile_at,
    compile_for,
    ideal_target,
)
from qdevices.hardware.placement import candidates
from qdevices.ks18.game import KS18
from tests.qdevices.hardware.processors import GRID, HEAVY_HEX, LINE, processor


@pytest.mark.parametrize(
    ("edges", "static", "mean"),
    [(LINE, 6, 414 / 81), (HEAVY_HEX, 6, 414 / 81), (GRID, 4, 252 / 81)],
    ids=["line", "heavy-hex", "grid"],
)
def test_gate_counts_are_the_least_known(
    edges: list[tuple[int, int]], static: int, mean: float
) -> None:
    target = processor(edges, {})
    gates = compile_for(target, "static").programme.two_qubit_gates()
    assert set(gates) == {static}
    gates = compile_for(target, "feedforward").programme.two_qubit_gates()
    assert gates.mean() == pytest.approx(mean)


def test_with_all_couplings_every_pair_takes_four_gates_or_adaptively_two_to_four() -> None:
    assert set(compile_for(ideal_target(), "static").programme.two_qubit_gates()) == {4}
    gates = compile_for(ideal_target(), "feedforward").programme.two_qubit_gates()
    assert (gates.min(), gates.max()) == (2, 4)
    assert gates.mean() < 3.12


def test_all_variants_are_honest_without_errors() -> None:
    for variant in ("literal", "static", "feedforward"):
        compiled = compile_for(ideal_target(), variant)
        np.testing.assert_allclose(compiled.behaviour, KS18.honest, atol=1e-12)
        assert compiled.losing == pytest.approx(0, abs=1e-12)
        assert compiled.starred == pytest.approx(0.5)


def test_our_circuits_need_fewer_gates_than_the_literal_ones_compiled_by_qiskit() -> None:
    for edges in (LINE, GRID):
        target = processor(edges, {})
        means = [
            compile_at(target, candidates(target, variant)[0], variant)
            .programme.two_qubit_gates()
            .mean()
            for variant in ("feedforward", "static", "literal")
        ]
        assert means == sorted(means)


def test_the_placement_avoids_a_bad_coupling() -> None:
    target = processor(GRID, {(0, 1): 0.2})
    place = compile_for(target, "static").programme.placement
    assert place.shape == "square"
    assert set(place.qubits) == {1, 2, 4, 5}


def test_a_good_line_is_taken_rather_than_a_bad_square() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 5), (5, 6), (6, 7)]
    bad = dict.fromkeys(edges[:4], 0.1)
    place = compile_for(processor(edges, bad), "static").programme.placement
    assert place.shape == "line"
    assert not set(place.qubits) & {0, 1, 2}


def test_the_best_placement_loses_least_of_all_candidates() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4)]
    target = processor(edges, {edge: 0.002 * (k + 1) for k, edge in enumerate(edges)})
    chosen = compile_for(target, "static").losing
    everywhere = {p.qubits: compile_at(target, p, "static") for p in candidates(target, "static")}
    assert chosen <= min(c.losing for c in everywhere.values()) + 1e-12


def test_broken_couplings_and_too_small_processors_are_refused() -> None:
    with pytest.raises(InputError, match="no four working qubits"):
        candidates(processor(LINE, dict.fromkeys(LINE, 1.0)), "static")
    with pytest.raises(InputError, match="no four working qubits"):
        candidates(processor(LINE[:2], {}), "static")
