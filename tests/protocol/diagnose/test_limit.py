"""Confidence limits of marginal shifts: intervals against tails, coverage, and what is not seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from protocol.diagnose.limit import LIMIT_ERROR, clopper_pearson, signalling_limit
from protocol.diagnose.signs import diagnose
from protocol.settings.ks18 import CODES
from qdevices.errors import InputError
from qdevices.game import signalling_of
from qdevices.ks18.game import KS18
from tests.games.unequal import UNEQUAL
from tests.protocol.diagnose.test_signs import DEVICE, clean, plant, save


def _counts(table, runs, rng, code="default", game=KS18):
    share = CODES[code]().probabilities() if game == KS18 else np.full(game.n_pairs, 1.0)
    chances = (share[:, None] * np.clip(table, 0, None)).ravel()
    return rng.multinomial(runs, chances / chances.sum()).reshape(game.shape)


def _signalling(shift, game=KS18):
    """Honest devices with noise, but Alice's outcome 1 at her setting 1 shifts by ±shift."""
    grid = game.grid(game.noisy(0.2)).copy()
    for other, sign in ((0, 1), (-1, -1)):
        taken = np.minimum(np.full(game.outcomes[1], shift / game.outcomes[1]), 1)
        grid[0, other, 0] += sign * taken
        grid[0, other, 1] -= sign * taken
    assert grid.min() >= 0
    return grid.reshape(game.shape)


def test_intervals_leave_out_exactly_what_their_tails_allow():
    """By the binomial tails at the ends, which define them."""
    hits, runs = np.array([0, 1, 7, 99, 100]), np.full(5, 100)
    low, high = clopper_pearson(hits, runs, 0.01)
    assert low[0] == 0
    assert high[-1] == 1
    np.testing.assert_allclose(binom.sf(hits[1:] - 1, 100, low[1:]), 0.005)
    np.testing.assert_allclose(binom.cdf(hits[:-1], 100, high[:-1]), 0.005)


@pytest.mark.parametrize(("shift", "game"), [(0.0, KS18), (0.01, KS18), (0.02, UNEQUAL)])
@pytest.mark.parametrize("runs", [500, 50_000])
def test_limits_are_wrong_no_more_often_than_stated(shift, game, runs):
    table, error, tries = _signalling(shift, game), 0.2, 150
    gamma, rng, wrong = signalling_of(table, game), np.random.default_rng(30), 0
    assert gamma == pytest.approx(shift)
    for _ in range(tries):
        limit = signalling_limit(_counts(table, runs, rng, game=game), game, error)
        assert limit is not None
        wrong += not limit.least <= gamma <= limit.most
    # The stated rate exceeds this in one of a million choices of the seeds.
    assert wrong <= binom.isf(1e-6, tries, error)


def _limit(counts, game, *error):
    """The limit of counts that have one."""
    found = signalling_limit(counts, game, *error)
    assert found is not None
    return found


def test_more_runs_say_more():
    rng = np.random.default_rng(31)
    most = [_limit(_counts(DEVICE.table, n, rng), KS18).most for n in (10**4, 10**6, 10**9)]
    assert most[0] > 0.2
    assert most[1] == pytest.approx(0.048, abs=0.004)
    assert most[2] == pytest.approx(0.0015, abs=0.0002)


def test_what_is_planted_is_named_from_both_sides():
    limit = _limit(_counts(_signalling(0.02), 10**8, np.random.default_rng(32)), KS18, 1e-6)
    assert 0.016 < limit.least <= 0.02 <= limit.most < 0.025
    assert limit.observed == pytest.approx(0.02, abs=0.002)
    assert (limit.party, limit.setting) == ("Alice", 0)
    assert limit.outcome in (0, 1)
    assert limit.unseen_pairs == 0
    assert limit.intervals == 648


def test_pairs_that_never_occurred_are_counted_and_not_spoken_of():
    counts = _counts(DEVICE.table, 10**6, np.random.default_rng(33), "compact")
    limit = _limit(counts, KS18)
    assert limit.unseen_pairs == 81 - int(CODES["compact"]().settings_used.sum())
    assert limit.intervals < 648


def test_one_setting_of_the_other_shows_no_shift():
    counts = np.zeros(KS18.shape, dtype=np.int64)
    counts[[0, 10, 20], 5] = 1000  # no setting of either party occurs twice
    assert signalling_limit(counts, KS18) is None
    counts[1, 5] = 1  # Alice's setting 1 now met two of Bob's, and Bob's 2 two of Alice's
    limit = _limit(counts, KS18)
    assert (limit.intervals, limit.unseen_pairs) == (16, 77)
    assert limit.most > 0.49  # one run says next to nothing


def test_bad_input_is_refused_with_its_value():
    counts = np.zeros(KS18.shape, dtype=np.int64)
    with pytest.raises(InputError, match="error of the limit is 0, expected 0 < error < 1"):
        signalling_limit(counts, KS18, 0)
    with pytest.raises(InputError, match=r"shape \(81, 16\), expected"):
        signalling_limit(counts, UNEQUAL)


def test_the_command_says_which_signalling_would_cover_the_data(ksamp, tmp_path):
    u, x = clean(200_000, 34)
    files = save(tmp_path, u, x)
    limit = diagnose(u, x, KS18).limit
    assert limit is not None
    data = ksamp("diagnose", *files, "--json").json["limit"]
    assert data["most"] == limit.most
    assert data["error"] == LIMIT_ERROR
    text = ksamp("diagnose", *files).out
    stated = float(text.split("so --signalling ")[1].split()[0])
    assert limit.most <= stated <= 1.1 * limit.most
    for words in ("confidence 0.999", "evidence, not proof", "independent runs"):
        assert words in text
    assert "never occurred" not in text
    assert "less is not covered" not in text


def test_the_command_says_what_is_not_covered_and_what_never_occurred(ksamp, tmp_path):
    u, x = clean(200_000, 35)
    keep = u != 80
    files = save(tmp_path, u[keep], plant(x, u % 9 == 2, 0.2, 36)[keep])
    text = ksamp("diagnose", *files).out
    assert "less is not covered" in text
    assert "nothing is said of 1 setting pairs that never occurred" in text
    one = save(tmp_path, u[u == 0], x[u == 0])
    assert "no limit: no setting met two settings" in ksamp("diagnose", *one).out
    assert ksamp("diagnose", *one, "--json").json["limit"] is None
