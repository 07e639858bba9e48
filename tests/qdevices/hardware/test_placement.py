"""Placements against all ways to place four qubits, and estimates against what happens."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import ControlFlowOp
from qiskit.circuit.library import CXGate, SXGate
from qiskit.quantum_info import SuperOp, average_gate_fidelity
from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer.noise import thermal_relaxation_error

from qdevices.errors import InputError
from qdevices.hardware.compilation import compile_at, ideal_target
from qdevices.hardware.figures import PURE_NOISE_LOSING, losing_value
from qdevices.hardware.placement import (
    USES,
    Placement,
    candidates,
    one_qubit_errors,
    two_qubit_errors,
)
from tests.qdevices.hardware.processors import GRID, LINE, processor

SHAPES = {"square": ((0, 2), (1, 3), (0, 1), (2, 3)), "line": ((0, 1), (1, 2), (2, 3))}
GRAPHS = st.sets(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda e: e[0] < e[1]), min_size=1
)


@given(GRAPHS)
def test_candidates_are_all_placements_whose_couplings_are_there(graph):
    """Against every choice of four qubits, in every order."""
    couplings = graph | {(b, a) for a, b in graph}
    size = 1 + max(max(edge) for edge in graph)
    expected = {
        (place, shape)
        for place in permutations(range(size), 4)
        for shape, needed in SHAPES.items()
        if all((place[i], place[j]) in couplings for i, j in needed)
    }
    target = processor(sorted(graph), {})
    if not expected:
        with pytest.raises(InputError, match="no four working qubits"):
            candidates(target, "static")
        return
    found = candidates(target, "static")
    assert {(p.qubits, p.shape) for p in found} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("variant", ["static", "feedforward", "literal"])
def test_the_estimate_is_the_product_of_the_fidelities_in_use(variant):
    rng = np.random.default_rng(1)
    errors = {edge: float(e) for edge, e in zip(GRID, rng.uniform(0, 0.1, 7), strict=True)}
    local = {name: dict(enumerate(rng.uniform(0, 0.01, 6).tolist())) for name in ("sx", "measure")}
    found = candidates(processor(GRID, errors, local), variant)
    kind = "feedforward" if variant == "feedforward" else "static"
    for place in found:
        fidelity = 1.0
        for qubit in place.qubits:
            fidelity *= (1 - local["sx"][qubit]) ** 3 * (1 - local["measure"][qubit])
        for (i, j), times in USES[kind, place.shape].items():
            low, high = sorted((place.qubits[i], place.qubits[j]))
            fidelity *= (1 - errors[low, high]) ** times
        assert place.log_fidelity == pytest.approx(math.log(fidelity))
    estimates = [p.log_fidelity for p in found]
    assert estimates == sorted(estimates, reverse=True)


@pytest.mark.parametrize("variant", ["static", "feedforward"])
@pytest.mark.parametrize("shape", ["square", "line"])
def test_the_stated_uses_are_the_gates_of_the_compiled_circuits(variant, shape):
    programme = compile_at(ideal_target(), Placement((0, 1, 2, 3), shape, 0.0), variant).programme
    uses: Counter[tuple[int, ...]] = Counter()

    def count(circuit, qubits):
        for step in circuit.data:
            where = [qubits[circuit.find_bit(q).index] for q in step.qubits]
            if isinstance(step.operation, ControlFlowOp):
                # Both branches have the same gates on two qubits or one has none of them.
                count(max(step.operation.blocks, key=lambda b: b.num_nonlocal_gates()), where)
            elif len(where) == 2:
                uses[tuple(sorted(where))] += 1

    for setting in range(81):
        count(programme.circuits[programme.circuit_of[setting]], range(4))
    expected = {tuple(sorted(edge)): n for edge, n in USES[variant, shape].items()}
    assert {edge: n / 81 for edge, n in uses.items()} == pytest.approx(expected)


def test_the_better_of_two_gates_on_a_coupling_counts_in_both_directions():
    target = Target(num_qubits=2)
    target.add_instruction(CXGate(), {(0, 1): InstructionProperties(error=0.02)})
    assert two_qubit_errors(target) == {(0, 1): 0.02, (1, 0): 0.02}
    target = Target(num_qubits=2)
    both = {(0, 1): InstructionProperties(error=0.02), (1, 0): InstructionProperties(error=0.01)}
    target.add_instruction(CXGate(), both)
    assert two_qubit_errors(target) == {(0, 1): 0.01, (1, 0): 0.01}
    assert two_qubit_errors(ideal_target()) == dict.fromkeys(permutations(range(4), 2), 0.0)


@pytest.mark.parametrize("t2", [30e-6, 70e-6, 1.0], ids=["short", "long", "more than it can be"])
def test_relaxation_in_a_gates_duration_counts_if_it_is_more_than_the_reported_error(t2):
    """Against Qiskit's average fidelity of Aer's relaxation."""
    t1, seconds = 50e-6, 1e-6
    target = Target(num_qubits=1, qubit_properties=[QubitProperties(t1=t1, t2=t2)])
    target.add_instruction(SXGate(), {(0,): InstructionProperties(duration=seconds, error=1e-4)})
    relaxation = SuperOp(thermal_relaxation_error(t1, min(t2, 2 * t1), seconds))
    expected = 1 - average_gate_fidelity(relaxation)
    assert expected > 1e-4
    assert one_qubit_errors(target, "sx") == {0: pytest.approx(expected)}
    target.update_instruction_properties(
        "sx", (0,), InstructionProperties(duration=seconds, error=0.3)
    )
    assert one_qubit_errors(target, "sx") == {0: 0.3}


def test_a_broken_qubit_is_left_out():
    for name in ("sx", "measure"):
        target = processor(GRID, {}, {name: {4: 1.0}})
        assert all(4 not in place.qubits for place in candidates(target, "static"))


def test_a_qubit_without_an_instruction_that_the_others_have_is_left_out():
    target = Target(num_qubits=6)
    free = ideal_target(6)
    for name in ("rz", "sx", "measure"):
        where = dict.fromkeys(((q,) for q in range(6 if name == "rz" else 5)), None)
        reported = {q: InstructionProperties(error=1e-3) for q in where}
        target.add_instruction(free.operation_from_name(name), reported)
    target.add_instruction(CXGate(), dict.fromkeys(LINE, InstructionProperties(error=1e-3)))
    assert {p.qubits for p in candidates(target, "static")} == {
        (0, 1, 2, 3), (3, 2, 1, 0), (1, 2, 3, 4), (4, 3, 2, 1),
    }  # fmt: skip


def test_the_estimate_of_l_is_between_none_and_pure_noise():
    assert Placement((0, 1, 2, 3), "square", 0.0).estimated_losing == 0
    hopeless = Placement((0, 1, 2, 3), "square", -1e3)
    assert hopeless.estimated_losing == pytest.approx(31.5 / 81)
    assert pytest.approx(losing_value(np.full((81, 16), 1 / 16))) == PURE_NOISE_LOSING


def test_of_equals_squares_come_first():
    found = candidates(processor(GRID, dict.fromkeys(GRID, 0.0)), "static")
    shapes = [p.shape for p in found]
    assert shapes == sorted(shapes, key="line".__eq__)


def test_fewer_than_four_qubits_without_limits_are_refused():
    target = Target(num_qubits=3)
    with pytest.raises(InputError, match="has 3 qubits, 4 are needed"):
        candidates(target, "static")
