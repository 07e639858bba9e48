"""No-signalling diagnostics: what they find, and how seldom they find nothing's sign."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom

from protocol.diagnose.signs import FAMILIES, count_runs, diagnose, diagnose_counts, marginals
from protocol.settings.ks18 import default_code
from protocol.sources.adversarial import AdversarialSource
from protocol.sources.uniform import UniformSource
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.ks18.game import KS18

N = 1_000_000
DEVICE = TableDevice(KS18.noisy(0.001), KS18)


def clean(runs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    code = default_code()
    settings = code.decode(UniformSource(rng).bits(code.bits_per_run * runs))
    return settings, DEVICE.sample(settings, rng)


def plant(outcomes, where, shift, seed, party="Alice", source=0, target=1):
    """Raise the party's probability of outcome `target` by `shift` in the runs `where`."""
    place = 4 if party == "Alice" else 1
    own = outcomes // 4 if party == "Alice" else outcomes % 4
    moved = where & (own == source) & (np.random.default_rng(seed).random(len(own)) < 4 * shift)
    return (outcomes + moved * np.uint8(place * (target - source))).astype(np.uint8)


@pytest.fixture(scope="module")
def million():
    return clean(N, 1)


def test_a_million_clean_runs_show_nothing(million):
    diagnosis = diagnose(million[0], million[1], KS18)
    assert diagnosis.verdict == "no sign of signalling; no sign of drift"
    assert diagnosis.signs == ()
    assert diagnosis.runs == N
    assert len(diagnosis.strongest) == 4


@pytest.mark.parametrize(("party", "starred"), [("Alice", 2), ("Bob", 0)])
def test_one_percent_with_the_others_starred_setting_is_found_in_a_million_runs(
    million, party, starred
):
    settings, outcomes = million
    other = settings % 9 if party == "Alice" else settings // 9
    diagnosis = diagnose(settings, plant(outcomes, other == starred, 0.01, 2, party), KS18)
    assert diagnosis.signalling
    assert not diagnosis.drift
    assert {s.party for s in diagnosis.signs} == {party}
    sign = next(s for s in diagnosis.signs if s.effect is not None and s.other == starred)
    assert sign.outcome in (0, 1)
    assert sign.low is not None
    assert sign.high is not None
    assert sign.low <= (0.01 if sign.outcome == 1 else -0.01) <= sign.high
    assert f"signalling: {party}'s outcome" in diagnosis.verdict


@pytest.mark.parametrize(("party", "starred"), [("Alice", 2), ("Bob", 0)])
def test_one_percent_with_starred_settings_of_both_alone_is_found(million, party, starred):
    settings, outcomes = million
    diagnosis = diagnose(settings, plant(outcomes, settings == 2, 0.01, 3, party), KS18)
    assert diagnosis.signalling
    assert all(s.setting == 2 - starred and s.party == party for s in diagnosis.signs)


def test_a_shift_at_one_unstarred_pair_is_found_at_the_size_stated(million):
    settings, outcomes = million
    detectable = diagnose(settings, outcomes, KS18).detectable
    assert detectable is not None
    size = detectable[1]
    assert 0.03 < size < 0.05
    where = settings == 9 * 3 + 6
    diagnosis = diagnose(settings, plant(outcomes, where, 1.15 * size, 4), KS18)
    first = diagnosis.signs[0]
    assert (first.party, first.setting, first.other) == ("Alice", 3, 6)
    assert first.outcome in (0, 1)
    assert "Alice's outcome" in str(first)
    assert "at setting 4 shifts by" in str(first)
    assert "with Bob's setting 7" in str(first)


def test_a_slow_drift_is_found_and_is_not_called_signalling(million):
    settings, outcomes = million
    late = np.random.default_rng(5).random(N) < np.arange(N) / N
    diagnosis = diagnose(settings, plant(outcomes, late, 0.02, 6), KS18)
    assert diagnosis.drift
    assert not diagnosis.signalling
    assert "no sign of signalling; drift: Alice's outcome" in diagnosis.verdict


