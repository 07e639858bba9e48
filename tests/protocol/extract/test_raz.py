"""Raz's extractor: bit for bit, and its error against the truth at tiny sizes."""

from __future__ import annotations

import json
import math
from decimal import Decimal, localcontext
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.extract import Field, PackedBits, Raz, Source1, raz_bounds
from protocol.extract.bounds import InsufficientError, log2_poisson_moment
from protocol.extract.dodis import Dodis
from protocol.extract.fields import smallest_field, trinomial_field
from protocol.extract.multiply import backends
from protocol.settings.sv_tree import sv_maximum
from qdevices.errors import InputError
from tests.protocol.extract import naive

R4 = Field("all-one", 4)
FIELDS = [Field("all-one", r) for r in (2, 4, 10, 28, 100, 130)] + [trinomial_field(127)]


def _plan(field, length2, output_bits, levels, epsilon=0.0):
    source1 = Source1(2 * field.degree, epsilon=epsilon)
    return Raz(field, source1, length2, 0.0, output_bits, 0.0, 2, levels)


@pytest.mark.parametrize("backend", list(backends()))
@pytest.mark.parametrize("field", FIELDS, ids=str)
@given(data=st.data())
def test_output_is_the_definition_bit_for_bit(backend, field, data):
    r = field.degree
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    for _ in range(10):
        length2 = int(rng.integers(1, r + 1))
        plan = _plan(field, length2, int(rng.integers(1, r + 1)), int(rng.integers(1, 6)))
        source1 = rng.integers(0, 2, 2 * r).astype(np.uint8)
        source2 = rng.integers(0, 2, int(rng.integers(0, length2 + 1))).astype(np.uint8)
        found = plan.extract(source1, source2, backend=backend)
        assert np.array_equal(found, naive.raz(plan, source1, source2))


def test_short_inputs_are_zero_padded_and_repeatable():
    field = Field("all-one", 10)
    plan = _plan(field, 10, 10, 3)
    source1 = np.ones(20, dtype=np.uint8)
    short = np.array([1, 0, 1], dtype=np.uint8)
    padded = np.concatenate([short, np.zeros(7, dtype=np.uint8)])
    first = plan.extract(source1, short)
    assert np.array_equal(first, plan.extract(source1, padded))
    assert np.array_equal(first, plan.extract(source1.astype(bool), short.tolist()))


@cache
def _output_table(plan):
    """Output as an integer for all inputs, (2^2r, 2^r); source 1 indexed first bit highest."""
    r = plan.degree
    table = np.empty((2 ** (2 * r), 2**r), dtype=np.int64)
    ys = (np.arange(2**r)[:, None] >> np.arange(r)) & 1
    for index in range(2 ** (2 * r)):
        bits = (index >> np.arange(2 * r - 1, -1, -1)) & 1
        for y, source2 in enumerate(ys):
            table[index, y] = naive.to_int(naive.raz(plan, bits, source2))
    return table


def _bound(source1, min_entropy2, output_bits, levels, strong):
    """The least bound over p at r = 4."""
    return min(
        2.0 ** raz_bounds.log2_error(R4, source1, min_entropy2, output_bits, p, levels, strong)
        for p in range(2, 2**levels + 1, 2)
    )


def _worst_flat_mean(values):
    """Largest mean over K of the entries of any column, (K − 1,) for every K."""
    ordered = np.sort(values.T, axis=1)[:, ::-1]
    return ordered.cumsum(axis=1, dtype=np.float64).max(axis=0) / np.arange(1, len(values) + 1)


def _outputs(output_bits, levels, size):
    """P(output | x) for every flat source 2 of that many strings, (2^8, sources, 2^m)."""
    one_hot = np.eye(2**output_bits)[_output_table(_plan(R4, 4, output_bits, levels))]
    chosen = np.zeros((math.comb(16, size), 16))
    for row, members in zip(chosen, combinations(range(16), size), strict=True):
        row[list(members)] = 1 / size
    return np.stack([h @ chosen.T for h in one_hot.transpose(2, 0, 1)], axis=2)


