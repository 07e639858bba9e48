"""How long a compiled circuit takes on a processor, from the durations that it reports."""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp
from qiskit.transpiler import Target


def duration(circuit: QuantumCircuit, cut: Target) -> float | None:
    """Seconds from start to last measurement if everything starts as soon as it can.

    The longer branch of a condition counts, the controller's latency does not.  None if the
    target does not report the duration of a gate in use.
    """
    ends = _ends(circuit, cut, [0.0] * (circuit.num_qubits + circuit.num_clbits))
    return None if ends is None else max(ends)


def _ends(circuit: QuantumCircuit, cut: Target, starts: list[float]) -> list[float] | None:
    """When each qubit and each bit is free or known, given when it was before."""
    ends = list(starts)
    for step in circuit.data:
        wires = [circuit.find_bit(q).index for q in step.qubits]
        bits = [circuit.num_qubits + circuit.find_bit(c).index for c in step.clbits]
        begin = max(ends[w] for w in wires + bits)
        if isinstance(step.operation, ControlFlowOp):
            branches = [
                _ends(_placed(block, circuit, wires), cut, [begin] * len(ends))
                for block in step.operation.blocks
            ]
            if None in branches:
                return None
            finish = max(max(branch) for branch in branches if branch is not None)
        elif step.operation.name in ("barrier", "rz"):
            finish = begin
        else:
            properties = (cut[step.operation.name] or {}).get(tuple(wires))
            if properties is None or properties.duration is None:
                return None
            finish = begin + properties.duration
        for wire in wires + bits:
            ends[wire] = finish
    return ends


def _placed(block: QuantumCircuit, circuit: QuantumCircuit, wires: list[int]) -> QuantumCircuit:
    """A conditional block on the qubits of the circuit around it."""
    wide = QuantumCircuit(circuit.num_qubits, circuit.num_clbits)
    return wide.compose(block, wires, wide.clbits[: block.num_clbits])
