"""IBM's runtime without an account: options that are off, and what is said when it is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from qdevices.errors import InputError
from qdevices.hardware import ibm, open_backend
from qdevices.hardware.backends import check_answers_on, run_on
from qdevices.ks18.game import KS18
from tests.extras import imported, needs


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(InputError, match=r"ksamp\[ibm\]"):
        ibm.open_processor("ibm_somewhere")


@needs("ibm")
def test_without_an_account_the_error_says_how_to_save_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_CHANNEL", "QISKIT_IBM_INSTANCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE",
        f"{tmp_path}/none.json",
    )
    with pytest.raises(InputError, match="save_account"):
        open_backend("ibm:ibm_somewhere")


def test_the_sampler_has_twirling_and_decoupling_off_and_carries_the_tag() -> None:
    provider = imported("ibm", "fake_provider")
    options = ibm.make_sampler(provider.FakeManilaV2(), ("run-17",)).options
    assert options.dynamical_decoupling.enable is False
    assert options.twirling.enable_gates is False
    assert options.twirling.enable_measure is False
    assert list(options.environment.job_tags) == ["run-17"]


def test_the_runtime_s_sampler_gives_bits_in_the_order_that_is_expected() -> None:
    provider = imported("ibm", "fake_provider")
    sampler = ibm.make_sampler(provider.FakeManilaV2())
    compiled = open_backend("fake_manila").compiled("static")
    check_answers_on(sampler, compiled)
    settings = np.arange(40, dtype=np.uint8)
    outcomes = run_on(sampler, compiled.programme, settings)
    assert KS18.losing[settings, outcomes].sum() < 15


def test_a_job_without_runs_is_refused() -> None:
    compiled = open_backend("aer").compiled("static")
    with pytest.raises(InputError, match="0 runs"):
        ibm.submit(None, compiled.programme, np.zeros(0, dtype=np.uint8), "tag")
