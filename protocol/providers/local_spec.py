"""The text of a backend `local:`: a device of this machine, and failures on demand.

It is `local:INNER[,OPTION=VALUE...]`, for example `local:table,latency=0.2,lose_reply=0.1`.  INNER
is `table`, the exact noisy table of `--noise`, or the name of a backend that is a device here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from protocol.providers.kinds import find_kind, provider_kind
from protocol.providers.queue import TABLE
from qdevices.errors import InputError


@dataclass(frozen=True)
class LocalSpec:
    """What the text after `local:` says.

    Attributes:
        inner: the device: "table" or a backend's name.
        latency: seconds that a job waits in the queue at least.
        fail_submit: probability that a submit fails before the job arrives.
        lose_reply: probability that a job arrives but its id is lost.
        fail_status: probability that asking for a job's state fails.
        fail_result: probability that fetching a result fails.
        fail_job: probability that a job ends failed.
        miss_tag: probability that a search by tag finds nothing, as if it lagged behind.
        seed: of these failures.

    Raises:
        InputError: a device that is unknown or not played here, or a value out of range.
    """

    inner: str
    latency: float = 0.0
    fail_submit: float = 0.0
    lose_reply: float = 0.0
    fail_status: float = 0.0
    fail_result: float = 0.0
    fail_job: float = 0.0
    miss_tag: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.inner != TABLE and not provider_kind(self.inner).device:
            raise InputError(
                f"backend 'local:{self.inner}' has a provider of its own, expected no 'local:'"
            )
        for field in fields(self)[1:]:
            _check_option(field.name, value := getattr(self, field.name), f"{field.name}={value}")

    @classmethod
    def parse(cls, text: str) -> LocalSpec:
        """Read `INNER[,OPTION=VALUE...]`.

        Raises:
            InputError: no inner device or one that is not run here, an unknown option, or a value
                out of range.
        """
        inner, *options = text.split(",")
        own = () if (kind := find_kind(inner)) is None else kind.options
        while ":" in inner and options and options[0].partition("=")[0] in own:
            inner = f"{inner},{options.pop(0)}"
        if not inner or ("=" in inner and not own):
            raise InputError(f"backend 'local:{text}' names no device, expected local:table or so")
        known = [field.name for field in fields(cls)][1:]
        values: dict[str, float] = {}
        for option in options:
            name, equals, value = option.partition("=")
            if name not in known or not equals or name in values:
                raise InputError(
                    f"option {option!r} of backend 'local:{text}', expected each at most once of "
                    f"{', '.join(f'{k}=' for k in known)}"
                )
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            _check_option(name, number, repr(option))
            values[name] = number
        seed = int(values.pop("seed", 0))
        return cls(inner, seed=seed, **values)


def _check_option(name: str, value: float, text: str) -> None:
    most = 1.0 if name not in ("latency", "seed") else 1e9
    if not 0 <= value <= most:
        raise InputError(f"option {text}, expected a number from 0 to {most:g}")
