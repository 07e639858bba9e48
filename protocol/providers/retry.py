"""Patience with a provider that cannot answer just now; the waiting is tenacity's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from protocol.providers.provider import TransientError
from qdevices.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often and how long a transient failure is waited out.

    Attributes:
        attempts: calls in all, before the error is given up to the caller.
        first_seconds: bound of the random wait after the first failure; doubles each time.
        most_seconds: bound of every wait.
    """

    attempts: int = 8
    first_seconds: float = 1.0
    most_seconds: float = 60.0

    def call(self, function: Callable[[], T]) -> T:
        """`function()`, repeated while it raises `TransientError`.

        Raises:
            TransientError: it did at every attempt.
            InputError: tenacity is not installed.
        """
        check_installed()
        import tenacity

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            wait=tenacity.wait_random_exponential(
                multiplier=self.first_seconds, max=self.most_seconds
            ),
            stop=tenacity.stop_after_attempt(self.attempts),
            reraise=True,
        )
        return retrying(function)


def check_installed() -> None:
    """Check that retries are possible.

    Raises:
        InputError: tenacity is not installed.
    """
    if importlib.util.find_spec("tenacity") is None:
        raise InputError(
            "jobs need the package tenacity, expected it installed: pip install 'ksamp[hardware]'"
        )
