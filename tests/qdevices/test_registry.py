import sys

import pytest

from qdevices.errors import InputError, KsampError
from qdevices.registry import Registry


def test_a_kind_is_imported_only_when_it_is_asked_for():
    kinds: Registry[object] = Registry("wave", {"sine": "wave:open", "plain": 7})
    sys.modules.pop("wave", None)
    assert kinds.names == ("sine", "plain")
    assert "sine" in kinds
    assert "wave" not in sys.modules
    assert callable(kinds["sine"])
    assert kinds["plain"] == 7


def test_an_unknown_kind_is_refused_with_those_that_are_known():
    kinds: Registry[object] = Registry("wave", {"sine": 1, "saw": 2})
    with pytest.raises(InputError, match="wave 'square', expected one of sine, saw"):
        kinds["square"]


def test_every_exception_of_ours_has_one_base():
    from protocol.certificate.proof import ProofError
    from protocol.documents.database import ConflictError
    from protocol.extract.bounds import InsufficientError
    from protocol.providers.provider import TransientError
    from protocol.search.polytope import LinearProgramError

    for kind in (
        InputError, ProofError, ConflictError, InsufficientError, TransientError,
        LinearProgramError,
    ):  # fmt: skip
        assert issubclass(kind, KsampError)
