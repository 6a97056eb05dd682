"""What several devices order in the same words: Control orders, Abort."""

from __future__ import annotations

import math

from ctmo_indi.errors import BadOrder
from ctmo_indi.tango.spec import CommandSpec, Order
from ctmo_indi.tango.state_table import State

NOT_THERE = frozenset({State.INIT, State.UNKNOWN, State.OFF, State.FAULT})
"""States in which there is nobody to carry out a motion."""


def control(command: str, **keys: object) -> Order:
    """Make a Control order."""
    return {"WOType": "Control", "Command": command, **keys}


def finite(value: float, name: str) -> float:
    """Return a number; BadOrder for what is none."""
    if not math.isfinite(value):
        raise BadOrder(f"{name}: came {value}, expected a finite number")
    return float(value)


ABORT = CommandSpec(
    name="Abort",
    asks=("telescope",),
    order=lambda _: control("abort"),
    doc="Stop every motion and the exposure now; always allowed.",
)
