"""Other games through all rooms, with nothing but their own definition: see `tests.games`.

The Peres-Mermin square certifies nothing at any one pair; the toy with unequal parties does, so it
goes all the way from a search to a folder that is verified.
"""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

import protocol
from protocol.certificate.closed_form import ClosedForm
from protocol.certificate.file import _proved, from_json, read, to_json, write
from protocol.certificate.potentials import n_slots, to_integers
from protocol.certificate.proof import (
    BETA_BITS,
    BITS,
    FACTOR_BITS,
    GRID_BITS,
    Proof,
    ProofError,
    Table,
    case_values,
    cases,
    check_proof,
    setting_weights,
    table_group,
)
from protocol.certificate.table import TableCertificate
from protocol.data.provenance import Provenance
from protocol.data.recorded import check_runs, load_array, load_csv, load_pair
from protocol.diagnose.signs import count_runs, diagnose
from protocol.plan.choose import best_plan
from protocol.plan.file import read_plan, write_plan
from protocol.request import Request, same_code
from protocol.run.folder import RunWriter, read_run
from protocol.run.judge import judge, new_tally
from protocol.run.play import execute
from protocol.run.tally import Tally
from protocol.run.verification import verify_folder
from protocol.search.code_search import codes_from, starred_classes
from protocol.search.optimise import SEARCH_GRID, optimise, optimised_certificate
from protocol.search.polytope import full_polytope, reduced_polytope, solve
from protocol.search.prove import prove, prove_tight
from protocol.search.values import (
    guessing_attack,
    guessing_probability,
    local_value,
    no_signalling_value,
)
from protocol.settings.code import SettingCode
from protocol.settings.ks18 import default_code
from protocol.sources.uniform import UniformSource
from qdevices.device import TableDevice
from qdevices.errors import InputError
from qdevices.game import Game, check_behaviour
from qdevices.games import GAMES
from qdevices.ks18.game import KS18
from tests.games.peres_mermin import PERES_MERMIN
from tests.games.unequal import UNEQUAL, code

ONE = 1 << FACTOR_BITS
OTHERS = [PERES_MERMIN, UNEQUAL]
EACH = pytest.mark.parametrize("game", OTHERS, ids=lambda g: g.name)
#: What a sampled table may look like by chance, in all of a module's tests that sample.
FALSE_ALARM = 1e-6


def _code(game, starred=0):
    """Four bits: what the pairs leave goes to the starred one."""
    words = (*range(game.n_pairs), *(starred,) * (16 - game.n_pairs))
    return SettingCode("all", words, starred, game)


@pytest.fixture
def documents(monkeypatch):
    """The games of these tests, entered as a document names them."""
    for game in OTHERS:
        monkeypatch.setitem(GAMES.entries, game.name, game)
    yield
    _proved.cache_clear()


@pytest.fixture(scope="module")
def certificate():
    """A certificate of the toy for 20,000 runs, ε = 0.01 and 0.1 % white noise."""
    request = Request(20_000, 0.01, UNEQUAL.noisy(0.001), 8, code=code())
    found = optimise(request, code())
    assert found is not None
    return optimised_certificate(found)


# Polytope and values.


def test_the_square_certifies_nothing_at_any_pair():
    """Theory 2: at Bell value 0 some no-signalling box gives an outcome of every pair for sure."""
    polytope = full_polytope(PERES_MERMIN)
    bounds = np.tile([0.0, 1.0], (PERES_MERMIN.entries, 1))
    bounds[PERES_MERMIN.losing.ravel(), 1] = 0
    for pair in range(9):
        best = 0.0
        for outcome in range(16):
            event = np.zeros(PERES_MERMIN.shape)
            event[pair, outcome] = 1
            best = max(best, solve(event.ravel(), polytope, bounds=bounds).fun)
        assert best == pytest.approx(1, abs=1e-9)


