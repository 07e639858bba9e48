"""Placement and gate counts on ideal couplings and on snapshots of processors."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit.library import CXGate
from qiskit.transpiler import CouplingMap, InstructionProperties, Target

from qdevices.errors import InputError
from qdevices.hardware.compilation import (
    compile_at,
    compile_for,
    ideal_target,
)
from qdevices.hardware.figures import losing_value, starred_value, white_noise_equivalent
from qdevices.hardware.placement import Placement, candidates
from qdevices.hardware.programme import duration, widen
from qdevices.ks18.game import honest_table, with_white_noise

LINE = [(i, i + 1) for i in range(5)]
GRID = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
HEAVY_HEX = [tuple(edge) for edge in CouplingMap.from_heavy_hex(3, bidirectional=False).get_edges()]


def _processor(edges: list[tuple[int, int]], errors: dict[tuple[int, int], float]) -> Target:
    """CNOTs on these couplings in both directions, with these errors on some of them."""
    size = 1 + max(max(edge) for edge in edges)
    target = Target(num_qubits=size)
    local = ideal_target(size)
    for name in ("rz", "sx", "x", "measure"):
        target.add_instruction(local.operation_from_name(name), dict(local[name]))
    both = [*edges, *((b, a) for a, b in edges)]
    target.add_instruction(
        CXGate(),
        {
            (a, b): InstructionProperties(error=errors.get((a, b), errors.get((b, a), 1e-3)))
            for a, b in both
        },
    )
    return target


@pytest.mark.parametrize(
    ("edges", "static", "mean"),
    [(LINE, 6, 414 / 81), (HEAVY_HEX, 6, 414 / 81), (GRID, 4, 252 / 81)],
    ids=["line", "heavy-hex", "grid"],
)
def test_gate_counts_are_the_least_known(
    edges: list[tuple[int, int]], static: int, mean: float
) -> None:
    target = _processor(edges, {})
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
        np.testing.assert_allclose(compiled.behaviour, honest_table(), atol=1e-12)
        assert compiled.losing == pytest.approx(0, abs=1e-12)
        assert compiled.starred == pytest.approx(0.5)


def test_our_circuits_need_fewer_gates_than_the_literal_ones_compiled_by_qiskit() -> None:
    for edges in (LINE, GRID):
        target = _processor(edges, {})
        means = [
            compile_at(target, candidates(target, variant)[0], variant)
            .programme.two_qubit_gates()
            .mean()
            for variant in ("feedforward", "static", "literal")
        ]
        assert means == sorted(means)


def test_the_placement_avoids_a_bad_coupling() -> None:
    target = _processor(GRID, {(0, 1): 0.2})
    place = compile_for(target, "static").programme.placement
    assert place.shape == "square"
    assert set(place.qubits) == {1, 2, 4, 5}


def test_a_good_line_is_taken_rather_than_a_bad_square() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 5), (5, 6), (6, 7)]
    bad = dict.fromkeys(edges[:4], 0.1)
    place = compile_for(_processor(edges, bad), "static").programme.placement
    assert place.shape == "line"
    assert not set(place.qubits) & {0, 1, 2}


def test_the_best_placement_loses_least_of_all_candidates() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4)]
    target = _processor(edges, {edge: 0.002 * (k + 1) for k, edge in enumerate(edges)})
    chosen = compile_for(target, "static").losing
    everywhere = {p.qubits: compile_at(target, p, "static") for p in candidates(target, "static")}
    assert chosen <= min(c.losing for c in everywhere.values()) + 1e-12


def test_broken_couplings_and_too_small_processors_are_refused() -> None:
    with pytest.raises(InputError, match="no four working qubits"):
        candidates(_processor(LINE, dict.fromkeys(LINE, 1.0)), "static")
    with pytest.raises(InputError, match="no four working qubits"):
        candidates(_processor(LINE[:2], {}), "static")


def test_the_equivalent_white_noise_is_the_weight_that_was_put_in() -> None:
    table = with_white_noise(honest_table(), 0.07)
    assert white_noise_equivalent(table) == pytest.approx(0.07)
    assert losing_value(table) == pytest.approx(0.07 * 31.5 / 81)
    assert starred_value(table) == pytest.approx(0.5)


def test_the_duration_is_the_longest_chain_of_reported_durations() -> None:
    target = ideal_target()
    compiled = compile_for(target, "static")
    assert duration(compiled.programme.bound(0), compiled.target) is None
    for name, seconds in (("sx", 1.0), ("cx", 10.0), ("measure", 100.0)):
        for where in target[name]:
            target.update_instruction_properties(
                name, where, InstructionProperties(duration=seconds)
            )
    compiled = compile_at(target, Placement((0, 1, 2, 3), "square", 0.0), "static")
    # √X, CNOT, two √X, CNOT, √X and the measurement follow each other on Alice's first qubit.
    assert duration(compiled.programme.bound(0), compiled.target) == 1 + 10 + 2 + 10 + 1 + 100


def test_a_widened_circuit_acts_on_the_physical_qubits_and_keeps_its_bits() -> None:
    compiled = compile_for(_processor(HEAVY_HEX, {}), "feedforward")
    place = compiled.programme.placement
    wide = widen(compiled.programme.circuits[3], place, 19)
    used = {wide.find_bit(q).index for step in wide.data for q in step.qubits}
    assert used == set(place.qubits)
    assert [register.name for register in wide.cregs] == ["outcome"]
