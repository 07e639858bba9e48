"""Where runs come from: what a run folder says of itself beside plan, data and result.

Order, chunks and redraws decide what a certificate is worth, so they are checked when they are read
and are part of what the record's digest covers; the rest says to people what was run.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from protocol.documents.fields import MOST_TEXT, Fields, printable
from qdevices.errors import InputError

#: How runs were played, as far as we know.  "run": one by one as the protocol has it; "grouped":
#: sorted by setting in every chunk; "recorded": as the user's own record has them, whose order is
#: the user's statement.
PlayedOrder = Literal["run", "grouped", "recorded"]
PLAYED_ORDERS: tuple[PlayedOrder, ...] = ("run", "grouped", "recorded")
#: More redraws than anybody makes, and far more than any score pays for.
MOST_REDRAWS = 10**6
_TEXTS = (
    "device", "variant", "source", "noise", "expect", "settings", "outcomes", "plan", "source_bits",
)  # fmt: skip


@dataclass(frozen=True)
class Provenance:
    """How runs came about.

    Attributes:
        order: one of `PLAYED_ORDERS`.
        chunk: runs whose settings the provider was handed at once; None if they were not sent in
            chunks.
        redraws: tries beyond the first, over all chunks.
        redrawn: numbers of the chunks that were tried more than once, rising.
        seed: of all simulated randomness.
        device, variant, source, noise, expect: as given, for people.
        settings, outcomes, plan, source_bits: names of files that were certified, for people.

    Raises:
        InputError: entries out of range, or redraws that do not fit together.
    """

    order: PlayedOrder
    chunk: int | None = None
    redraws: int = 0
    redrawn: tuple[int, ...] = ()
    seed: int | None = None
    device: str | None = None
    variant: str | None = None
    source: str | None = None
    noise: str | None = None
    expect: str | None = None
    settings: str | None = None
    outcomes: str | None = None
    plan: str | None = None
    source_bits: str | None = None

    def __post_init__(self) -> None:
        if self.order not in PLAYED_ORDERS:
            raise InputError(
                f"order {self.order!r:.60}, expected one of {', '.join(PLAYED_ORDERS)}"
            )
        for name, value, most in (
            ("chunk", self.chunk, 10**13),
            ("redraws", self.redraws, MOST_REDRAWS),
            ("seed", self.seed, 1 << 256),
        ):
            if value is None and name != "redraws":
                continue
            least = 1 if name == "chunk" else 0
            if type(value) is not int or not least <= value <= most:
                raise InputError(
                    f"{name} {value!r:.60}, expected a whole number in {least}..{most}"
                )
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None:
                if not isinstance(value, str):
                    raise InputError(f"{name} {value!r:.60}, expected a text")
                # Names of files may hold anything.
                object.__setattr__(self, name, printable(value, MOST_TEXT))
        numbers = self.redrawn
        rising = all(type(n) is int for n in numbers) and list(numbers) == sorted({*numbers})
        if not (
            isinstance(numbers, tuple)
            and rising
            and all(n >= 0 for n in numbers)
            and len(numbers) <= self.redraws
            and bool(numbers) == bool(self.redraws)
            and (self.chunk is not None or not self.redraws)
        ):
            raise InputError(
                f"{self.redraws} redraws of the chunks {numbers!r:.60} of {self.chunk} runs "
                "do not fit together"
            )

    def check_for(self, runs: int) -> None:
        """Check that the redrawn chunks are among those of `runs` runs.

        Raises:
            InputError: they are not.
        """
        if self.redrawn and self.redrawn[-1] >= self.chunks(runs):
            raise InputError(
                f"chunk {self.redrawn[-1]} was redrawn, but {runs} runs in chunks of {self.chunk} "
                f"have only {self.chunks(runs)}"
            )

    def chunks(self, runs: int) -> int:
        """Chunks in which `runs` runs were sent; 1 if they were not sent in chunks."""
        return 1 if self.chunk is None else -(-runs // self.chunk)

    @property
    def faithful(self) -> bool:
        """Whether the device was not told its settings in advance."""
        return self.order != "grouped"

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, without entries that say nothing; order and redraws always."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        found["redrawn"] = list(self.redrawn)
        always = ("order", "redraws")
        return {k: v for k, v in found.items() if k in always or v not in (None, [])}

    @classmethod
    def from_json(cls, data: Any) -> Provenance:
        """Inverse of `to_json`.

        Raises:
            InputError: missing, unknown or unusable entries.
        """
        entries = Fields(data, "the record's provenance")
        order = entries.choice("order", *PLAYED_ORDERS)
        found: dict[str, Any] = {"redraws": entries.integer("redraws", 0, MOST_REDRAWS)}
        if not entries.missing("chunk"):
            found["chunk"] = entries.integer("chunk", 1, 10**13)
        if not entries.missing("seed"):
            found["seed"] = entries.integer("seed", 0, 1 << 256)
        if not entries.missing("redrawn"):
            found["redrawn"] = tuple(entries.list("redrawn", MOST_REDRAWS))
        for name in _TEXTS:
            if not entries.missing(name):
                found[name] = entries.text(name)
        entries.done()
        return cls(order=order, **found)  # type: ignore[arg-type]