@pytest.mark.parametrize(("output_bits", "levels"), [(1, 1), (2, 2)])
def test_strong_in_source_1_all_pairs_of_flat_sources_and_all_sv_sources_obey_the_bound(
    output_bits, levels
):
    """r = 4: all 65535 flat sources 2 against every flat and the best SV source 1, exhaustively.

    The mean over x of the distance from uniform is linear in the distribution of x, so the worst
    flat source 1 of K strings is that of the K largest distances.
    """
    tightest = math.inf
    for size in range(1, 17):
        distribution = _outputs(output_bits, levels, size)
        distance = np.abs(distribution - 2.0**-output_bits).sum(axis=2) / 2  # x, source 2
        worst = _worst_flat_mean(distance)
        for strings in range(1, 257):
            source1 = Source1(8, min_entropy=math.log2(strings))
            bound = _bound(source1, math.log2(size), output_bits, levels, "source1")
            assert worst[strings - 1] <= bound + 1e-12
            tightest = min(tightest, bound / max(worst[strings - 1], 1e-9))
        for epsilon in (0.0, 0.05, 0.15):
            error = float(sv_maximum(distance.T, epsilon).max())
            bound = _bound(
                Source1(8, epsilon=epsilon), math.log2(size), output_bits, levels, "source1"
            )
            assert error <= bound + 1e-12
    assert tightest < 2  # the bound is not vacuous here


@pytest.mark.parametrize("size", [14, 15, 16])
def test_strong_in_source_2_all_flat_and_sv_sources_1_obey_the_bound(size):
    """r = 4, one bit: the worst source 1 for the mean over y of |E_x χ(x, y)|/2, exhaustively.

    The mean is the largest, over signs σ(y), of the expectation of Σ_y σ(y) χ(x, y)/(2K₂); for
    each of the 2^K₂ choices of signs the worst source 1 is the top of that function of x.
    """
    signs = 1 - 2 * _output_table(_plan(R4, 4, 1, 1))[:, :size]
    patterns = ((np.arange(2 ** (size - 1))[:, None] >> np.arange(size)) & 1) * 2 - 1
    values = (signs @ patterns.T / size / 2).astype(np.float32)  # x, pattern
    flat = _worst_flat_mean(values)
    for strings in range(1, 257):
        source1 = Source1(8, min_entropy=math.log2(strings))
        assert flat[strings - 1] <= _bound(source1, math.log2(size), 1, 1, "source2") + 1e-6
    assert 4 * flat[127] > _bound(Source1(8, min_entropy=7), math.log2(size), 1, 1, "source2")
    for epsilon in (0.05, 0.15):
        error = float(sv_maximum(values.T, epsilon).max())
        assert error <= _bound(Source1(8, epsilon=epsilon), math.log2(size), 1, 1, "source2")


@pytest.mark.parametrize("output_bits", [1, 2])
def test_the_weak_form_obeys_the_bound_of_the_form_strong_in_source_2(output_bits):
    """r = 4: all flat sources 2 of 12 and more strings, every event of the output, the best x."""
    for size in range(12, 17):
        distribution = _outputs(output_bits, 2, size)
        for event in range(1, 2 ** (2**output_bits) - 1):
            inside = [z for z in range(2**output_bits) if event >> z & 1]
            excess = distribution[:, :, inside].sum(axis=2) - len(inside) / 2**output_bits
            flat = _worst_flat_mean(excess)
            for strings in range(32, 257):
                source1 = Source1(8, min_entropy=math.log2(strings))
                bound = _bound(source1, math.log2(size), output_bits, 2, "source2")
                assert flat[strings - 1] <= bound + 1e-12
            error = float(sv_maximum(excess.T, 0.1).max())
            source1 = Source1(8, epsilon=0.1)
            assert error <= _bound(source1, math.log2(size), output_bits, 2, "source2")


def _central_moment(p, mean):
    """T_p of a Poisson variable, by T_{n+1} = μ·Σ_{k<n} C(n,k)·T_k."""
    moments = [1.0, 0.0]
    for n in range(1, p):
        moments.append(mean * sum(math.comb(n, k) * moments[k] for k in range(n)))
    return moments[p]


