"""Where on a processor the four qubits go: candidates, and a quick ranking by reported errors.

A placement lists the physical qubits of Alice's two and Bob's two qubits and the shape of their
couplings: a square a0-a1-b1-b0 where the coupling map has 4-cycles (grid, all-to-all), or a line
a0-a1-b0-b1 (line, heavy-hex; see `state` for what the missing coupling costs).  The ranking
takes the product of fidelities of gates and readout; `compile` then computes the expected
Bell value of the best few exactly and decides by that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qiskit.transpiler import InstructionProperties, Target

from qdevices.errors import InputError
from qdevices.hardware.figures import PURE_NOISE_LOSING
from qdevices.ks18.state import Shape

#: √X gates per qubit, roughly; they matter little for the ranking.
_PULSES = 3
#: Processors where everything is coupled would have a factorial number of squares.
_MAX_CANDIDATES = 200_000
Edge = tuple[int, int]

#: Two-qubit gates on each coupling of positions 0..3, averaged over the 81 setting pairs.
USES: dict[tuple[str, Shape], dict[Edge, float]] = {
    ("static", "square"): {(0, 2): 1, (1, 3): 1, (0, 1): 1, (2, 3): 1},
    ("static", "line"): {(0, 1): 2, (1, 2): 2, (2, 3): 2},
    ("feedforward", "square"): {(0, 2): 1, (1, 3): 1, (0, 1): 5 / 9, (2, 3): 5 / 9},
    ("feedforward", "line"): {(0, 1): 14 / 9, (1, 2): 2, (2, 3): 14 / 9},
}


@dataclass(frozen=True)
class Placement:
    """Physical qubits of (a0, a1, b0, b1) and the couplings that they use.

    Attributes:
        qubits: physical qubits of logical qubits 0..3.
        shape: "square" or "line".
        log_fidelity: natural logarithm of the product of reported fidelities, 0 if none are
            reported.
    """

    qubits: tuple[int, int, int, int]
    shape: Shape
    log_fidelity: float

    @property
    def estimated_losing(self) -> float:
        """L if an error anywhere made all outcomes equally likely."""
        return (1 - math.exp(self.log_fidelity)) * PURE_NOISE_LOSING


def two_qubit_errors(target: Target) -> dict[Edge, float]:
    """Least error of a native two-qubit gate on each coupling, in both orders of its qubits.

    Couplings without a reported error have 0; empty if everything is coupled without limits.
    """
    errors: dict[Edge, float] = {}
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if isinstance(operation, type) or operation.num_qubits != 2 or target[name] is None:
            continue
        for where, properties in target[name].items():
            if where is None:
                continue
            error = _gate_error(target, where, properties)
            for edge in ((where[0], where[1]), (where[1], where[0])):
                errors[edge] = min(error, errors.get(edge, math.inf))
    return errors


def one_qubit_errors(target: Target, name: str) -> dict[int, float]:
    """Reported error of the one-qubit instruction `name` on each qubit that has it, 0 if none is.

    Empty if the target does not say which qubits have it.
    """
    if name not in target.operation_names or target[name] is None:
        return {}
    errors = {}
    for where, properties in target[name].items():
        if where is None:
            continue
        if name == "measure":
            errors[where[0]] = float(properties.error or 0.0) if properties else 0.0
        else:
            errors[where[0]] = _gate_error(target, where, properties)
    return errors


def _gate_error(
    target: Target, where: tuple[int, ...], properties: InstructionProperties | None
) -> float:
    """The reported error, or what T1 and T2 do in the gate's duration if that is more.

    Aer's noise model has both; some snapshots report durations that no gate error reflects.
    """
    if properties is None:
        return 0.0
    fidelity = 1.0  # of the process
    for qubit in where if properties.duration and target.qubit_properties else ():
        times = target.qubit_properties[qubit]
        t1 = times.t1 or math.inf
        t2 = min(times.t2 or math.inf, 2 * t1)
        seconds = properties.duration
        fidelity *= (1 + math.exp(-seconds / t1) + 2 * math.exp(-seconds / t2)) / 4
    dimension = 2 ** len(where)
    return float(max(properties.error or 0.0, (1 - fidelity) * dimension / (dimension + 1)))


def candidates(target: Target, variant: str) -> list[Placement]:
    """All placements on `target`, best estimate first, squares and lines together.

    Couplings and qubits reported as broken, error 1 or instruction missing, are left out.  Among
    equals squares come first, as they need fewer gates.

    Raises:
        InputError: a processor where four qubits cannot be coupled.
    """
    variant = "feedforward" if variant == "feedforward" else "static"
    couplings = two_qubit_errors(target)
    if not couplings:
        count = target.num_qubits or 4
        if count < 4:
            raise InputError(f"the processor has {count} qubits, 4 are needed")
        return [Placement((0, 1, 2, 3), "square", 0.0)]
    neighbours: dict[int, list[int]] = {}
    for first, second in couplings:
        neighbours.setdefault(first, []).append(second)
    pulse, readout = one_qubit_errors(target, "sx"), one_qubit_errors(target, "measure")
    local = {q: _PULSES * _error(pulse, q) + _error(readout, q) for q in neighbours}

    found: list[Placement] = []
    for path in _paths(neighbours):
        own = sum(local[q] for q in path)
        for shape in ("square", "line"):
            # The path is a0-a1-b0-b1 for a line, a0-a1-b1-b0 closed for a square.
            closed = shape == "square"
            if closed and (path[3], path[0]) not in couplings:
                continue
            a0, a1, third, fourth = path
            place = (a0, a1, fourth, third) if closed else path
            total = own
            for (i, j), times in USES[variant, shape].items():
                total += times * _log(couplings[place[i], place[j]])
            if total > -math.inf:
                found.append(Placement(place, shape, total))
        if len(found) > _MAX_CANDIDATES:
            break
    if not found:
        raise InputError("no four working qubits of the processor are coupled in a line")
    return sorted(found, key=lambda p: (-p.log_fidelity, p.shape == "line", p.qubits))


def _error(reported: dict[int, float], qubit: int) -> float:
    """Log fidelity of an instruction; a qubit is broken if only the others have it."""
    return _log(reported.get(qubit, 1.0)) if reported else 0.0


def _log(error: float) -> float:
    return math.log1p(-error) if error < 1 else -math.inf


def _paths(neighbours: dict[int, list[int]]) -> Iterator[tuple[int, int, int, int]]:
    """All paths of four different qubits along couplings, in both directions."""
    for a in neighbours:
        for b in neighbours[a]:
            for c in neighbours[b]:
                if c == a:
                    continue
                for d in neighbours[c]:
                    if d not in (a, b):
                        yield a, b, c, d