def test_the_squares_honest_outcomes_are_known_to_an_adversary():
    for pair in range(9):
        guess = guessing_probability(PERES_MERMIN.honest, pair, PERES_MERMIN)
        assert guess == pytest.approx(1, abs=1e-7)
    for _, count, part in guessing_attack(PERES_MERMIN.honest, 4, PERES_MERMIN):
        assert part[PERES_MERMIN.losing].max() < 1e-7
        check_behaviour(part / (part[0].sum()), PERES_MERMIN, tolerance=1e-6)
        assert count * part[0].sum() <= 1 + 1e-7


def test_the_toys_outcomes_are_fair_coins_to_anybody():
    for pair in range(6):
        guess = guessing_probability(UNEQUAL.honest, pair, UNEQUAL)
        assert guess == pytest.approx(1 / 2, abs=1e-7)


@EACH
def test_a_local_strategy_loses_one_pair_and_a_box_none(game):
    assert local_value(game) == 1
    assert no_signalling_value(game) == pytest.approx(0, abs=1e-9)


@EACH
def test_a_programme_over_orbits_has_the_value_of_the_whole(game):
    objective = -game.losing.astype(float)
    objective[0, 0] += 0.3
    full = solve(objective.ravel(), full_polytope(game)).fun
    averaged = np.mean([objective.ravel()[g] for g in game.symmetries], axis=0)
    polytope = reduced_polytope(game.symmetries, game)
    reduced = solve(polytope.gather(averaged), polytope).fun
    assert reduced == pytest.approx(solve(averaged, full_polytope(game)).fun, abs=1e-8)
    assert reduced <= full + 1e-8
    check_behaviour(polytope.spread(solve(polytope.gather(averaged), polytope).x), game, 1e-7)


def test_too_many_strategies_are_refused_rather_than_begun():
    fair = np.full((256, 4), 1 / 4)
    game = Game("wide", (16, 16), (2, 2), np.zeros((256, 4), dtype=bool), fair)
    assert local_value(game) == 0
    large = Game(
        "large", (16, 16), (4, 4), np.zeros((256, 16), dtype=bool), np.full((256, 16), 1 / 16)
    )
    with pytest.raises(InputError, match="4294967296 strategies are too many"):
        local_value(large)


# Settings, devices, counts.


@EACH
def test_a_code_is_of_its_game(game):
    found = _code(game)
    assert SettingCode.from_json(found.to_json(), game) == found
    assert found.probabilities().shape == (game.n_pairs,)
    assert found.settings_used.all()
    assert "game" not in found.to_json()
    with pytest.raises(InputError, match=f"expected 0..{game.n_pairs - 1}"):
        SettingCode("x", (0, game.n_pairs), 0, game)
    elsewhere = replace(found, game=KS18)
    assert elsewhere != found
    assert not same_code(elsewhere, found)
    assert len({elsewhere, found, _code(game)}) == 2
    # ρ is kept by code, and has the length of the code's own game.
    assert (len(found.rho(0.1)), len(elsewhere.rho(0.1))) == (game.n_pairs, 81)
    np.testing.assert_array_equal(elsewhere.rho(0.1)[: game.n_pairs], found.rho(0.1))


@EACH
def test_a_sampled_device_answers_as_its_table_says(game):
    """χ² over all entries, false alarm 10⁻⁶; what cannot happen does not."""
    for table in (game.honest, game.noisy(0.2)):
        rng = np.random.default_rng(11)
        runs = 20_000
        settings = np.repeat(np.arange(game.n_pairs), runs).astype(np.uint8)
        outcomes = TableDevice(table, game).sample(settings, rng)
        tally = Tally(_code(game), capacity=10)
        tally.add(settings, outcomes)
        expected = runs * table
        assert tally.counts[expected == 0].sum() == 0
        possible = expected > 0
        deviation = (tally.counts - expected)[possible] ** 2 / expected[possible]
        freedom = possible.sum() - game.n_pairs
        assert deviation.sum() < chi2.isf(FALSE_ALARM, freedom)


