"""Processors made up for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qiskit.circuit.library import CXGate
from qiskit.transpiler import CouplingMap, InstructionProperties, Target

from qdevices.hardware.compilation import ideal_target

Edge = tuple[int, int]

LINE: list[Edge] = [(i, i + 1) for i in range(5)]
GRID: list[Edge] = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
HEAVY_HEX: list[Edge] = [
    (a, b) for a, b in CouplingMap.from_heavy_hex(3, bidirectional=False).get_edges()
]


def processor(
    edges: Sequence[Edge],
    errors: Mapping[Edge, float],
    local: Mapping[str, Mapping[int, float]] | None = None,
) -> Target:
    """CNOTs on these couplings in both directions, with these errors on some of them.

    Args:
        edges: the couplings.
        errors: of CNOTs, on couplings in either order; 1e-3 elsewhere.
        local: of one-qubit instructions by name and qubit; none elsewhere.
    """
    size = 1 + max(max(edge) for edge in edges)
    target = Target(num_qubits=size)
    free = ideal_target(size)
    for name in ("rz", "sx", "x", "measure"):
        properties = dict(free[name])
        for qubit, error in (local or {}).get(name, {}).items():
            properties[(qubit,)] = InstructionProperties(error=error)
        target.add_instruction(free.operation_from_name(name), properties)
    both = [*edges, *((b, a) for a, b in edges)]
    target.add_instruction(
        CXGate(),
        {
            (a, b): InstructionProperties(error=errors.get((a, b), errors.get((b, a), 1e-3)))
            for a, b in both
        },
    )
    return target
