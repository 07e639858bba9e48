"""The kinds of extractors, one file each; adding one is its file and its line here."""

from __future__ import annotations

from typing import Any

from protocol.documents.fields import Fields
from protocol.extract.extractor import Extractor
from qdevices.registry import Registry

EXTRACTORS: Registry[type[Extractor]] = Registry(
    "extractor",
    {
        "raz": "protocol.extract.raz:Raz",
        "dodis": "protocol.extract.dodis:Dodis",
    },
)
#: What a plan takes unless it is asked for another.
DEFAULT = "raz"


def extractor_from_json(data: Any) -> Extractor:
    """The extractor of a document, whichever its kind.

    Raises:
        InputError: an unknown method, or as the kind's `from_json`.
    """
    method = Fields(data, "the extractor").choice("method", *EXTRACTORS)
    return EXTRACTORS[method].from_json(data)
