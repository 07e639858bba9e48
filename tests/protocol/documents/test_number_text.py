"""Lines of whole numbers have one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.documents.number_text import read_numbers
from qdevices.errors import InputError


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_what_is_written_is_read(numbers):
    line = " ".join(map(str, numbers))
    assert read_numbers(line, "numbers", -(2**63), 2**63 - 1) == numbers


@pytest.mark.parametrize(
    "line",
    [
        *("", " ", "1  2", " 1", "1 ", "1\n2", "+1", "01", "-0", "1_0", "1.0", "1e3", "٣", "0x1"),
        *("true", "9" * 5000, "11", "-1", "\x1b[2J", "\u2028"),
    ],
)
def test_another_spelling_is_refused_in_one_line(line):
    expected = r"the numbers hold .*, expected a whole number in 0\.\.10"
    with pytest.raises(InputError, match=expected) as refusal:
        read_numbers(line, "numbers", 0, 10)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 120
