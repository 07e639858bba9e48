"""Devices on Aer against the exact behaviour."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from scipy.stats import chi2

from qdevices.aer import AerShotsDevice, aer_device, behaviour
from qdevices.ks18.game import KS18
from qdevices.noise import NoiseSpec


def test_ideal_circuits_give_the_honest_table():
    assert np.abs(behaviour(NoiseSpec()) - KS18.honest).max() < 1e-12


def test_white_noise_of_the_simulator_is_white_noise():
    noisy = behaviour(NoiseSpec(white=0.137))
    assert np.abs(noisy - KS18.noisy(0.137)).max() < 1e-12


def test_readout_noise_flips_each_of_four_bits():
    flip = 0.05
    noisy = behaviour(NoiseSpec(readout=flip))
    by_hand = np.zeros((81, 16))
    for mask in range(16):
        weight = flip ** mask.bit_count() * (1 - flip) ** (4 - mask.bit_count())
        by_hand += weight * KS18.honest[:, np.arange(16) ^ mask]
    assert np.abs(noisy - by_hand).max() < 1e-12


def test_gate_noise_of_one_is_white_noise():
    noisy = behaviour(NoiseSpec(gate1=1.0, gate2=1.0))
    assert np.abs(noisy - 1 / 16).max() < 1e-12


def test_an_ideal_device_never_loses_in_a_million_runs():
    rng = np.random.default_rng(4)
    settings = rng.integers(0, 81, 1_000_000).astype(np.uint8)
    outcomes = aer_device(NoiseSpec()).sample(settings, rng)
    assert KS18.losing[settings, outcomes].sum() == 0


def test_shots_through_aer_agree_with_the_exact_table():
    """Chi-square of 120,000 real shots over all 1296 cells; false alarm 1e-6, at a fixed seed."""
    noise = NoiseSpec(white=0.03, gate1=5e-3, gate2=2e-2, readout=2e-2)
    table = behaviour(noise)
    rng = np.random.default_rng(5)
    settings = rng.integers(0, 81, 120_000).astype(np.uint8)
    outcomes = AerShotsDevice(noise).sample(settings, rng)
    counts = np.bincount(16 * settings.astype(int) + outcomes, minlength=1296).reshape(81, 16)
    expected = counts.sum(1, keepdims=True) * table
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-6, 81 * 15)


def test_shots_are_reproducible_and_neighbouring_runs_independent():
    noise = NoiseSpec(white=0.1)
    settings = np.zeros(4000, dtype=np.uint8)
    first = AerShotsDevice(noise).sample(settings, np.random.default_rng(6))
    again = AerShotsDevice(noise).sample(settings, np.random.default_rng(6))
    other = AerShotsDevice(noise).sample(settings, np.random.default_rng(7))
    assert np.array_equal(first, again)
    # Agreement of independent copies is Σp²; 6 standard deviations, false alarm below 1e-8.
    same = (behaviour(noise)[0] ** 2).sum()
    for a, b in ((first, other), (first[:-1], first[1:])):
        deviation = abs((a == b).mean() - same) / np.sqrt(same * (1 - same) / len(a))
        assert deviation < 6


def test_shots_and_tables_do_not_depend_on_the_number_of_threads():
    code = (
        "import hashlib, numpy as np\n"
        "from qdevices.aer import AerShotsDevice, behaviour\n"
        "from qdevices.noise import NoiseSpec\n"
        "noise = NoiseSpec(white=0.05, gate2=1e-2, readout=1e-2)\n"
        "settings = np.repeat(np.arange(81, dtype=np.uint8), 40)\n"
        "shots = AerShotsDevice(noise).sample(settings, np.random.default_rng(1))\n"
        "print(hashlib.sha256(shots.tobytes() + behaviour(noise).tobytes()).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": threads, "QISKIT_NUM_PROCS": threads},
            check=True, capture_output=True, text=True,
        ).stdout
        for threads in ("1", "4")
    }  # fmt: skip
    assert len(digests) == 1
