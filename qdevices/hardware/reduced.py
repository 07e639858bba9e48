"""A processor's target cut to the qubits in use, and the noise that it reports there.

A snapshot of 156 qubits makes a simulator slow although four are used (theory 7).  Here the
target is cut to the used qubits first; its errors are those that Aer derives from a target,
depolarising and relaxation after each gate, readout confusion.  The noise of idle time and
crosstalk is not reported by a target and not contained here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import IfElseOp, Measure
from qiskit.quantum_info import SuperOp
from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer.noise.device import basic_device_gate_errors, basic_device_readout_errors

from qdevices.errors import InputError
from qdevices.noise.channels import Channel
from qdevices.noise.reduced import ReducedNoise, Where


def reduced_target(target: Target, qubits: Sequence[int]) -> Target:
    """`target` cut to `qubits`, which become 0, 1, … in this order; control flow stays or is added.

    Raises:
        InputError: a repeated qubit, or one that the target does not have.
    """
    size = target.num_qubits
    if len(set(qubits)) != len(qubits) or (
        size is not None and not all(0 <= q < size for q in qubits)
    ):
        raise InputError(f"qubits {tuple(qubits)} are not different qubits of 0..{size}")
    place = {int(q): k for k, q in enumerate(qubits)}
    reported = target.qubit_properties
    cut = Target(
        num_qubits=len(qubits),
        dt=target.dt,
        qubit_properties=[reported[q] for q in qubits]
        if reported
        else [QubitProperties()] * len(qubits),
    )
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if isinstance(operation, type):
            continue  # control flow, handled below
        if name in ("delay", "reset"):
            continue  # never used by a programme here
        properties = target[name]
        if properties is None or None in properties:
            cut.add_instruction(operation)
            continue
        kept = {
            tuple(place[q] for q in where): value
            for where, value in properties.items()
            if all(q in place for q in where)
        }
        if name == "measure":
            # An unreported readout error is taken as none; Aer would stumble over it.
            for where, value in kept.items():
                if value is not None and value.error is None:
                    kept[where] = InstructionProperties(duration=value.duration, error=0.0)
        if kept:
            cut.add_instruction(operation, kept)
    if "measure" not in cut.operation_names:
        cut.add_instruction(Measure(), {(q,): None for q in range(len(qubits))})
    cut.add_instruction(IfElseOp, name="if_else")
    return cut


class _Channels(Mapping[Where, Channel]):
    """Matrices of Aer's errors, made when they are asked for: circuits use few of the gates."""

    def __init__(self, errors: dict[Where, Any]) -> None:
        self._errors = errors
        self._made: dict[Where, Channel] = {}

    def __getitem__(self, key: Where) -> Channel:
        if key not in self._made:
            self._made[key] = np.asarray(SuperOp(self._errors[key]).data)
        return self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._errors

    def __iter__(self) -> Iterator[Where]:
        return iter(self._errors)

    def __len__(self) -> int:
        return len(self._errors)


def reported_noise(target: Target) -> ReducedNoise:
    """What Aer's `NoiseModel.from_backend` derives from an (already cut) target."""
    count = int(target.num_qubits)
    timed = any(p.t1 is not None for p in target.qubit_properties or [])
    errors = basic_device_gate_errors(target=target, thermal_relaxation=timed)
    readout = np.tile(np.eye(2), (count, 1, 1))
    if "measure" in target.operation_names and target["measure"] is not None:
        for where, error in basic_device_readout_errors(target=target):
            readout[where[0]] = error.probabilities
    gates = _Channels({(name, tuple(where)): error for name, where, error in errors})
    return ReducedNoise(count, gates, readout)
