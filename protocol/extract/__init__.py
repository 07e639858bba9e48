"""Two-source extractors on arrays of bits, usable alone: Raz and Dodis et al., fast and exact.

    >>> import numpy as np
    >>> from protocol.extract import raz
    >>> plan = raz.plan_sv(epsilon=0.01, length2=1000, min_entropy2=600, log2_wanted=-40)
    >>> rng = np.random.default_rng(0)
    >>> weak, outcomes = rng.integers(0, 2, plan.source1_bits), rng.integers(0, 2, 1000)
    >>> raz.extract(plan, weak, outcomes).shape == (plan.output_bits,)
    True

Sources are arrays of 0 and 1, or `PackedBits` where the bytes of files are at hand.  `raz.plan` and
`dodis.plan` answer how many bits come out, `least_min_entropy2` how much min-entropy a number of
bits takes, `raz.best_error` and `dodis.log2_error` how close to uniform they are.

`raz` and `dodis` have the theorems with their proofs; `fields` and `multiply` the arithmetic.
"""

from protocol.extract import dodis, raz
from protocol.extract.bounds import Source1
from protocol.extract.dodis import DodisPlan
from protocol.extract.fields import Field, smallest_field
from protocol.extract.raz import RazPlan
from protocol.extract.words import PackedBits

__all__ = [
    "DodisPlan",
    "Field",
    "PackedBits",
    "RazPlan",
    "Source1",
    "dodis",
    "raz",
    "smallest_field",
]