@pytest.mark.parametrize("mean", [1e-9, 0.01, 0.5, 1.0, 5.0, 100.0, 1e4])
def test_poisson_moments_are_below_their_bound_and_not_far(mean):
    for p in range(2, 61, 2):
        bound = float(log2_poisson_moment(p, math.log2(mean)))
        exact = math.log2(_central_moment(p, mean))
        assert exact <= bound + 1e-9
        if mean >= 1:
            assert bound <= exact + 0.5 * p  # half a bit of the p-th root
        else:
            assert bound <= math.log2(mean * _central_moment(p, 1)) + 1e-9
        if mean == 1 or p == 2:
            assert bound == pytest.approx(exact, abs=1e-12)
    falling = [log2_poisson_moment(40, x) - 40 * x for x in np.linspace(-50, 50, 2001)]
    assert (np.diff(falling) < 0).all()


@pytest.mark.parametrize(
    ("length2", "epsilon", "min_entropy2", "output_bits"),
    [
        (20_000, 0.05, 5000, 19_325),
        (20_000, 0.05, 1000, 19_325),
        (20_000, 0.01, 200, 19_877),
        (1_000_000, 0.01, 20_000, 998_721),
        (1_000_000, 0.1, 200_000, 886_707),
    ],
)
def test_strong_in_source_2_the_output_may_far_exceed_the_min_entropy_of_source_2(
    length2, epsilon, min_entropy2, output_bits
):
    """At p = 2, l = 1 the error is ½‖D‖₂(2^{l−r+m} + 2^−k₂)^½, so m is limited by the field."""
    plan = Raz.largest(None, length2, min_entropy2, -64, epsilon=epsilon, strong="source2")
    assert (plan.output_bits, plan.moment, plan.levels) == (output_bits, 2, 1)
    norm = plan.degree * math.log2(1 + 4 * epsilon**2)
    assert output_bits == math.floor(plan.degree + 1 - 128 - 2 * norm)
    exact = norm - 1 + np.logaddexp2(1 - plan.degree + output_bits, -min_entropy2) / 2
    assert plan.log2_error == pytest.approx(exact, abs=1e-6)


def test_strong_in_source_2_needs_less_min_entropy_than_strong_in_source_1():
    """For an error of 2^−(m+66), so with the price of no-signalling: 2m and not 3m, and 132."""
    field = smallest_field(1_000_000)
    source1 = Source1(2 * field.degree, epsilon=0.01)
    for output_bits, pairing in ((100, 40), (1000, 20), (9000, 20)):
        wanted = -(output_bits + 66.0)
        first, _, _ = raz_bounds.least_min_entropy2(field, source1, output_bits, wanted)
        second, _, _ = raz_bounds.least_min_entropy2(field, source1, output_bits, wanted, "source2")
        assert 3 * output_bits + 132 < first < 3 * output_bits + 132 + pairing
        assert 2 * output_bits + 132 < second < 2 * output_bits + 132 + pairing


@given(st.floats(0, 0.3), st.integers(1, 400), st.integers(10, 300), st.integers(0, 1000))
def test_the_best_error_and_the_least_min_entropy_are_inverse(epsilon, bits, of_error, more):
    field = Field("all-one", 9010)
    source1 = Source1(2 * field.degree, epsilon=epsilon)
    for strong in ("source1", "source2"):
        k2, _, _ = raz_bounds.least_min_entropy2(field, source1, bits, -float(of_error), strong)
        if k2 > 8000:
            continue
        error, p, levels = raz_bounds.best_error(field, source1, k2, bits, strong)
        assert error == pytest.approx(-of_error, abs=1e-6)
        assert error <= -of_error
        assert error == raz_bounds.log2_error(field, source1, k2, bits, p, levels, strong)
        assert raz_bounds.best_error(field, source1, k2 + more, bits, strong)[0] <= error


