"""Recorded runs: what protects the output stands in the library."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

from protocol.certificate.score import ScoreCertificate
from protocol.data.provenance import Provenance
from protocol.data.recorded import Recorded
from protocol.extract import Source1, smallest_field
from protocol.extract.raz import Raz
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.run.finish import finish
from protocol.run.judge import judge, new_tally
from protocol.run.play import execute
from protocol.run.redraws import redraw_charge
from protocol.run.replay import certify
from protocol.run.tally import Tally
from protocol.settings.ks18 import default_code
from protocol.sources.file import FileSource, open_file
from protocol.sources.positions import WeakBits
from protocol.sources.used_bits import reserve, used_bits
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18
from tests.protocol.bits import Bits


@pytest.fixture(scope="module")
def plan():
    return best_plan(Request(60_000, 0.01, KS18.noisy(0.001)))


@pytest.fixture(scope="module")
def stream(plan):
    """The weak bits of a run: settings, extractor, and as many again."""
    return np.random.default_rng(3).integers(0, 2, 2 * plan.source_bits).astype(np.uint8)


def _played(plan, stream, order="run", **more):
    settings = plan.code.decode(stream[: plan.settings_bits])
    device = TableDevice(KS18.noisy(0.001), KS18)
    outcomes = device.sample(settings, np.random.default_rng(5))
    return Recorded(settings, outcomes, Provenance(order, **more))


def test_recorded_runs_give_what_the_same_run_gave(plan, stream):
    device = TableDevice(KS18.noisy(0.001), KS18)
    run = execute(plan, device, Bits(stream), np.random.default_rng(5))
    data = _played(plan, stream)
    again = certify(plan, data, Bits(stream[plan.settings_bits :]))
    assert run.verdict.accepted
    assert run.verdict == again.verdict
    assert np.array_equal(run.output, again.output)
    assert certify(plan, data).verdict == run.verdict


def test_grouped_runs_are_refused_unless_allowed(plan, stream):
    data = _played(plan, stream, "grouped")
    fresh = Bits(stream[plan.settings_bits :])
    with pytest.raises(InputError, match="were grouped by setting"):
        certify(plan, data, fresh)
    assert not fresh.asked
    tally = new_tally(plan)
    tally.add(data.settings, data.outcomes)
    with pytest.raises(InputError, match="were grouped by setting"):
        finish(plan, tally, fresh, data.provenance)
    assert certify(plan, data, fresh, allow_grouped=True).output.any()


def test_bits_that_chose_the_settings_are_refused_for_the_extractor(plan, stream):
    data = _played(plan, stream)
    for start in (0, 7, 20_003):
        with pytest.raises(InputError, match="are those that chose the settings"):
            certify(plan, data, Bits(stream[start:]))
    tally = new_tally(plan)
    tally.add(data.settings, data.outcomes)
    with pytest.raises(InputError, match="are those that chose the settings"):
        finish(plan, tally, Bits(stream), data.provenance)


def test_a_source_that_gives_the_settings_bits_twice_is_refused_in_a_run(plan, stream):
    once = stream[: plan.settings_bits]
    device = TableDevice(KS18.noisy(0.001), KS18)
    with pytest.raises(InputError, match="are those that chose the settings"):
        execute(plan, device, Bits(np.tile(once, 4)), np.random.default_rng(5))


def test_extractor_bits_that_no_source_of_this_epsilon_gives_are_refused(plan, stream):
    data = _played(plan, stream)
    with pytest.raises(InputError, match=r"0 of the .* bits for the extractor are ones"):
        certify(plan, data, open_file("/dev/zero"))


def test_used_bits_of_a_file_are_not_used_again(plan, stream, tmp_path):
    path = tmp_path / "weak"
    path.write_bytes(np.packbits(stream).tobytes())
    device = TableDevice(KS18.noisy(0.001), KS18)
    run = execute(plan, device, FileSource(str(path)), np.random.default_rng(5))
    assert np.array_equal(run.extractor_bits, stream[plan.settings_bits : plan.source_bits])
    data = _played(plan, stream)
    wanted = plan.extractor.source1_bits
    again = certify(plan, data, FileSource(str(path)))
    assert np.array_equal(again.extractor_bits, stream[plan.source_bits :][:wanted])
    for offset in (0, plan.settings_bits, plan.source_bits):
        with pytest.raises(InputError, match="is used already, expected"):
            certify(plan, data, FileSource(str(path), offset))


def test_bits_in_a_run_folder_are_used_whoever_asks_for_them(plan, stream, tmp_path):
    path = tmp_path / "extractor_bits.bin"
    path.write_bytes(np.packbits(stream).tobytes())
    for record in ('{"format": "ksamp-run"}', '{"format": 1, "format": "ksamp-run"}', "no JSON"):
        (tmp_path / "run.json").write_text(record)
        source = FileSource(str(path))
        for ask in (
            lambda: source.expect(8),  # noqa: B023
            lambda: source.bits(8),  # noqa: B023
            lambda: WeakBits(f"file:{path}", 0.01, 1, plan.code).reserve(8),
        ):
            with pytest.raises(InputError, match=r"lies in a run folder|occurs twice|no JSON"):
                ask()
    assert not (tmp_path / "extractor_bits.bin.used.json").exists()
    (tmp_path / "run.json").write_text('{"somebody": "else"}')
    assert len(FileSource(str(path)).bits(8)) == 8


def test_a_result_has_output_only_if_it_was_accepted(plan, stream):
    data = _played(plan, stream)
    good = certify(plan, data, Bits(stream[plan.settings_bits :]))
    noise = np.random.default_rng(1).integers(0, 16, plan.runs).astype(np.uint8)
    aborted = certify(plan, dataclasses.replace(data, outcomes=noise))
    with pytest.raises(InputError, match="the run is not accepted"):
        dataclasses.replace(good, verdict=aborted.verdict)
    with pytest.raises(InputError, match="bits were planned"):
        dataclasses.replace(good, output=good.output[:-1])


def test_a_run_that_aborts_claims_no_extractor_bits(plan, stream, tmp_path):
    path = tmp_path / "weak"
    path.write_bytes(np.packbits(stream).tobytes())
    data = _played(plan, stream)
    noise = np.random.default_rng(1).integers(0, 16, plan.runs).astype(np.uint8)
    result = certify(plan, dataclasses.replace(data, outcomes=noise), FileSource(str(path)))
    assert not result.verdict.accepted
    assert not len(result.output)
    assert [p.name for p in tmp_path.iterdir()] == ["weak"]


def test_redraws_that_the_record_carries_cost_the_same_whoever_certifies(plan, stream):
    plain = certify(plan, _played(plan, stream)).verdict
    redrawn = _played(plan, stream, chunk=6_000, redraws=2, redrawn=(3,))
    found = certify(plan, redrawn).verdict
    price = redraw_charge(plan, redrawn.provenance)
    assert price > 32 + 2 * np.log2(20)
    assert found.score == pytest.approx(plain.score - price)
    assert found.accepted is (plain.score - price >= plan.score_least)
    odd = dataclasses.replace(redrawn.provenance, redrawn=(10,))
    with pytest.raises(InputError, match="chunk 10 was redrawn"):
        certify(plan, dataclasses.replace(redrawn, provenance=odd))


def test_more_starred_runs_than_there_is_room_for_abort(plan, stream):
    data = _played(plan, stream)
    small = Raz.for_field(
        smallest_field(80_000),
        Source1(2 * smallest_field(80_000).degree, epsilon=plan.epsilon),
        80_000,
        plan.output_bits // 2,
        -(plan.output_bits // 2 + plan.soundness + 2),
    )
    bits = plan.output_bits // 2
    given = plan.certificate.min_entropy(plan.score_least, -(bits + plan.soundness + 2))
    tight = dataclasses.replace(
        plan, capacity=20_000, output_bits=bits, extractor=small, min_entropy_bits=given
    )
    tally = new_tally(tight)
    tally.add(data.settings, data.outcomes)
    verdict = judge(tight, tally, data.provenance)
    assert not verdict.accepted
    assert verdict.reasons == (
        f"too many starred runs: {tally.starred_count}, the extractor has room for 20000",
    )
    assert len(tally.device_bits()) == 4 * 20_000


class _Bare(ScoreCertificate):
    """A kind that nobody has entered, with whatever factors it likes."""

    kind = "closed-form"
    epsilon, beta = 0.01, 0.1

    def __init__(self, code, factors):
        self.code, self.log2_factors = code, factors

    def determined_by(self):
        return {}

    def content(self):
        return {}

    @classmethod
    def from_content(cls, fields, game):
        raise AssertionError


def _forged(thing, **changes):
    """A copy with entries that its class would refuse."""
    forged = copy.copy(thing)
    for name, value in changes.items():
        object.__setattr__(forged, name, value)
    return forged


def test_no_edited_plan_unproved_certificate_or_foreign_tally_is_judged(plan, stream):
    """What the files refuse the library refuses, too: here white noise alone is played."""
    noise = np.random.default_rng(1).integers(0, 16, plan.runs).astype(np.uint8)
    data = dataclasses.replace(_played(plan, stream), outcomes=noise)
    boast = {"score_least": -1e18, "losing_limit": plan.runs, "event_least": 0}
    boast["min_entropy_bits"] = 0.0
    for changes in (
        boast,
        {"output_bits": 10**5},
        {"epsilon": 0.3},
        {"soundness": 200.0},
        {"capacity": plan.runs},
    ):
        with pytest.raises(InputError):  # it cannot even be built
            dataclasses.replace(plan, **changes)
        with pytest.raises(InputError):
            certify(_forged(plan, **changes), data, Bits(stream[plan.settings_bits :]))
    generous = np.full((81, 16), 5.0)
    for certificate in (
        _forged(plan.certificate, log2_factors=generous),
        _forged(plan.certificate, beta=1e-9),
        _forged(plan.certificate, epsilon=0.2),
        _Bare(plan.code, generous),
    ):
        for edited in (plan, _forged(plan, **boast)):
            edited = _forged(edited, certificate=certificate)
            with pytest.raises(InputError):
                certify(edited, data, Bits(stream[plan.settings_bits :]))
    good = _played(plan, stream)
    for tally in (
        Tally(plan.code, 5, new_tally(plan).stride),
        Tally(default_code(5), plan.capacity, new_tally(plan).stride),
        Tally(plan.code, plan.capacity, 10**9),
    ):
        tally.add(good.settings, good.outcomes)
        with pytest.raises(InputError, match="expected one made by new_tally"):
            judge(plan, tally, good.provenance)
    empty = new_tally(plan)
    empty.counts += tally.counts
    with pytest.raises(InputError, match="keeps 0 outcomes, expected one made by new_tally"):
        judge(plan, empty, good.provenance)


def test_a_count_of_bits_that_is_none_claims_nothing(tmp_path):
    path = tmp_path / "weak"
    path.write_bytes(bytes(1000))
    source = FileSource(str(path))
    assert len(source.bits(1000)) == 1000
    with pytest.raises(InputError, match="-500 bits asked for"):
        source.bits(-500)
    for count in (-800, 1.5, True, 1 << 63):
        with pytest.raises(InputError):
            reserve(path, count)  # type: ignore[arg-type]
    assert used_bits(path) == 1000


def test_another_number_of_runs_than_planned_is_refused(plan, stream):
    data = _played(plan, stream)
    fewer = Recorded(data.settings[:-1], data.outcomes[:-1], data.provenance)
    with pytest.raises(InputError, match="the plan is for 60000 runs, but 59999 were recorded"):
        certify(plan, fewer)
    with pytest.raises(InputError, match="60000 settings but 59999 outcomes"):
        Recorded(data.settings, data.outcomes[:-1], data.provenance)
