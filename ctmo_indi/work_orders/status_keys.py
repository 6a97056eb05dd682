"""Which service answers which key of a Status order; at another it is refused, not passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctmo_indi.errors import BadOrder
from ctmo_indi.work_orders.model import CheckedOrder
from ctmo_indi.work_orders.problems import show

_OF_ORDERS = ("scheduler", "telescope", "preprocessor")

#: Services that answer a key; the telescope's desk and the dome's are one service.
ANSWERED_BY: Mapping[str, Sequence[str]] = {
    "ID": _OF_ORDERS,
    "Receipt": _OF_ORDERS,
    "All": _OF_ORDERS,
    "Properties": ("telescope",),
    "Debt": ("scheduler", "preprocessor"),
}


def require_answered(checked: CheckedOrder, service: str) -> None:
    """Refuse a Status order with keys that others answer; BadOrder naming each and who does."""
    wire = checked.wire
    problems = [
        f"{key}: came {show(wire[key])}, which {service} does not answer, expected at "
        + " or ".join(services)
        for key, services in ANSWERED_BY.items()
        if service not in services and wire.get(key) not in (None, False)
    ]
    if problems:
        raise BadOrder(problems)
