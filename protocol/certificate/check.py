"""Whether a certificate object is what was proved: rebuilt from what determines it, and compared.

Objects can be put together by anybody, as files can; files are proved when they are read.
"""

from __future__ import annotations

import numpy as np

from protocol.certificate.file import TableCertificate, certify_table
from protocol.certificate.proof import ProofError
from protocol.certificate.score import ScoreCertificate, closed_form
from protocol.errors import InputError


def check_certificate(certificate: ScoreCertificate) -> None:
    """Prove a certificate once more, and check that its factors are those that are proved.

    Raises:
        InputError: it does not hold, or its factors, beta, epsilon or code are others.
    """
    proved: ScoreCertificate
    if isinstance(certificate, TableCertificate):
        try:
            proved = certify_table(certificate.table, certificate.proof, certificate.about)
        except ProofError as error:
            raise InputError(f"the certificate does not hold: {error}") from None
    else:
        proved = closed_form(certificate.code, certificate.epsilon, certificate.beta)
    same = (
        certificate.kind == proved.kind
        and certificate.code == proved.code
        and certificate.epsilon <= proved.epsilon
        and certificate.beta == proved.beta
        and np.array_equal(certificate.log2_factors, proved.log2_factors)
    )
    if not same:
        raise InputError(
            f"the {certificate.kind} certificate is not the one that was proved, expected one as "
            "it was made or read"
        )
