"""Which certificate a plan takes, and what would have to change when none gives output."""

from __future__ import annotations

import math

import pytest

from protocol.certificate.closed_form import ClosedForm
from protocol.certificate.shipped import shipped_certificates
from protocol.plan.choose import best_plan, nearest_feasible
from protocol.request import Request
from protocol.settings.ks18 import default_code, joint_code, plain_code
from qdevices.errors import InputError
from qdevices.ks18.game import KS18
from tests.protocol.plans import closed_form_plan


def _noisy(white):
    return KS18.noisy(white)


@pytest.mark.parametrize(("epsilon", "white"), [(0.01, 0.001), (0.01, 0.01), (0.1, 0.0), (0.2, 0)])
def test_the_best_plan_is_no_worse_than_the_closed_form(epsilon, white):
    closed = closed_form_plan(1_000_000, epsilon, _noisy(white), default_code())
    assert best_plan(Request(1_000_000, epsilon, _noisy(white))).output_bits >= closed.output_bits


def test_shipped_certificates_give_several_times_the_closed_form():
    """The figures of theory 4.4, with certificates that no run has to wait for."""
    for white, factor in ((0.001, 3), (0.01, 5)):
        closed = closed_form_plan(1_000_000, 0.01, _noisy(white), default_code()).output_bits
        assert best_plan(Request(1_000_000, 0.01, _noisy(white))).output_bits >= factor * closed


def test_a_weak_source_and_little_noise_still_give_something():
    """ε = 0.2 and 0.01 % noise at some n up to 10⁹ (here 10⁷)."""
    plan = best_plan(Request(10_000_000, 0.2, _noisy(1e-4)))
    assert plan.output_bits > 1000
    assert plan.certificate.epsilon >= 0.2


def test_a_code_that_is_asked_for_is_kept():
    for code in (default_code(), plain_code(), joint_code()):
        assert (
            best_plan(Request(10_000_000, 0.01, _noisy(1e-3), code=code)).code.words == code.words
        )


def test_a_certificate_for_a_larger_epsilon_is_used_below_it():
    plan = best_plan(Request(1_000_000, 0.03, _noisy(1e-3)))
    assert plan.epsilon == 0.03
    assert plan.certificate.epsilon >= 0.03
    assert plan.output_bits > 0


def test_every_shipped_certificate_covers_what_it_is_offered_for():
    for epsilon in (0.0, 0.005, 0.01, 0.1, 0.29):
        offered = shipped_certificates(Request(10**6, epsilon, KS18.honest))
        assert offered
        assert all(c.epsilon >= epsilon for c in offered)
    assert shipped_certificates(Request(10**6, 0.45, KS18.honest)) == []


def test_bad_choices_are_refused():
    certificate = ClosedForm(default_code(), 0.01, 0.05)
    with pytest.raises(InputError, match=r"covers sources up to epsilon 0\.01, not epsilon 0\.02"):
        best_plan(Request(1000, 0.02, KS18.honest, certificate=certificate))
    with pytest.raises(InputError, match="is for setting code 'default', not 'joint'"):
        best_plan(Request(1000, 0.01, KS18.honest, certificate=certificate, code=joint_code()))
    with pytest.raises(InputError, match="certificate 'better' is unknown"):
        best_plan(Request(1000, 0.01, KS18.honest, certificate="better"))
    with pytest.raises(InputError, match="no certificate for setting code 'joint'"):
        best_plan(Request(1000, 0.45, KS18.honest, code=joint_code()))


@pytest.mark.parametrize("choice", ["closed-form", "best"])
def test_nearest_feasible_points_are_on_the_edge(choice):
    def output(runs=1_000_000, white=0.001):
        return best_plan(Request(runs, 0.01, _noisy(white), certificate=choice)).output_bits

    least, largest = nearest_feasible(Request(2_000, 0.01, _noisy(0.001), certificate=choice))
    assert largest is None
    assert least is not None
    assert output(runs=math.ceil(least * 1.02)) > 0
    assert output(runs=int(least / 1.02)) == 0
    told = []
    least, largest = nearest_feasible(
        Request(1_000_000, 0.01, _noisy(0.3), certificate=choice),
        progress=lambda *step: told.append(step),
    )
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert all(done < total for _, done, total in told)
    assert least is None
    assert largest is not None
    assert output(white=largest / 1.02) > 0
    assert output(white=largest * 1.02) == 0
