"""Noise as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdevices.errors import InputError
from qdevices.noise import TERMS, NoiseSpec

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
