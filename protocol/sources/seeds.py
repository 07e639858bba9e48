"""From the one seed of a run to what each part of it draws from."""

from __future__ import annotations

import numpy as np

from qdevices.errors import InputError

#: Largest seed; one that nobody gave has as many bits.
MOST_SEED = (1 << 128) - 1


def run_seed(given: int | None) -> int:
    """The seed of a run: the one that was given, or a fresh one of 128 bits.

    Raises:
        InputError: a negative one.
    """
    if given is not None and given < 0:
        raise InputError(f"seed {given} is negative, expected 0 or more")
    return int(np.random.SeedSequence(given).entropy)  # type: ignore[arg-type]


def source_seed(seed: int) -> np.random.SeedSequence:
    """What the weak source of a run with this seed draws from."""
    return np.random.SeedSequence(seed).spawn(2)[0]


def device_seed(seed: int) -> np.random.SeedSequence:
    """What the simulated device of a run with this seed draws from."""
    return np.random.SeedSequence(seed).spawn(2)[1]