@given(
    st.sampled_from([1018, 9010, 100_002]),
    st.floats(0, 0.3),
    st.integers(1, 400),
    st.integers(10, 300),
)
def test_planned_numbers_satisfy_their_own_formula(degree, epsilon, output_bits, bits_of_error):
    wanted = -float(bits_of_error)
    try:
        plan = Raz.for_output(epsilon, degree, output_bits, wanted)
    except InsufficientError:
        return
    again = raz_bounds.log2_error(
        plan.field, plan.source1, plan.min_entropy2, output_bits, plan.moment, plan.levels
    )
    assert plan.log2_error == again <= wanted
    # A bit less min-entropy is not enough, whatever p and l.
    error, _, _ = raz_bounds.best_error(
        plan.field, plan.source1, plan.min_entropy2 - 1, output_bits
    )
    assert error > wanted
    # The inverse question gives the same output back.
    if plan.min_entropy2 < degree:
        most = Raz.largest(None, degree, plan.min_entropy2 + 1e-6, wanted, epsilon=epsilon)
        assert most.output_bits == output_bits


def test_the_optimal_moment_is_found_among_all():
    field = Field("all-one", 9010)
    for epsilon, output_bits, wanted in ((0.01, 50, -80.0), (0.2, 10, -40.0), (0.0, 300, -64.0)):
        source1 = Source1(2 * field.degree, epsilon=epsilon)
        best, p, levels = raz_bounds.least_min_entropy2(field, source1, output_bits, wanted)
        target = wanted - (output_bits / 2 - 1)
        by_hand = math.inf
        for moment in range(2, 4000, 2):
            for l in range(math.ceil(math.log2(moment)), 20):  # noqa: E741
                power = moment * (target - float(source1.log2_norm(moment)))
                if power <= l - field.degree:
                    continue
                room = power + math.log2(-math.expm1((l - field.degree - power) * math.log(2)))
                pairings = sum(math.log2(k) for k in range(1, moment, 2))
                by_hand = min(by_hand, 2 / moment * (pairings - room))
                break  # a larger l only loses
        assert best == pytest.approx(by_hand, rel=1e-9)
        assert 2**levels >= p


@pytest.mark.parametrize("strong", ["source1", "source2"])
def test_a_large_optimal_moment_is_found_among_all(strong, monkeypatch):
    """The best p is 49,572 here, where not every p is tried at first."""
    field = smallest_field(1_000_000)
    source1 = Source1(2 * field.degree, epsilon=0.1)
    found = raz_bounds.least_min_entropy2(field, source1, 4, -18.0, strong)
    assert found[1] == 49_572
    assert raz_bounds.best_error(field, source1, found[0], 4, strong)[0] == pytest.approx(
        -18, abs=1e-9
    )
    monkeypatch.setattr(raz_bounds, "_EXHAUSTIVE", 2**17)
    assert raz_bounds.least_min_entropy2(field, source1, 4, -18.0, strong) == found


@pytest.mark.parametrize("epsilon", [0.0, 1e-9, 1e-5, 0.01, 0.3])
def test_norms_of_sv_sources_keep_their_digits(epsilon):
    """Against 60 decimal digits, up to p = 10⁶, where logarithms cancel to 6 digits and less."""
    source1 = Source1(20_000_000, epsilon=epsilon)
    for p in (2, 100, 10**6):
        with localcontext(prec=60):
            q, d = Decimal(p) / (p - 1), 2 * Decimal(epsilon)
            mean = ((1 + d) ** q + (1 - d) ** q) / 2
            exact = float(source1.bits * mean.ln() / q / Decimal(2).ln())
        assert float(source1.log2_norm(p)) == pytest.approx(exact, rel=1e-8)


