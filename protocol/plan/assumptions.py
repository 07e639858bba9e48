"""What a plan rests on, said in words: nothing that is certified holds without it.

The security model is the plan's (`protocol.security`; theory 4.5, 4.8).  Common to all: what Eve
knew from the start is classical, and the bound on the outcomes' probability holds for each value
of that.
"""

from __future__ import annotations

from protocol.plan.plan import Plan
from protocol.security import CLASSICAL, SECRET, Security


def assumptions(plan: Plan, chunk: int | None = None) -> tuple[str, ...]:
    """One sentence for each assumption under which the plan's promise holds.

    Args:
        plan: the plan.
        chunk: runs whose settings a provider is handed at once; None if it is handed none.
    """
    found = [
        f"every weak bit is 1 with probability 1/2 ± {plan.epsilon:g}, whatever came before and "
        "whatever Eve knows",
        "given what Eve knows the source and the devices are independent: no bit follows an "
        "outcome, the devices learn of the bits only the settings",
        *_of_the_model(plan.security),
    ]
    if chunk is not None:
        many = min(chunk, plan.runs)
        found.append(
            f"the provider is handed the settings of {many:,} runs at once and keeps them from the "
            "devices until their run, plays its jobs in the order in which they are sent, and who "
            "fails a job tells the devices no setting that is still to be played"
        )
    return tuple(found)


def _of_the_model(security: Security) -> tuple[str, ...]:
    gamma = security.signalling
    halves = (
        f"each of the two devices' marginals varies by at most {gamma:g} with the other's setting"
        if gamma
        else "the two devices do not signal to each other"
    )
    found = [f"{halves}; they may remember, but do not know later settings"]
    # What the extractor is strong in may become known once she has measured, the other never.
    if security.extractor_bits == SECRET:
        before = "settings and outcomes"
        ever = "the weak bits that the extractor used, and all later bits of the same source,"
    else:
        before, ever = "settings and extractor bits", "the outcomes"
    if security.side_information == CLASSICAL:
        found.append(
            f"Eve has to measure before the output is known; {before} stay unknown to her until "
            f"then, and {ever} for ever"
        )
        found.append("so her side information is classical; the bound holds for each value of it")
    else:
        found += [
            f"{before} stay unknown to Eve until she has chosen her measurement, and {ever} for "
            "ever",
            "what she knew before is classical; the bound holds for each value of it, and her "
            "choice may follow the output",
        ]
    return tuple(found)
