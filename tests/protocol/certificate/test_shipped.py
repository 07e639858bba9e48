"""The certificates that ship: proved, near what is asked for, and what their names say."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np
import pytest

import protocol.certificate.shipped as module
from protocol.certificate.shipped import (
    ShippedName,
    bundle,
    names,
    shipped,
    shipped_certificates,
)
from protocol.certificate.table import TableCertificate
from protocol.request import Request
from protocol.security import Security
from protocol.settings.ks18 import compact_code, default_code, joint_code, plain_code
from qdevices.errors import InputError
from qdevices.ks18.game import KS18

#: A tenth of them are proved here; `benchmarks/make_shipped.py` proved all when it bundled them.
SAMPLE = names()[::10]


@pytest.mark.parametrize("name", SAMPLE, ids=lambda name: name.text)
def test_they_are_proved_and_their_names_say_what_they_were_made_for(name):
    found = shipped(name)
    assert ShippedName.parse(name.text) == name
    assert (found.epsilon, found.code.name) == (name.epsilon, name.code)
    about = found.facts()["about"]
    assert about["noise"] == f"white={name.noise:g}"
    made_for = about.get("side_information", "no-signalling")  # the only one before 2.2
    assert (about["runs"], made_for) == (name.runs, name.side_information)


def test_they_take_less_than_two_megabytes():
    assert len(module._archive().fp.getbuffer()) < 2_000_000  # type: ignore[union-attr]


@pytest.mark.parametrize("model", ["no-signalling", "classical"])
@pytest.mark.parametrize("epsilon", [0.0, 0.008, 0.01, 0.1])
def test_those_near_a_request_come_first_and_cover_it(model, epsilon):
    request = Request(10**6, epsilon, KS18.noisy(1e-3), security=Security(model))
    found = shipped_certificates(request)
    assert 0 < len(found) <= 14
    assert all(c.epsilon >= epsilon for c in found)
    first = found[0]
    assert first.epsilon == min(c.epsilon for c in found)
    assert first.facts()["about"]["noise"] == "white=0.001"
    made_for = first.facts()["about"].get("side_information", "no-signalling")
    assert made_for == model


def test_a_code_that_is_asked_for_is_the_only_one_and_others_have_none():
    for code in (default_code(), joint_code(), compact_code()):
        found = shipped_certificates(Request(10**6, 0.01, KS18.noisy(1e-3), code=code))
        assert found
        assert all(c.code == code for c in found)
    assert shipped_certificates(Request(10**6, 0.01, KS18.noisy(1e-3), code=plain_code())) == []
    assert shipped_certificates(Request(10**6, 0.49, KS18.noisy(1e-3))) == []


def test_any_behaviour_has_some_near_it():
    table = KS18.noisy(0.01).copy()
    table[0] = np.full(16, 1 / 16)  # signals, which is said elsewhere
    assert shipped_certificates(Request(None, 0.01, table))


@pytest.fixture
def bundled(proved, tmp_path, monkeypatch):
    """Opens an archive with these members instead of the one that ships."""
    name = ShippedName("classical", 1000, 0.05, 1e-5, "joint")
    bundle([(name, TableCertificate(proved[0], proved[1], {}))], tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        data = archive.read(name.text)

    def opened(**members):
        memory = BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            for key, content in members.items():
                archive.writestr(key.replace("_", "-").replace("p", "."), content)
        for cached in (module._members, module.shipped, module.names):
            cached.cache_clear()
        monkeypatch.setattr(module, "_archive", lambda: zipfile.ZipFile(memory))

    yield data, name, opened
    monkeypatch.undo()
    for cached in (module._members, module.shipped, module.names):
        cached.cache_clear()


def test_what_is_bundled_comes_back_and_is_proved(proved, bundled):
    data, name, opened = bundled
    assert name.text == "cl-n1000-e0.05-w1e-05-joint"
    opened(**{"cl_n1000_e0p05_w1e_05_joint": data})
    assert names() == (name,)
    assert shipped(name).digest == TableCertificate(proved[0], proved[1], {}).digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d[:-8], "bytes of numbers"),
        (lambda d: d.replace(b'"epsilon":0.05', b'"epsilon":0.06'), "does not hold"),
        (lambda d: d.replace(b'"epsilon"', b'"epsilom"'), "no entry 'epsilon'"),
        (lambda d: b"", "is no JSON"),
        (lambda d: d + b"\0" * (1 << 20), "more than 1048576 bytes"),
    ],
)
def test_damaged_members_are_refused(bundled, change, message):
    data, name, opened = bundled
    opened(**{"cl_n1000_e0p05_w1e_05_joint": change(data)})
    with pytest.raises(InputError, match=message):
        shipped(name)


def test_names_are_read_strictly(bundled):
    for text in ("", "joint-e0.01-w0.001", "cl-n1-e0.1-w0.1-../x", "qs-n1-e0.1-w0.1-joint"):
        with pytest.raises(InputError, match="is no name of a shipped certificate"):
            ShippedName.parse(text)
    _, name, opened = bundled
    opened()
    with pytest.raises(InputError, match="ships"):
        shipped(name)