def test_the_bound_beats_the_published_one():
    """Same data, best parameters of each: more bits, and a wider range of ε."""
    field = Field("all-one", 100_002)
    for epsilon in (0.01, 0.1, 0.2):
        source1 = Source1(2 * field.degree, epsilon=epsilon)
        rate = -math.log2(0.5 + epsilon)
        general = Source1(2 * field.degree, min_entropy=2 * field.degree * rate)
        for output_bits in (10, 1000):
            ours, _, _ = raz_bounds.best_error(field, source1, 20_000, output_bits)
            published = min(
                raz_bounds.published_log2_error(field, general, 20_000, output_bits, p, l)
                for l in range(2, 24)  # noqa: E741
                for p in {2, 2 * int(2**l / output_bits / 2), 2 * int(2**l / output_bits / 4)}
                if p >= 2 and p * output_bits <= 2**l
            )
            assert ours < published
    # Beyond ε = 0.2071 the published bound is empty, this one goes to 0.39.
    assert (
        raz_bounds.best_error(field, Source1(2 * field.degree, epsilon=0.35), 20_000, 10)[0] < -100
    )


def test_general_min_entropy_and_sv_agree_where_they_must():
    """Uniform bits seen as ε = 0 and as full min-entropy are the same source."""
    field = Field("all-one", 1018)
    sv = raz_bounds.best_error(field, Source1(2036, epsilon=0.0), 500, 100)
    full = raz_bounds.best_error(field, Source1(2036, min_entropy=2036), 500, 100)
    assert sv == pytest.approx(full)


def test_json_round_trip():
    plan = Raz.largest(None, 1000, 600, -40.0, epsilon=0.01)
    assert Raz.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    with pytest.raises(InputError, match="no entry 'method'"):
        Raz.from_json({"field": {"kind": "all-one", "degree": 4, "middle": 0}})


def test_progress_counts_the_levels():
    plan = Raz.largest(None, 1000, 600, -40.0, epsilon=0.01)
    seen = []
    rng = np.random.default_rng(0)
    plan.extract(
        rng.integers(0, 2, plan.source1_bits),
        rng.integers(0, 2, 1000),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(k + 1, plan.levels) for k in range(plan.levels)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_bits": 1019}, "1019 output bits are outside 1..1018"),
        ({"output_bits": -1}, "-1 output bits"),
        ({"length2": 1019}, "source 2 has 1019 bits"),
        ({"min_entropy2": 1001.0}, "min-entropy 1001 of source 2"),
        ({"min_entropy2": math.nan}, "min_entropy2 NaN, expected a number"),
        ({"min_entropy2": "600"}, 'min_entropy2 "600", expected a number'),
        ({"output_bits": 5.0}, "output_bits 5.0, expected a whole number"),
        ({"output_bits": True}, "output_bits true, expected a whole number"),
        ({"method": "dodis"}, "method \"dodis\", expected 'raz'"),
        ({"extra": 1}, "unknown entry 'extra'"),
        ({"field": {"kind": "all-one", "degree": 10**40, "middle": 0}}, "degree 1000"),
        ({"field": {"kind": "all-one", "degree": 1018}}, "no entry 'middle'"),
        ({"source1": {"bits": 2036, "epsilon": 0.01, "strong": 1}}, "unknown entry 'strong'"),
        ({"source1": [2036]}, "source 1 is .2036., expected a JSON object"),
        ({"levels": 0}, "l = 0 is outside"),
        ({"levels": 10**9}, "l = 1000000000 is outside"),
        ({"moment": 1000}, "p = 1000 is not even and in"),
        ({"moment": 3}, "p = 3 is not even"),
        ({"strong": "both"}, "strong \"both\", expected 'source1' or 'source2'"),
        ({"source1": {"bits": 2035, "epsilon": 0.01}}, "source 1 has 2035 bits"),
        ({"log2_error": -60.0}, r"an error of 2\^-60.0 is claimed, the theorem has 2\^-40"),
        (
            {"field": {"kind": "dense", "degree": 127, "middle": 1}},
            "kind \"dense\", expected 'all-one'",
        ),
    ],
)
def test_a_plan_whose_numbers_do_not_fit_together_is_refused(change, message):
    """Such as one edited by hand; beyond the field all output bits would be 0."""
    plan = Raz.largest(None, 1000, 600, -40.0, epsilon=0.01)
    with pytest.raises(InputError, match=message):
        Raz.from_json({**plan.to_json(), **change})


