"""Certificates in seconds: as good as a full search, no worse than what is known, and kept."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from protocol.certificate.file import to_json
from protocol.certificate.kinds import CERTIFICATES
from protocol.certificate.proof import check_proof
from protocol.certificate.table import TableCertificate
from protocol.documents.fields import digest
from protocol.documents.format import spelled
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.search import cache
from protocol.search.optimise import optimised_certificate
from protocol.search.quick import estimate, improved, made_for
from protocol.security import Security
from protocol.settings.ks18 import joint_code
from qdevices.ks18.game import KS18

#: `optimise(Request(10**6, 0.04, KS18.noisy(0.002)), joint_code()).estimate`.
FULL = 7498.5


def _known(request):
    return list(CERTIFICATES["optimised"].candidates(request))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of the test's own, which is not there yet."""
    monkeypatch.setenv("KSAMP_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture(scope="module")
def between():
    """A request between the points of the grid that ships, and what is found for it."""
    request = Request(10**6, 0.04, KS18.noisy(0.002), code=joint_code())
    return request, improved(request, _known(request), 60.0)


def test_quick_is_within_three_per_cent_of_a_full_search(between):
    """Others, and with the codes to be chosen: `benchmarks/quick_certificates.py`."""
    request, found = between
    assert found is not None
    check_proof(found.table, found.proof)
    assert estimate(request, found) >= 0.97 * FULL
    assert estimate(request, found) > max(estimate(request, c) for c in _known(request))


def test_nothing_is_sought_at_a_point_of_the_grid_nor_without_time():
    for model in ("no-signalling", "classical"):
        request = Request(10**6, 0.01, KS18.noisy(0.001), security=Security(model))
        known = _known(request)
        start = time.monotonic()
        assert improved(request, known, 3600.0) is None
        assert time.monotonic() - start < 2
        off = replace(request, behaviour=KS18.noisy(0.002))
        assert improved(off, known, 0.0) is None
    for changes in (
        {"epsilon": 0.009},
        {"runs": 10**9},
        {"soundness": 300.0},
        {"security": Security(signalling=1e-3)},
        {"behaviour": KS18.noisy(0.0015)},
    ):
        assert not any(made_for(replace(request, **changes), c) for c in known), changes


def test_a_budget_is_kept_and_progress_told():
    told = []
    request = Request(10**6, 0.04, KS18.noisy(0.002))
    start = time.monotonic()
    improved(request, _known(request), 1.5, lambda *step: told.append(step))
    assert time.monotonic() - start < 10  # one linear programme more, on a busy machine
    assert told
    assert all(done < total for _, done, total in told)


def test_what_was_found_is_kept_and_found_again(between, own_cache, monkeypatch):
    request, found = between
    cache.keep(request, found)
    path = own_cache / f"{request.digest}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert own_cache.stat().st_mode & 0o777 == 0o700
    again = cache.cached(request)
    assert again is not None
    assert again.digest == found.digest
    # So a plan needs no time for it, whatever budget it has.
    monkeypatch.setattr("protocol.plan.choose.improved", None)
    assert best_plan(request, budget=1000.0).certificate.digest == found.digest
    assert best_plan(request).certificate.digest != found.digest


def test_a_plan_with_a_budget_is_no_worse_and_keeps_what_it_found(own_cache, between, monkeypatch):
    request, found = between
    monkeypatch.setattr("protocol.plan.choose.improved", lambda *_: found)
    plan = best_plan(request, budget=1.0)
    assert plan.output_bits >= best_plan(request).output_bits
    assert len(list(own_cache.iterdir())) == 1
    # What ships is kept too if nothing better was found, so that nobody waits for it again.
    monkeypatch.setattr("protocol.plan.choose.improved", lambda *_: None)
    other = replace(request, runs=2 * 10**6)
    assert best_plan(other, budget=1.0).output_bits == best_plan(other).output_bits
    assert len(list(own_cache.iterdir())) == 2
    monkeypatch.setattr("protocol.plan.choose.improved", None)
    assert best_plan(other, budget=1.0).output_bits == best_plan(other).output_bits


def _forged(document):
    """With more credit than is proved, and a digest to match."""
    rows = list(document["factors"]["rows"])
    rows[2] = " ".join(["2" + "0" * 12] * 16)
    data = {**document, "factors": {**document["factors"], "rows": rows}}
    return {**data, "sha256": digest({k: v for k, v in data.items() if k != "sha256"})}


def _weaker(document):
    """Proved, but for a better source than is asked for."""
    data = {**document, "epsilon": 0.0}
    return {**data, "sha256": digest({k: v for k, v in data.items() if k != "sha256"})}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[" * 100_000,
        b"{}",
        b" " * ((1 << 20) + 1),
        _forged,
        _weaker,
        "folder",
        "pipe",
        "link",
    ],
    ids=["empty", "bytes", "deep", "no certificate", "large", "forged", "weak", "folder", "pipe",
         "link"],
)  # fmt: skip
def test_a_hostile_cache_is_ignored_with_a_line(content, between, own_cache, tmp_path, caplog):
    request, found = between
    own_cache.mkdir()
    path = own_cache / f"{request.digest}.json"
    if callable(content):
        path.write_bytes(spelled(content(to_json(found))))
    elif content == "folder":
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    elif content == "link":
        (tmp_path / "elsewhere").write_bytes(spelled(to_json(found)))
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(content)
    assert cache.cached(request) is None
    assert "ignored what is in the cache" in caplog.text
    assert "\n" not in caplog.records[-1].getMessage()


