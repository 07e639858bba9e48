"""A stranger's provider: it answers at once from a table, and keeps its jobs on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from protocol.providers.kind import ProviderKind
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


class ToyProvider:
    def __init__(self, folder: Path, white: float):
        self._folder, self._device = folder, TableDevice(_table(white), KS18)

    def prepare(self, tag, seed):
        self._folder.mkdir(exist_ok=True)
        return "prepared"

    def submit(self, settings, tag, seed):
        number = len(list(self._folder.glob("*.json")))
        answers = self._device.sample(settings, np.random.default_rng(seed)).tolist()
        (self._folder / f"{number}.json").write_text(json.dumps([tag, answers]))
        return str(number)

    def find(self, tag):
        jobs = sorted(self._folder.glob("*.json"), key=lambda path: int(path.stem))
        return [path.stem for path in jobs if json.loads(path.read_text())[0] == tag]

    def status(self, job_id):
        return "done"

    def result(self, job_id, settings):
        return np.array(json.loads((self._folder / f"{job_id}.json").read_text())[1], np.uint8)

    def reason(self, job_id):
        return ""

    def cancel(self, job_id):
        pass


class ToyKind(ProviderKind):
    name = "toy"
    forms = ("toy:WHITE",)
    help = "a table with white noise, on the disk"
    in_flight = 2
    most_executions = 4_000

    def open(self, opening):
        assert opening.kept in (None, "prepared")
        return ToyProvider(opening.folder / "toy", _white(opening.backend))

    def check(self, backend, variant):
        _white(backend)
        if variant != "static":
            raise InputError(f"backend {backend!r} has no variant {variant!r}, expected static")

    def behaviour(self, backend, variant):
        return _table(_white(backend))

    def named_again(self, backend):
        return "is a toy, and a run folder does not choose toys" if backend == "toy:0" else None


def _white(backend):
    try:
        return float(backend.partition(":")[2])
    except ValueError:
        raise InputError(f"backend {backend!r}, expected a number after toy:") from None


def _table(white):
    return KS18.noisy(white)


KIND = ToyKind()
