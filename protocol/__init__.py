"""What the honest parties compute: from weak bits to certified random bits.

    >>> import numpy as np
    >>> import protocol, qdevices
    >>> game = qdevices.KS18
    >>> table = game.noisy(0.001)
    >>> plan = protocol.best_plan(protocol.Request(runs=100_000, epsilon=0.01, behaviour=table))
    >>> rng = np.random.default_rng(1)
    >>> source = protocol.open_source("uniform", 0.01, rng, plan.code)
    >>> result = protocol.execute(plan, qdevices.TableDevice(table, game), source, rng)
    >>> result.verdict.accepted and len(result.output) == plan.output_bits
    True

A bit goes through the rooms in this order: `sources` and `settings`, a device (`qdevices`), `run`
(tally, tests, judgement), `certificate`, `plan`, `extract`, the output.  Beside them stand
`documents` and `data`, `providers` and `jobs`, `diagnose`, `search` (finds certificates, need not
be trusted) and `paper` (the paper's own bounds).

The names below are the public ones and stay as they are within a major version; they are imported
when they are first used.  Everything else may change (`docs/api.md`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from protocol._version import __version__

if TYPE_CHECKING:
    from protocol.certificate.file import read as read_certificate
    from protocol.certificate.file import write as write_certificate
    from protocol.certificate.kinds import CERTIFICATES
    from protocol.certificate.score import ScoreCertificate
    from protocol.data.provenance import Provenance
    from protocol.data.recorded import Recorded
    from protocol.diagnose.signs import diagnose as diagnose_runs
    from protocol.extract.extractor import Extractor
    from protocol.extract.kinds import EXTRACTORS
    from protocol.plan.choose import best_plan, nearest_feasible, plan_with_source
    from protocol.plan.file import read_plan, write_plan
    from protocol.plan.make import plan_with
    from protocol.plan.plan import Plan
    from protocol.providers.kind import ProviderKind
    from protocol.providers.kinds import PROVIDERS
    from protocol.request import Request
    from protocol.run.finish import Result
    from protocol.run.folder import RunWriter, read_run
    from protocol.run.judge import Verdict
    from protocol.run.play import execute
    from protocol.run.replay import certify
    from protocol.run.verification import verify_folder
    from protocol.settings.code import SettingCode
    from protocol.sources.kinds import SOURCES, open_source
    from protocol.sources.source import Source, SourceKind
    from qdevices.errors import InputError, KsampError

#: Where each public name is, "module" or "module:name there".
_PLACES = {
    "CERTIFICATES": "protocol.certificate.kinds",
    "EXTRACTORS": "protocol.extract.kinds",
    "Extractor": "protocol.extract.extractor",
    "InputError": "qdevices.errors",
    "KsampError": "qdevices.errors",
    "PROVIDERS": "protocol.providers.kinds",
    "Plan": "protocol.plan.plan",
    "Provenance": "protocol.data.provenance",
    "ProviderKind": "protocol.providers.kind",
    "Recorded": "protocol.data.recorded",
    "Request": "protocol.request",
    "Result": "protocol.run.finish",
    "RunWriter": "protocol.run.folder",
    "SOURCES": "protocol.sources.kinds",
    "ScoreCertificate": "protocol.certificate.score",
    "SettingCode": "protocol.settings.code",
    "Source": "protocol.sources.source",
    "SourceKind": "protocol.sources.source",
    "Verdict": "protocol.run.judge",
    "best_plan": "protocol.plan.choose",
    "certify": "protocol.run.replay",
    "diagnose_runs": "protocol.diagnose.signs:diagnose",
    "execute": "protocol.run.play",
    "nearest_feasible": "protocol.plan.choose",
    "open_source": "protocol.sources.kinds",
    "plan_with": "protocol.plan.make",
    "plan_with_source": "protocol.plan.choose",
    "read_certificate": "protocol.certificate.file:read",
    "read_plan": "protocol.plan.file",
    "read_run": "protocol.run.folder",
    "verify_folder": "protocol.run.verification",
    "write_certificate": "protocol.certificate.file:write",
    "write_plan": "protocol.plan.file",
}

__all__ = [
    "CERTIFICATES",
    "EXTRACTORS",
    "PROVIDERS",
    "SOURCES",
    "Extractor",
    "InputError",
    "KsampError",
    "Plan",
    "Provenance",
    "ProviderKind",
    "Recorded",
    "Request",
    "Result",
    "RunWriter",
    "ScoreCertificate",
    "SettingCode",
    "Source",
    "SourceKind",
    "Verdict",
    "__version__",
    "best_plan",
    "certify",
    "diagnose_runs",
    "execute",
    "nearest_feasible",
    "open_source",
    "plan_with",
    "plan_with_source",
    "read_certificate",
    "read_plan",
    "read_run",
    "verify_folder",
    "write_certificate",
    "write_plan",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'protocol' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
