"""Two-source extractors on arrays of bits, usable alone: Raz and Dodis et al., fast and exact.

    >>> import numpy as np
    >>> from protocol.extract import Raz
    >>> raz = Raz.largest(None, 1000, min_entropy2=600, log2_wanted=-40, epsilon=0.01)
    >>> rng = np.random.default_rng(0)
    >>> weak, outcomes = rng.integers(0, 2, raz.source1_bits), rng.integers(0, 2, 1000)
    >>> raz.extract(weak, outcomes).shape == (raz.output_bits,)
    True

Sources are arrays of 0 and 1, or `PackedBits` where the bytes of files are at hand.  `largest`
answers how many bits come out, `for_output` how much min-entropy a number of bits takes,
`raz_bounds.best_error` and `dodis.log2_error` how close to uniform they are.

`raz_bounds` and `dodis` have the theorems with their proofs; `fields` and `multiply` the
arithmetic; `extractor` says what a kind has to be, `kinds` which there are.
"""

from protocol.extract.bounds import Source1
from protocol.extract.dodis import Dodis
from protocol.extract.extractor import Extractor
from protocol.extract.fields import Field, smallest_field
from protocol.extract.raz import Raz
from protocol.extract.words import PackedBits

__all__ = ["Dodis", "Extractor", "Field", "PackedBits", "Raz", "Source1", "smallest_field"]
