"""Backends by name: each kind from its file, a stranger's too, and what is said of other names."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from qiskit.primitives import BackendSamplerV2
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qdevices.errors import InputError
from qdevices.hardware import compiled_for, open_backend, run_chunk
from qdevices.hardware.catalogue import check_offered, target_of
from qdevices.hardware.compilation import ideal_target
from qdevices.hardware.kinds import BACKENDS, kind_of
from qdevices.hardware.simulated import SimulatedBackend
from qdevices.ks18.game import KS18
from tests.extras import imported

PLACE = "tests.strangers.ring:KIND"


@pytest.fixture
def ring(monkeypatch):
    monkeypatch.setitem(BACKENDS.entries, "ring", PLACE)


def make_sampler():
    return SamplerV2(seed=1)


def test_a_name_is_a_kind_and_its_argument():
    assert kind_of("aer") == ("aer", "")
    assert kind_of("aer:gate1=0.1") == ("aer", "gate1=0.1")
    assert kind_of("fake_boston") == ("fake", "fake_boston")
    assert kind_of("python:a.b:c.d") == ("python", "a.b:c.d")
    assert kind_of("ibm_kingston") == ("ibm_kingston", "")


def test_every_way_to_write_a_snapshot_opens_it():
    imported("ibm")
    names = ("fake_manila", "fake:FakeManilaV2", "fake:fake_manila", "fake:Manila", "fake:manilav2")
    opened = [open_backend(name) for name in names]
    assert {backend.name for backend in opened} == {"fake:FakeManilaV2"}
    assert opened[0] is open_backend("fake_manila")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "'nowhere' is unknown, expected one of aer, aer:NOISE, fake:NAME"),
        ("", "'' is unknown"),
        ("ibm_kingston", "is unknown, expected one of .*ibm:NAME, python:MODULE:CALLABLE"),
        ("ibm:", "'ibm:' names no processor"),
        ("aer:pink=1", "noise 'pink=1' is not understood"),
        ("aer:gate1=2", r"gate1=2\.0 is outside"),
        ("aer:white=0.1", "backend 'aer:white=0.1': noise white acts on shared_pair"),
        ("python:nothing", "'python:nothing' names no callable"),
        ("python:os;x:y", "is no Python name"),
        ("python:nowhere_at_all:make", "cannot be opened: ModuleNotFoundError"),
        ("python:sys:exit", "cannot be opened: SystemExit"),
        ("python:os:getpid", "is a int, expected a BackendV2 or BaseSamplerV2"),
    ],
)
def test_a_name_that_opens_nothing_is_refused_in_one_line(name, message):
    with pytest.raises(InputError, match=message) as error:
        open_backend(name)
    assert "\n" not in str(error.value)


def test_a_snapshot_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(InputError, match=r"needs qiskit-ibm-runtime.*ksamp\[ibm\]"):
        open_backend("fake_lima")


def test_a_callable_is_called_once_a_process():
    name = f"python:{__name__}:make_sampler"
    assert open_backend(name) is open_backend(name)
    outcomes = run_chunk(name, "static", np.arange(81, dtype=np.uint8), "run", 1)
    assert not KS18.losing[np.arange(81), outcomes].any()


def test_what_was_compiled_is_kept():
    assert compiled_for("aer", "static") is compiled_for("aer", "static")
    assert compiled_for("aer:readout=0.1", "static") is not compiled_for("aer", "static")


def test_a_target_is_found_behind_a_sampler_too():
    simulator = AerSimulator()
    assert target_of(simulator).operation_names == simulator.target.operation_names
    behind = BackendSamplerV2(backend=simulator)
    assert target_of(behind).operation_names == simulator.target.operation_names
    assert target_of(object()).operation_names == ideal_target().operation_names


def test_dynamic_circuits_are_refused_where_there_are_none(ring):
    with pytest.raises(InputError, match="'ring:5' offers no dynamic circuits"):
        check_offered("ring:5", "feedforward")
    assert isinstance(check_offered("ring:5", "static"), SimulatedBackend)
    with pytest.raises(InputError, match="variant 'clever'"):
        check_offered("aer", "clever")


def test_a_strangers_kind_is_opened_compiled_and_run(ring):
    with pytest.raises(InputError, match="expected ring:N of at least 4"):
        open_backend("ring:3")
    with pytest.raises(InputError, match=r"'nowhere' is unknown, expected .*, ring:N"):
        open_backend("nowhere")
    # A ring of four is a square, a longer one is not: four gates of error 1e-3, or six.
    gates = {n: compiled_for(f"ring:{n}", "static").programme.two_qubit_gates() for n in (4, 7)}
    assert {n: set(found) for n, found in gates.items()} == {4: {4}, 7: {6}}
    table = compiled_for("ring:7", "static").behaviour
    assert 0 < np.abs(table - KS18.honest).max() < 6 * 2e-3
    outcomes = run_chunk("ring:7", "static", np.repeat(np.arange(81, dtype=np.uint8), 50), "run", 1)
    assert 0 < KS18.losing[np.repeat(np.arange(81), 50), outcomes].mean() < 0.02


def test_a_strangers_kind_is_known_to_the_command_line():
    code = (
        f"from qdevices.hardware.kinds import BACKENDS; BACKENDS.entries['ring'] = {PLACE!r}\n"
        "from protocol.cli import main; main()"
    )
    command = ["circuits", "--backend", "ring:4", "--json"]
    answer = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    assert json.loads(answer.stdout)["two_qubit_gates_most"] == 4


def test_kinds_are_listed_without_qiskit():
    code = (
        "import sys\n"
        "from qdevices.hardware.kinds import BACKENDS\n"
        "assert BACKENDS.names == ('aer', 'fake', 'ibm', 'python')\n"
        "assert not [name for name in sys.modules if name.startswith('qiskit')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
