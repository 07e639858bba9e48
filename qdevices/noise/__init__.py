"""Noise of the simulated laboratory: terms by name, each defined once, and what they add up to.

A term (`white`, `gate1`, `gate2`, `readout`, one file each) says which channel acts after which
gates, or how measured bits are confused, in plain matrices.  A `NoiseSpec` is a choice of terms
with their values, from the text `gate2=1e-3,readout=2e-3`; `ReducedNoise` is what it does on four
qubits.  Aer's noise model, the exact evolution and the help texts are all read off from these.
Nothing here imports Qiskit before a noise model of Aer is asked for.
"""

from qdevices.noise.reduced import ReducedNoise, noise_on
from qdevices.noise.spec import NoiseSpec
from qdevices.noise.term import AfterGate, Effect, NoiseTerm, OnReadout
from qdevices.noise.terms import TERMS, describe_terms

__all__ = [
    "TERMS",
    "AfterGate",
    "Effect",
    "NoiseSpec",
    "NoiseTerm",
    "OnReadout",
    "ReducedNoise",
    "describe_terms",
    "noise_on",
]
