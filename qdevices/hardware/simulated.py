"""A processor that is simulated exactly on the qubits in use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from qiskit.transpiler import Target

from qdevices.hardware.compilation import Compiled, compile_for
from qdevices.noise.reduced import ReducedNoise


@dataclass(frozen=True, eq=False)
class SimulatedBackend:
    """A processor's target and noise, simulated exactly on the qubits in use.

    Attributes:
        name: as `open_backend` takes it.
        target: gates, couplings and reported errors.
        noise: the noise of any four qubits; None: as the target reports.
        feedforward: whether the processor says that it can run dynamic circuits.
    """

    name: str
    target: Target
    noise: ReducedNoise | None = None
    feedforward: bool = True

    @cached_property
    def _compiled(self) -> dict[str, Compiled]:
        return {}

    def compiled(self, variant: str) -> Compiled:
        """The variant compiled for this backend, kept for further calls."""
        if variant not in self._compiled:
            self._compiled[variant] = compile_for(self.target, variant, noise=self.noise)
        return self._compiled[variant]
