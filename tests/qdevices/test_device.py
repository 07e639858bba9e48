"""Devices that need no simulator."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from qdevices.device import ReplayDevice, TableDevice
from qdevices.errors import InputError
from qdevices.game import check_behaviour
from qdevices.ks18.game import KS18


def _settings(n, seed=0):
    return np.random.default_rng(seed).integers(0, 81, n).astype(np.uint8)


def test_a_table_device_follows_its_table():
    """Chi-square over the 1296 cells; false alarm 1e-6, at a fixed seed."""
    table = KS18.noisy(0.1)
    settings = _settings(400_000)
    outcomes = TableDevice(table, KS18).sample(settings, np.random.default_rng(1))
    counts = np.bincount(16 * settings.astype(int) + outcomes, minlength=1296).reshape(81, 16)
    expected = counts.sum(1, keepdims=True) * table
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-6, 81 * 15)


def test_outcomes_of_probability_zero_never_occur():
    settings = _settings(1_000_000)
    outcomes = TableDevice(KS18.honest, KS18).sample(settings, np.random.default_rng(2))
    assert KS18.losing[settings, outcomes].sum() == 0


def test_outcomes_do_not_depend_on_how_the_run_is_cut():
    settings, device = _settings(200_000), TableDevice(KS18.noisy(0.2), KS18)
    whole = device.sample(settings, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    parts = [device.sample(part, rng) for part in np.split(settings, [1, 70_000, 131_072])]
    assert np.array_equal(whole, np.concatenate(parts))


def test_replay_gives_back_the_record_and_refuses_anything_else():
    settings, outcomes = _settings(10), np.arange(10, dtype=np.uint8)
    rng = np.random.default_rng(0)
    device = ReplayDevice(settings, outcomes)
    assert np.array_equal(device.sample(settings[:4], rng), outcomes[:4])
    assert np.array_equal(device.sample(settings[4:], rng), outcomes[4:])
    with pytest.raises(InputError, match="11 runs asked for, but 10 were recorded"):
        device.sample(settings[:1], rng)
    other = settings.copy()
    other[7] = (other[7] + 1) % 81
    with pytest.raises(InputError, match="run 7 asks for setting"):
        ReplayDevice(settings, outcomes).sample(other, rng)
    with pytest.raises(InputError, match="10 settings but 9 outcomes"):
        ReplayDevice(settings, outcomes[:9])


def test_bad_behaviours_are_refused_with_the_entry():
    good = KS18.honest
    assert check_behaviour(good, KS18) is not None
    with pytest.raises(InputError, match=r"shape \(9, 9\)"):
        check_behaviour(np.zeros((9, 9)), KS18)
    negative = good.copy()
    negative[3, 5] = -0.1
    with pytest.raises(InputError, match=r"entry \[3, 5\] is -0\.1"):
        check_behaviour(negative, KS18)
    heavy = good.copy()
    heavy[4] *= 1.1
    with pytest.raises(InputError, match=r"row 4 sums to 1\.1"):
        check_behaviour(heavy, KS18)
    signalling = good.copy()
    signalling[1] = np.roll(np.eye(16)[0], 0)
    with pytest.raises(InputError, match="signals"):
        check_behaviour(signalling, KS18)
    with pytest.raises(InputError, match="nan"):
        check_behaviour(np.full((81, 16), np.nan), KS18)