@pytest.mark.parametrize("length2", [1, 63, 64, 65, 999, 1000])
def test_packed_sources_give_the_same_bits(length2):
    """Bytes or arrays of bytes, with rubbish after the last bit."""
    rng = np.random.default_rng(length2)
    plan = Raz.largest(None, 1000, 600, -40.0, epsilon=0.01)
    weak, other = (rng.integers(0, 2, n, dtype=np.uint8) for n in (plan.source1_bits, length2))
    expected = plan.extract(weak, other)
    packed, packed2 = (
        PackedBits(np.packbits(np.append(bits, [1, 1, 1])), len(bits)) for bits in (weak, other)
    )
    assert np.array_equal(plan.extract(packed, packed2), expected)
    assert np.array_equal(plan.extract(weak, PackedBits(bytes(packed2.data), length2)), expected)
    cyclic = Dodis.largest(Source1(2036, epsilon=0.01), 2036, 2000, -40.0)
    assert np.array_equal(cyclic.extract(packed, packed2), cyclic.extract(weak, other))
    with pytest.raises(InputError, match=r"9 bits are outside 0\.\.8"):
        PackedBits(b"1", 9)
    with pytest.raises(InputError, match="dtype float64, expected bytes or"):
        PackedBits(np.zeros(3), 9)  # type: ignore[arg-type]


def test_bad_input_is_refused():
    plan = Raz.largest(None, 1000, 600, -40.0, epsilon=0.01)
    good1, good2 = np.zeros(plan.source1_bits, dtype=np.uint8), np.zeros(1000, dtype=np.uint8)
    with pytest.raises(InputError, match=r"source 1 has 10 bits, expected 2r = 2036"):
        plan.extract(good1[:10], good2)
    with pytest.raises(InputError, match="source 2 has 1001 bits, expected at most 1000"):
        plan.extract(good1, np.zeros(1001, dtype=np.uint8))
    with pytest.raises(InputError, match=r"source 2\[3\] is 2, expected 0 or 1"):
        plan.extract(good1, [0, 1, 0, 2])
    with pytest.raises(InputError, match="start with the same 64 bits, expected independent"):
        plan.extract(good1, good1[:64])
    plan.extract(good1, good1[:63])  # too few to tell
    with pytest.raises(InputError, match="dtype float64"):
        plan.extract(good1, np.zeros(10))
    for k2 in (-1, 1001):
        with pytest.raises(InputError, match=f"min-entropy {k2} of source 2 is outside"):
            Raz.largest(None, 1000, k2, -40.0, epsilon=0.01)
    for error in (0.0, 1.0, -math.inf, math.nan):
        with pytest.raises(InputError, match="is outside"):
            Raz.largest(None, 1000, 600, error, epsilon=0.01)
    with pytest.raises(InputError, match=r"epsilon 0\.5"):
        Raz.largest(None, 1000, 600, -40.0, epsilon=0.5)
    with pytest.raises(InsufficientError, match=r"1 bits cannot be extracted.*it has 20"):
        Raz.largest(None, 1000, 20, -40.0, epsilon=0.01)
    with pytest.raises(InsufficientError, match="900 bits cannot be extracted"):
        Raz.largest(None, 1000, 600, -40.0, epsilon=0.01, output_bits=900)
    with pytest.raises(
        InsufficientError,
        match=r"whatever source 2: .* = .* at p = \d+ has to be above the .* bits of its norm",
    ):
        Raz.for_output(0.45, 1000, 1, -40.0)
    with pytest.raises(InputError, match=r"epsilon 0\.3 is given beside Source1"):
        Raz.largest(plan.source1, 1000, 600, -40.0, epsilon=0.3)
    with pytest.raises(InputError, match="source 1 has 2034 bits, expected 2r = 2036"):
        Raz.largest(Source1(2034, epsilon=0.01), 1000, 600, -40.0)
    for bits, error in ((1019, -40.0), (0, -40.0), (5, 0.5)):
        with pytest.raises(InputError, match="outside"):
            raz_bounds.least_min_entropy2(plan.field, plan.source1, bits, error)
    for k2, bits in ((-1, 5), (1019, 5), (600, 1019)):
        with pytest.raises(InputError, match="outside"):
            raz_bounds.best_error(plan.field, plan.source1, k2, bits)
    with pytest.raises(InputError, match="0 output bits"):
        Raz.largest(None, 1000, 600, -40.0, epsilon=0.01, output_bits=0)
    with pytest.raises(InputError, match="either a min-entropy or an epsilon"):
        Source1(10)
    with pytest.raises(InputError, match="p = 3 is not even"):
        raz_bounds.log2_error(plan.field, plan.source1, 10, 1, 3, 4)


