"""Compiled: when the night itself is as a request wants it: the Sun low, the Moon low or dim.

Many requests want the same, so the spans of the last few wishes are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.night_limits import NightLimits
from ctmo_indi.planner.root_kernels import add_kept_spans

Array = NDArray[np.float64]

_SLOTS = 16
_MOST_SPANS = 64


class Conditions(NamedTuple):
    """The wishes kept.

    Parameters
    ----------
    wishes
        Shape (slots + 1, 3): what ``slack_kernels.slack`` was asked (kind and bound), and how many
        spans it has; in the last row the slot to be overwritten next.
    spans
        Shape (slots, most spans, 2).
    """

    wishes: Array
    spans: Array


@compiled
def no_conditions() -> Conditions:
    """Make room for the conditions of a night."""
    wishes = np.full((_SLOTS + 1, 3), -1.0)
    wishes[_SLOTS, 0] = 0.0
    return Conditions(wishes, np.empty((_SLOTS, _MOST_SPANS, 2)))


@compiled
def kept_slot(kind: int, bound: float, conditions: Conditions) -> int:
    """Return where the spans of a wish are kept; -1: nowhere."""
    for slot in range(_SLOTS):
        if conditions.wishes[slot, 0] == kind and conditions.wishes[slot, 1] == bound:
            return slot
    return -1


@compiled
def fill_slot(
    kind: int, bound: float, night: NightLimits, values: Array, conditions: Conditions
) -> int:
    """Work out the spans of a wish and return where they are kept now.

    Parameters
    ----------
    values
        Room for slacks at nodes.
    """
    slot = int(conditions.wishes[_SLOTS, 0])
    conditions.wishes[_SLOTS, 0] = (slot + 1) % _SLOTS
    count = add_kept_spans(
        kind,
        (0.0, 0.0, 0.0),
        bound,
        night,
        0.0,
        night.turning.length_s,
        values,
        conditions.spans[slot],
        0,
    )
    wish = conditions.wishes[slot]
    wish[0], wish[1], wish[2] = kind, bound, count
    return slot
