"""What a run was submitted as, and the chunks in which it is sent: data, valid by construction."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np

from protocol.documents.database import check_id
from protocol.documents.fields import Fields, printable
from protocol.request import MOST_RUNS
from protocol.sources.seeds import MOST_SEED
from qdevices.errors import InputError
from qdevices.noise import NoiseSpec
from qdevices.variants import MOST_EXECUTIONS, ORDERS, VARIANTS, Order, Variant

State = Literal["planned", "submitting", "submitted", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = (
    "planned", "submitting", "submitted", "done", "failed", "cancelled",
)  # fmt: skip
#: Chunks in these states have been sent or will be.
ON_THE_WAY: tuple[State, ...] = ("planned", "submitting", "submitted")
#: Longest id of a job at a provider, in characters.
MOST_JOB_ID = 200
_WHAT = "the ledger's job"
_OPTIONAL = ("noise", "expect", "in_flight")


@dataclass(frozen=True)
class Job:
    """What a run was submitted as; fixed.

    Attributes:
        name: random name of this run at the provider, first part of every tag.
        backend: as given, for example "local:table".
        variant: of the circuits: static, literal or feedforward.
        order: "run" is faithful; "grouped" sorts each chunk by setting.
        noise: of a simulated device, as text.
        expect: what the plan expects, as text; None if a plan was given.
        source: name of the weak source, a file by its absolute path.
        seed: of all simulated randomness.
        chunk: runs in a chunk, at most.
        plan: as `protocol.plan.file.plan_to_json` writes it.
        in_flight: jobs under way at a time, at most; None for no limit.

    Raises:
        InputError: an entry of another type or out of range.
    """

    name: str
    backend: str
    variant: Variant
    order: Order
    noise: str | None
    expect: str | None
    source: str
    seed: int
    chunk: int
    plan: dict[str, Any]
    in_flight: int | None = None

    def __post_init__(self) -> None:
        entries = Fields({field.name: getattr(self, field.name) for field in fields(self)}, _WHAT)
        for name in ("backend", "source"):
            entries.text(name)
        for name in ("noise", "expect"):
            if not entries.missing(name):
                entries.text(name)
        entries.choice("variant", *VARIANTS)
        entries.choice("order", *ORDERS)
        entries.integer("seed", 0, MOST_SEED)
        entries.integer("chunk", 1, MOST_EXECUTIONS)
        if not entries.missing("in_flight"):
            entries.integer("in_flight", 1, MOST_RUNS)
        name = entries.text("name", 16)
        if not (len(name) == 16 and set(name) <= set("0123456789abcdef")):
            raise InputError(f"{_WHAT} has name {printable(name)!r}, expected 16 digits 0-9a-f")
        if self.noise is not None:
            NoiseSpec.parse(self.noise)
        entries.object("plan")
        _ = self.runs  # refuses a plan without them

    @property
    def prepare_tag(self) -> str:
        """The tag of the job with the known-answer circuits."""
        return f"ksamp-{self.name}-known-answers"

    @property
    def prepare_seed(self) -> int:
        """Seed of the known-answer circuits, 62 bits."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(2,))
        return int(sequence.generate_state(1, np.uint64)[0]) >> 2

    def tag(self, number: int, attempt: int) -> str:
        """The tag of a chunk's job, different for every attempt."""
        return f"ksamp-{self.name}-{number}-{attempt}"

    def job_seed(self, number: int, attempt: int) -> int:
        """Seed of a chunk's simulated outcomes, 62 bits; from the run's seed and the chunk only."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(1, number, attempt))
        return int(sequence.generate_state(1, np.uint64)[0]) >> 2

    @cached_property
    def runs(self) -> int:
        """Runs in all, as the plan has them."""
        return Fields(self.plan, "the ledger's plan").integer("runs", 1, MOST_RUNS)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.runs // self.chunk)

    def span(self, number: int) -> tuple[int, int]:
        """First run of a chunk and one past its last."""
        start = number * self.chunk
        return start, min(start + self.chunk, self.runs)

    @classmethod
    def from_json(cls, data: Any) -> Job:
        """The job of a ledger's JSON; the plan's content is checked by `Plan`.

        Raises:
            InputError: an entry is missing, unknown, of another type or out of range.
        """
        entries = Fields(data, _WHAT)
        found: dict[str, Any] = {
            field.name: None
            if field.name in _OPTIONAL and entries.missing(field.name)
            else entries.any(field.name)
            for field in fields(cls)
        }
        entries.done()
        return cls(**found)


@dataclass(frozen=True)
class Chunk:
    """Runs `start` to `stop`, and the job that plays them.

    Attributes:
        number: from 0.
        start, stop: runs, half open.
        attempt: 0, and one more each time its settings were drawn anew.
        state: one of `STATES`.
        tag: by which the provider finds the job.
        job_id: the provider's, once known.
        note: why it failed, one line.
        repeated: it was sent again after the provider did not know its tag, so a second job with
            this tag may turn up.

    Raises:
        InputError: numbers out of range, an unknown state, or a job's id that does not fit it.
    """

    number: int
    start: int
    stop: int
    attempt: int
    state: State
    tag: str
    job_id: str | None
    note: str
    repeated: bool

    def __post_init__(self) -> None:
        if not (self.number >= 0 <= self.attempt and 0 <= self.start < self.stop):
            raise InputError(
                f"chunk {self.number} has runs {self.start} to {self.stop} and attempt "
                f"{self.attempt}, expected numbers from 0, rising"
            )
        if self.state not in STATES:
            raise InputError(
                f"chunk {self.number} is {self.state!r:.60}, expected one of {', '.join(STATES)}"
            )
        if self.job_id is not None:
            check_id(self.job_id, "a job", MOST_JOB_ID)
        if self.state in ON_THE_WAY and (self.job_id is not None) != (self.state == "submitted"):
            raise InputError(
                f"chunk {self.number} is {self.state} with job {self.job_id!r}, expected one if "
                "and only if it is submitted"
            )
