"""A small planned run, its provider, and the same run without any interruption."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from protocol.jobs.job import Job
from protocol.jobs.resume import collect
from protocol.jobs.start import begin
from protocol.plan.plan import Plan
from protocol.providers.local import LocalProvider
from protocol.providers.local_spec import LocalSpec
from protocol.providers.retry import Patience
from protocol.settings.ks18 import default_code
from protocol.sources.positions import WeakBits
from qdevices.ks18.game import KS18
from tests.extras import imported
from tests.protocol.plans import closed_form_plan

RUNS, CHUNK, SEED = 10_000, 2_500, 7
QUICK = Patience(attempts=12, first_seconds=0.001, most_seconds=0.01)
FILES = ("settings.npy", "outcomes.npy", "extractor_bits.bin", "output.bin")


#: What a planted module writes when it is executed.
WITNESS = "executed"


def plant(folder, *modules, text=""):
    """Put modules into a folder that leave a witness there as soon as they are executed."""
    witness = folder / WITNESS
    for name in modules:
        code = f"from pathlib import Path\nPath({str(witness)!r}).write_text('')\n{text}"
        (folder / f"{name}.py").write_text(code)
    return witness


class Laboratory:
    """Everything that the tests do with submitted runs; all share one queue and its worker."""

    def __init__(self, plan: Plan, queue: Path) -> None:
        self.plan, self.queue = plan, queue
        self.plan_file = queue.parent / "plan.json"

    def weak(self, source="uniform", seed=SEED):
        return WeakBits(source, self.plan.epsilon, seed, self.plan.code)

    def begin(self, root, *, source="uniform", order="run", seed=SEED, chunk=CHUNK, **options):
        return begin(
            root,
            self.plan,
            self.weak(source, seed),
            backend="local:table",
            variant="static",
            order=order,
            chunk=chunk,
            noise="ideal",
            expect="ideal",
            **options,
        )

    def provider(self, job: Job, **failures):
        spec = LocalSpec("table", **failures)
        return LocalProvider(
            self.queue, spec, variant=job.variant, order=job.order, noise=job.noise
        )

    def collect(self, root, *, wait=True, failures=None, **options):
        return collect(
            root,
            lambda job: self.provider(job, **(failures or {})),
            wait=wait,
            poll_seconds=0.05,
            patience=QUICK,
            **options,
        )

    def script(self, root, text):
        """Run Python text in another process, which knows `root`, `queue` and `plan`."""
        head = (
            "import os, signal\n"
            "from pathlib import Path\n"
            "from tests.protocol.jobs.conftest import Laboratory\n"
            "from protocol.plan.file import read_plan\n"
            f"root, queue = Path({str(root)!r}), Path({str(self.queue)!r})\n"
            f"laboratory = Laboratory(read_plan({str(self.plan_file)!r}), queue)\n"
            "def die():\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        here = Path(__file__).parents[3]
        return subprocess.run(
            [sys.executable, "-c", head + text], capture_output=True, text=True, cwd=here
        )


def contents(root):
    """What a finished run folder says, without the times."""
    record = json.loads((root / "run.json").read_text())
    del record["seconds"], record["sha256"]
    return {"run.json": record, **{name: (root / name).read_bytes() for name in FILES}}


@pytest.fixture(scope="session", autouse=True)
def _one_simulation_of_the_laboratory():
    """The expected behaviour is simulated once for all commands in this process."""
    from protocol.cli import submit  # not above: the processes that are killed need it not

    with pytest.MonkeyPatch.context() as patch:
        once = lru_cache(vars(submit)["expected_behaviour"])
        patch.setattr(submit, "expected_behaviour", once)
        yield


@pytest.fixture(scope="session")
def plan():
    made = closed_form_plan(RUNS, 0.01, KS18.honest, default_code(), soundness=8, completeness=0.99)
    assert made.output_bits
    return made


@pytest.fixture(scope="session")
def laboratory(plan, tmp_path_factory):
    from protocol.plan.file import write_plan

    made = Laboratory(plan, tmp_path_factory.mktemp("provider") / "queue")
    write_plan(plan, made.plan_file)
    return made


@pytest.fixture(scope="session")
def uninterrupted(laboratory, tmp_path_factory):
    """The folder of the run that nothing disturbed."""
    imported("hardware")
    root = tmp_path_factory.mktemp("uninterrupted") / "run"
    laboratory.begin(root)
    found = laboratory.collect(root)
    assert found.result is not None
    assert found.result.verdict.accepted
    return root
