"""How runs are put to a processor: which circuits, in which order, and how many in one job.

Names only, so that whoever reads or writes them need not import Qiskit.
"""

from __future__ import annotations

from typing import Literal, get_args

from qdevices.errors import InputError

#: Circuits: the unitaries as they stand, one parametrised circuit, or dynamic circuits.
Variant = Literal["literal", "static", "feedforward"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
#: One shot a run in run order, or shots of equal settings together, which is not faithful.
Order = Literal["run", "grouped"]
ORDERS: tuple[Order, ...] = get_args(Order)
#: Executions in one job: IBM takes no more, and no provider known to us does.
MOST_EXECUTIONS = 10_000_000


def check_variant(variant: str) -> Variant:
    """Return `variant` if it is one.

    Raises:
        InputError: otherwise.
    """
    if variant not in VARIANTS:
        raise InputError(f"variant {variant!r} is unknown, expected one of {', '.join(VARIANTS)}")
    return variant


def check_order(order: str) -> Order:
    """Return `order` if it is one.

    Raises:
        InputError: otherwise.
    """
    if order not in ORDERS:
        raise InputError(f"order {order!r} is unknown, expected one of {', '.join(ORDERS)}")
    return order
