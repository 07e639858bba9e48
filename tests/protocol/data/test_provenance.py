"""What a run folder says of how its runs came about."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.data.provenance import PLAYED_ORDERS, Provenance
from qdevices.errors import InputError

TEXT = st.none() | st.text(max_size=20)


@given(
    st.sampled_from(PLAYED_ORDERS),
    st.integers(1, 10**9),
    st.sets(st.integers(0, 99), max_size=5),
    st.integers(0, 9),
    st.none() | st.integers(0, 2**128),
    TEXT,
    TEXT,
)
def test_json_round_trip(order, chunk, redrawn, more, seed, device, settings):
    made = Provenance(
        order,
        chunk=chunk,
        redraws=len(redrawn) + more if redrawn else 0,
        redrawn=tuple(sorted(redrawn)),
        seed=seed,
        device=device,
        settings=settings,
    )
    assert Provenance.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    "change",
    [
        {"order": "sorted"},
        {"order": None},
        {"chunk": 0},
        {"chunk": 5.0},
        {"chunk": True},
        {"chunk": 10**14},
        {"redraws": -1},
        {"redraws": 1},
        {"redraws": "2"},
        {"redraws": 0, "redrawn": [1]},
        {"redraws": 2, "redrawn": [1]},
        {"redraws": 2, "redrawn": [2, 1], "chunk": 5},
        {"redraws": 2, "redrawn": [1, 1], "chunk": 5},
        {"redraws": 1, "redrawn": [-1], "chunk": 5},
        {"redraws": 1, "redrawn": [True], "chunk": 5},
        {"redraws": 1, "redrawn": [0, 1], "chunk": 5},
        {"seed": -1},
        {"device": 5},
        {"device": "a\x1b[2Jb"},
        {"device": "x" * 5000},
        {"faithful": True},
    ],
)
def test_what_makes_no_sense_is_refused(change):
    odd = next(iter(change))
    with pytest.raises(InputError, match=rf"\b{odd}\b|'{odd}'|do not fit together"):
        Provenance.from_json({"order": "run", "redraws": 0, **change})


@pytest.mark.parametrize("missing", ["order", "redraws"])
def test_what_certificates_depend_on_cannot_be_left_out(missing):
    data = {"order": "run", "redraws": 0}
    del data[missing]
    with pytest.raises(InputError, match=f"no entry '{missing}'"):
        Provenance.from_json(data)


def test_it_is_frozen_and_checks_itself_when_replaced():
    made = Provenance("run", chunk=10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.order = "grouped"  # type: ignore[misc]
    with pytest.raises(InputError, match="1 redraws of the chunks"):
        dataclasses.replace(made, redraws=1)
    assert not dataclasses.replace(made, order="grouped").faithful
