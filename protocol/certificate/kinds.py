"""The kinds of certificates, one file each; adding one is its file and its line here."""

from __future__ import annotations

from protocol.certificate.score import ScoreCertificate
from qdevices.registry import Registry

CERTIFICATES: Registry[type[ScoreCertificate]] = Registry(
    "certificate kind",
    {
        "closed-form": "protocol.certificate.closed_form:ClosedForm",
        "optimised": "protocol.certificate.table:TableCertificate",
    },
)
