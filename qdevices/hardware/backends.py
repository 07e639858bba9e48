"""Backends by name, and runs on them: the exact sampler, any `BackendV2`, any `BaseSamplerV2`.

Names: `aer` or `aer:gate2=1e-3,readout=1e-2` (a simulator without limits of coupling), a snapshot
of a real processor as `fake:FakeSherbrooke` or `fake_sherbrooke`, and `ibm:NAME` for IBM hardware.
Simulated backends, the first two, answer by sampling the exact probabilities of the programme under
the reported noise, run by run, which is what one shot a run of their noise model is (Aer's own
streams overlap, design 7).  Anything else really executes one shot a run in run order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.quantum_info import SuperOp
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import ReadoutError, depolarizing_error

from qdevices.errors import InputError
from qdevices.game import N_JOINT
from qdevices.hardware.compilation import Compiled, compile_for, ideal_target
from qdevices.hardware.known_answers import SHOTS, KnownAnswer, check_known_answers, known_answers
from qdevices.hardware.placement import Placement
from qdevices.hardware.programme import Programme, Pub, check_settings, widen
from qdevices.hardware.reduced import ReducedNoise, probabilities
from qdevices.noise import NoiseSpec

Order = Literal["run", "grouped"]
ORDERS: tuple[str, ...] = ("run", "grouped")
_BLOCK = 1 << 16
#: Bound circuits handed to one call of `BackendV2.run`.
_BATCH = 300


@dataclass(frozen=True, eq=False)
class SimulatedBackend:
    """A processor's target and noise, simulated exactly on the qubits in use.

    Attributes:
        name: as `open_backend` takes it.
        target: gates, couplings and reported errors.
        noise: the noise of any four qubits; None: as the target reports.
        feedforward: whether the processor says that it can run dynamic circuits.
    """

    name: str
    target: Target
    noise: ReducedNoise | None = None
    feedforward: bool = True

    @cached_property
    def _compiled(self) -> dict[str, Compiled]:
        return {}

    def compiled(self, variant: str) -> Compiled:
        """The variant compiled for this backend, kept for further calls."""
        if variant not in self._compiled:
            self._compiled[variant] = compile_for(self.target, variant, noise=self.noise)
        return self._compiled[variant]


def open_backend(name: str) -> Any:
    """The backend called `name`, see the module; a `SimulatedBackend` or a `BackendV2`.

    Raises:
        InputError: an unknown name, or a package that is not installed.
    """
    kind, _, rest = name.partition(":")
    if kind == "aer":
        return _ideal_backend(name, rest)
    if kind == "fake" or name.startswith("fake_"):
        return _fake_backend(rest if kind == "fake" else name)
    if kind == "ibm" and rest:
        from qdevices.hardware import ibm

        return ibm.open_processor(rest)
    raise InputError(
        f"backend {name!r} is unknown, expected aer, aer:NOISE, fake:NAME (such as "
        "fake:FakeSherbrooke) or ibm:NAME"
    )


@lru_cache(maxsize=8)
def _ideal_backend(name: str, text: str) -> SimulatedBackend:
    spec = NoiseSpec.parse(text) if text else NoiseSpec()
    if spec.white:
        raise InputError(
            f"backend {name!r} cannot have white noise, expected gate1=, gate2= or readout="
        )
    return SimulatedBackend(name, ideal_target(), _uniform_noise(spec))


def _uniform_noise(spec: NoiseSpec) -> ReducedNoise:
    """The same errors on four qubits, as `qdevices.aer.noise_model` has them."""
    gates, errors = {}, []
    singles = [(q,) for q in range(4)]
    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    one, two = depolarizing_error(spec.gate1, 1), depolarizing_error(spec.gate2, 2)
    for names, places, error in ((("sx", "x"), singles, one), (("cx",), pairs, two)):
        for name in names:
            for where in places:
                gates[name, where] = np.asarray(SuperOp(error).data)
                errors.append(("gate", error, name, where))
    flip = spec.readout
    readout = np.tile([[1 - flip, flip], [flip, 1 - flip]], (4, 1, 1))
    errors += [("readout", ReadoutError(readout[q]), "measure", (q,)) for q in range(4)]
    return ReducedNoise(4, gates, readout, tuple(errors))  # type: ignore[arg-type]


@lru_cache(maxsize=32)
def _fake_backend(name: str) -> SimulatedBackend:
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError:
        raise InputError(
            f"backend {name!r} needs qiskit-ibm-runtime, install the extra: ksamp[ibm]"
        ) from None

    def plain(text: str) -> str:
        return text.lower().replace("_", "").removeprefix("fake").removesuffix("v2")

    known = {
        plain(key): key
        for key in dir(fake_provider)
        if key.startswith("Fake") and "Provider" not in key
    }
    if plain(name) not in known:
        raise InputError(f"there is no fake backend {name!r}, expected one such as FakeSherbrooke")
    import warnings

    with warnings.catch_warnings():
        # Some snapshots warn that their figures are not typical.
        warnings.simplefilter("ignore")
        backend = getattr(fake_provider, known[plain(name)])()
        target = backend.target
    return SimulatedBackend(
        f"fake:{known[plain(name)]}", target, feedforward="if_else" in target.operation_names
    )


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
    if order not in ORDERS:
        raise InputError(f"order {order!r} is unknown, expected one of {', '.join(ORDERS)}")
    settings = check_settings(settings)
    backend = open_backend(backend_name)
    executed = (
        np.argsort(settings, kind="stable") if order == "grouped" else np.arange(len(settings))
    )
    if isinstance(backend, SimulatedBackend):
        table = backend.compiled(variant).behaviour
        answers = sample_table(table, settings[executed], np.random.default_rng(seed))
    else:
        programme = compile_for(backend.target, variant).programme
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
        noise_model=compiled.noise.noise_model(names),
        max_parallel_threads=1,
    )


def run_on(
    backend: Any, programme: Programme, settings: NDArray[np.uint8], seed: int = 0
) -> NDArray[np.uint8]:
    """One shot a run in run order on a `BackendV2` or `BaseSamplerV2`; outcomes (n,) uint8.

    Simulators that take `seed_simulator` get a fresh 62-bit seed for each call.
    """
    settings = check_settings(settings)
    pubs = programme.pubs(settings)
    counts = _execute(backend, programme.placement, pubs, 1, seed)
    flat = np.concatenate([c[:, 0] for c in counts]) if counts else np.zeros(0, dtype=np.int64)
    return programme.decode(flat, settings)


def verify_backend(backend: Any, compiled: Compiled, seed: int = 0) -> None:
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
            results.append(np.array([rng.choice(N_JOINT, SHOTS, p=row) for row in table]))
    else:
        pubs = [(answer.circuit, answer.angles) for answer in answers]
        results = _execute(backend, compiled.programme.placement, pubs, SHOTS, seed)
    check_known_answers(answers, results)


def physical(circuit: QuantumCircuit, placement: Placement, backend: Any) -> QuantumCircuit:
    """A programme's circuit as `backend` takes it: on its own qubits if it has more than four."""
    target = getattr(backend, "target", None)
    if target is None and callable(getattr(backend, "backend", None)):
        target = backend.backend().target
    if target is None or target.build_coupling_map() is None:
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


def sampler_integers(result: Any) -> list[NDArray[np.int64]]:
    """Integers of register "outcome" in a sampler's result, shape (rows, shots) for each pub."""
    found = []
    for entry in result:
        bits = entry.data.outcome
        # Bytes are most significant first; four bits sit in the last one.
        integers = np.asarray(bits.array)[..., -1].astype(np.int64)
        found.append(integers.reshape(-1, bits.num_shots))
    return found
