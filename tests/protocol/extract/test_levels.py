"""Distances given levels of min-entropy: against the worst source at tiny sizes, and the best plan.

The worst ε-SV source is found by recursion over the bits, each of which may depend on all before.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from protocol.extract import Dodis, Field, Raz, Source1, raz_bounds, raz_levels
from protocol.extract.bounds import InsufficientError
from protocol.extract.fields import is_artin_prime, smallest_field
from protocol.extract.levels import Levels, score_levels
from protocol.settings.sv_tree import sv_maximum
from qdevices.errors import InputError
from tests.protocol.extract import naive
from tests.strangers.masked import Masked

R4 = Field("all-one", 4)


def _levels(*pairs):
    """Levels from (min-entropy, mass) in any order."""
    k, mass = np.array(sorted(pairs), dtype=np.float64).T
    return Levels(k, np.log2(np.minimum(mass, 1.0)))  # a sum of doubles may be above 1


def _level(measure):
    return -math.log2(measure.max()), measure.sum()


@cache
def _full_raz_table(degree, length2, l):  # noqa: E741
    """All r bits for every source 1, first bit highest, and source 2, (2^2r, 2^length2)."""
    field = Field("all-one", degree)
    modulus, size = naive.modulus_of(field), 1 << degree

    def times(a, b):
        return naive.remainder(naive.product(a, b), modulus)

    # Powers of an element that generates everything: products are sums of logarithms.
    for generator in range(2, size):
        powers = [1]
        while len(powers) == 1 or powers[-1] != 1:
            powers.append(times(powers[-1], generator))
        if len(powers) == size:
            break
    log = np.zeros(size, dtype=np.int16)
    log[powers[:-1]] = np.arange(size - 1)
    exp = np.array(powers[:-1] * 2, dtype=np.int16)

    def multiply(a, b):
        return np.where((a == 0) | (b == 0), 0, exp[log[a] + log[b]])

    reverse = np.array([int(f"{i:0{degree}b}"[::-1], 2) for i in range(size)])
    x1, x2 = reverse[:, None, None], reverse[None, :, None]  # a number's highest bit comes first
    z = multiply(x1, np.arange(1 << length2))
    total, power = np.zeros_like(z), np.ones_like(z)  # of x₁ and y only
    for _ in range(1 << l):
        total, power = total ^ power, multiply(power, z)
    return multiply(x2, total).reshape(size * size, -1)


def _raz_table(degree, length2, output_bits, l):  # noqa: E741
    return _full_raz_table(degree, length2, l) & ((1 << output_bits) - 1)


@cache
def _dodis_table(n, output_bits):
    plan = Dodis(n, Source1(n, epsilon=0.0), n, n, output_bits, 0.0)
    xs = (np.arange(1 << n)[:, None] >> np.arange(n - 1, -1, -1)) & 1
    ys = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
    return np.array([[naive.to_int(naive.dodis(plan, x, y)) for y in ys] for x in xs])


def _strong_in_source1(table, output_bits, measures, epsilon):
    """The largest distances of measures (n, 2^length2) over all ε-SV sources 1, (n,)."""
    excess = -np.broadcast_to(
        measures.sum(axis=1)[:, None, None] / 2**output_bits,
        (len(measures), len(table), 2**output_bits),
    ).copy()
    rows = np.arange(len(table))
    for y in range(table.shape[1]):
        excess[:, rows, table[:, y]] += measures[:, y, None]
    return sv_maximum(np.abs(excess).sum(axis=2) / 2, epsilon)


def _sv_best(leaves, epsilon):
    """The ε-SV source with the largest mean of a function of the word, and it, (n, words)."""
    values = [leaves]
    while values[-1].shape[-1] > 1:
        low, high = values[-1][..., 0::2], values[-1][..., 1::2]
        values.append((low + high) / 2 + epsilon * np.abs(low - high))
    weight = np.ones_like(values[-1])
    for value in values[-2::-1]:
        low, high = value[..., 0::2], value[..., 1::2]
        lean = np.where(low > high, epsilon, -epsilon)
        weight = np.stack([weight * (0.5 + lean), weight * (0.5 - lean)], axis=-1)
        weight = weight.reshape(*value.shape)
    return values[-1][..., 0], weight


def _strong_in_source2(table, output_bits, measure, epsilon, tries=6):
    """A large distance over ε-SV sources 1 for one measure: signs and source improved in turn.

    For fixed signs of P(s|y) − 2^−m the worst source is exact, for a fixed source the signs are;
    so it never falls, and what it reaches is reached by a source.
    """
    one_hot = (table[:, :, None] == np.arange(2**output_bits)) - 2.0**-output_bits
    flat = (one_hot * measure[:, None]).reshape(len(table), -1)
    signs = np.random.default_rng(5).choice([-1.0, 1.0], (tries, flat.shape[1]))
    reached = np.zeros(tries)
    while True:
        value, weight = _sv_best(signs @ flat.T, epsilon)
        if (value <= reached + 1e-12).all():
            return reached.max() / 2
        reached, signs = np.maximum(value, reached), np.where(weight @ flat >= 0, 1.0, -1.0)


def _raz_bounds(degree, length2, output_bits, l, epsilon, strong):  # noqa: E741
    """The extractor at every p, (p/2 of them)."""
    source1 = Source1(2 * degree, epsilon=epsilon)
    field = Field("all-one", degree)
    return [
        Raz(field, source1, length2, 0.0, output_bits, 0.0, p, l, strong)
        for p in range(2, 2**l + 1, 2)
    ]


def _some_measures(size, seed):
    """Flat measures of every number of strings, all of them where few, and uneven ones below 1."""
    rng = np.random.default_rng(seed)
    found = []
    for strings in range(1, size + 1):
        sets = list(combinations(range(size), strings)) if size <= 4 else None
        for chosen in sets or [tuple(rng.choice(size, strings, replace=False)) for _ in range(8)]:
            found.append(np.isin(np.arange(size), chosen) / strings)
    for spread in (0.2, 1.0, 5.0):
        found += [rng.dirichlet(np.full(size, spread)) * rng.uniform(0.05, 1) for _ in range(12)]
    return np.array(found)


def test_the_table_is_the_extractor():
    rng = np.random.default_rng(0)
    for degree, l in ((4, 1), (4, 2), (10, 3)):  # noqa: E741
        table = _raz_table(degree, 4, degree, l)
        (plan, *_) = _raz_bounds(degree, 4, degree, l, 0.0, "source1")
        for x, y in zip(rng.integers(0, 4**degree, 30), rng.integers(0, 16, 30), strict=True):
            bits1 = [int(x) >> i & 1 for i in range(2 * degree - 1, -1, -1)]
            bits2 = [int(y) >> i & 1 for i in range(4)]
            assert table[x, y] == naive.to_int(naive.raz(plan, bits1, bits2))


@pytest.mark.parametrize("output_bits", [1, 2, 3, 4])
@pytest.mark.parametrize("l", [1, 2])
def test_raz_strong_in_source_1_keeps_to_its_distance_for_all_sv_sources(output_bits, l):  # noqa: E741
    """r = 4: flat and uneven measures, every m up to r, so more than the min-entropy."""
    table, measures = _raz_table(4, 4, output_bits, l), _some_measures(16, output_bits)
    tightest = math.inf
    for epsilon in (0.0, 0.05, 0.2):
        found = _strong_in_source1(table, output_bits, measures, epsilon)
        for plan in _raz_bounds(4, 4, output_bits, l, epsilon, "source1"):
            for measure, distance in zip(measures, found, strict=True):
                bound = 2.0 ** plan.log2_distance(_levels(_level(measure)))
                assert distance <= bound + 1e-12
                tightest = min(tightest, bound / max(distance, 1e-9))
    assert tightest < 2.5


@pytest.mark.parametrize("output_bits", [1, 2, 3, 4])
@pytest.mark.parametrize("l", [1, 2])
def test_raz_strong_in_source_2_keeps_to_its_distance_for_bad_sv_sources(output_bits, l):  # noqa: E741
    """r = 4 likewise; and ξ₂, for flat measures."""
    table = _raz_table(4, 4, output_bits, l)
    measures = _some_measures(16, output_bits)[::3]
    tightest = math.inf
    for epsilon in (0.0, 0.05, 0.2):
        plans = _raz_bounds(4, 4, output_bits, l, epsilon, "source2")
        for measure in measures:
            distance = _strong_in_source2(table, output_bits, measure, epsilon)
            k, mass = _level(measure)
            for plan in plans:
                bound = 2.0 ** plan.log2_distance(_levels((k, mass)))
                assert distance <= bound + 1e-12
                tightest = min(tightest, bound / max(distance, 1e-9))
                if mass > 1 - 1e-9:
                    known = plan.field, plan.source1, k, output_bits, plan.moment, l
                    assert distance <= 2.0 ** raz_bounds.log2_error(*known, "source2") + 1e-12
    assert tightest < 4


def test_raz_strong_in_source_2_for_every_sign_and_so_every_sv_source():
    """r = 4, one bit: the largest over all signs of source 2's strings is exact, 2^11 of them."""
    table = _raz_table(4, 4, 1, 1)[:, :12]
    signs = np.array(list(product([-1, 1], repeat=11)))
    signs = np.concatenate([np.ones((len(signs), 1), dtype=np.int64), signs], axis=1)
    for seed in range(3):
        measure = np.random.default_rng(seed).dirichlet(np.ones(12)) * 0.7
        for epsilon in (0.0, 0.1, 0.25):
            values = (1 - 2 * table) * measure / 2
            exact = max(sv_maximum(sign * signs @ values.T, epsilon).max() for sign in (1, -1))
            full = np.append(measure, np.zeros(4))
            guess = _strong_in_source2(_raz_table(4, 4, 1, 1), 1, full, epsilon, tries=20)
            assert 0.8 * exact <= guess <= exact + 1e-12
            for plan in _raz_bounds(4, 4, 1, 1, epsilon, "source2"):
                assert exact <= 2.0 ** plan.log2_distance(_levels(_level(measure)))


