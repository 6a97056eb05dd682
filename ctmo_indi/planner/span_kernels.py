"""Compiled: lists of spans of time, as arrays of starts and ends with a count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.pixels.compiled import compiled

Array = NDArray[np.float64]

JOINED_S = 0.005
"""Spans that are less than this apart are one."""


@compiled
def add_span(spans: Array, count: int, start_s: float, end_s: float) -> int:
    """Append a span, or let the last one go on; return how many there are then.

    Parameters
    ----------
    spans
        Shape (room, 2): starts and ends, ascending.
    """
    if count > 0 and start_s - spans[count - 1, 1] <= JOINED_S:
        spans[count - 1, 1] = end_s
        return count
    if count == spans.shape[0]:
        raise ValueError("more spans of one request than there is room for")
    spans[count, 0], spans[count, 1] = start_s, end_s
    return count + 1


@compiled
def common_spans(spans: Array, count: int, others: Array, n_others: int, common: Array) -> int:
    """Fill what two lists have in common; return how many spans that are.

    Parameters
    ----------
    spans, others, common
        Shape (room, 2) each, as in :func:`add_span`; of the first two so many are there.
    """
    found, number, other = 0, 0, 0
    while number < count and other < n_others:
        start_s = max(spans[number, 0], others[other, 0])
        end_s = min(spans[number, 1], others[other, 1])
        if start_s < end_s:
            common[found, 0], common[found, 1] = start_s, end_s
            found += 1
        if spans[number, 1] < others[other, 1]:
            number += 1
        else:
            other += 1
    return found


@compiled
def copy_long_enough(spans: Array, count: int, least_s: float, chosen: Array) -> int:
    """Fill the spans that have a length and are long enough; return how many there are.

    ``chosen`` may be ``spans``.
    """
    kept = 0
    for number in range(count):
        start_s, end_s = spans[number, 0], spans[number, 1]
        if end_s > start_s and end_s - start_s >= least_s:
            chosen[kept, 0], chosen[kept, 1] = start_s, end_s
            kept += 1
    return kept
