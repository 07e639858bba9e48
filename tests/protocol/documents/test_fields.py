"""JSON from anybody."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.documents.fields import Fields, canonical, digest, parse_json, printable
from qdevices.errors import InputError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_what_json_writes_is_read_back_with_the_same_digest(value):
    text = json.dumps(value, indent=3)
    assert parse_json(text, "it") == value
    assert digest(parse_json(text, "it")) == digest(value)


def test_the_digest_does_not_depend_on_order_and_spacing():
    assert digest({"b": 1, "a": [2, 0.5]}) == digest(json.loads('{ "a":[2,5e-1],"b":1 }'))
    assert digest({"a": 1}) != digest({"a": 2})
    assert canonical({"b": 1, "a": 2}) == b'{"a":2,"b":1}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "the key 'a' occurs twice"),
        ('[{"x": {"a": 1, "a": 2}}]', "the key 'a' occurs twice"),
        ('{"\\u001b[2J": 1, "\\u001b[2J": 2}', "occurs twice"),
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("1e400", "1e400 is no finite number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("1" * 5000, "is no JSON"),
        ("{", "is no JSON"),
        ("", "is no JSON"),
        (b"\xff", "is no JSON"),
    ],
)
def test_hostile_json_is_one_line(text, message):
    with pytest.raises(InputError, match="it is ") as refused:
        parse_json(text, "it")
    assert message in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


@given(st.text(max_size=300), st.integers(2, 100))
def test_printable_text_is_one_line_that_steers_nothing(text, most):
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most
    if text.isprintable() and len(text) <= most:
        assert shown == text


def test_entries_are_taken_with_their_type_and_range():
    data = {"n": 5, "x": 0.5, "f": False, "t": "yes", "l": [1], "o": {}, "none": None}
    entries = Fields(data, "it")
    assert (entries.integer("n", 0, 5), entries.number("x", 0, 1)) == (5, 0.5)
    assert entries.number("n") == 5.0
    assert entries.flag("f") is False
    assert entries.text("t") == entries.choice("t", "no", "yes") == "yes"
    assert entries.list("l", 1) == [1]
    assert entries.object("o") == {}
    assert entries.missing("none")
    assert entries.missing("absent")
    assert not entries.missing("n")
    entries.done()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda e: e.integer("n", 6, 9),
        lambda e: e.integer("x", 0, 9),
        lambda e: e.integer("f", 0, 9),
        lambda e: e.integer("t", 0, 9),
        lambda e: e.integer("absent", 0, 9),
        lambda e: e.number("f"),
        lambda e: e.number("t"),
        lambda e: e.number("huge"),
        lambda e: e.number("x", 0.6),
        lambda e: e.flag("n"),
        lambda e: e.flag("t"),
        lambda e: e.text("n"),
        lambda e: e.text("t", 2),
        lambda e: e.text("steering"),
        lambda e: e.choice("t", "no"),
        lambda e: e.choice("l", "no"),
        lambda e: e.list("t", 9),
        lambda e: e.list("l", 0),
        lambda e: e.object("l"),
        lambda e: e.done(),
    ],
)
def test_anything_else_is_refused(wrong):
    data = {
        "n": 5, "x": 0.5, "f": True, "t": "yes", "l": [1], "huge": 10**400, "steering": "a\x1b[2J",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"^it has (an unknown|no) entry|^it has .* expected "):
        wrong(Fields(data, "it"))


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(InputError, match="expected a JSON object"):
        Fields(data, "it")
