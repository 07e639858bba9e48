"""What a plan rests on, said in words: nothing that is certified holds without it.

The model is the paper's (eq 8; theory 4.5): Eve, who need not obey quantum mechanics, holds a part
of the box and chooses what to measure on it.  Her choice may depend on the output, when that
becomes known, and on what she knew from the start, which is classical; the bound on the outcomes'
probability holds for each value of that.  Settings and extractor bits may become public afterwards.
"""

from __future__ import annotations

from protocol.plan.plan import Plan


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
        "the two devices do not signal to each other; they may remember, but do not know later "
        "settings",
        "settings and extractor bits stay unknown to Eve until she has chosen her measurement, and "
        "the outcomes for ever",
        "what she knew before is classical; the bound holds for each value of it, and her choice "
        "may follow the output",
    ]
    if chunk is not None:
        many = min(chunk, plan.runs)
        found.append(
            f"the provider is handed the settings of {many:,} runs at once and keeps them from the "
            "devices until their run, plays its jobs in the order in which they are sent, and who "
            "fails a job tells the devices no setting that is still to be played"
        )
    return tuple(found)