@pytest.mark.parametrize("output_bits", [1, 3])
def test_a_field_larger_than_source_2_keeps_to_the_bounds(output_bits):
    """r = 10, three bits of source 2: every one of the 2^20 strings of source 1."""
    table = _raz_table(10, 3, output_bits, 1)
    epsilon, measure = 0.1, np.arange(8) / 56
    levels = _levels(_level(measure))
    (plan,) = _raz_bounds(10, 3, output_bits, 1, epsilon, "source1")
    distance = _strong_in_source1(table, output_bits, measure[None], epsilon)[0]
    assert distance <= 2.0 ** plan.log2_distance(levels) < 1
    if output_bits == 1:
        (plan,) = _raz_bounds(10, 3, output_bits, 1, epsilon, "source2")
        distance = _strong_in_source2(table, output_bits, measure, epsilon, tries=1)
        assert distance <= 2.0 ** plan.log2_distance(levels) < 1


@pytest.mark.parametrize("strong", ["source1", "source2"])
@pytest.mark.parametrize("kind", ["raz", "dodis"])
def test_levels_are_charged_by_their_mass_on_average_over_what_is_known(kind, strong):
    """Two values of side information, three levels of other masses in each."""
    rng = np.random.default_rng(17)
    for output_bits in (1, 2, 4):
        table = _raz_table(4, 4, output_bits, 2) if kind == "raz" else _dodis_table(5, output_bits)
        size = table.shape[1]
        for epsilon in (0.0, 0.1):
            plans = (
                _raz_bounds(4, 4, output_bits, 2, epsilon, strong)
                if kind == "raz"
                else [Dodis(5, Source1(5, epsilon=epsilon), 5, 5, output_bits, 0.0)]
            )
            for _ in range(3):
                caps = np.array([0.08, 0.02, 0.005])
                cut = rng.uniform(0, 1, (2, 3, size)) < [[[0.2], [0.5], [0.9]], [[0.9], [0.9], [1]]]
                measures = cut * caps[:, None] * rng.uniform(0.5, 1, (2, 3, size))
                measures /= max(1.0, measures.sum(axis=(1, 2)).max())
                levels = _levels(
                    *zip(-np.log2(caps), measures.sum(axis=2).mean(axis=0), strict=True)
                )
                summed = measures.sum(axis=1)
                if strong == "source1":
                    mean = _strong_in_source1(table, output_bits, summed, epsilon).mean()
                else:
                    mean = np.mean(
                        [_strong_in_source2(table, output_bits, nu, epsilon) for nu in summed]
                    )
                for plan in plans:
                    assert plan.charges_mass
                    assert mean <= 2.0 ** plan.log2_distance(levels) + 1e-12


