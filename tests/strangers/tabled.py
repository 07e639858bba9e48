"""A stranger's provider: it answers at once from a table, and keeps its jobs on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.providers.kind import Opening, ProviderKind
from protocol.providers.provider import Status
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18
from qdevices.variants import Variant


class ToyProvider:
    """A provider whose jobs are done when they are sent.

    Args:
        folder: where it keeps its jobs, one file each: the tag, and the answers.
        white: weight of the white noise.
    """

    def __init__(self, folder: Path, white: float) -> None:
        self._folder, self._device = folder, TableDevice(_table(white), KS18)

    def prepare(self, tag: str, seed: int) -> str:
        """Nothing to ask: a table has no order of bits to mistake."""
        self._folder.mkdir(exist_ok=True)
        return "prepared"

    def submit(self, settings: NDArray[np.uint8], tag: str, seed: int) -> str:
        """Answer at once, and keep it."""
        number = len(list(self._folder.glob("*.json")))
        answers = self._device.sample(settings, np.random.default_rng(seed)).tolist()
        (self._folder / f"{number}.json").write_text(json.dumps([tag, answers]))
        return str(number)

    def find(self, tag: str) -> list[str]:
        """The jobs of this tag by their numbers, which is oldest first."""
        jobs = sorted(self._folder.glob("*.json"), key=lambda path: int(path.stem))
        return [path.stem for path in jobs if json.loads(path.read_text())[0] == tag]

    def status(self, job_id: str) -> Status:
        """Never anything else."""
        return "done"

    def result(self, job_id: str, settings: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The answers that were kept."""
        answers = json.loads((self._folder / f"{job_id}.json").read_text())[1]
        return np.array(answers, dtype=np.uint8)

    def reason(self, job_id: str) -> str:
        """No job fails."""
        return ""

    def cancel(self, job_id: str) -> None:
        """Every job has ended."""


class ToyKind(ProviderKind):
    """`ToyProvider` by the name `toy:WHITE`."""

    name = "toy"
    forms = ("toy:WHITE",)
    help = "a table with white noise, on the disk"
    in_flight = 2
    most_executions = 4_000

    def open(self, opening: Opening) -> ToyProvider:
        """Its jobs lie in the run's folder."""
        assert opening.kept in (None, "prepared")
        return ToyProvider(opening.folder / "toy", _white(opening.backend))

    def check(self, backend: str, variant: Variant) -> None:
        """A table has no circuits, so only the first variant."""
        _white(backend)
        if variant != "static":
            raise InputError(f"backend {backend!r} has no variant {variant!r}, expected static")

    def behaviour(self, backend: str, variant: Variant) -> NDArray[np.float64]:
        """The table itself."""
        return _table(_white(backend))

    def named_again(self, backend: str) -> str | None:
        """Without noise it is too good to be chosen by anybody else."""
        return "is a toy, and a run folder does not choose toys" if backend == "toy:0" else None


def _white(backend: str) -> float:
    try:
        return float(backend.partition(":")[2])
    except ValueError:
        raise InputError(f"backend {backend!r}, expected a number after toy:") from None


def _table(white: float) -> NDArray[np.float64]:
    return KS18.noisy(white)


KIND = ToyKind()