@given(st.sampled_from(OTHERS), st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 40))
def test_a_tally_counts_it(game, seed, runs, capacity):
    rng = np.random.default_rng(seed)
    settings = rng.integers(0, game.n_pairs, runs).astype(np.uint8)
    outcomes = rng.integers(0, game.n_joint, runs).astype(np.uint8)
    tally = Tally(_code(game, 1), capacity)
    tally.add(settings[: runs // 2], outcomes[: runs // 2])
    tally.add(settings[runs // 2 :], outcomes[runs // 2 :])
    both = list(zip(settings.tolist(), outcomes.tolist(), strict=True))
    assert tally.counts.shape == game.shape
    assert all(tally.counts[u, x] == both.count((u, x)) for u, x in both)
    assert tally.losing_count() == sum(bool(game.losing[u, x]) for u, x in both)
    kept = [x for u, x in both if u == 1][:capacity]
    width = {"peres-mermin": 4, "unequal": 3}[game.name]
    bits = tally.device_bits().reshape(-1, width)
    assert (bits @ (1 << np.arange(width)[::-1])).tolist() == kept


@EACH
def test_runs_out_of_its_range_are_refused(game):
    fine, far = np.zeros(3, dtype=np.uint8), np.full(3, game.n_pairs, dtype=np.uint8)
    check_runs(fine, fine, game)
    with pytest.raises(InputError, match=f"settings.0. is {game.n_pairs}, expected"):
        check_runs(far, fine, game)
    with pytest.raises(InputError, match=f"outcomes.0. is {game.n_joint}, expected"):
        check_runs(fine, np.full(3, game.n_joint, dtype=np.uint8), game)


@EACH
def test_files_of_labels_and_of_numbers_hold_the_same_runs(game, tmp_path):
    rng = np.random.default_rng(2)
    columns = [
        rng.integers(0, count, 500).astype(np.uint8) for count in (*game.settings, *game.outcomes)
    ]
    settings = (game.settings[1] * columns[0] + columns[1]).astype(np.uint8)
    outcomes = (game.outcomes[1] * columns[2] + columns[3]).astype(np.uint8)
    with (tmp_path / "runs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["u1", "u2", "x1", "x2"])
        writer.writerows((np.array(columns).T.astype(int) + 1).tolist())
    np.save(tmp_path / "u.npy", settings)
    np.save(tmp_path / "x.npy", outcomes)
    np.save(tmp_path / "u2.npy", np.array(columns[:2]).T)
    np.save(tmp_path / "x2.npy", np.array(columns[2:]).T.astype(np.int32))
    for u, x in (
        load_csv(tmp_path / "runs.csv", game),
        load_pair(tmp_path / "u.npy", tmp_path / "x.npy", game),
        load_pair(tmp_path / "u2.npy", tmp_path / "x2.npy", game),
    ):
        assert np.array_equal(u, settings)
        assert np.array_equal(x, outcomes)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3,1,1,1", r"u1 is '3', expected 1\.\.2"),
        ("2,4,1,1", r"u2 is '4', expected 1\.\.3"),
        ("2,3,3,1", r"x1 is '3', expected 1\.\.2"),
        ("2,3,2,4", r"x2 is '4', expected 1\.\.3"),
    ],
)
def test_a_label_that_a_party_has_not_is_named_with_its_column(row, message, tmp_path):
    (tmp_path / "runs.csv").write_text(f"u1,u2,x1,x2\n2,3,2,3\n{row}\n")
    with pytest.raises(InputError, match=f"line 3: {message}"):
        load_csv(tmp_path / "runs.csv", UNEQUAL)


def test_two_columns_are_checked_each_against_its_party(tmp_path):
    path = tmp_path / "u.npy"
    np.save(path, np.array([[1, 2], [0, 0]], dtype=np.uint8))
    assert load_array(path, (2, 3), "settings").tolist() == [5, 0]
    with pytest.raises(InputError, match=r"settings\[0\] is 2, expected 0\.\.1"):
        load_array(path, (3, 2), "settings")
    np.save(path, np.array([[0, 255], [0, 3]], dtype=np.uint8))
    assert load_array(path, (1, 256), "settings").tolist() == [255, 3]


@EACH
def test_diagnosis_counts_every_run_and_sees_signalling(game):
    rng = np.random.default_rng(4)
    settings = rng.integers(0, game.n_pairs, 60_000).astype(np.uint8)
    outcomes = TableDevice(game.noisy(0.1), game).sample(settings, rng)
    counts = count_runs(settings, outcomes, game)
    assert counts.shape == (8, *game.shape)
    whole = np.zeros(game.shape, dtype=int)
    np.add.at(whole, (settings, outcomes), 1)
    assert np.array_equal(counts.sum(0), whole)
    clean = diagnose(settings, outcomes, game, FALSE_ALARM)
    (s1, s2), (o1, o2) = game.settings, game.outcomes
    assert clean.tests["signalling"] == s1 + s2
    assert clean.tests["marginal shift"] == s1 * s2 * (o1 + o2)
    assert clean.tests["drift"] == s1 + s2 + s1 * s2 + 1
    assert clean.tests["half to half"] == s1 * o1 + s2 * o2 + game.entries
    assert not clean.signs
    # At the last pair Bob is told to give his last outcome.
    where = (settings == game.n_pairs - 1) & (rng.random(len(settings)) < 0.5)
    planted = np.where(where, o2 * (outcomes // o2) + o2 - 1, outcomes).astype(np.uint8)
    found = diagnose(settings, planted, game, FALSE_ALARM)
    assert found.signalling
    sign = next(s for s in found.signs if s.family == "marginal shift")
    assert (sign.party, sign.setting) == ("Bob", s2 - 1)
    assert sign.outcome is not None
    assert sign.where == f"Bob's outcome {sign.outcome + 1} at setting {s2}"


# Tables, proofs, certificates.


def _flat_table(game, beta=1 << (BETA_BITS - 2), **change):
    """F = 1 everywhere, which is a certificate of nothing for every game."""
    given = {
        "code": _code(game),
        "epsilon": 0.1,
        "beta": beta,
        "factors": np.full(game.shape, ONE, dtype=np.int64),
    }
    return Table(**{**given, **change})


def _free_proof(table, grid):
    """No potentials, and α = 1."""
    game = table.code.game
    count = len(cases(grid, table_group(table), table.code.starred, game))
    potentials = np.zeros((count, n_slots(game)), dtype=np.int64)
    return Proof(grid, potentials, np.full(count, 1 << BITS), game)


@EACH
def test_a_table_without_credit_is_proved_and_one_with_credit_refuted(game):
    table = _flat_table(game)
    check_proof(table, _free_proof(table, SEARCH_GRID))
    check_proof(*prove_tight(table, SEARCH_GRID))
    factors = table.factors.copy()
    factors[0] += ONE // 64
    credited = replace(table, factors=factors)
    for proof in (prove(credited, SEARCH_GRID), _free_proof(credited, SEARCH_GRID)):
        with pytest.raises(ProofError, match="may exceed 1"):
            check_proof(credited, proof)


def test_no_credit_at_all_can_be_proved_for_the_square():
    """Whatever is paid elsewhere: an adversary who knows the outcome takes the credit for sure."""
    factors = np.where(PERES_MERMIN.losing, 0, ONE).astype(np.int64)
    factors[0][~PERES_MERMIN.losing[0]] += ONE // 1000
    table = _flat_table(PERES_MERMIN, factors=factors)
    assert max(case_values(table, prove(table, SEARCH_GRID))) > 0


@EACH
def test_nothing_can_be_optimised_where_nothing_can_be_certified(game):
    request = Request(10**5, 0.01, game.honest, code=_code(game))
    found = optimise(request, _code(game), grid=SEARCH_GRID)
    assert (found is None) == (game is PERES_MERMIN)


def test_what_is_of_another_game_does_not_fit():
    table = _flat_table(UNEQUAL)
    with pytest.raises(ProofError, match=r"the proof is for game Game\('peres-mermin'"):
        check_proof(table, _free_proof(_flat_table(PERES_MERMIN), SEARCH_GRID))
    same_shape = Game("twin", UNEQUAL.settings, UNEQUAL.outcomes, UNEQUAL.losing, UNEQUAL.honest)
    with pytest.raises(ProofError, match=r"the proof is for game Game\('twin'"):
        check_proof(table, _free_proof(_flat_table(same_shape), SEARCH_GRID))
    with pytest.raises(ProofError, match=r"factors have shape \(6, 6\), expected \(9, 16\)"):
        _flat_table(PERES_MERMIN, factors=table.factors)
    own = _free_proof(table, SEARCH_GRID)
    with pytest.raises(ProofError, match=r"expected \(n,\) and \(n, 72\)"):
        Proof(own.grid, own.potentials, own.alpha, PERES_MERMIN)
    with pytest.raises(ProofError, match="game is of type str"):
        Proof(own.grid, own.potentials, own.alpha, "unequal")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "fits"), [((9, 19), True), ((4, 43), False), ((16, 16), False)]
)
def test_a_game_too_large_for_exact_arithmetic_has_no_table(settings, fits):
    """172 pairs at three times the largest number each are 2⁶³ and more."""
    pairs = settings[0] * settings[1]
    losing, fair = np.zeros((pairs, 4), dtype=bool), np.full((pairs, 4), 1 / 4)
    game = Game("large", settings, (2, 2), losing, fair)
    large = SettingCode("x", (0, 1), 0, game)
    factors = np.full((pairs, 4), ONE, dtype=np.int64)
    if fits:
        assert Table(large, 0.1, 1, factors).factors.shape == (171, 4)
    else:
        with pytest.raises(ProofError, match=f"{pairs} setting pairs is too large"):
            Table(large, 0.1, 1, factors)


def _bound_by_hand(table, proof, case, number):
    """(B) − 1 of `protocol.certificate.proof` in floating point, party by party."""
    game, starred = table.code.game, table.code.starred
    (s1, s2), (o1, o2) = game.settings, game.outcomes
    a, b = np.split(proof.potentials[number] / 2**BITS, [game.n_pairs * o1])
    a, b, alpha = a.reshape(s1, s2, o1), b.reshape(s1, s2, o2), proof.alpha[number] / 2**BITS
    factors = (table.factors / 2**FACTOR_BITS).reshape(s1, s2, o1, o2)
    weights = setting_weights(table.code, table.epsilon).reshape(s1, s2) / 2**BITS
    power = 1 + table.beta / 2**BETA_BITS
    low, high = (end.reshape(o1, o2) / 2**GRID_BITS for end in (case.low, case.high))
    total = alpha - 1
    for u1, u2 in np.ndindex(s1, s2):
        costs = []
        for x1, x2 in np.ndindex(o1, o2):
            price, factor = a[u1, u2, x1] + b[u1, u2, x2], factors[u1, u2, x1, x2]
            if s2 * u1 + u2 == starred:
                ends = (low[x1, x2], high[x1, x2])
                total += max(factor * p**power - (price + alpha) * p for p in ends)
            else:
                costs.append(weights[u1, u2] * (factor - 1) - price)
        total += max(costs, default=0)
    return total


@given(st.sampled_from(OTHERS), st.integers(0, 2**32), st.booleans())
def test_the_exact_check_is_the_formula_rounded_up(game, seed, symmetric):
    """For parties of different numbers: against the theorem's (B), written out by labels."""
    rng = np.random.default_rng(seed)
    factors = np.full(game.shape, ONE, dtype=np.int64)
    if not symmetric:
        factors -= rng.integers(0, ONE // 2, game.shape)
    factors[0] += rng.integers(0, ONE // 4)
    table = _flat_table(game, int(rng.integers(1, 2 << BETA_BITS)), factors=factors)
    listed = cases(SEARCH_GRID, table_group(table), 0, game)
    raw = rng.normal(size=(len(listed), n_slots(game)))
    potentials = np.array([to_integers(row, 2.0**-BITS, game) for row in raw])
    alpha = rng.integers(-2 << BITS, 2 << BITS, len(listed))
    proof = Proof(SEARCH_GRID, potentials, alpha, game)
    for number, (case, value) in enumerate(zip(listed, case_values(table, proof), strict=True)):
        expected = _bound_by_hand(table, proof, case, number)
        assert -1e-11 < value / 2**BITS - expected < 1e-9


@given(st.integers(0, 5), st.integers(0, 2**32))
def test_a_proof_whose_sums_do_not_vanish_proves_nothing(slot, seed):
    """One unit in one potential is enough."""
    table = _flat_table(UNEQUAL)
    own = _free_proof(table, SEARCH_GRID)
    potentials = own.potentials.copy()
    place = int(np.random.default_rng(seed).integers(n_slots(UNEQUAL)))
    potentials[slot % len(potentials), place] += 1
    with pytest.raises(ProofError, match="do not sum to zero"):
        check_proof(table, replace(own, potentials=potentials))


def test_no_box_and_no_source_breaks_the_toys_certificate(certificate):
    """E[F·q^β] ≤ 1 for vertices of the polytope and for the sources that lean fully one way."""
    table, rng = certificate.table, np.random.default_rng(6)
    factors, power = table.factors / 2**FACTOR_BITS, table.beta / 2**BETA_BITS
    leans = np.array(np.meshgrid(*[(-1, 1)] * 7)).reshape(7, -1).T * table.epsilon
    words = np.ones((len(leans), 1))
    for level in range(3):
        one = 0.5 + leans[:, 2**level - 1 : 2 ** (level + 1) - 1]
        words = np.stack([words * (1 - one), words * one], axis=2).reshape(len(leans), -1)
    sources = np.array([np.bincount(code().table, w, 6) for w in words])
    worst = 0.0
    for k in range(60):
        objective = rng.normal(size=UNEQUAL.shape) - (k % 3) * 5 * UNEQUAL.losing
        box = solve(objective.ravel(), full_polytope(UNEQUAL)).x.reshape(UNEQUAL.shape)
        box = (box + UNEQUAL.honest * (k % 2)) / (1 + k % 2)
        each = (factors * box).sum(axis=1)
        each[0] = (factors[0] * np.clip(box[0], 0, 1) ** (1 + power)).sum()
        worst = max(worst, float((sources @ each).max()))
    assert 0.99 < worst < 1 + 1e-9


def test_a_toys_certificate_is_found_and_read_again(documents, certificate, tmp_path):
    assert certificate.log2_factors.shape == (6, 6)
    assert certificate.credited_event()[0].any()
    data = to_json(certificate)
    assert data["game"] == "unequal"
    assert from_json(data).digest == certificate.digest
    write(certificate, tmp_path / "certificate.json")
    again = read(tmp_path / "certificate.json")
    assert again.code.game is UNEQUAL
    assert again.code == code()


def test_no_two_games_share_a_digest(certificate):
    twin = Game("twin", UNEQUAL.settings, UNEQUAL.outcomes, UNEQUAL.losing, UNEQUAL.honest)
    own = replace(code(), game=twin)
    # Without symmetries every outcome has a case of its own.
    table = replace(_flat_table(UNEQUAL), code=code())
    other = replace(table, code=own)
    proofs = [_free_proof(t, (1 << 10,)) for t in (table, other)]
    assert np.array_equal(proofs[0].potentials, proofs[1].potentials)
    digests = {TableCertificate(t, p).digest for t, p in zip((table, other), proofs, strict=True)}
    assert len(digests) == 2
    requests = {Request(10**5, 0.01, UNEQUAL.honest, code=c).digest for c in (code(), own)}
    assert len(requests) == 2


def test_a_document_of_a_game_that_nobody_entered_is_refused(certificate):
    with pytest.raises(InputError, match=r"game .unequal., expected 'ks18'"):
        from_json(to_json(certificate))


def test_the_closed_form_is_for_its_own_game():
    words = (2, *(u for u in range(81)), *(2,) * 46)
    assert ClosedForm(SettingCode("x", words, 2, KS18), 0.0, 0.01).kind == "closed-form"
    impostor = Game("ks18", (9, 9), (4, 4), np.zeros((81, 16), dtype=bool), KS18.honest)
    with pytest.raises(InputError, match="closed-form certificate is for game"):
        ClosedForm(SettingCode("x", words, 2, impostor), 0.0, 0.01)
    with pytest.raises(InputError, match="closed-form certificate is for game"):
        ClosedForm(_code(UNEQUAL), 0.0, 0.01)


# The whole way.


def test_a_toy_is_planned_played_extracted_and_verified(documents, certificate, tmp_path):
    behaviour = UNEQUAL.noisy(0.001)
    plan = best_plan(Request(20_000, 0.01, behaviour, 8, certificate=certificate))
    assert plan.output_bits > 1000
    assert plan.extractor is not None
    assert plan.extractor.length2 == 3 * plan.capacity
    assert not plan.theorem9.applies
    write_plan(plan, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json").digest == plan.digest
    rng = np.random.default_rng(5)
    device, source = TableDevice(behaviour, UNEQUAL), UniformSource(rng)
    with RunWriter(tmp_path / "run", plan.runs) as writer:
        result = execute(plan, device, source, rng, sink=writer.add)
        writer.publish(result, {})
    assert result.verdict.accepted
    assert len(result.output) == plan.output_bits
    assert verify_folder(tmp_path / "run").agrees
    stored = read_run(tmp_path / "run")
    assert stored.record.plan.code.game is UNEQUAL
    signs = protocol.diagnose_runs(stored.data.settings, stored.data.outcomes, UNEQUAL, FALSE_ALARM)
    assert not signs.signs


def test_a_run_of_a_toy_is_not_judged_by_a_plan_of_another_game(documents, certificate):
    """Its tally is of another game, though its starred pair and capacity may be the same."""
    plan = best_plan(Request(20_000, 0.01, UNEQUAL.noisy(0.001), 8, certificate=certificate))
    wanted = new_tally(plan)
    other = Tally(default_code(0), plan.capacity, wanted.stride)
    other.add(np.zeros(20_000, dtype=np.uint8), np.zeros(20_000, dtype=np.uint8))
    with pytest.raises(InputError, match="made by new_tally"):
        judge(plan, other, Provenance("run"))


def test_codes_are_made_of_its_pairs():
    assert starred_classes(KS18) == (2, 1, 0)
    assert starred_classes(PERES_MERMIN) == (0,)
    assert starred_classes(UNEQUAL) == (2, 1, 0)
    shares = np.array([0.5, 0.25, 0.1, 0.05, 0.05, 0.05])
    for found in codes_from(shares, 0, UNEQUAL):
        assert found.game is UNEQUAL
        assert found.settings_used.all()


def test_a_request_may_name_its_game_and_only_one():
    behaviour = UNEQUAL.noisy(0.001)
    asked = Request(20_000, 0.01, behaviour, 8, of_game=UNEQUAL)
    assert asked.game == UNEQUAL
    assert asked.digest != Request(20_000, 0.01, behaviour, 8, code=code()).digest
    with pytest.raises(InputError, match="is of game 'unequal', but the game given is Game"):
        Request(20_000, 0.01, behaviour, 8, code=code(), of_game=PERES_MERMIN)
    with pytest.raises(InputError, match=r"behaviour has shape \(6, 6\), expected \(81, 16\)"):
        Request(20_000, 0.01, behaviour, 8)
