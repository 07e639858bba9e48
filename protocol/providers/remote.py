"""A provider far away, spoken to through a client of `qdevices.hardware`, such as `ibm`.

The client knows circuits and the provider's own words; here they become what `drive` expects:
states, and a `TransientError` where asking again can help.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from protocol.documents.fields import Fields, parse_json, printable
from protocol.providers.provider import Status, TransientError
from qdevices.errors import InputError

T = TypeVar("T")
_STATES: dict[str, Status] = {
    "INITIALIZING": "queued",
    "VALIDATING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
}


class RemoteProvider:
    """The jobs of one processor; see `protocol.providers.provider.Provider` for the methods.

    Args:
        client: a module with the functions of `qdevices.hardware.ibm`.
        name: of the processor, as the client opens it.
        variant: of the circuits.
        kept: what `prepare` returned to an earlier process; None before.
    """

    def __init__(self, client: Any, name: str, variant: str, kept: str | None) -> None:
        self._client, self._name, self._variant, self._kept = client, name, variant, kept
        self._opened: tuple[Any, Any] | None = None

    def prepare(self, tag: str, seed: int) -> str:
        """Run the known-answer circuits as a job of their own and wait for it."""
        backend, compiled = self._open()
        found = [job for job in self.find(tag) if self.status(job) not in ("failed", "cancelled")]
        job_id = (
            found[-1]
            if found
            else self._ask(partial(self._client.submit_known_answers, backend, compiled, tag))
        )
        self._ask(partial(self._client.check_known_answers_of, job_id, compiled))
        placement = compiled.programme.placement
        # Calibrations change, and with them the best qubits; this run stays where it was checked.
        self._kept = json.dumps(
            {"qubits": [int(q) for q in placement.qubits], "shape": placement.shape}
        )
        return self._kept

    def submit(self, settings: NDArray[np.uint8], tag: str, seed: int) -> str:
        """Send a job; the seed means nothing to a processor."""
        backend, compiled = self._open()
        return str(
            self._ask(partial(self._client.submit, backend, compiled.programme, settings, tag))
        )

    def find(self, tag: str) -> list[str]:
        """Jobs with this tag, oldest first."""
        return self._ask(partial(self._client.find_by_tag, tag))

    def status(self, job_id: str) -> Status:
        """Where the job stands; a word that is not known counts as queued."""
        return _STATES.get(self._ask(partial(self._client.status, job_id)), "queued")

    def result(self, job_id: str, settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Outcomes of a job that is done."""
        _, compiled = self._open()
        return self._ask(partial(self._client.result, job_id, compiled.programme, settings))

    def reason(self, job_id: str) -> str:
        """Why a job failed, one line."""
        return printable(" ".join(self._ask(partial(self._client.reason, job_id)).split()))

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        self._ask(partial(self._client.cancel, job_id))

    def _open(self) -> tuple[Any, Any]:
        """The processor and what is compiled for it, at the placement that was checked."""
        if self._opened is None:
            backend = self._ask(partial(self._client.open_processor, self._name))
            compilation = importlib.import_module("qdevices.hardware.compilation")
            if self._kept is None:
                compiled = compilation.compile_for(backend.target, self._variant)
            else:
                qubits, shape = _placement(self._kept, backend.target.num_qubits)
                placement = compilation.Placement(qubits, shape, 0.0)
                compiled = compilation.compile_at(backend.target, placement, self._variant)
            self._opened = backend, compiled
        return self._opened

    def _ask(self, question: Callable[[], T]) -> T:
        """Ask the provider, and sort its errors."""
        try:
            return question()
        except InputError:
            raise
        except Exception as error:  # whatever the provider's package raises
            line = printable(" ".join(str(error).split())) or type(error).__name__
            if self._client.is_transient(error):
                raise TransientError(line) from None
            raise InputError(f"provider of {self._name!r}: {line}") from None


def _placement(kept: str, qubits: int) -> tuple[tuple[int, ...], str]:
    """Qubits and shape that `prepare` kept in the ledger, which may have been received.

    Raises:
        InputError: no four different qubits of a processor with so many, or no such shape.
    """
    entries = Fields(parse_json(kept, "the ledger's placement"), "the ledger's placement")
    chosen, shape = entries.list("qubits", 4), entries.choice("shape", "square", "line")
    entries.done()
    places = [q for q in chosen if type(q) is int and 0 <= q < qubits]
    if len(chosen) != 4 or len(set(places)) != 4:
        raise InputError(
            f"the ledger's placement has qubits {printable(chosen, 60)}, expected four different "
            f"ones in 0..{qubits - 1}"
        )
    return tuple(places), shape