@pytest.mark.parametrize("output_bits", [1, 2, 3, 4])
def test_dodis_keeps_to_its_distance_strong_in_either_source(output_bits):
    """n = 5: flat and uneven measures, the worst SV source 1, every m below n."""
    table, measures = _dodis_table(5, output_bits), _some_measures(32, output_bits)
    tightest = math.inf
    for epsilon in (0.0, 0.1, 0.25):
        plan = Dodis(5, Source1(5, epsilon=epsilon), 5, 5, output_bits, 0.0)
        found = _strong_in_source1(table, output_bits, measures, epsilon)
        for measure, first in zip(measures, found, strict=True):
            second = _strong_in_source2(table, output_bits, measure, epsilon)
            bound = 2.0 ** plan.log2_distance(_levels(_level(measure)))
            assert max(first, second) <= bound + 1e-12
            tightest = min(tightest, bound / max(first, second, 1e-9))
    assert tightest < 1.5


@cache
def _partitions(n):
    """S(n, b), partitions of n things into b blocks of at least two, {b: number}, by the block of
    the last thing."""
    if n == 0:
        return {0: 1}
    found: dict[int, int] = {}
    for size in range(2, n + 1):
        for blocks, number in _partitions(n - size).items():
            found[blocks + 1] = found.get(blocks + 1, 0) + math.comb(n - 1, size - 1) * number
    return found


