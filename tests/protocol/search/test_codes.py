"""Setting codes as part of the optimisation: which pairs, how many bits, how many words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from protocol.certificate.groups import keeping_parties, orbits, setting_permutations, stabiliser
from protocol.certificate.proof import BETA_BITS, FACTOR_BITS, check_proof
from protocol.certificate.worth import estimated_output
from protocol.request import Request
from protocol.search.code_program import best_shares, symmetrised
from protocol.search.code_search import codes_from, guarantee, search_codes
from protocol.search.optimise import SEARCH_GRID, optimise_codes
from protocol.search.table_program import best_table
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import CANDIDATE_CODES, compact_code, joint_code
from qdevices.ks18.game import KS18, starred_outcomes

BETA = 1 << (BETA_BITS - 4)


def _behaviour(noise=0.01):
    return KS18.noisy(noise)


def _worth(code, epsilon, behaviour, runs=10**8, beta=BETA):
    table = best_table(code, epsilon, behaviour, beta, SEARCH_GRID)
    logs = np.log2(np.maximum(table.factors, 1) / 2**FACTOR_BITS)
    joint = code.probabilities()[:, None] * behaviour
    return estimated_output(runs, logs, joint, beta / 2**BETA_BITS, 64)


@pytest.fixture(scope="module")
def relaxed():
    """Shares for ε = 0.1, 1 % noise, five bits, a quarter of the words starred."""
    kappa = guarantee(5, 0.25, 0.1)
    return best_shares(KS18, 2, 0.25, kappa, _behaviour(), BETA, SEARCH_GRID, stabiliser(2, KS18))


def test_shares_are_a_distribution_constant_on_orbits(relaxed):
    assert relaxed.shares.sum() == pytest.approx(1)
    assert relaxed.shares[2] == pytest.approx(0.25)
    assert (relaxed.shares >= 0).all()
    for label in np.unique(relaxed.orbit):
        assert np.ptp(relaxed.shares[relaxed.orbit == label]) < 1e-12
    # Many pairs need no test.
    assert 18 <= np.count_nonzero(relaxed.shares) - 1 < 60


def test_real_valued_shares_bound_the_codes_of_as_many_bits_and_starred_words(relaxed):
    """The compact code, one starred word given to another pair, comes near and not above."""
    joint = relaxed.shares[:, None] * _behaviour()
    bound = estimated_output(10**8, relaxed.log2_factors, joint, BETA / 2**BETA_BITS, 64)
    # (1,5), which the party-keeping symmetry leaves alone.
    code = SettingCode("test", (*compact_code().words[1:], KS18.pair_index(1, 5)), 2, KS18)
    assert code.words.count(2) == 8
    assert 0.5 * bound <= _worth(code, 0.1, _behaviour()) <= bound * (1 + 1e-3)


def test_the_guarantee_is_the_exact_worst_of_a_block_and_a_word():
    """κ by the tree recursion against the lean written down: star '00', word '11111'."""
    for epsilon in (0.0, 0.1, 0.3):
        expected = (1 - 2 * epsilon) ** 5 / (1 + 2 * epsilon) ** 2
        assert guarantee(5, 0.25, epsilon) == pytest.approx(expected)
        assert guarantee(6, 0.5, epsilon) == pytest.approx(
            (1 - 2 * epsilon) ** 6 / (1 + 2 * epsilon)
        )


def test_half_of_the_symmetries_keep_the_parties():
    group = KS18.symmetries
    kept = keeping_parties(group, KS18)
    assert len(kept) == 72
    # Alice's setting and outcome alone decide those of the image, for these and no others.
    alice = 4 * (np.arange(1296) // 144) + np.arange(1296) % 16 // 4
    for g in kept[::9]:
        images = {a: set(alice[g[alice == a]]) for a in range(36)}
        assert all(len(i) == 1 for i in images.values())


def test_codes_from_shares_have_a_word_for_every_tested_pair_and_few_to_spare():
    shares = compact_code().probabilities()
    found = codes_from(shares, 2, KS18)
    assert {c.bits_per_run for c in found} == {5, 6, 7}
    assert compact_code().words in {c.words for c in found}
    for code in found:
        assert (code.settings_used == (shares > 0)).all()
        assert code.words.count(2) >= len(code.words) // 8


def test_no_local_strategy_wins_the_compact_pairs_with_a_credited_outcome():
    """Exhaustively: without X* at u0 all 24 pairs can be won, with it one at least is lost."""
    tested = np.argwhere(compact_code().settings_used.reshape(9, 9))
    losing = KS18.losing.reshape(9, 9, 4, 4)
    uncredited = np.ones(16, dtype=int)
    uncredited[starred_outcomes()] = 0
    strategies = np.indices((4,) * 9).reshape(9, -1)

    def least_lost(demand):
        lost = np.zeros((strategies.shape[1], 9, 4), dtype=np.int8)
        for u1, u2 in tested:
            lost[:, u2] += losing[u1, u2][strategies[u1]]
        lost[:, 2] += demand.reshape(4, 4)[strategies[0]].astype(np.int8)
        return lost.min(axis=2).sum(axis=1).min()

    assert least_lost(0 * uncredited) == 0
    assert least_lost(99 * uncredited) == 1


def test_the_compact_code_beats_the_joint_code_for_a_weak_source():
    """Three times the output at ε = 0.1, 1 % noise and 10⁸ runs; not so for a good source."""
    joint = max(_worth(joint_code(), 0.1, _behaviour(), beta=BETA >> k) for k in (1, 2))
    assert _worth(compact_code(), 0.1, _behaviour()) >= 3 * joint > 0
    good = {c.name: _worth(c, 0.001, _behaviour(1e-3), 10**6, BETA << 2) for c in CANDIDATE_CODES}
    assert max(good, key=lambda name: good[name]) == "joint"


def test_too_few_pairs_prove_nothing(relaxed):
    """Four orbits of pairs are no Kochen-Specker set, whatever their shares."""
    untested = np.setdiff1d(relaxed.orbit, relaxed.orbit[[2, 0, 1, 5, 20]])
    found = best_shares(
        KS18, 2, 0.25, 1.0, _behaviour(), BETA, SEARCH_GRID, stabiliser(2, KS18), untested
    )
    joint = found.shares[:, None] * _behaviour()
    assert estimated_output(10**8, found.log2_factors, joint, 2.0**-4, 64) <= 0


def test_symmetrised_behaviours_keep_what_the_symmetries_keep():
    rng = np.random.default_rng(4)
    table = rng.dirichlet(np.ones(16), 81)
    averaged = symmetrised(table, 2, KS18)
    for g in stabiliser(2, KS18):
        assert np.allclose(averaged.ravel()[g], averaged.ravel())
    assert np.allclose(symmetrised(_behaviour(), 2, KS18), _behaviour())


def test_the_best_of_several_codes_is_kept_and_proved():
    behaviour = _behaviour(0.001)
    codes = [joint_code(), compact_code()]
    rates = {}
    for code in codes:
        alone = optimise_codes(Request(None, 0.1, behaviour), [code], grid=SEARCH_GRID)
        assert alone is not None
        rates[code.name] = alone.merit
    found = optimise_codes(Request(None, 0.1, behaviour), codes, grid=SEARCH_GRID)
    assert found is not None
    check_proof(found.table, found.proof)
    assert found.merit == max(rates.values())
    assert rates[found.table.code.name] == found.merit
    noise = _behaviour(0.6)
    assert optimise_codes(Request(None, 0.1, noise), [compact_code()], grid=SEARCH_GRID) is None


def test_the_search_finds_the_compact_code(monkeypatch):
    """On a short leash: among 25 pairs, one class of starred pairs, one length of word, one β."""
    import protocol.search.code_search as module

    pairs = compact_code().settings_used.copy()
    pairs[[KS18.pair_index(4, 2), KS18.pair_index(9, 7)]] = True

    def among_them(*arguments: Any) -> Any:
        *given, group, untested = arguments if len(arguments) == 9 else (*arguments, ())
        orbit = orbits(setting_permutations(group, KS18))
        best: Any = best_shares
        return best(*given, group, {*untested, *np.setdiff1d(orbit, orbit[pairs])})

    monkeypatch.setattr(module, "best_shares", among_them)
    monkeypatch.setattr(module, "starred_classes", lambda game: (2,))
    monkeypatch.setattr(module, "BITS_PER_RUN", (5,))
    monkeypatch.setattr(module, "_OCTAVES", (4,))
    monkeypatch.setattr(module, "_FINALISTS", 1)
    stages = set()
    rated = search_codes(
        Request(10**8, 0.1, _behaviour()), progress=lambda stage, *_: stages.add(stage)
    )
    assert stages == {"rating starred pairs", "giving up pairs", "rating codes"}
    assert rated[0].code.name == "searched"
    assert rated[0].code.words == compact_code().words
    assert rated[0].merit == pytest.approx(_worth(compact_code(), 0.1, _behaviour()))
