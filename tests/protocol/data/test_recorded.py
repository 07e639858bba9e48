"""Recorded runs from files."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.data.recorded import load_csv, load_pair
from qdevices.errors import InputError
from qdevices.ks18.game import KS18


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4)),
        min_size=1,
        max_size=30,
    )
)
def test_csv_and_both_array_forms_agree(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("recorded")
    csv = folder / "runs.csv"
    csv.write_text("x2, u1,u2,x1\n" + "".join(f"{d},{a},{b},{c}\n" for a, b, c, d in rows))
    table = np.array(rows) - 1
    np.save(folder / "u2.npy", table[:, :2])
    np.save(folder / "x2.npy", table[:, 2:])
    np.save(folder / "u.npy", (9 * table[:, 0] + table[:, 1]).astype(np.uint8))
    np.save(folder / "x.npy", (4 * table[:, 2] + table[:, 3]).astype(np.int32))
    first = load_csv(csv, KS18)
    for u, x in (
        load_pair(folder / "u.npy", folder / "x.npy", KS18),
        load_pair(folder / "u2.npy", folder / "x2.npy", KS18),
    ):
        assert u.dtype == x.dtype == np.uint8
        assert np.array_equal(u, first[0])
        assert np.array_equal(x, first[1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u1,u2,x1,x2\n1,3,1,3\n0,3,1,3\n", r"line 3: u1 is '0', expected 1\.\.9"),
        ("u1,u2,x1,x2\n1,10,1,3\n", r"line 2: u2 is '10', expected 1\.\.9"),
        ("u1,u2,x1,x2\n1,1,5,3\n", r"line 2: x1 is '5', expected 1\.\.4"),
        ("u1,u2,x1,x2\n1,1,2\n", r"line 2: x2 is '', expected 1\.\.4"),
        ("u1,u2,x1,x2\n1,1,2,two\n", "line 2: x2 is 'two'"),
        ("u1,u2,x1,x2\n1,1,2,-1\n", "line 2: x2 is '-1'"),
        ("u1,u2,x1\n1,1,2\n", "expected u1,u2,x1,x2"),
        ("1,1,2,2\n", "expected u1,u2,x1,x2"),
        ("", "expected u1,u2,x1,x2"),
        ("u1,u2,x1,x2\n", "has no runs"),
        ("u1,u2,x1,x2\n1,1,1," + "1" * 5000, "line 2: x2 is '1111111"),
        ("u1,u2,x1,x2\n\n \n1,1,1,9\n", "line 4: x2 is '9'"),
    ],
)
def test_bad_csv_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_csv(path, KS18)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (np.array([0, 81], dtype=np.uint8), r"settings\[1\] is 81, expected 0\.\.80"),
        (np.array([0, -1]), r"settings\[1\] is -1"),
        (np.array([[0, 0], [3, 9]]), r"settings\[1\] is 9, expected 0\.\.8"),
        (np.array([0.0, 1.0]), "dtype float64"),
        (np.zeros((2, 3), dtype=np.uint8), r"shape \(2, 3\)"),
        (np.zeros(0, dtype=np.uint8), r"shape \(0,\)"),
        (np.zeros(3, dtype=np.uint8), "3 settings but 2 outcomes"),
    ],
)
def test_bad_arrays_are_refused(tmp_path, settings, message):
    np.save(tmp_path / "u.npy", settings)
    np.save(tmp_path / "x.npy", np.zeros(2, dtype=np.uint8))
    with pytest.raises(InputError, match=message):
        load_pair(tmp_path / "u.npy", tmp_path / "x.npy", KS18)


def test_files_that_are_no_arrays_are_refused(tmp_path):
    (tmp_path / "text.npy").write_text("hello")
    np.savez(tmp_path / "many.npz", a=np.zeros(2))
    np.save(tmp_path / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        load_pair(tmp_path / "none.npy", tmp_path / "none.npy", KS18)
    with pytest.raises(InputError, match=r"no \.npy array"):
        load_pair(tmp_path / "text.npy", tmp_path / "text.npy", KS18)
    (tmp_path / "zip.npy").write_bytes(b"PK\x03\x04 and nothing more")
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%s\n"
    for name, shape in (("open", b""), ("giant", b"10" * 20 + b",)}"), ("negative", b"-5,)}")):
        text = header % shape
        size = len(text).to_bytes(2, "little")
        (tmp_path / f"{name}.npy").write_bytes(b"\x93NUMPY\x01\x00" + size + text)
    for name in ("many.npz", "pickled.npy", "zip.npy", "open.npy"):
        with pytest.raises(InputError, match=r"is no \.npy array of numbers"):
            load_pair(tmp_path / name, tmp_path / name, KS18)


def _npy(path, header, data=b""):
    text = header.encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data)
    return path


@pytest.mark.parametrize(
    "shape",
    ["(-1,)", "(-5,)", "(True,)", "(0,)", "()", "(10**12,)", "(1000000000000,)", "(1" + "0" * 40
     + ",)", "(2, 3)", "(2, True)", "(2, -2)", "(1, 2, 1)", "[2]", "2", "(2.0,)", "('2',)",
     "(" * 500 + ")" * 500],
)  # fmt: skip
def test_a_header_that_does_not_describe_the_file_is_refused(tmp_path, shape):
    for descr in ("|u1", "<i8", "|b1", "|O", "<f8", "|V9", "(2,)<i8"):
        text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}"
        path = _npy(tmp_path / "a.npy", text, bytes(8))
        with pytest.raises(InputError, match=r"settings file '.*a\.npy' (has|is no)"):
            load_pair(path, path, KS18)


@pytest.mark.parametrize("kind", ["|u1", "<i2", ">i8"])
def test_a_file_longer_or_shorter_than_its_header_says_is_refused(tmp_path, kind):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (3,)}}"
    exact = 3 * int(kind[2])
    good = _npy(tmp_path / "good.npy", text, bytes(exact))
    assert load_pair(good, good, KS18)[0].tolist() == [0, 0, 0]
    for length in (0, exact - 1, exact + 1, exact + 80):
        path = _npy(tmp_path / "bad.npy", text, bytes(length))
        with pytest.raises(InputError, match=r"expected .* by its header"):
            load_pair(path, path, KS18)


def test_a_header_longer_than_any_is_not_read(tmp_path):
    path = tmp_path / "long.npy"
    with path.open("wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + (3 * 10**9).to_bytes(4, "little"))
        file.truncate(3 * 10**9)
    with pytest.raises(InputError, match=r"is no \.npy array"):
        load_pair(path, path, KS18)


def test_what_never_ends_or_never_begins_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", tmp_path / "pipe", tmp_path):
        with pytest.raises(InputError, match="is no regular file"):
            load_pair(path, path, KS18)
        with pytest.raises(InputError, match="is no regular file"):
            load_csv(path, KS18)
    (tmp_path / "line.csv").write_bytes(b"u1,u2,x1,x2\n" + b"1" * (1 << 17))
    with pytest.raises(InputError, match="has a line of 65536 characters or more"):
        load_csv(tmp_path / "line.csv", KS18)


def test_columns_in_fortran_order_are_read_right(tmp_path):
    table = np.array([[1, 2], [3, 4], [5, 6]])
    np.save(tmp_path / "f.npy", np.asfortranarray(table))
    np.save(tmp_path / "x.npy", table % 4)
    u, _ = load_pair(tmp_path / "f.npy", tmp_path / "x.npy", KS18)
    assert u.tolist() == [11, 31, 51]


def test_a_pickle_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Trap()))
    np.save(tmp_path / "inside.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    for name in ("bare.npy", "inside.npy"):
        with pytest.raises(InputError, match=r"is no \.npy array of numbers"):
            load_pair(tmp_path / name, tmp_path / name, KS18)
    assert not (tmp_path / "sprung").exists()


def test_a_csv_as_a_spreadsheet_writes_it(tmp_path):
    """Byte order mark, CRLF, empty lines, quotes and columns of its own."""
    path = tmp_path / "runs.csv"
    path.write_bytes(
        b'\xef\xbb\xbf\r\nwhen,"u1","u2",x1,x2\r\nnow,"1",3,1,4\r\n'
        b"  \r\n,,,,\r\nlater,9,9,4,1\r\n\r\n"
    )
    settings, outcomes = load_csv(path, KS18)
    assert settings.tolist() == [2, 80]
    assert outcomes.tolist() == [3, 12]


def test_progress_of_a_long_csv_grows_to_its_end(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("u1,u2,x1,x2\n" + "1,3,1,4\n" * 140_000)
    told = []
    settings, _ = load_csv(path, KS18, lambda *step: told.append(step))
    assert len(settings) == 140_000
    assert len(told) == 2
    assert told == sorted(told)
    size = path.stat().st_size
    assert all(stage == "reading" and 0 < done <= total == size for stage, done, total in told)