def test_poisson_moments_have_real_zeros_only_and_concave_roots_in_exact_integers():
    for p in range(2, 61, 2):
        numbers = _partitions(p)
        coefficients = [numbers.get(b, 0) for b in range(p // 2 + 1)]

        def derivative(poly):
            return [j * c for j, c in enumerate(poly)][1:]

        # (T^{2/p})'' ≤ 0 says that (p/2)·T·T'' ≤ (p/2 − 1)·T'².
        first = derivative(coefficients)
        second = derivative(first)
        for exponent in range(-200, 201, 4):
            x = Fraction(2) ** exponent
            t, t1, t2 = (
                sum(c * x**j for j, c in enumerate(poly)) for poly in (coefficients, first, second)
            )
            assert p // 2 * t * t2 <= (p // 2 - 1) * t1**2
        # Sturm's chain: as many changes of sign are lost from −∞ to +∞ as there are real zeros.
        chain = [[Fraction(c) for c in coefficients], [Fraction(c) for c in first]]
        while len(chain[-1]) > 1 and p <= 40:
            rest = list(chain[-2])
            while len(rest) >= len(chain[-1]):
                factor, shift = rest[-1] / chain[-1][-1], len(rest) - len(chain[-1])
                for j, c in enumerate(chain[-1]):
                    rest[shift + j] -= factor * c
                rest.pop()
            while rest and rest[-1] == 0:
                rest.pop()
            assert rest  # no zero is double
            chain.append([-c / abs(rest[-1]) for c in rest])
        if p <= 40:
            leading = [(poly[-1] > 0, (poly[-1] > 0) ^ (len(poly) % 2 == 0)) for poly in chain]
            changes = [sum(a[i] != b[i] for a, b in pairwise(leading)) for i in (0, 1)]
            assert changes == [0, p // 2]


def test_more_min_entropy_lowers_a_levels_part_by_half_of_it_at_least():
    """B(k+2λ, M) ≤ 2^−λ·B(k, M) strong in source 2, B^p exactly."""
    for p in range(2, 21, 2):
        for k, m, lam, log2_mass in product((0, 3, 20), (1, 10, 40), (1, 7), (-30, -4, 0)):

            def part(k, p=p, m=m, log2_mass=log2_mass):
                mean = Fraction(2) ** (log2_mass + k - m)
                moment = sum(number * mean**b for b, number in _partitions(p).items())
                return Fraction(2) ** (p * m // 2 - p * k) * moment

            assert part(k + 2 * lam) <= Fraction(2) ** (-lam * p) * part(k)
            found = raz_levels.log2_parts(
                Source1(2, epsilon=0.0), m, _levels((k, 2.0**log2_mass)), np.array([float(p)]),
                "source2",
            )[1][0]  # fmt: skip
            exact = (math.log2(part(k).numerator) - math.log2(part(k).denominator)) / p - 1
            assert exact - 1e-9 <= found <= exact + math.log2(sum(_partitions(p).values())) / p + 1


@pytest.mark.parametrize("strong", ["source1", "source2"])
@pytest.mark.parametrize(
    ("epsilon", "length2", "output_bits", "score", "beta"),
    [
        (0.01, 500_000, 3000, 14_000, 0.18),
        (0.1, 500_000, 200, 3000, 0.3),
        (0.05, 20_000, 10, 400, 0.4),
        (0.0, 1000, 100, 700, 1.0),
        (0.1, 500_000, 8, 50, 0.01),
        (0.01, 20_000, 19_000, 100, 0.1),
    ],
)
def test_the_plan_for_levels_has_the_best_moment_of_all(
    strong, epsilon, length2, output_bits, score, beta
):
    levels = score_levels(score, beta, 0.4 * score / beta)
    wanted = -20.0
    field = smallest_field(length2)
    source1 = Source1(2 * field.degree, epsilon=epsilon)
    p = np.arange(2, 4000, 2, dtype=np.float64)
    if strong == "source2":
        p = p[:400:3] if len(levels.min_entropy) < 1000 else p[:60:3]
    first, second = raz_levels.log2_parts(source1, output_bits, levels, p, strong)
    best = float(np.logaddexp2(first - field.degree / p, second).min())
    asked = epsilon, length2, output_bits, levels, wanted, strong
    if best > wanted:
        with pytest.raises(InsufficientError, match=f"cannot be extracted strong in {strong}"):
            Raz.for_levels(*asked)
        return
    plan = Raz.for_levels(*asked)
    reached = plan.log2_distance(levels)
    assert reached <= min(best, 0.0) + 1e-3 * abs(best) <= wanted + 1e-3 * abs(best)
    assert plan.min_entropy2 == min(levels.min_entropy[0], length2)
    assert (plan.strong, plan.output_bits, plan.field) == (strong, output_bits, field)
    assert Raz.from_json(plan.to_json()).log2_distance(levels) == reached
    if strong == "source1":  # by hand
        norm = float(source1.log2_norm(plan.moment)) - 1 + output_bits / 2
        pairs = sum(math.log2(j) for j in range(1, plan.moment, 2)) / plan.moment
        roots = (levels.log2_mass - levels.min_entropy) / 2
        b = norm + pairs + math.log2(np.exp2(roots - roots.max()).sum()) + roots.max()
        a = norm + (plan.levels - field.degree) / plan.moment
        assert reached == pytest.approx(np.logaddexp2(a, b), rel=1e-9)


def test_one_level_of_all_the_mass_is_the_error_but_for_a_bit():
    """(a+b)^{1/p} ≤ a^{1/p} + b^{1/p} ≤ 2(a+b)^{1/p}."""
    for strong in ("source1", "source2"):
        for k in (300, 600, 1000):
            plan = Raz.largest(None, 1000, k, -40, epsilon=0.01, strong=strong)
            found = plan.log2_distance(_levels((k, 1.0)))
            assert plan.log2_error - 1e-9 <= found <= plan.log2_error + 1
    dodis = Dodis.largest(Source1(1000, epsilon=0.01), 1000, 700, -40)
    assert dodis.log2_distance(_levels((700, 1.0))) == pytest.approx(dodis.log2_error)
    assert dodis.log2_distance(_levels((700, 0.25))) == pytest.approx(dodis.log2_error - 1)


def test_levels_without_mass_or_beyond_all_entropy_cost_nothing():
    for strong in ("source1", "source2"):
        plan = Raz.largest(None, 1000, 600, -40, epsilon=0.01, strong=strong)
        some = plan.log2_distance(Levels(np.array([600.0]), np.array([0.0])))
        more = Levels(np.array([10.0, 600.0, math.inf]), np.array([-math.inf, 0.0, 0.0]))
        assert plan.log2_distance(more) == pytest.approx(some)
        none = Levels(np.array([9.0]), np.array([-math.inf]))
        assert plan.log2_distance(none) == -math.inf
        assert Raz.for_levels(0.01, 1000, 5, none, -66, strong).log2_distance(none) == -math.inf
    assert Raz.source1_bits_for_output(0.01, 1000, 5, none, -66) == 2036


def test_dodis_for_levels_is_the_one_of_the_least_length():
    levels = score_levels(700, 0.9, 700)
    for source1_bits in (None, 900, 1200):
        plan = Dodis.for_levels(0.01, 1000, 200, levels, -40, "source2", source1_bits)
        n = max(1000, source1_bits or 0)
        assert plan.length == next(r for r in range(n, n + 100) if is_artin_prime(r))
        assert plan.source1.bits == (source1_bits or 1000)
        assert plan.log2_distance(levels) <= -40
    with pytest.raises(InsufficientError, match="690 bits cannot be extracted: the distance of"):
        Dodis.for_levels(0.01, 1000, 690, levels, -40)
    assert Dodis.source1_bits_for_output(0.01, 1000, 200, levels, -40) == 1000


@pytest.mark.parametrize(
    ("epsilon", "length2", "output_bits", "k"),
    [
        (0.1, 100, 150, 300),
        (0.05, 1000, 1500, 250),
        (0.05, 1000, 990, 400),
        (0.01, 300, 20, 100),
        (0.0, 300, 60, 180),
        (0.3, 300, 400, 90_000),
        (0.2, 2000, 5, 800),
    ],
)
def test_the_least_field_strong_in_source_2_is_the_least_of_all(epsilon, length2, output_bits, k):
    levels = Levels(np.array([float(k), k + 40.0]), np.array([-12.0, 0.0]))
    wanted = -30.0

    def enough(r):
        source1 = Source1(2 * r, epsilon=epsilon)
        p = np.arange(2, 200, 2, dtype=np.float64)
        first, second = raz_levels.log2_parts(source1, output_bits, levels, p, "source2")
        return bool((np.logaddexp2(first - r / p, second) <= wanted).any())

    start = max(length2, output_bits)
    fields = (r for r in range(start, 12_000) if smallest_field(r).degree == r)
    least = next((r for r in fields if enough(r)), None)
    if least is None:
        with pytest.raises(InsufficientError, match="cannot be extracted strong in source2 over"):
            Raz.source1_bits_for_output(epsilon, length2, output_bits, levels, wanted)
        return
    bits = Raz.source1_bits_for_output(epsilon, length2, output_bits, levels, wanted)
    assert bits == 2 * least
    plan = Raz.for_levels(epsilon, length2, output_bits, levels, wanted, "source2", bits)
    assert plan.source1_bits == bits
    assert plan.length2 == length2
    assert plan.log2_distance(levels) <= wanted


def test_where_no_field_will_do_the_message_has_the_min_entropy_that_would():
    levels = Levels(np.array([90.0, 500.0]), np.array([-3.0, 0.0]))
    with pytest.raises(InsufficientError, match=r"source 2 has min-entropy from 90\.0 bits") as no:
        Raz.source1_bits_for_output(0.1, 2000, 1500, levels, -64)
    more = float(str(no.value).split()[-5])
    enough, short = (
        Levels(levels.min_entropy + more + extra, levels.log2_mass) for extra in (1, -5)
    )
    Raz.source1_bits_for_output(0.1, 2000, 1500, enough, -64)
    with pytest.raises(InsufficientError):
        Raz.source1_bits_for_output(0.1, 2000, 1500, short, -64)
    with pytest.raises(
        InsufficientError, match=r"whatever source 2: source 1 with epsilon 0\.4 is"
    ):
        Raz.source1_bits_for_output(0.4, 2000, 15, levels, -64)


def test_a_kind_without_a_theorem_on_measures_is_made_for_its_least_level():
    levels = Levels(np.array([400.0, 450.0]), np.array([-20.0, 0.0]))
    plan = Masked.for_levels(0.01, 401, 1, levels, -100)
    assert plan.min_entropy2 <= 400
    assert not plan.charges_mass
    assert plan.log2_distance(levels) == plan.log2_error <= -100
    low = Levels(np.array([plan.min_entropy2 - 1, 450.0]), np.array([-20.0, 0.0]))
    assert plan.log2_distance(low) == 0
    with pytest.raises(InsufficientError, match=r"need .* bits of min-entropy in source 2, which"):
        Masked.for_levels(0.01, 401, 1, low, -190)
    with pytest.raises(InsufficientError, match="strong in source1 only, source2 was asked for"):
        Masked.source1_bits_for_output(0.01, 401, 1, levels, -100)
    with pytest.raises(InputError, match="source 1 has 400 bits, masked expects 401"):
        Masked.for_levels(0.01, 401, 1, levels, -100, source1_bits=400)


def test_bad_input_is_refused():
    levels = Levels(np.array([400.0]), np.array([0.0]))
    for bits, message in (
        (2001, "source 1 has 2001 bits, expected 2r, an even number"),
        (2000, "no all-one field of degree 1000; nearest: all-one"),
        (200, "source 2 has 1000 bits, expected 1..100 for this field"),
        (2036.0, r"bits of source 1: 2036\.0, expected a whole number"),
    ):
        with pytest.raises(InputError, match=message):
            Raz.for_levels(0.01, 1000, 5, levels, -40, source1_bits=bits)  # type: ignore[arg-type]
    for output_bits in (0, 1019):
        with pytest.raises(InputError, match=f"{output_bits} output bits are outside 1..1018"):
            Raz.for_levels(0.01, 1000, output_bits, levels, -40)
    with pytest.raises(InputError, match=r"error 2\^nan is outside"):
        Raz.for_levels(0.01, 1000, 5, levels, math.nan)
    with pytest.raises(InputError, match="0 output bits from 1000 bits of source 2"):
        Raz.source1_bits_for_output(0.01, 1000, 0, levels, -40)
    for kind in (Raz, Dodis, Masked):
        with pytest.raises(InputError, match="strong in 'both', expected 'source1' or 'source2'"):
            kind.for_levels(0.01, 1000, 1, levels, -40, "both")  # type: ignore[arg-type]
