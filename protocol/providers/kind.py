"""What the rest of the house has to know of a kind of provider, and how one is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.providers.provider import Provider
from protocol.providers.retry import Patience
from qdevices.errors import InputError
from qdevices.variants import MOST_EXECUTIONS, Order, Variant


@dataclass(frozen=True)
class Opening:
    """What a provider is opened with.

    Attributes:
        backend: its name, as the user wrote it.
        variant: of the circuits.
        order: in which the runs of a job are sent.
        noise: of the simulated laboratory, as text; None for everything else.
        folder: of the run, where a provider may keep a queue of its own; it may have been
            received from anybody.
        kept: what `Provider.prepare` returned to an earlier process; None before.
        named: whether whoever is at work named this backend on this machine.  If not, jobs may be
            found and cancelled, but nobody's code is run.
    """

    backend: str
    variant: Variant
    order: Order
    noise: str | None
    folder: Path
    kept: str | None = None
    named: bool = False


class ProviderKind:
    """A kind of provider by name: its backends are NAME or NAME:REST, unless `takes` differs.

    A kind is one file with a class that derives from this one, and one line in
    `protocol.providers.kinds`; `name`, `forms`, `help` and `open` are all that it must have.

    Attributes:
        name: the word before the colon.
        forms: how its backends' names are written, for messages and help.
        help: what they are, a few words.
        device: whether it is a device of this machine, which the local provider plays, so that
            `local:` may stand before its name.
        in_flight: jobs under way at a time unless the user says otherwise; None for no limit.
        most_executions: executions in one job at most; every run is one.
        patience: with a provider that cannot answer.
    """

    name: str
    forms: tuple[str, ...]
    help: str
    device: bool = False
    in_flight: int | None = None
    most_executions: int = MOST_EXECUTIONS
    patience: Patience = Patience()

    @property
    def options(self) -> tuple[str, ...]:
        """Names of options NAME=VALUE that may stand in its backends' names, after commas."""
        return ()

    def takes(self, backend: str) -> bool:
        """Whether a backend's name is one of this kind's."""
        return backend.partition(":")[0] == self.name

    def open(self, opening: Opening) -> Provider:
        """The provider of a run; nothing is sent, and nothing imported that takes long.

        Raises:
            InputError: a backend that cannot be opened.
        """
        raise NotImplementedError

    def check(self, backend: str, variant: Variant) -> None:
        """Check that a backend exists and can run a variant, before anything is fixed; opens it.

        Raises:
            InputError: it does not, or cannot.
        """

    def check_again(self, backend: str, variant: Variant) -> None:
        """As `check`, by a later process before it sends what is left, where that is no waste.

        Raises:
            InputError: the backend cannot be opened from here.
        """

    def behaviour(self, backend: str, variant: Variant) -> NDArray[np.float64]:
        """P(x|u) that a backend's reported errors let expect, shape (81, 16).

        Raises:
            InputError: it reports none, or cannot be opened.
        """
        raise InputError(f"backend {backend!r} reports no errors, expected --expect or --plan")

    def takes_noise(self, backend: str) -> bool:
        """Whether it is the simulated laboratory, whose noise the user gives (`--noise`)."""
        return False

    def named_again(self, backend: str) -> str | None:
        """Why a run folder that was received does not choose this backend.

        A kind that does no harm says so; who forgets it is asked for.

        Returns:
            The end of a sentence that begins with its name; None if it does no harm.
        """
        return "may do anything, which a run folder cannot ask for"

    def runs_code(self, backend: str) -> bool:
        """Whether opening it runs somebody's own code, which perhaps drives a real device."""
        return False

    def check_noise(self, backend: str, noise: str | None) -> None:
        """Check that noise is given only to the simulated laboratory.

        Raises:
            InputError: otherwise.
        """
        if noise is not None and not self.takes_noise(backend):
            raise InputError(
                f"--noise {noise!r} cannot be given for {backend!r}, which has its own"
            )
