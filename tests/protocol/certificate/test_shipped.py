"""The certificates that ship: proved, with the digests that plans were published with."""

from __future__ import annotations

import hashlib

from protocol.certificate.file import to_json
from protocol.certificate.shipped import _names, _read

#: Of all digests in the order of their names, before games were data.
DIGESTS = "2c1c186adf77187e93ba8a8e662b4905ce62d49aa2a1444ba041df35fbd766b3"


def test_all_are_proved_and_have_the_digests_that_they_always_had():
    names = sorted(name for _, _, name in _names())
    assert len(names) == 75
    digests = [_read(name).digest for name in names]
    assert hashlib.sha256("\n".join(digests).encode()).hexdigest() == DIGESTS
    assert to_json(_read(names[0]))["game"] == "ks18"
