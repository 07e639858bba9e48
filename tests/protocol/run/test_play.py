"""The run: blocks change nothing, bits are read once and in order, a failed test is a result."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protocol.data.provenance import Provenance
from protocol.data.recorded import Recorded
from protocol.extract.raz import Raz
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.run import play
from protocol.run.finish import Result
from protocol.run.judge import judge, new_tally
from protocol.run.play import execute
from protocol.run.replay import certify
from qdevices.device import ReplayDevice, TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18
from tests.protocol.bits import Bits

NOISY = KS18.noisy(0.001)


@pytest.fixture(scope="module")
def plan():
    return best_plan(Request(40_000, 0.01, NOISY, 8, certificate="closed-form"))


@pytest.fixture(scope="module")
def stream(plan):
    return np.random.default_rng(0).integers(0, 2, plan.source_bits, dtype=np.uint8)


@pytest.fixture(scope="module")
def played(plan, stream):
    """Settings and outcomes by hand, without any of the code that runs."""
    words = stream[: plan.settings_bits].reshape(plan.runs, -1) @ (1 << np.arange(7, -1, -1))
    settings = np.array(plan.code.words, dtype=np.uint8)[words]
    return settings, TableDevice(NOISY, KS18).sample(settings, np.random.default_rng(1))


def test_the_first_bits_choose_the_settings_and_the_next_feed_the_extractor(plan, stream, played):
    result = execute(plan, ReplayDevice(*played), Bits(stream), np.random.default_rng(0))
    assert result.verdict.accepted
    assert np.array_equal(result.extractor_bits, stream[plan.settings_bits :])
    starred = played[1][played[0] == plan.code.starred]
    bits = np.unpackbits(starred[:, None], axis=1)[:, 4:].ravel()
    assert isinstance(plan.extractor, Raz)
    assert np.array_equal(result.output, plan.extractor.extract(result.extractor_bits, bits))


@pytest.mark.parametrize("block", [1_000, 7_777, 40_000, 100_000])
def test_how_runs_are_cut_into_blocks_changes_nothing(plan, stream, played, block, monkeypatch):
    whole = execute(plan, ReplayDevice(*played), Bits(stream), np.random.default_rng(0))
    monkeypatch.setattr(play, "BLOCK", block)
    kept = []
    cut = execute(
        plan, ReplayDevice(*played), Bits(stream), np.random.default_rng(0),
        sink=lambda u, x: kept.append((u.copy(), x.copy())),
    )  # fmt: skip
    assert cut.verdict == whole.verdict
    assert np.array_equal(cut.output, whole.output)
    for k in (0, 1):
        assert np.array_equal(np.concatenate([part[k] for part in kept]), played[k])


def test_a_replay_of_what_was_played_gives_the_same(plan, stream, played):
    live = execute(plan, ReplayDevice(*played), Bits(stream), np.random.default_rng(0))
    data = Recorded(played[0], played[1], Provenance("recorded"))
    again = certify(plan, data, Bits(stream[plan.settings_bits :]))
    assert again.verdict == live.verdict
    assert np.array_equal(again.output, live.output)


def test_progress_ends_at_all_runs_and_never_falls(plan, stream, played):
    told = []
    execute(
        plan, ReplayDevice(*played), Bits(stream), np.random.default_rng(0),
        progress=lambda *step: told.append(step),
    )  # fmt: skip
    runs = [(done, total) for stage, done, total in told if stage == "runs"]
    assert runs[-1] == (plan.runs, plan.runs)
    assert runs == sorted(runs)
    assert told[-1][0] == "extracting"
    assert told[-1][1] == told[-1][2]


def test_a_source_that_is_too_short_says_so_before_the_device_is_touched(plan, stream):
    class Untouched:
        def sample(self, settings, rng):
            raise AssertionError("touched")

    with pytest.raises(InputError, match="bits"):
        execute(plan, Untouched(), Bits(stream[:-1]), np.random.default_rng(0))


def test_the_verdict_is_the_tests_written_down_by_hand(plan, played):
    settings, outcomes = played
    tally = new_tally(plan)
    tally.add(settings, outcomes)
    verdict = judge(plan, tally, Provenance("run"))
    lost = sum(
        int((overlap := np.flatnonzero(KS18.honest[u] == 0)).size and (x in overlap))
        for u, x in zip(settings.tolist(), outcomes.tolist(), strict=True)
    )
    assert verdict.losing_rate == lost / plan.runs
    event = (settings == 2) & (KS18.honest[2][outcomes] == 1 / 16)
    assert verdict.event_rate == event.sum() / plan.runs
    score = plan.certificate.log2_factors[settings, outcomes].sum()
    assert verdict.score == pytest.approx(score, rel=1e-12)
    # ε' is what k₀ leaves of the threshold: all of 2^−(m+σ+1) but 2^−7 of it.
    failure = plan.score_least - plan.certificate.beta * plan.min_entropy_bits
    assert failure == pytest.approx(
        plan.output_bits + plan.soundness + 1 - math.log2(1 - 2**-7), rel=1e-9
    )
    bound = (score - failure) / plan.certificate.beta
    assert verdict.min_entropy_bits == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize(
    ("noise", "reason"), [(0.2, "test 1 failed: L = "), (0.05, "score test failed: ")]
)
def test_a_device_that_is_too_noisy_aborts_with_the_numbers(plan, stream, played, noise, reason):
    device = TableDevice(KS18.noisy(noise), KS18)
    result = execute(plan, device, Bits(stream), np.random.default_rng(3))
    assert not result.verdict.accepted
    assert any(line.startswith(reason) for line in result.verdict.reasons)
    assert len(result.output) == len(result.extractor_bits) == 0


def test_a_result_has_output_exactly_if_it_was_accepted(plan, stream, played):
    good = execute(plan, ReplayDevice(*played), Bits(stream), np.random.default_rng(0))
    noisy = TableDevice(KS18.noisy(0.2), KS18)
    bad = execute(plan, noisy, Bits(stream), np.random.default_rng(3))
    for output, bits in (
        (good.output, good.extractor_bits),
        (good.output[:1], good.extractor_bits[:1]),
        (np.ones(1, dtype=np.uint8), bad.extractor_bits),
    ):
        with pytest.raises(InputError, match=r"not accepted|extractor bits"):
            Result(plan, bad.verdict, output, bits, bad.provenance)
    with pytest.raises(InputError, match="were planned"):
        Result(plan, good.verdict, good.output[:-1], good.extractor_bits, good.provenance)
