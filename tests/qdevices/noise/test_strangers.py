"""A stranger's noise term, one file and one entry, acts everywhere that noise acts."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from scipy.stats import chi2

from qdevices.aer import AerShotsDevice, behaviour
from qdevices.errors import InputError
from qdevices.hardware import open_backend
from qdevices.hardware.evolution import probabilities
from qdevices.ks18.circuits import PLACES, pair_circuit
from qdevices.ks18.game import KS18
from qdevices.noise import TERMS, NoiseSpec, describe_terms, noise_on

PLACE = "tests.strangers.bitphase:TERM"
FLIP = 0.07
ENTER = f"from qdevices.noise import TERMS; TERMS.entries['bitphase'] = {PLACE!r}\n"


@pytest.fixture(autouse=True)
def _entered(monkeypatch):
    monkeypatch.setitem(TERMS.entries, "bitphase", PLACE)


def _by_hand(circuit, flip):
    """Every way in which Y may have struck after the CNOTs, each as a state vector of its own."""
    bare = circuit.remove_final_measurements(inplace=False)
    gates = sum(step.operation.name == "cx" for step in bare.data)
    found = np.zeros(16)
    for struck in product((False, True), repeat=gates):
        path, strikes = QuantumCircuit(4), iter(struck)
        for step in bare.data:
            where = [bare.find_bit(q).index for q in step.qubits]
            path.append(step.operation, where)
            if step.operation.name == "cx" and next(strikes):
                path.y(where[1])
        weight = flip ** sum(struck) * (1 - flip) ** (gates - sum(struck))
        found += weight * Statevector(path).probabilities([3, 2, 1, 0])
    return found


@pytest.mark.parametrize("setting", [0, 13, 35])
def test_aers_table_is_the_one_summed_by_hand(setting):
    table = behaviour(NoiseSpec(bitphase=FLIP))
    by_hand = _by_hand(pair_circuit(*divmod(setting, 9)), FLIP)
    assert np.abs(table[setting] - by_hand).max() < 1e-12


def test_the_exact_evolution_gives_aers_table():
    spec = NoiseSpec(bitphase=FLIP, white=0.02, readout=0.01)
    noise, table = noise_on(spec, PLACES), behaviour(spec)
    for setting in (0, 13, 35):
        circuit = pair_circuit(*divmod(setting, 9), marked=True)
        assert np.abs(probabilities(circuit, noise)[0] - table[setting]).max() < 1e-12


@pytest.mark.parametrize("setting", [0, 40])
def test_backend_aer_has_it_in_its_own_circuits(setting):
    compiled = open_backend(f"aer:bitphase={FLIP}").compiled("static")
    by_hand = np.zeros(16)
    programme = compiled.programme
    by_hand[programme.relabel[setting]] = _by_hand(programme.bound(setting), FLIP)
    assert np.abs(compiled.behaviour[setting] - by_hand).max() < 1e-12


def test_shots_through_aer_follow_the_table():
    """Chi-square over the cells that can occur; false alarm 1e-6, at a fixed seed."""
    spec = NoiseSpec(bitphase=FLIP)
    rng = np.random.default_rng(1)
    settings = np.repeat(np.array([0, 13, 35], dtype=np.uint8), 5000)
    outcomes = AerShotsDevice(spec).sample(settings, rng)
    table = behaviour(spec)
    statistic, cells = 0.0, 0
    for setting in np.unique(settings):
        counts = np.bincount(outcomes[settings == setting], minlength=16)
        possible = table[setting] > 1e-9
        assert not counts[~possible].any()
        expected = 5000 * table[setting][possible]
        statistic += float(((counts[possible] - expected) ** 2 / expected).sum())
        cells += int(possible.sum()) - 1
    assert statistic < chi2.isf(1e-6, cells)


def test_its_texts_are_read_printed_and_refused_as_all_are():
    assert str(NoiseSpec.parse("bitphase=0.25,white=0.1")) == "white=0.1,bitphase=0.25"
    assert NoiseSpec.parse("bitphase=0") == NoiseSpec()
    with pytest.raises(InputError, match=r"bitphase=0\.6 is outside \[0, 0\.5\]"):
        NoiseSpec.parse("bitphase=0.6")
    assert "bitphase=, probability of a Y after every CNOT" in describe_terms()


def _ksamp(*arguments):
    """The command in a process where the term was entered first."""
    code = ENTER + "from protocol.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_the_command_line_runs_with_it(tmp_path):
    noise, out = "bitphase=0.001", tmp_path / "run"
    _ksamp("run", "--noise", noise, "--runs", "1e5", "--seed", "1", "--out", str(out))
    settings, outcomes = (np.load(out / f"{name}.npy") for name in ("settings", "outcomes"))
    lost = KS18.losing[settings, outcomes].sum()
    chances = (behaviour(NoiseSpec.parse(noise)) * KS18.losing).sum(axis=1)[settings]
    # 5 standard deviations, at a fixed seed.
    assert lost == pytest.approx(chances.sum(), abs=5 * np.sqrt(chances.sum()))


@pytest.mark.parametrize("command", ["run", "plan", "submit"])
def test_the_command_lines_help_explains_it(command):
    shown = " ".join(_ksamp(command, "--help").split())
    assert "bitphase=, probability of a Y after every CNOT" in shown
