"""Whether a certificate object is what its kind proves: restored from its document, and compared.

Certificates are proved when they are built, but objects can be put together by anybody who tries.
What is compared with is therefore made anew, past every cache.
"""

from __future__ import annotations

import numpy as np

from protocol.certificate.file import proved_again
from protocol.certificate.kinds import CERTIFICATES
from protocol.certificate.score import ScoreCertificate, check_shape
from qdevices.errors import InputError
from qdevices.game import Game
from qdevices.games import GAMES


def check_certificate(certificate: ScoreCertificate) -> None:
    """Prove a certificate once more, and check that its factors are those that are proved.

    Raises:
        InputError: its kind is not entered, it does not hold, its factors, beta, epsilon or code
            are others, or it hides what its kind says, such as what signalling costs.
    """
    if type(certificate) is not CERTIFICATES[certificate.kind]:
        raise InputError(
            f"a certificate of class {type(certificate).__name__}, expected that of its kind "
            f"{certificate.kind!r}"
        )
    if own := set(vars(certificate)) & set(dir(type(certificate))):
        raise InputError(
            f"the {certificate.kind} certificate has a {min(own)} of its own, expected that of its "
            "kind"
        )
    game = certificate.code.game
    if type(game) is not Game or GAMES[game.name] != game:
        raise InputError(
            f"a certificate for a game {game!r:.80} that is not entered under its name"
        )
    check_shape(certificate)
    proved = proved_again(certificate)
    same = (
        certificate.code == proved.code
        and certificate.epsilon == proved.epsilon
        and certificate.beta == proved.beta
        and np.array_equal(certificate.log2_factors, proved.log2_factors)
    )
    if not same:
        raise InputError(
            f"the {certificate.kind} certificate is not the one that was proved, expected one as "
            "it was made or read"
        )
