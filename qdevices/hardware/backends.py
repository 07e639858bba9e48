"""Runs on backends: the exact sampler, any `BackendV2`, any `BaseSamplerV2`.

Simulated backends, `aer` and the snapshots, answer by sampling the exact probabilities of the
programme under the reported noise, run by run, which is what one shot a run of their noise model
is (Aer's own streams overlap, theory 7).  Anything else really executes one shot a run, in
run order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit_aer import AerSimulator

from qdevices.hardware.catalogue import compiled_for, open_backend, target_of
from qdevices.hardware.compilation import Compiled
from qdevices.hardware.evolution import probabilities
from qdevices.hardware.known_answers import SHOTS, KnownAnswer, check_known_answers, known_answers
from qdevices.hardware.placement import Placement
from qdevices.hardware.programme import Programme, Pub, as_settings, sampler_integers, widen
from qdevices.hardware.simulated import SimulatedBackend
from qdevices.ks18.game import KS18
from qdevices.variants import check_order

_BLOCK = 1 << 16
#: Bound circuits handed to one call of `BackendV2.run`.
_BATCH = 300


def run_chunk(
    backend_name: str,
    variant: str,
    settings: NDArray[np.uint8],
    order: str = "run",
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Outcomes 4x1+x2 of the runs with settings 9u1+u2 on the backend of that name.

    Args:
        backend_name: as for `open_backend`.
        variant: "literal", "static" or "feedforward".
        settings: shape (n,) uint8, in run order.
        order: "run", one shot a run in run order; "grouped", shots of equal settings together,
            which tells a device its settings in advance and is not faithful.
        seed: of a simulated backend's randomness; the same seed gives the same outcomes.

    Returns:
        Shape (n,) uint8, in run order whatever the order of execution.

    Raises:
        InputError: an unknown backend, variant or order, or unusable settings.
    """
    check_order(order)
    settings = as_settings(settings)
    backend = open_backend(backend_name)
    executed = (
        np.argsort(settings, kind="stable") if order == "grouped" else np.arange(len(settings))
    )
    if isinstance(backend, SimulatedBackend):
        table = compiled_for(backend_name, variant).behaviour
        answers = sample_table(table, settings[executed], np.random.default_rng(seed))
    else:
        programme = compiled_for(backend_name, variant).programme
        answers = run_on(backend, programme, settings[executed], seed)
    outcomes = np.empty(len(settings), dtype=np.uint8)
    outcomes[executed] = answers
    return outcomes


def sample_table(
    table: NDArray[np.float64], settings: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One outcome for each run from a table of probabilities (81, 16), which may signal."""
    cumulative = np.cumsum(np.clip(table, 0, None), axis=1)
    cumulative /= cumulative[:, -1:]
    outcomes = np.empty(len(settings), dtype=np.uint8)
    for start in range(0, len(settings), _BLOCK):
        block = settings[start : start + _BLOCK]
        uniform = rng.random(len(block))
        outcomes[start : start + _BLOCK] = (cumulative[block] <= uniform[:, None]).sum(axis=1)
    return outcomes


def aer_simulator(compiled: Compiled) -> AerSimulator:
    """Aer with the noise of the four qubits, for shots that really go through it."""
    names = [n for n in compiled.target.operation_names if n not in ("measure", "if_else")]
    return AerSimulator(
        method="density_matrix",
        noise_model=compiled.noise.aer_model(names),
        max_parallel_threads=1,
    )


def run_on(
    backend: Any, programme: Programme, settings: NDArray[np.uint8], seed: int = 0
) -> NDArray[np.uint8]:
    """One shot a run in run order on a `BackendV2` or `BaseSamplerV2`; outcomes (n,) uint8.

    Simulators that take `seed_simulator` get a fresh 62-bit seed for each call.
    """
    settings = as_settings(settings)
    pubs = programme.pubs(settings)
    counts = _execute(backend, programme.placement, pubs, 1, seed)
    flat = np.concatenate([c[:, 0] for c in counts]) if counts else np.zeros(0, dtype=np.int64)
    return programme.decode(flat, settings)


def check_answers_on(backend: Any, compiled: Compiled, seed: int = 0) -> None:
    """Run the known-answer circuits on a backend at a programme's placement.

    Raises:
        InputError: bits or parameters come back in another order.
    """
    answers: list[KnownAnswer] = known_answers(compiled.target)
    if isinstance(backend, SimulatedBackend):
        rng = np.random.default_rng(seed)
        results = []
        for answer in answers:
            table = probabilities(answer.circuit, compiled.noise, answer.angles)
            table = np.clip(table, 0, None)
            table /= table.sum(axis=1, keepdims=True)
            results.append(np.array([rng.choice(KS18.n_joint, SHOTS, p=row) for row in table]))
    else:
        pubs = [(answer.circuit, answer.angles) for answer in answers]
        results = _execute(backend, compiled.programme.placement, pubs, SHOTS, seed)
    check_known_answers(answers, results)


def check_answers(backend_name: str, variant: str, seed: int = 0) -> None:
    """`check_answers_on` the backend of that name.

    Raises:
        InputError: as `check_answers_on`, or an unknown backend or variant.
    """
    check_answers_on(open_backend(backend_name), compiled_for(backend_name, variant), seed)


def reported_behaviour(backend_name: str, variant: str) -> NDArray[np.float64]:
    """P(x|u) that a backend's reported errors let expect, shape (81, 16).

    Raises:
        InputError: an unknown backend or variant.
    """
    return compiled_for(backend_name, variant).behaviour


def physical(circuit: QuantumCircuit, placement: Placement, backend: Any) -> QuantumCircuit:
    """A programme's circuit as `backend` takes it: on its own qubits if it has more than four."""
    target = target_of(backend)
    if target.build_coupling_map() is None:
        return circuit
    return widen(circuit, placement, target.num_qubits)


def _execute(
    backend: Any, placement: Placement, pubs: Sequence[Pub], shots: int, seed: int
) -> list[NDArray[np.int64]]:
    """Integers of register "outcome" for each pub, shape (rows, shots) each."""
    wide: dict[int, QuantumCircuit] = {}
    for circuit, _ in pubs:
        if id(circuit) not in wide:
            wide[id(circuit)] = physical(circuit, placement, backend)
    if type(backend).__name__ == "IBMBackend":
        from qdevices.hardware.ibm import make_sampler

        backend = make_sampler(backend)  # IBM's processors have no `run` of their own
    if isinstance(backend, BaseSamplerV2) or not hasattr(backend, "target"):
        job = backend.run(
            [(wide[id(c)], angles) if angles.shape[1] else (wide[id(c)],) for c, angles in pubs],
            shots=shots,
        )
        return sampler_integers(job.result())
    bound = [
        wide[id(c)].assign_parameters(row) if len(row) else wide[id(c)]
        for c, angles in pubs
        for row in angles
    ]
    seeds = np.random.SeedSequence(seed).generate_state(len(bound) // _BATCH + 1, np.uint64)
    measured: list[list[int]] = []
    for batch, start in enumerate(range(0, len(bound), _BATCH)):
        options: dict[str, Any] = {"shots": shots, "memory": True}
        if isinstance(backend, AerSimulator):
            options["seed_simulator"] = int(seeds[batch] >> np.uint64(2))
        result = backend.run(bound[start : start + _BATCH], **options).result()
        for index in range(len(bound[start : start + _BATCH])):
            measured.append([int(bits.replace(" ", ""), 2) for bits in result.get_memory(index)])
    table = np.array(measured, dtype=np.int64)
    return np.split(table, np.cumsum([len(angles) for _, angles in pubs])[:-1])