def test_a_fault_that_comes_and_goes_is_found_by_the_stretches_of_time(million):
    settings, outcomes = million
    odd = (8 * np.arange(N) // N) % 2 == 1  # the same in both halves
    diagnosis = diagnose(settings, plant(outcomes, odd, 0.02, 7), KS18)
    assert any(s.family == "drift" for s in diagnosis.signs)
    assert not any(s.family == "half to half" for s in diagnosis.signs)
    assert "depend on the time" in diagnosis.verdict


@pytest.mark.parametrize(("runs", "seeds"), [(300, 250), (5000, 250)])
def test_false_alarms_are_no_more_frequent_than_stated(runs, seeds):
    rate = 0.1
    alarms = sum(bool(diagnose(*clean(runs, 1000 + s), KS18, rate).signs) for s in range(seeds))
    # A rate of 0.1 exceeds this in one of a thousand choices of the seeds.
    assert alarms <= binom.ppf(0.999, seeds, rate)


def test_a_biased_source_raises_no_alarm_on_a_clean_device():
    rng = np.random.default_rng(8)
    code = default_code()
    alarms = 0
    for _ in range(20):
        source = AdversarialSource(0.2, rng, code)
        settings = code.decode(source.bits(8 * 20_000))
        alarms += bool(diagnose(settings, DEVICE.sample(settings, rng), KS18).signs)
    assert alarms <= 1


def test_exchanging_the_parties_exchanges_the_signs(million):
    settings, outcomes = million
    outcomes = plant(outcomes, settings % 9 == 2, 0.01, 9)
    first = diagnose(settings, outcomes, KS18)
    second = diagnose(9 * (settings % 9) + settings // 9, 4 * (outcomes % 4) + outcomes // 4, KS18)
    key = [(s.family, s.setting, s.other, s.outcome, s.effect) for s in first.signs if s.signalling]
    assert key == [
        (s.family, s.setting, s.other, s.outcome, s.effect) for s in second.signs if s.signalling
    ]
    assert {s.party for s in second.signs} == {"Bob"}


def test_marginals_count_every_run_once_for_each_party():
    settings, outcomes = clean(2000, 10)
    table = [part.sum(0) for part in marginals(count_runs(settings, outcomes, KS18), KS18)]
    assert [part.sum() for part in table] == [2000, 2000]
    alice = (settings == 9 * 0 + 2) & (outcomes // 4 == 3)
    bob = (settings == 9 * 0 + 2) & (outcomes % 4 == 1)
    assert table[0][0, 2, 3] == alice.sum()
    assert table[1][2, 0, 1] == bob.sum()


@pytest.mark.parametrize("runs", [1, 2, 9])
def test_hardly_any_data_give_an_answer_with_finite_numbers(runs):
    diagnosis = diagnose(*clean(runs, 11), KS18)
    json.dumps(diagnosis.to_json(), allow_nan=False)
    assert not diagnosis.signs
    assert set(diagnosis.tests) == set(FAMILIES)


def test_a_device_that_answers_with_the_others_setting_is_found_with_finite_numbers():
    settings, outcomes = clean(50_000, 12)
    outcomes = (4 * (settings % 9 % 4) + outcomes % 4).astype(np.uint8)
    diagnosis = diagnose(settings, outcomes, KS18)
    json.dumps(diagnosis.to_json(), allow_nan=False)
    assert diagnosis.signs[0].party == "Alice"
    assert diagnosis.signs[0].cramers_v is None or diagnosis.signs[0].cramers_v <= 1


def test_bad_input_is_refused_with_its_value():
    u, x = clean(10, 13)
    with pytest.raises(InputError, match="10 settings but 9 outcomes"):
        diagnose(u, x[:9], KS18)
    with pytest.raises(InputError, match="no runs"):
        diagnose(u[:0], x[:0], KS18)
    with pytest.raises(InputError, match=r"setting is 81, expected 0\.\.80"):
        diagnose(np.full(3, 81, np.uint8), x[:3], KS18)
    with pytest.raises(InputError, match=r"outcome is 16, expected 0\.\.15"):
        diagnose(u[:3], np.full(3, 16, np.uint8), KS18)
    with pytest.raises(InputError, match=r"rate is 1, expected 0 < rate < 1"):
        diagnose(u, x, KS18, 1)
    with pytest.raises(InputError, match=r"shape \(81, 16\)"):
        diagnose_counts(np.zeros((81, 16), np.int64), KS18)


def save(folder, settings, outcomes):
    np.save(folder / "u.npy", settings)
    np.save(folder / "x.npy", outcomes)
    return "--settings", folder / "u.npy", "--outcomes", folder / "x.npy"


def test_the_command_reads_a_run_folder_and_finds_nothing(ksamp, tmp_path):
    made = ksamp("run", "--runs", 200_000, "--seed", 1, "--noise", "ideal", "--out", tmp_path / "a")
    assert made.status == 0, made.err
    answer = ksamp("diagnose", tmp_path / "a")
    assert answer.status == 0
    assert "VERDICT: no sign of signalling; no sign of drift" in answer.out
    assert "certifies nothing" in answer.out


def test_the_command_says_what_it_found_in_text_and_json_and_exits_with_3(ksamp, tmp_path, million):
    settings, outcomes = million
    files = save(tmp_path, settings, plant(outcomes, settings % 9 == 2, 0.01, 14))
    text = ksamp("diagnose", *files)
    assert text.status == 3
    assert "VERDICT: signalling: Alice's outcome" in text.out
    answer = ksamp("diagnose", *files, "--json")
    assert answer.status == 3
    assert answer.json["signalling"] is True
    assert answer.json["certifies"] is False
    assert answer.json["signs"][0]["party"] == "Alice"


def test_the_command_reads_a_csv_as_it_reads_arrays(ksamp, tmp_path):
    u, x = clean(3000, 15)
    rows = zip(u // 9 + 1, u % 9 + 1, x // 4 + 1, x % 4 + 1, strict=True)
    (tmp_path / "runs.csv").write_text(
        "u1,u2,x1,x2\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows)
    )
    first = ksamp("diagnose", "--csv", tmp_path / "runs.csv", "--json")
    assert first.json == ksamp("diagnose", *save(tmp_path, u, x), "--json").json


def test_settings_in_blocks_are_noted_since_drift_then_looks_like_signalling(ksamp, tmp_path):
    u, _ = clean(20_000, 16)
    u = np.sort(u)
    x = DEVICE.sample(u, np.random.default_rng(17))
    answer = ksamp("diagnose", *save(tmp_path, u, x))
    assert "drift can look like signalling" in answer.out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--settings", "u.npy"),
        ("run", "--csv", "runs.csv"),
        ("--settings", "u.npy", "--csv", "c"),
        ("run", "--outcomes", "x.npy"),
    ],
)
def test_the_command_wants_exactly_one_kind_of_data(ksamp, arguments):
    answer = ksamp("diagnose", *arguments)
    assert answer.status == 2
    assert "expected either DIR, or --settings with --outcomes, or --csv" in answer.err


def test_a_folder_that_is_no_run_and_a_bad_rate_are_refused(ksamp, tmp_path):
    assert ksamp("diagnose", tmp_path).status == 2
    answer = ksamp("diagnose", *save(tmp_path, *clean(10, 18)), "--false-alarm", 0)
    assert answer.status == 2
    assert "expected 0 < rate < 1" in answer.err
