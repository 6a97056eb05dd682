"""A close look at an order whose limits are nearly never met: how long one stay within them lasts.

A coarse look passes over what lies between its instants, so it gives each limit some grace. Here
only the times that passed it are looked at, each minute, and edges are interpolated: right to some
seconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import Array, airmass, from_unix_s
from ctmo_indi.models.observing_rules import Rule
from ctmo_indi.models.orders import ObservationRequest

STEP_S = 60.0
MOST_INSTANTS = 30_000
"""With more than these the step is longer."""

_DEG_PER_S = 360.0 / 86164.0
_EDGE_S = 5.0  # edges are right to that
_JUMP = 5.0

Bools = NDArray[np.bool_]


def closely_excluded_by(
    checked: Sequence[Rule], request: ObservationRequest, times_s: Array, needed_s: float
) -> str:
    """Return why an order never has so much time in one go; "" when it may have.

    Parameters
    ----------
    checked
        Its limits at the instants of the close look, ``times_s`` (Unix seconds).
    """
    step_s = float(np.median(np.diff(times_s))) if times_s.size > 1 else 0.0
    latest_s = request.latest_start_utc_s
    lasts_s = longest_s(checked, times_s, step_s, latest_s)
    if lasts_s + _EDGE_S >= needed_s:
        return ""
    if latest_s is not None:
        return (
            f"Start: begun by {from_unix_s(latest_s):%Y-%m-%dT%H:%M:%SZ} its visit has to go on"
            f" for {needed_s:.0f} s, at best {lasts_s:.0f} s are within all limits"
        )
    slacks = [rule.slack + grace(rule, step_s) for rule in checked]
    if needed_s <= step_s and np.any(np.all([slack >= 0.0 for slack in slacks], axis=0)):
        return ""  # it may be between two instants
    where = "in the order's windows" if request.windows else "at this site"
    never = [rule.reason() for rule, one in zip(checked, slacks, strict=True) if one.max() < 0.0]
    if never:
        return f"never {where}: at best " + "; ".join(never)
    return (
        f"never {where} for long enough: one exposure takes {request.exposure_s:g} s,"
        f" at best {lasts_s:.0f} s are within all limits"
    )


def close_instants(is_good: Bools, times_s: Array) -> Array:
    """Return instants of the times that passed a coarse look, and of a step to either side.

    Parameters
    ----------
    times_s
        Unix seconds, ascending, shape (n,); within a span in equal steps.
    """
    step_s = float(np.median(np.diff(times_s))) if times_s.size > 1 else STEP_S
    found: list[tuple[float, float]] = []
    for at_s in times_s[is_good].tolist():
        if found and at_s - step_s <= found[-1][1]:
            found[-1] = found[-1][0], at_s + step_s
        else:
            found.append((at_s - step_s, at_s + step_s))
    length_s = sum(end - begin for begin, end in found)
    fine_s = max(STEP_S, length_s / MOST_INSTANTS)
    return np.concatenate([np.arange(begin, end + fine_s, fine_s) for begin, end in found])


def grace(rule: Rule, step_s: float) -> float:
    """Return what a target may lack at the nearest instant and meet in between.

    In the rule's unit: what half a step of the sky's turn is.
    """
    half_deg = 0.5 * step_s * _DEG_PER_S
    if rule.name == "airmass":
        bound = max(float(rule.bounds[0]), 1.0)
        up_deg = float(np.degrees(np.arcsin(1.0 / bound)))
        return float(airmass(max(up_deg - half_deg, 0.0)) - airmass(up_deg))
    return half_deg * {" h": 1.0 / 15.0, " min": 4.0}.get(rule.unit, 1.0)


def longest_s(
    checked: Sequence[Rule], times_s: Array, step_s: float, latest_utc_s: float | None = None
) -> float:
    """Return how long the longest stay within all limits lasts, 0 when there is none.

    Parameters
    ----------
    step_s
        What lies further apart is not of one stay.
    latest_utc_s
        It has begun by then, Unix seconds; None: at any time.
    """
    slacks = np.array([rule.slack for rule in checked])
    is_good = np.all(slacks >= 0.0, axis=0)
    is_joined = np.diff(times_s) <= 1.5 * step_s
    longest = 0.0
    for first, last in _stays(is_good, is_joined):
        begin_s = times_s[first] - _edge_s(slacks, times_s, is_joined, first, -1)
        end_s = times_s[last] + _edge_s(slacks, times_s, is_joined, last, +1)
        if latest_utc_s is None or begin_s <= latest_utc_s:
            longest = max(longest, float(end_s - begin_s))
    return longest


def _stays(is_good: Bools, is_joined: Bools) -> list[tuple[int, int]]:
    """Return first and last of each run of good instants."""
    good = np.flatnonzero(is_good)
    if not good.size:
        return []
    is_cut = (np.diff(good) > 1) | ~is_joined[good[:-1]]
    edges = np.concatenate([[0], np.flatnonzero(is_cut) + 1, [good.size]])
    return [(int(good[a]), int(good[b - 1])) for a, b in itertools.pairwise(edges.tolist())]


def _edge_s(slacks: Array, times_s: Array, is_joined: Bools, at: int, way: int) -> float:
    """Return how long beyond its last instant a stay lasts.

    By a straight line between both instants; where a limit jumps, the whole step.
    """
    out, inside = at + way, at - way
    if not 0 <= out < times_s.size or not is_joined[min(at, out)]:
        return 0.0
    here, there = slacks[:, at], slacks[:, out]
    part = np.where(there < 0.0, here / np.maximum(here - there, 1e-12), 1.0)
    if 0 <= inside < times_s.size and is_joined[min(at, inside)]:
        is_jump = np.abs(here - there) > _JUMP * np.abs(here - slacks[:, inside]) + 1e-6
        part = np.where(is_jump, 1.0, part)
    return float(part.min() * abs(times_s[out] - times_s[at]))
