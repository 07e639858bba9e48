"""Durations against sums by hand."""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.transpiler import InstructionProperties

from qdevices.hardware.compilation import compile_at, compile_for, ideal_target
from qdevices.hardware.duration import duration
from qdevices.hardware.placement import Placement


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


def test_the_longer_branch_of_a_condition_counts() -> None:
    target = ideal_target(2)
    for name, seconds in (("sx", 1.0), ("x", 2.0), ("measure", 100.0)):
        for where in target[name]:
            target.update_instruction_properties(
                name, where, InstructionProperties(duration=seconds)
            )
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.sx(1)
    with otherwise:
        circuit.x(1)
        circuit.rz(0.3, 1)
    circuit.measure(1, 1)
    assert duration(circuit, target) == 100 + 2 + 100
