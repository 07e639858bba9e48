"""The security model: what Eve may do, and what she may come to know; theory 4.5 and 4.8.

Everything else is common to all models: no-signalling devices, an ε-SV source, n runs, σ.  A model
says three things: when Eve has to choose her measurement, whether the weak bits that the extractor
used may become known beside the output, and by how much the devices' halves may signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from protocol.documents.fields import Fields, printable
from qdevices.errors import InputError

NO_SIGNALLING, CLASSICAL = "no-signalling", "classical"
PUBLIC, SECRET = "public", "secret"
#: By the names of the command line and of files; the first are the paper's own.
SIDE_INFORMATION = (NO_SIGNALLING, CLASSICAL)
EXTRACTOR_BITS = (PUBLIC, SECRET)


def check_signalling(gamma: float) -> float:
    """Return γ as a float if it is a number in [0, 1).

    Raises:
        InputError: otherwise.
    """
    if isinstance(gamma, bool) or not isinstance(gamma, (int, float)) or not 0 <= gamma < 1:
        raise InputError(
            f"signalling {printable(gamma, 40)} is outside [0, 1): it is γ, the most by which "
            "one party's marginals vary with the other's setting"
        )
    return float(gamma) + 0.0


@dataclass(frozen=True)
class Security:
    """A security model.

    Attributes:
        side_information: "no-signalling", the paper's: Eve may choose her measurement after she has
            seen the output (d_c of eq 8).  "classical": she has to choose it before, so that what
            she knows is classical (d of eq 10).
        extractor_bits: "public": the weak bits that the extractor used may become known beside the
            output.  "secret": they must not, ever.
        signalling: γ: given any past each party's marginals may vary by at most γ about some value
            with the other party's setting; 0 for devices that do not signal.

    Raises:
        InputError: an unknown name, or γ outside [0, 1).
    """

    side_information: str = NO_SIGNALLING
    extractor_bits: str = PUBLIC
    signalling: float = 0.0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("side information", self.side_information, SIDE_INFORMATION),
            ("extractor bits", self.extractor_bits, EXTRACTOR_BITS),
        ):
            if type(value) is not str or value not in allowed:
                raise InputError(
                    f"{name} {printable(value, 40)!r} is unknown, expected {' or '.join(allowed)}"
                )
        object.__setattr__(self, "signalling", check_signalling(self.signalling))

    @property
    def strong(self) -> Literal["source1", "source2"]:
        """The source of the extractor that may become known beside the output."""
        return "source1" if self.extractor_bits == PUBLIC else "source2"

    def log2_price(self, output_bits: int) -> int:
        """log₂ of the factor that the model puts before the distance: m, or 0 (theory 4.4, 4.5)."""
        return output_bits if self.side_information == NO_SIGNALLING else 0

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, from which `from_json` restores it."""
        return {
            "side_information": self.side_information,
            "extractor_bits": self.extractor_bits,
            "signalling": self.signalling,
        }

    @classmethod
    def from_json(cls, data: Any) -> Security:
        """Inverse of `to_json`.

        Raises:
            InputError: missing, unknown or unusable entries.
        """
        entries = Fields(data, "the security model")
        found = cls(
            entries.choice("side_information", *SIDE_INFORMATION),
            entries.choice("extractor_bits", *EXTRACTOR_BITS),
            entries.number("signalling", 0, 1),
        )
        entries.done()
        return found

    @property
    def sentence(self) -> str:
        """What Eve may and may not do, in one sentence."""
        if self.side_information == NO_SIGNALLING:
            when = "Eve, who need not obey quantum mechanics, may measure after seeing the output"
        else:
            when = (
                "Eve, who need not obey quantum mechanics, has to measure before the output is "
                "known: her side information is classical"
            )
        if self.extractor_bits == PUBLIC:
            bits = "the extractor's weak bits may become public afterwards, the outcomes never"
        else:
            bits = (
                "the outcomes may become public afterwards, the extractor's weak bits and all "
                "later ones of the source never"
            )
        halves = f"; the halves may signal within {self.signalling:g}" if self.signalling else ""
        return f"{when}; {bits}{halves}"


#: The paper's own model.
PAPER = Security()
