"""The extractor of Dodis et al.: bit for bit, and its error against the truth at tiny sizes."""

from __future__ import annotations

import json
import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.extract import Dodis, Source1, dodis
from protocol.extract.bounds import InsufficientError
from protocol.extract.multiply import backends
from protocol.settings.sv_tree import sv_maximum
from qdevices.errors import InputError
from tests.protocol.extract import naive

PRIMES = (3, 5, 11, 13, 19, 101, 131)


@pytest.mark.parametrize("backend", list(backends()))
@given(n=st.sampled_from(PRIMES), seed=st.integers(0, 2**32))
def test_output_is_the_definition_bit_for_bit(backend, n, seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        bits1, bits2 = (int(bits) for bits in rng.integers(0, n + 1, 2))
        plan = Dodis(n, Source1(bits1, epsilon=0.0), n, n, int(rng.integers(1, n)), 0.0)
        sources = rng.integers(0, 2, bits1), rng.integers(0, 2, bits2)
        found = plan.extract(*sources, backend=backend)
        assert np.array_equal(found, naive.dodis(plan, *sources))


@pytest.mark.parametrize("output_bits", [1, 2, 3])
def test_error_over_flat_sources_2_and_all_sv_sources_1_is_below_the_bound(output_bits):
    """n = 5, strong in source 1: every source 2 of 20 and more strings in steps."""
    n = 5
    plan = Dodis(n, Source1(n, epsilon=0.0), n, n, output_bits, 0.0)
    xs = (np.arange(32)[:, None] >> np.arange(n - 1, -1, -1)) & 1
    ys = (np.arange(32)[:, None] >> np.arange(n)) & 1
    table = np.array([[naive.to_int(naive.dodis(plan, x, y)) for y in ys] for x in xs])
    one_hot = np.eye(2**output_bits)[table]
    tightest = math.inf
    for size in (28, 30, 31, 32):
        sets = list(combinations(range(32), size))
        for epsilon in (0.0, 0.05, 0.1):
            source1 = Source1(n, epsilon=epsilon)
            bound = 2.0 ** dodis.log2_error(n, source1, math.log2(size), output_bits)
            for chosen in sets[:: max(1, len(sets) // 30)]:
                distribution = one_hot[:, list(chosen)].mean(axis=1)
                distance = np.abs(distribution - 2.0**-output_bits).sum(axis=1) / 2
                error = float(sv_maximum(distance, epsilon))
                assert error <= bound + 1e-12
                tightest = min(tightest, bound / error)
    assert tightest < 4


def _rank(rows):
    """Rank over GF(2) of rows given as integers."""
    rank, rows = 0, list(rows)
    while rows:
        pivot = rows.pop()
        if pivot:
            rank += 1
            low = pivot & -pivot
            rows = [row ^ pivot if row & low else row for row in rows]
    return rank


@pytest.mark.parametrize("n", [3, 5, 11])
def test_only_even_masks_lose_a_rank_and_the_constant_is_what_they_cost(n):
    """Σ over nonempty masks of 2^{n − rank}, by elimination, is 1.5·2^m − 2 for every m < n."""
    cost = 0
    for mask in range(1, 1 << (n - 1)):
        shifts = [shift for shift in range(n - 1) if mask >> shift & 1]
        rows = [sum(1 << (j - shift) % n for shift in shifts) for j in range(n)]
        assert _rank(rows) == n - (len(shifts) % 2 == 0)
        cost += 2 ** (n - _rank(rows))
        m = mask.bit_length()
        if mask == (1 << m) - 1:  # all masks of m bits are counted
            assert cost == 1.5 * 2**m - 2
            error = dodis.log2_error(n, Source1(n, min_entropy=n), n, m)
            assert error == pytest.approx((math.log2(cost) - n) / 2 - 1)


def test_collision_entropy_of_an_sv_source_is_attained_by_the_fully_biased_one():
    for epsilon in (0.0, 0.1, 0.3):
        source1 = Source1(7, epsilon=epsilon)
        word = np.ones(1)
        for _ in range(7):
            word = np.concatenate([word * (0.5 - epsilon), word * (0.5 + epsilon)])
        assert source1.collision_entropy() == pytest.approx(-math.log2((word**2).sum()))
        assert source1.collision_entropy() == pytest.approx(7 * (1 - math.log2(1 + 4 * epsilon**2)))


@given(
    st.sampled_from([1000, 1019, 5000]),
    st.floats(0, 0.2),
    st.floats(0.5, 1.0),
    st.integers(1, 100),
)
def test_the_planned_output_is_the_largest(bits, epsilon, rate, bits_of_error):
    wanted = -float(bits_of_error)
    try:
        plan = Dodis.largest(Source1(bits, epsilon=epsilon), bits, rate * bits, wanted)
    except InsufficientError:
        return
    assert plan.log2_error <= wanted
    if plan.output_bits < plan.length - 1:
        more = dodis.log2_error(plan.length, plan.source1, plan.min_entropy2, plan.output_bits + 1)
        assert more > wanted - 1e-9
    least = dodis.least_min_entropy2(plan.length, plan.source1, plan.output_bits, wanted)
    assert least <= plan.min_entropy2 + 1e-6
    assert dodis.log2_error(plan.length, plan.source1, least, plan.output_bits) == pytest.approx(
        wanted
    )


def test_json_round_trip():
    plan = Dodis.largest(Source1(1000, min_entropy=800), 1000, 700, -30.0)
    assert Dodis.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    with pytest.raises(InputError, match="no entry 'method'"):
        Dodis.from_json({"length": 5})


def test_a_planned_error_is_never_above_what_was_wanted():
    plan = Dodis.largest(Source1(1000, min_entropy=900), 1000, 600 - 1e-10, -40.0)
    assert plan.log2_error <= -40.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_bits": 1019}, "1019 output bits are outside 1..1018"),
        ({"output_bits": 0}, "0 output bits"),
        ({"length": 1009}, "length 1009 is no prime"),
        ({"length": 11}, "length 11 is no prime from 1000 on"),
        ({"length2": 0}, "source 2 has 0 bits"),
        ({"min_entropy2": 1001.0}, "min-entropy 1001 of source 2"),
        ({"log2_error": -41.0}, r"an error of 2\^-41.0 is claimed, the theorem has 2\^-40"),
        ({"log2_error": math.nan}, "log2_error NaN, expected a number"),
    ],
)
def test_a_plan_whose_numbers_do_not_fit_together_is_refused(change, message):
    """Such as one edited by hand; beyond the length all output bits would be 0."""
    plan = Dodis.largest(Source1(1000, min_entropy=800), 1000, 700, -40.0)
    with pytest.raises(InputError, match=message):
        Dodis.from_json({**plan.to_json(), **change})


def test_bad_input_is_refused():
    source1 = Source1(1000, min_entropy=800)
    plan = Dodis.largest(source1, 1000, 700, -30.0)
    weak = np.zeros(1000, dtype=np.uint8)
    for wrong in (0, 999, 1001):
        with pytest.raises(InputError, match=f"source 1 has {wrong} bits, expected 1000"):
            plan.extract(np.zeros(wrong, dtype=np.uint8), weak)
    with pytest.raises(InputError, match="source 2 has 1001 bits, expected at most 1000"):
        plan.extract(weak, np.zeros(1001, dtype=np.uint8))
    with pytest.raises(InputError, match=r"source 2\[0\] is 7"):
        plan.extract(weak, [7])
    with pytest.raises(InputError, match="start with the same 64 bits, expected independent"):
        plan.extract(weak, weak[:64])
    plan.extract(weak, weak[:63])  # too few to tell
    with pytest.raises(
        InsufficientError, match=r"1 bits cannot be extracted: log2.* = 800\.0 \+ .* = -177\.0"
    ):
        Dodis.largest(source1, 1000, 100, -30.0)
    with pytest.raises(InsufficientError, match="600 bits cannot be extracted"):
        Dodis.largest(source1, 1000, 700, -30.0, output_bits=600)
    with pytest.raises(InputError, match="length 1009 is no prime from 1000 on with primitive"):
        Dodis.largest(source1, 1000, 700, -30.0, length=1009)
    with pytest.raises(InputError, match="min-entropy 1001 of source 2"):
        Dodis.largest(source1, 1000, 1001, -30.0)
    with pytest.raises(InputError, match="min-entropy -1 of source 1"):
        Source1(1000, min_entropy=-1)
    with pytest.raises(InputError, match="0 output bits"):
        Dodis.largest(source1, 1000, 700, -30.0, output_bits=0)
