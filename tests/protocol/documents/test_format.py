"""One header and one digest for every kind of document."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.documents.fields import digest, parse_json
from protocol.documents.format import FIRST_GAME, Format, is_sealed
from qdevices.errors import InputError

NOTE = Format("ksamp-note", "note", 2, 3)
BARE = Format("ksamp-account", "account", about_game=False)


def _again(data):
    """With a digest to match."""
    return {**data, "sha256": digest({k: v for k, v in data.items() if k != "sha256"})}


def test_a_document_comes_back_with_its_header_checked(tmp_path):
    written = NOTE.write(tmp_path / "note.json", {"text": "hello"}, "ks18")
    opened = NOTE.read(tmp_path / "note.json")
    assert (opened.minor, opened.game, opened.sha256) == (3, "ks18", written)
    assert opened.fields.text("text") == "hello"
    opened.fields.done()
    data = json.loads((tmp_path / "note.json").read_text())
    assert list(data) == ["format", "version", "game", "text", "sha256"]
    assert data["version"] == "2.3"


def test_a_format_without_a_game_has_none(tmp_path):
    BARE.write(tmp_path / "a.json", {"n": 1})
    opened = BARE.read(tmp_path / "a.json")
    assert opened.game == ""
    with pytest.raises(InputError, match="unknown entry 'game'"):
        BARE.open(_again({**BARE.seal({"n": 1}), "game": "ks18"})).fields.done()


@pytest.mark.parametrize("version", [2, "2.0", "2.1", "2.2", "2.3"])
def test_all_of_its_major_version_up_to_its_own_is_read(version):
    data = {"format": "ksamp-note", "version": version, "game": "ks18", "text": "x"}
    if version in (2, "2.0"):
        del data["game"]
    opened = NOTE.open(_again(data))
    assert opened.minor == (0 if version == 2 else int(version[2:]))
    assert opened.game == FIRST_GAME
    opened.fields.text("text")
    opened.fields.done()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (1, "version 1, expected 2 to 2.3 .version 1 numbers the outcomes of basis M7"),
        (3, "version 3, expected 2 to 2.3 .a newer ksamp wrote it"),
        ("2.4", "version '2.4', expected 2 to 2.3 .a newer ksamp wrote it"),
        ("3.0", "version '3.0', expected 2 to 2.3 .a newer"),
        ("3.1", "version '3.1', expected 2 to 2.3 .a newer"),
        ("1.1", "version '1.1', expected 2 to 2.3 .version 1"),
        ("2.01", "version '2.01', expected"),
        ("2", "version '2', expected"),
        ("２.1", "version '２.1', expected"),
        ("2." + "1" * 5000, "version '2.1"),
        (2.1, "version 2.1, expected"),
        (True, "version True, expected"),
        (0, "version 0, expected"),
        (-2, "version -2, expected"),
        (10**400, "version 1000"),
        (None, "version None, expected"),
        (["2.1"], "version"),
        ({"a": 1}, "version"),
    ],
)
def test_no_other_version_is_read_and_the_one_that_is_needed_is_said(version, message):
    data = _again({"format": "ksamp-note", "version": version, "game": "ks18", "text": "x"})
    with pytest.raises(InputError, match=message) as refused:
        NOTE.open(data)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


@given(st.sampled_from(["format", "version", "game", "text", "sha256"]), st.text(max_size=5))
def test_any_edit_is_seen(key, value):
    data = NOTE.seal({"text": "hello"}, "ks18")
    if data[key] == value:
        return
    with pytest.raises(InputError):
        NOTE.open({**data, key: value})


@pytest.mark.parametrize("data", [None, [], "x", 5, {}, {"format": "ksamp-note"}])
def test_what_is_no_such_document_is_refused(data):
    with pytest.raises(InputError):
        NOTE.open(data)


def test_one_format_is_not_taken_for_another():
    with pytest.raises(InputError, match="format \"ksamp-account\", expected 'ksamp-note'"):
        NOTE.open(BARE.seal({"text": "x"}))


def test_what_is_sealed_is_known_whatever_its_version():
    data = NOTE.seal({"text": "x"}, "ks18")
    assert is_sealed(data)
    assert is_sealed(_again({**data, "version": "9.9"}))
    assert not is_sealed({**data, "text": "y"})
    assert not is_sealed({"text": "x"})
    assert not is_sealed([data])


def test_what_is_nested_as_deeply_as_only_the_parser_bears_is_not_sealed():
    for depth in range(800, 1000):
        text = '{"sha256": "0", "x": ' + "[" * depth + "]" * depth + "}"
        try:
            data = parse_json(text, "it")
        except InputError:
            continue
        assert not is_sealed(data)
    assert not is_sealed({"sha256": "0", "x": {1: 2, "a": 3}})


def test_a_version_that_is_nested_is_refused_in_one_line():
    version: list = []
    for _ in range(5_000):
        version = [version]
    for bad in (version, {"a": version}, "2.\n1", b"2.1"):
        with pytest.raises(InputError, match=r"has version .*, expected 2") as refused:
            NOTE.open({"format": "ksamp-note", "version": bad})
        assert str(refused.value).isprintable()