def _measure_distance(plan, density, measure):
    """Half the sum over x, s of D(x)·|Σ_y ν(y)(1[f(x,y)=s] − 2^−m)|, by running the extractor."""
    r, m = plan.degree, plan.output_bits
    total = 0.0
    for x, weight in enumerate(density):
        bits1 = [x >> i & 1 for i in range(2 * r)]
        found = np.full(2**m, -measure.sum() / 2**m)
        for y, mass in enumerate(measure):
            bits2 = [y >> i & 1 for i in range(plan.length2)]
            output = naive.raz(plan, bits1, bits2)
            found[int(output @ (1 << np.arange(m)))] += mass
        total += weight * np.abs(found).sum() / 2
    return total


@pytest.mark.parametrize(("degree", "levels", "m"), [(4, 1, 1), (4, 1, 2), (4, 2, 1)])
def test_measures_obey_the_corollary_with_their_mass(degree, levels, m):
    """Every x and y of a small field: flat and random measures, a uniform and an SV source 1."""
    rng, field = np.random.default_rng(8), Field("all-one", degree)
    fair = np.full(4**degree, 4.0**-degree)
    leaning = np.ones(1)
    for _ in range(2 * degree):
        leaning = np.concatenate([leaning * 0.6, leaning * 0.4])
    for density, epsilon in ((fair, 0.0), (leaning, 0.1)):
        source1 = Source1(2 * degree, epsilon=epsilon)
        plan = Raz(field, source1, degree, 0.0, m, 0.0, 2, levels)
        flat = np.zeros(2**degree)
        flat[:5] = 0.1
        for measure in (flat, rng.dirichlet(np.ones(2**degree)) * 0.6):
            mass, k = measure.sum(), -math.log2(measure.max())
            distance = _measure_distance(plan, density, measure)
            for p in range(2, 2**levels + 1, 2):
                scale = float(source1.log2_norm(p)) - 1 + m / 2
                first = 2 ** (scale + (levels - degree) / p)
                second = 2 ** (scale - k / 2) * math.prod(range(1, p, 2)) ** (1 / p)
                assert distance <= first * mass + second * math.sqrt(mass)
                bound = 2 ** raz_bounds.log2_error(field, source1, k, m, p, levels)
                assert distance <= math.sqrt(mass) * bound


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.1])
def test_the_parts_of_an_error_are_bounded_where_they_are_said_to_be(epsilon):
    """Against a search over all p; among these plans are some with nearly equal parts."""
    dearer = 0
    for m in (1, 8, 50, 100, 300, 1100):
        plan = Raz.for_output(epsilon, 20_000, m, -(m + 66))
        k = plan.min_entropy2_of_parts()
        best = math.inf
        for p in range(2, min(plan.moment, 2**plan.levels) + 1, 2):
            scale = float(plan.source1.log2_norm(p)) - 1 + m / 2
            if scale + (plan.levels - plan.degree) / p <= plan.log2_error - 1:
                pairs = sum(math.log2(j) for j in range(1, p, 2))
                best = min(best, 2 * (scale + pairs / p - plan.log2_error))
        assert k == pytest.approx(best)
        dearer += k > plan.min_entropy2 + 1e-6
        # With parts of ½ and 1 any split of the mass between patterns keeps within the error.
        for root in np.linspace(0, 1, 101):
            assert root + 0.5 * (1 - root**2) <= 1 + 1e-12
    assert dearer or epsilon != 0.1
