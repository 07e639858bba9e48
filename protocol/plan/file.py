"""Plans as documents, alone for data that are recorded after the plan was fixed, or in others.

A plan's digest, which `ksamp plan --out` prints, shows afterwards that it was not changed, if it
was published before the run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protocol.certificate import file as certificates
from protocol.certificate.check import check_certificate
from protocol.documents.fields import Fields
from protocol.documents.format import Format, Opened
from protocol.extract.kinds import extractor_from_json
from protocol.plan.audit import ROUNDING
from protocol.plan.plan import Plan
from protocol.request import COMPLETE_FOR, MOST_OUTPUT, MOST_RUNS
from protocol.security import Security
from qdevices.errors import InputError

#: In 2.0 the document's digest was the plan's.
FORMAT = Format("ksamp-plan", "plan", sealed_from=1)


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """A plain dictionary, from which `plan_from_json` restores the plan."""
    return {
        **plan.fixed(),
        "certificate": certificates.to_json(plan.certificate),
        "delta": plan.delta,
        "mu1": plan.mu1,
        "soundness_log2": plan.soundness_log2,
        "source_bits": plan.source_bits,
        "theorem9": plan.theorem9.to_json(),
    }


def plan_from_json(data: Mapping[str, Any], *, bare: bool = False) -> Plan:
    """Inverse of `plan_to_json`; entries that follow from others are recomputed.

    Args:
        data: the plan's JSON value.
        bare: whether a closed form may be without header and digest, as 2.0 wrote it.

    Raises:
        InputError: missing, unknown or unusable entries, or as `Plan`.
    """
    entries = Fields(data, "the plan")
    certificate = certificates.from_json(entries.object("certificate"), bare=bare)
    runs = entries.integer("runs", 1, MOST_RUNS)
    most = certificate.code.game.outcome_bits * runs
    found: dict[str, Any] = {
        "runs": runs,
        "epsilon": entries.number("epsilon", 0, 0.5),
        "soundness": entries.number("soundness", 0),
        "completeness": entries.number("completeness", 0, 1),
        "certificate": certificate,
        "losing_limit": entries.integer("losing_limit", 0, runs),
        "event_least": entries.integer("event_least", 0, runs),
        "score_least": _or_minus_inf(entries, "score_least"),
        "capacity": entries.integer("capacity", 0, runs),
        "output_bits": entries.integer("output_bits", 0, MOST_OUTPUT),
        "min_entropy_bits": entries.number("min_entropy_bits", 0, most),
        "expected_losing": entries.number("expected_losing", -ROUNDING, 1 + ROUNDING),
        "expected_event": entries.number("expected_event", -ROUNDING, 1 + ROUNDING),
        "expected_score": _or_minus_inf(entries, "expected_score"),
        "expected_paper_event": entries.number("expected_paper_event", -ROUNDING, 1 + ROUNDING),
        "extractor": None
        if entries.missing("extractor")
        else extractor_from_json(entries.any("extractor")),
        "reason": None if entries.missing("reason") else entries.text("reason"),
        **_of_2_2(entries),
    }
    entries.number("delta", 0, 1)
    entries.number("mu1", 0, 1)
    if not entries.missing("soundness_log2"):
        entries.number("soundness_log2")
    entries.integer("source_bits", 0, 1 << 62)
    entries.object("theorem9")
    entries.done()
    return Plan(**found)


def restored(plan: Plan) -> Plan:
    """The plan that a plan's document says: built, proved and audited anew, of nothing else.

    Objects can be edited in ways that no check of theirs sees, and whoever judges by one would
    believe it.

    Raises:
        InputError: no plan, or one that does not say what it is.
    """
    if type(plan) is not Plan:
        raise InputError(
            f"the plan is a {type(plan).__name__}, expected a Plan, and no class derived from it"
        )
    check_certificate(plan.certificate)
    derived: dict[str, Any] = {
        "delta": 0,
        "mu1": 0,
        "soundness_log2": None,
        "source_bits": 0,
        "theorem9": {},
    }
    return plan_from_json(
        {**plan.fixed(), "certificate": certificates.to_json(plan.certificate), **derived}
    )


def check_game(opened: Opened, plan: Plan, what: str) -> None:
    """Check that a document speaks of the game that its plan is for.

    Raises:
        InputError: of another one.
    """
    if opened.game != plan.code.game.name:
        raise InputError(
            f"{what} is of game {opened.game!r}, expected {plan.code.game.name!r} as in its plan"
        )


def _of_2_2(entries: Fields) -> dict[str, Any]:
    if entries.missing("by_levels"):
        return {"by_levels": False}
    if not entries.flag("by_levels"):
        raise InputError("the plan's entry 'by_levels' is false, expected true or none")
    return {
        "by_levels": True,
        "security": Security.from_json(entries.object("security")),
        "complete_for": entries.choice("complete_for", *COMPLETE_FOR),
    }


def _or_minus_inf(entries: Fields, key: str) -> float:
    return -math.inf if entries.missing(key) else entries.number(key)


def write_plan(plan: Plan, path: str | Path, *, overwrite: bool = False) -> None:
    """Write `plan` to a file, whole or not at all.

    Raises:
        InputError: the file exists (unless `overwrite`) or cannot be written.
    """
    content = {"plan": plan_to_json(plan), "plan_sha256": plan.digest}
    FORMAT.write(path, content, plan.code.game.name, overwrite=overwrite)


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `write_plan` wrote.

    Raises:
        InputError: the file cannot be read, holds no plan of a version that is read, was edited, or
            as `plan_from_json`.
    """
    return plan_of(FORMAT.read(path), f"plan file {str(path)!r}")


def plan_of(opened: Opened, what: str) -> Plan:
    """The plan of a plan document.

    Raises:
        InputError: as `read_plan`.
    """
    entries = opened.fields
    plan = plan_from_json(entries.any("plan"), bare=opened.minor == 0)
    check_game(opened, plan, what)
    key = "plan_sha256" if opened.sha256 else "sha256"
    if entries.text(key) != plan.digest:
        raise InputError(f"{what} was edited: its SHA-256 digest does not match")
    entries.done()
    return plan