def test_a_cache_that_cannot_be_written_is_no_error(between, tmp_path, monkeypatch, caplog):
    request, found = between
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", "a\x00b"):
        monkeypatch.setattr(cache, "folder", lambda place=place: type(tmp_path)(place))
        caplog.clear()
        cache.keep(request, found)
        assert "was not kept" in caplog.text
        assert cache.cached(request) is None


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("KSAMP_CACHE", "")
    assert cache.folder() is None
    monkeypatch.delenv("KSAMP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "ksamp"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "ksamp"


def test_the_cache_does_not_grow_without_end(between, own_cache, monkeypatch):
    request, found = between
    monkeypatch.setattr(cache, "_MOST_FILES", 3)
    own_cache.mkdir()
    (own_cache / "notes.txt").write_text("somebody's own")
    for k in range(5):
        cache.keep(replace(request, runs=10**6 + k), found)
        os.utime(own_cache / f"{replace(request, runs=10**6 + k).digest}.json", (k, k))
    left = {path.name for path in own_cache.iterdir()}
    expected = {f"{replace(request, runs=10**6 + k).digest}.json" for k in (2, 3, 4)}
    assert left == expected | {"notes.txt"}


def test_a_request_for_devices_that_signal_gets_potentials_that_cost_nothing():
    """(B) + γ·‖potentials‖₁ ≤ 1 in every case, in fractions; and γ = 0 changes nothing."""
    from fractions import Fraction

    from protocol.certificate.proof import BITS, case_values
    from protocol.search.prove import prove_tight
    from protocol.search.table_program import best_table

    gamma, grid, behaviour = 1e-3, (640, 1024), KS18.noisy(0.001)
    table = best_table(joint_code(), 0.01, behaviour, 1 << 17, grid, signalling=gamma)
    table, proof = prove_tight(table, grid, gamma)
    for value, own in zip(case_values(table, proof), proof.potentials, strict=True):
        norm = sum(Fraction(abs(int(p)), 1 << BITS) for p in own)
        assert Fraction(value, 1 << BITS) + Fraction(gamma) * norm <= 0
    request = Request(10**6, 0.01, behaviour)
    with_gamma = optimised_certificate(_found(table, proof))
    usual = best_table(joint_code(), 0.01, behaviour, 1 << 17, grid)
    without = TableCertificate(*prove_tight(usual, grid), {})
    assert 0.8 * estimate(request, without) < estimate(request, with_gamma)
    assert estimate(request, with_gamma) < estimate(request, without)


def _found(table, proof):
    from protocol.search.optimise import Found

    return Found(table, proof, 0.0, None)


def test_where_side_information_is_classical_beta_is_small():
    """The price of the output does not grow with it, so what counts is the rate."""
    betas = {}
    for model in ("no-signalling", "classical"):
        request = Request(10**6, 0.01, KS18.noisy(0.001), security=Security(model))
        betas[model] = max(_known(request), key=lambda c: estimate(request, c)).beta
    assert betas["classical"] < betas["no-signalling"] / 10
