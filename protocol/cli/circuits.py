"""`ksamp circuits`: what a processor would run, and what could be expected of it."""

from __future__ import annotations

from typing import Any

import click

from protocol.cli import _options as options
from protocol.cli._json import show_json
from protocol.cli._planning import plan_for
from protocol.plan.plan import Plan
from qdevices.errors import InputError
from qdevices.game import signalling_of
from qdevices.ks18.game import KS18
from qdevices.variants import VARIANTS

#: Marginals of an exact model that differ by less do so by rounding.
ROUNDING = 1e-9


@click.command("circuits")
@click.option(
    "--backend",
    "backend_name",
    default="aer",
    show_default=True,
    metavar="NAME",
    help="aer, aer:gate2=1e-3,readout=1e-2, a snapshot such as fake:FakeSherbrooke, ibm:NAME, or "
    "python:MODULE:CALLABLE.",
)
@click.option(
    "--variant", type=click.Choice(VARIANTS), default="static", show_default=True, help="Circuits."
)
@click.option(
    "--pair",
    default="1,3",
    show_default=True,
    metavar="U1,U2",
    help="Setting pair whose circuit is drawn, labels 1..9.",
)
@options.runs_option
@options.plan_options
@options.json_option
def command(
    backend_name: str,
    variant: str,
    pair: str,
    runs: int,
    wanted: options.Wanted,
    as_json: bool,
) -> int:
    """Show the compiled circuit of a setting pair, its gates, and the expected test values.

    L and S are exact for the errors that the processor reports, with all setting pairs equally
    likely for L and at u*=(1,3) for S; so is the signalling, half the most that a marginal varies
    with the other party's setting.  Crosstalk and idle time are not reported by a processor and
    not contained.  The exit code is 3 if nothing could be certified.
    """
    setting = _pair(pair)
    compiled = _compiled(backend_name, variant)
    data = _summary(compiled, setting)
    plan = plan_for(wanted.request(runs, compiled.behaviour), wanted.budget)
    data = {"backend": backend_name, "variant": variant, **data}
    data |= {
        "runs": runs,
        "epsilon": wanted.epsilon,
        "output_bits": plan.output_bits,
        "reason": plan.reason,
    }
    if as_json:
        show_json(data)
    else:
        click.echo(str(compiled.programme.bound(setting).draw("text", fold=100, idle_wires=False)))
        click.echo(_text(data, plan))
    return 0 if plan.output_bits else 3


def _pair(text: str) -> int:
    """Index of a setting pair written U1,U2."""
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"pair {text!r} is no setting pair, expected U1,U2 as in 1,3") from None
    return KS18.pair_index(first, second)


def _compiled(backend_name: str, variant: str) -> Any:
    from qdevices.hardware import compiled_for

    return compiled_for(backend_name, variant)


def _summary(compiled: Any, setting: int) -> dict[str, Any]:
    from qdevices.hardware.duration import duration
    from qdevices.hardware.figures import white_noise_equivalent

    programme = compiled.programme
    circuit = programme.bound(setting)
    gates = programme.two_qubit_gates()
    return {
        "pair": KS18.pair_label(setting),
        "qubits": [int(q) for q in programme.placement.qubits],
        "shape": programme.placement.shape,
        "two_qubit_gates": int(gates[setting]),
        "two_qubit_gates_least": int(gates.min()),
        "two_qubit_gates_mean": float(gates.mean()),
        "two_qubit_gates_most": int(gates.max()),
        "circuits": len(programme.circuits),
        "gates": {name: int(count) for name, count in circuit.count_ops().items()},
        "depth": int(circuit.depth()),
        "duration_seconds": duration(circuit, compiled.target),
        "expected_losing": max(0.0, compiled.losing),
        "expected_starred": compiled.starred,
        "white_noise": max(0.0, white_noise_equivalent(compiled.behaviour)),
        "signalling": compiled.signalling,
        "signalling_gamma": signalling_of(compiled.behaviour, KS18),
    }


def _text(data: dict[str, Any], plan: Plan) -> str:
    seconds = data["duration_seconds"]
    a0, a1, b0, b1 = data["qubits"]
    gates = ", ".join(f"{count} {name}" for name, count in data["gates"].items())
    lines = [
        f"{data['variant']} circuit of {data['pair']} on {data['backend']}",
        f"  qubits       Alice {a0} {a1}, Bob {b0} {b1}, coupled in a {data['shape']}",
        f"  gates        {gates}; depth {data['depth']}"
        + (f", {seconds * 1e6:.3g} µs" if seconds is not None else ""),
        f"  two-qubit    {data['two_qubit_gates']} here; {data['two_qubit_gates_least']} to "
        f"{data['two_qubit_gates_most']}, {data['two_qubit_gates_mean']:.2f} on average over the "
        f"81 pairs ({data['circuits']} circuit{'s' if data['circuits'] > 1 else ''})",
        f"  expected     L = {data['expected_losing']:.6g}, S = {data['expected_starred']:.6g}, "
        f"as with white={data['white_noise']:.3g}",
    ]
    if (gamma := data["signalling_gamma"]) > ROUNDING:
        lines.append(
            f"  signalling   marginals shift by up to {gamma:.2g} about a middle value in this "
            "model, whose noise is not local to a party; --signalling would have to cover it"
        )
    else:
        lines.append("  signalling   none in this model: its noise is local to the parties")
    if plan.output_bits:
        lines.append(
            f"  certifies    about {plan.output_bits:,} bits from {plan.runs:,} runs at epsilon "
            f"{data['epsilon']:g}"
        )
    else:
        lines.append(f"  certifies    nothing from {plan.runs:,} runs: {plan.reason}")
    return "\n".join(lines)
