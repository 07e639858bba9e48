"""A kind of backend of somebody else: `ring:N`, a processor whose N qubits lie in a ring."""

from __future__ import annotations

from qiskit.circuit.library import CXGate
from qiskit.transpiler import InstructionProperties, Target

from qdevices.errors import InputError
from qdevices.hardware.compilation import ideal_target
from qdevices.hardware.kinds.kind import BackendKind
from qdevices.hardware.simulated import SimulatedBackend


def _open(argument: str) -> SimulatedBackend:
    if not argument.isdecimal() or int(argument) < 4:
        raise InputError(f"backend 'ring:{argument}', expected ring:N of at least 4 qubits")
    size, free = int(argument), ideal_target(int(argument))
    target = Target(num_qubits=size)
    for name in ("rz", "sx", "x", "measure"):
        target.add_instruction(free.operation_from_name(name), dict(free[name]))
    pairs = [(q, (q + 1) % size) for q in range(size)]
    coupled = [*pairs, *((b, a) for a, b in pairs)]
    target.add_instruction(CXGate(), dict.fromkeys(coupled, InstructionProperties(error=1e-3)))
    return SimulatedBackend(f"ring:{size}", target, feedforward=False)


KIND = BackendKind("ring:N", _open)
