"""IBM hardware through qiskit-ibm-runtime: submit, find, ask, fetch and cancel jobs.

The package is an extra, `ksamp[ibm]`, imported only when needed.  Credentials come from
the provider's own configuration (`QiskitRuntimeService.save_account`), never from here.  Twirling
and dynamical decoupling are switched off explicitly: they would change what the device is told,
and a twirled sweep of one-shot rows runs more than one circuit a row (theory 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qdevices.errors import InputError
from qdevices.hardware.compilation import Compiled
from qdevices.hardware.known_answers import SHOTS, check_known_answers, known_answers
from qdevices.hardware.programme import Programme, Pub, as_settings, sampler_integers, widen
from qdevices.variants import MOST_EXECUTIONS

_ENDED = ("DONE", "ERROR", "CANCELLED")
_REQUESTS = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ChunkedEncodingError")


def _runtime() -> Any:
    try:
        import qiskit_ibm_runtime
    except ImportError:
        raise InputError(
            "IBM hardware needs qiskit-ibm-runtime, which is not installed; install ksamp[ibm]"
        ) from None
    return qiskit_ibm_runtime


@lru_cache(maxsize=1)
def service() -> Any:
    """The provider's service, with the account saved in its own configuration.

    Raises:
        InputError: the extra is not installed, or no account is saved.
    """
    runtime = _runtime()
    try:
        return runtime.QiskitRuntimeService()
    except (runtime.exceptions.IBMAccountError, ValueError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"no IBM account can be used ({line}), save one with QiskitRuntimeService.save_account"
        ) from None


def open_processor(name: str) -> Any:
    """The processor `name`, a BackendV2.

    Raises:
        InputError: no extra, no account, or no such processor.
    """
    found = service()
    try:
        return found.backend(name)
    except _runtime().exceptions.IBMError as error:
        raise InputError(f"IBM backend {name!r} cannot be opened: {error}") from None


def make_sampler(backend: Any, tags: tuple[str, ...] = ()) -> Any:
    """A sampler with twirling and decoupling off, the client-side one where it exists."""
    try:
        from qiskit_ibm_runtime.executor_sampler import Sampler
    except ImportError:
        # Before 0.50 there was only this one, deprecated since.
        Sampler = _runtime().SamplerV2
    sampler = Sampler(mode=backend)
    options = sampler.options
    options.dynamical_decoupling.enable = False
    options.twirling.enable_gates = False
    options.twirling.enable_measure = False
    if tags:
        options.environment.job_tags = list(tags)
    return sampler


def submit(backend: Any, programme: Programme, settings: NDArray[np.uint8], tag: str) -> str:
    """Submit the runs, one shot each in run order, and return the job's id at once.

    Args:
        backend: from `open_processor`.
        programme: compiled for this backend.
        settings: 9u1+u2 of each run, shape (n,) uint8.
        tag: by which `find_by_tag` finds the job if the answer to this call is lost.

    Raises:
        InputError: more runs than the provider takes in one job.
    """
    settings = as_settings(settings)
    if not 0 < len(settings) <= MOST_EXECUTIONS:
        raise InputError(f"a job of {len(settings)} runs is outside 1..{MOST_EXECUTIONS}")
    return _send(backend, programme, programme.pubs(settings), 1, tag)


def submit_known_answers(backend: Any, compiled: Compiled, tag: str) -> str:
    """Submit the known-answer circuits at the programme's placement; return the job's id."""
    pubs = [(answer.circuit, answer.angles) for answer in known_answers(compiled.target)]
    return _send(backend, compiled.programme, pubs, SHOTS, tag)


def check_known_answers_of(job_id: str, compiled: Compiled) -> None:
    """Wait for a job of `submit_known_answers` and check what came back.

    Raises:
        InputError: bits or parameters come back in another order.
    """
    integers = sampler_integers(service().job(job_id).result())
    check_known_answers(known_answers(compiled.target), integers)


def _send(backend: Any, programme: Programme, pubs: Sequence[Pub], shots: int, tag: str) -> str:
    size = backend.target.num_qubits
    wide: dict[int, QuantumCircuit] = {}
    for circuit, _ in pubs:
        if id(circuit) not in wide:
            wide[id(circuit)] = widen(circuit, programme.placement, size)
    rows = [(wide[id(c)], angles) if angles.shape[1] else (wide[id(c)],) for c, angles in pubs]
    return str(make_sampler(backend, (tag,)).run(rows, shots=shots).job_id())


def find_by_tag(tag: str) -> list[str]:
    """Ids of all jobs with this tag, oldest first: whether a submission arrived."""
    jobs = service().jobs(job_tags=[tag], limit=None, descending=False)
    return [str(job.job_id()) for job in jobs]


def status(job_id: str) -> str:
    """The provider's word: INITIALIZING, QUEUED, RUNNING, DONE, ERROR or CANCELLED."""
    found = service().job(job_id).status()
    return str(getattr(found, "name", found))


def reason(job_id: str) -> str:
    """Why a job failed, as the provider says it; empty if it does not."""
    return str(service().job(job_id).error_message() or "")


def result(job_id: str, programme: Programme, settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Outcomes 4x1+x2 of a job that is done, shape (n,) uint8; waits if it is not.

    Raises:
        InputError: a result of another length than the settings.
    """
    integers = sampler_integers(service().job(job_id).result())
    return programme.decode(np.concatenate([rows[:, 0] for rows in integers]), settings)


def cancel(job_id: str) -> None:
    """Cancel a job that is queued or running; nothing happens to one that has ended."""
    job = service().job(job_id)
    if status(job_id) not in _ENDED:
        job.cancel()


def is_transient(error: Exception) -> bool:
    """Whether the provider could not answer just now: no connection, too busy, or its own fault."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionError | TimeoutError):
            return True
        # requests' own connection errors and time-outs; named, as the package may be absent
        if type(seen).__module__.startswith("requests.") and type(seen).__name__ in _REQUESTS:
            return True
        code = getattr(seen, "status_code", None)
        if isinstance(code, int) and (code in (-1, 408, 429) or code >= 500):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
