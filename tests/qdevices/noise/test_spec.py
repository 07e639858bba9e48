"""Noise as text."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdevices.errors import InputError
from qdevices.noise import TERMS, NoiseSpec, NoiseTerm, OnReadout, noise_on

probabilities = st.floats(0, 1).map(lambda p: float(f"{p:.9g}"))


@given(st.builds(NoiseSpec, **dict.fromkeys(TERMS, probabilities)))
def test_text_round_trip(noise):
    assert NoiseSpec.parse(str(noise)) == noise


def test_the_texts_of_the_manual():
    assert NoiseSpec.parse("ideal") == NoiseSpec()
    assert NoiseSpec.parse("white=0.01") == NoiseSpec(white=0.01)
    assert NoiseSpec.parse(" gate2=1e-3, gate1=1e-4 ,readout=2e-3") == NoiseSpec(
        gate2=1e-3, gate1=1e-4, readout=2e-3
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pink=0.1", "'pink=0.1' is not understood"),
        ("white", "'white' is not understood"),
        ("", "'' is not understood"),
        ("white=0.1,ideal", "'ideal' is not understood"),
        ("white=1.5", r"white=1\.5 is outside \[0, 1\]"),
        ("white=-0.1", r"white=-0\.1 is outside"),
        ("white=nan", "white=nan is outside"),
        ("white=lots", "'lots' is no number"),
        ("white=0.1,white=0.2", "'white' is given twice"),
    ],
)
def test_bad_texts_are_refused_in_one_line(text, message):
    with pytest.raises(InputError, match=message) as error:
        NoiseSpec.parse(text)
    assert "\n" not in str(error.value)


def test_a_choice_is_a_value():
    """Equal choices are equal and have one hash, whatever their order and whatever is 0."""
    first, again = NoiseSpec(gate2=0.01, white=0.1), NoiseSpec(white=0.1, gate2=0.01, gate1=0)
    assert first == again
    assert hash(first) == hash(again)
    assert first.values == (("white", 0.1), ("gate2", 0.01))
    assert list(first) == ["white", "gate2"]
    assert (first["gate2"], first["readout"]) == (0.01, 0)
    assert first != NoiseSpec(gate2=0.01)
    with pytest.raises(AttributeError):
        first.values = ()  # type: ignore[misc]


def test_a_choice_that_cannot_be_is_not_made():
    for values, message in (
        ({"pink": 0.1}, "noise 'pink', expected one of white, gate1, gate2, readout"),
        ({"white": 2}, r"white=2 is outside \[0, 1\]"),
        ({"white": "much"}, "white is a str, expected a number"),
        ({"gate1": float("nan")}, "gate1=nan is outside"),
    ):
        with pytest.raises(InputError, match=message):
            NoiseSpec(**values)
    with pytest.raises(InputError, match="noise 'pink'"):
        NoiseSpec()["pink"]


def test_noise_is_read_and_explained_without_qiskit():
    code = (
        "import sys\n"
        "from qdevices.noise import TERMS, NoiseSpec, describe_terms\n"
        "assert all(f'{name}=, {TERMS[name].help}' in describe_terms() for name in TERMS)\n"
        "list(NoiseSpec.parse('white=0.1,gate1=0.1,gate2=0.1,readout=0.1').effects())\n"
        "assert not [name for name in sys.modules if name.startswith('qiskit')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Uneven(NoiseTerm):
    """A term whose value is no number but two, written 0.01/0.03."""

    def read(self, text):
        return self.check(tuple(float(part) for part in text.split("/")))

    def write(self, value):
        return "/".join(f"{part:.12g}" for part in value)

    def check(self, value):
        if len(value) != 2 or not all(0 <= part <= 1 for part in value):
            raise InputError(f"noise {self.name}={value}, expected two probabilities P/Q")
        return value


def test_a_term_may_have_values_of_its_own_kind(monkeypatch):
    def confuse(value):
        return (OnReadout(np.array([[1 - value[0], value[0]], [value[1], 1 - value[1]]])),)

    term = Uneven("uneven", "", "", confuse, none=(0.0, 0.0))
    monkeypatch.setitem(TERMS.entries, "uneven", term)
    spec = NoiseSpec.parse("uneven=0.01/0.03,readout=0")
    assert spec["uneven"] == (0.01, 0.03)
    assert str(spec) == "uneven=0.01/0.03"
    assert NoiseSpec.parse(str(spec)) == spec
    assert NoiseSpec.parse("uneven=0/0") == NoiseSpec()
    matrix = noise_on(spec, {}).readout[2]
    np.testing.assert_allclose(matrix, [[0.99, 0.01], [0.03, 0.97]])
    with pytest.raises(InputError, match="expected two probabilities"):
        NoiseSpec.parse("uneven=0.1/2")
