"""Plans that many tests want."""

from __future__ import annotations

from protocol.plan.choose import best_plan
from protocol.plan.make import plan_with
from protocol.plan.plan import Plan
from protocol.request import Request


def closed_form_plan(runs, epsilon, behaviour, code, **demands) -> Plan:
    """The plan with the best closed form; `demands` as in `Request`."""
    demands = {"certificate": "closed-form", "code": code, **demands}
    return best_plan(Request(runs, epsilon, behaviour, **demands))


def plan_for(runs, behaviour, certificate, epsilon=None, **demands) -> Plan:
    """The plan with a certificate, for sources of its own ε unless given."""
    epsilon = certificate.epsilon if epsilon is None else epsilon
    return plan_with(Request(runs, epsilon, behaviour, **demands), certificate)
