"""Where noise can act: names of gates, and of places that circuits mark by a labelled identity.

Every circuit is lowered to these gates; rz is a change of frame, without error on any processor.
"""

from __future__ import annotations

ONE_QUBIT_GATES = ("sx", "x")
TWO_QUBIT_GATES = ("cx",)
#: The gates of the simulated laboratory and of backend `aer`.
BASIS_GATES = ("rz", *ONE_QUBIT_GATES, *TWO_QUBIT_GATES)
#: Label of the identity on Alice's two qubits between the state preparation and the measurements.
SHARED_PAIR = "shared_pair"
