"""How long work tells whoever waits for it how far it is."""

from __future__ import annotations

from collections.abc import Callable

#: Called as (stage, done, total): the name of the step, such as "runs" or "chunks", and how many of
#: the step's own units (runs, chunks, candidates) are finished, of how many in all.  It is called
#: from the working thread, often, and must be quick; what it raises ends the work.
Progress = Callable[[str, int, int], None]
