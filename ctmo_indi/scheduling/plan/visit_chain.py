"""The visits of a cadence that are left, each with a window of its own in one night.

Between the begins of two visits lies at least a gap (period less tolerance). So that this holds
whichever start of each is chosen, the windows lie apart: the next one begins a gap after the end of
the one before. What the night leaves besides the gaps is shared out among them, up to a quarter of
a period each: room for others, between which a visit is put off a little. A visit that nothing
stands against is begun when it is due.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import Window

LEAST_WIDTH_S = 60.0
"""A visit whose window would be narrower is not planned: the series does not fit with it."""

WIDEST_PERIODS = 0.25
"""Of the period: windows may be so wide, or as wide as the tolerance."""

MOST_VISITS = 100
"""Of one order that are planned at once."""

_ANCHOR_STEP_S = 600.0
_ROOM_S = 1e-3  # against rounding

Worth = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How the visits of a series follow each other.

    Parameters
    ----------
    gap_s
        The least from the begin of one to the begin of the next; longer than a visit.
    period_s
        What is wanted.
    visits
        How many are left.
    is_begun
        One was made, and the next is due; else the series may begin when it is worth most.
    """

    gap_s: float
    period_s: float
    visits: int
    is_begun: bool


def chain_windows(starts: Sequence[Window], pace: Pace, worth: Worth | None) -> list[Window]:
    """Return a window of starts for each visit that fits in, in order; the first may be all.

    Parameters
    ----------
    starts
        Spans in which a whole visit can start, ascending.
    worth
        Of visits that start then (Unix seconds); None: the series begins as early as it can.
    """
    if not starts:
        return []
    earliest = _earliest(starts, starts[0].start_utc_s, pace.gap_s, min(pace.visits, MOST_VISITS))
    while True:
        count = len(earliest)
        latest = _latest(starts, pace.gap_s, count)
        slack_s = min(last - first for first, last in zip(earliest, latest, strict=True))
        if count == 1 or slack_s >= LEAST_WIDTH_S * count:
            break
        earliest.pop()
    widest_s = _widest_s(pace)
    room_s = slack_s - widest_s * count
    if room_s > 0.0 and not pace.is_begun and worth is not None:
        begin_s = _best_begin_s(earliest[0], room_s, pace.gap_s + widest_s, count, worth)
        earliest = _earliest(starts, begin_s, pace.gap_s, count)
    return _shared_out(starts, earliest, latest, pace.gap_s, widest_s)


def windows_around(
    starts: Sequence[Window], pace: Pace, planned_utc_s: Sequence[float]
) -> list[Window]:
    """Return a window of starts for each visit that is planned, and for those that fit behind.

    So a plan that is changed keeps its visits: each window has the planned start in it, or where
    that cannot be any more, the first one that can. What lies between two of them besides the gap
    is shared by both.
    """
    at_s: list[float] = []
    for begin_s in planned_utc_s[: pace.visits]:
        found = _from(starts, max(begin_s, at_s[-1] + pace.gap_s) if at_s else begin_s)
        if found is None:
            break
        at_s.append(found)
    widest_s = _widest_s(pace)
    windows: list[Window] = []
    for place, here_s in enumerate(at_s):
        before_s = here_s - (at_s[place - 1] + pace.gap_s) if place else math.inf
        behind_s = at_s[place + 1] - pace.gap_s - here_s if place + 1 < len(at_s) else math.inf
        begin_s = max(here_s - min(0.5 * before_s, widest_s), starts[0].start_utc_s)
        end_s = min(here_s + min(0.5 * behind_s, widest_s), starts[-1].end_utc_s)
        windows.append(Window(begin_s, end_s))
    if len(windows) == len(planned_utc_s) < pace.visits:
        least_s = windows[-1].end_utc_s + pace.gap_s if windows else -math.inf
        later = [
            Window(max(one.start_utc_s, least_s), one.end_utc_s)
            for one in starts
            if one.end_utc_s >= least_s
        ]
        rest = replace(pace, visits=pace.visits - len(windows), is_begun=True)
        windows += chain_windows(later, rest, None)
    return windows[:MOST_VISITS]


def _widest_s(pace: Pace) -> float:
    return max(pace.period_s - pace.gap_s, WIDEST_PERIODS * pace.period_s)


def _shared_out(
    starts: Sequence[Window],
    earliest: Sequence[float],
    latest: Sequence[float],
    gap_s: float,
    widest_s: float,
) -> list[Window]:
    """Return windows: each begins a part of the slack behind its earliest start.

    The part grows from visit to visit, so two begins lie a gap apart, and a width more; the end is
    a gap before the next begin.
    """
    count = len(earliest)
    begins: list[float] = []
    for place, (first_s, last_s) in enumerate(zip(earliest, latest, strict=True)):
        slack_s = min(last_s - first_s, count * widest_s)
        begin_s = first_s + slack_s * place / count
        if begins:
            begin_s = max(begin_s, begins[-1] + gap_s)
        at_s = _from(starts, begin_s)
        begins.append(last_s if at_s is None else min(at_s, last_s))
    ends = [after - gap_s for after in begins[1:]]
    ends.append(min(latest[-1], begins[-1] + widest_s))
    return [Window(begin, max(begin, end)) for begin, end in zip(begins, ends, strict=True)]


def _best_begin_s(
    earliest_s: float, room_s: float, step_s: float, count: int, worth: Worth
) -> float:
    """Return the begin of the series that makes all its visits together worth most."""
    begins = np.append(np.arange(0.0, room_s, _ANCHOR_STEP_S), room_s) + earliest_s
    times_s = begins[:, np.newaxis] + step_s * np.arange(count)
    total = worth(times_s.ravel()).reshape(times_s.shape).sum(axis=1)
    return float(begins[int(np.argmax(total))])


def _earliest(starts: Sequence[Window], begin_s: float, gap_s: float, most: int) -> list[float]:
    found: list[float] = []
    while len(found) < most:
        at_s = _from(starts, begin_s)
        if at_s is None:
            break
        found.append(at_s)
        begin_s = at_s + gap_s
    return found


def _latest(starts: Sequence[Window], gap_s: float, count: int) -> list[float]:
    """Return the latest starts, ascending; there are earliest ones, so there are these."""
    found: list[float] = []
    until_s = starts[-1].end_utc_s
    for _ in range(count):
        # On the way back the rooms of all visits add up: the first one may lie behind them.
        at_s = max(
            (min(one.end_utc_s, until_s) for one in starts if one.start_utc_s <= until_s + _ROOM_S),
            default=starts[0].start_utc_s,
        )
        found.append(at_s)
        until_s = at_s - gap_s
    return found[::-1]


def _from(starts: Sequence[Window], begin_s: float) -> float | None:
    """Return the first start from an instant on."""
    for one in starts:
        if one.end_utc_s >= begin_s - _ROOM_S:
            return min(max(one.start_utc_s, begin_s), one.end_utc_s)
    return None
