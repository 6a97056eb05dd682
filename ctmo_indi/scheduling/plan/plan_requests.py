"""A driver's candidates as the planner's requests: what of each can be observed in a night.

One request for each, but for a series (an order with a cadence): one for each visit that is left
and fits into the night, each with a window of its own (``visit_chain``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import ApparentFrame, horizontal_deg
from ctmo_indi.models.orders import Cadence, Window
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.profiles import Site
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.feature.site_now import SitedSky
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.order_groups import group_of
from ctmo_indi.scheduling.plan.choices import EARTH_TURNS_RAD_S, HEIGHT_EXPONENT
from ctmo_indi.scheduling.plan.time_critical import is_time_critical
from ctmo_indi.scheduling.plan.visit_chain import (
    Pace,
    Worth,
    chain_windows,
    windows_around,
)
from ctmo_indi.scheduling.plan.visit_keys import visit_key

SPAN_TOO_LONG_S = 60.0
"""The sky model's spans may be too long by this."""

ROUNDED_S = 1e-3
"""Sums of Unix seconds are rounded: a visit with one instant to start at must fit all the same."""


def plan_requests(
    models: Models,
    candidates: Sequence[Candidate],
    night: Night,
    not_before_utc_s: Mapping[str, float],
    series_from_utc_s: float = 0.0,
    planned_utc_s: Mapping[str, Sequence[float]] | None = None,
) -> list[PlanRequest]:
    """Return what can be planned; what has no time tonight is left out.

    All but members of groups: one that has no time stays, without any, and its group is left out.

    Parameters
    ----------
    series_from_utc_s
        Unix seconds: no visit of a series begins before.
    planned_utc_s
        Starts of series that a plan has which is to be changed, by key.
    """
    planned_utc_s = planned_utc_s or {}
    morning_s = night.morning.timestamp()
    never = (Window(morning_s, morning_s),)
    spans = models.sky.spans([one.request for one in candidates], night)
    windows: list[list[Window]] = [[] for _ in candidates]
    for row, start_s, end_s in zip(
        spans.index.tolist(),
        spans.start_utc_s.tolist(),
        spans.end_utc_s.tolist(),
        strict=True,
    ):
        one = candidates[row]
        start_s = max(start_s, one.not_before_utc_s, not_before_utc_s.get(one.key, 0.0))
        latest_s = one.request.latest_start_utc_s
        if latest_s is not None:
            lasts_s = models.observatory.exposures_s(one.request, one.count)
            if start_s <= latest_s:
                latest_s = max(latest_s, start_s + ROUNDED_S)
            end_s = min(end_s, latest_s + lasts_s)
        if end_s > start_s:
            windows[row].append(Window(start_s, end_s))
    found: list[PlanRequest] = []
    for one, known in zip(candidates, windows, strict=True):
        if not known and not one.request.group:
            continue
        made = _request(models, one, tuple(known) or never, night)
        if made is not None and visits_ahead(one) > 1:
            planned = planned_utc_s.get(one.key, ())
            found += _series(models, one, made, series_from_utc_s, planned)
        elif made is not None:
            found.append(made)
    return found


def visits_ahead(one: Candidate) -> int:
    """Return how many visits of a candidate are planned, where they fit.

    Of an order in a group it is the next one: the group is all or none, its later visits are not.
    """
    if one.order is None or one.request.cadence is None or one.request.group:
        return 1
    return one.order.visits_left


def _series(
    models: Models,
    one: Candidate,
    made: PlanRequest,
    from_utc_s: float,
    planned_utc_s: Sequence[float],
) -> Iterator[PlanRequest]:
    """Yield a request for each visit of a series in the night; the one made when just that fits."""
    request, order = one.request, one.order
    assert request.cadence is not None  # it is a series
    assert order is not None
    length_s = models.observatory.exposures_s(request, max(request.count, one.count))
    starts = []
    for window in made.windows:
        begin_s, end_s = max(window.start_utc_s, from_utc_s), window.end_utc_s - length_s
        if end_s >= begin_s:
            starts.append(Window(begin_s, max(end_s - SPAN_TOO_LONG_S, begin_s)))
    pace = Pace(
        gap_s=max(_gap_s(request.cadence), length_s),
        period_s=request.cadence.period_s,
        visits=order.visits_left,
        is_begun=order.due_utc_s > 0.0 or order.visits_left < request.visits,
    )
    worth = None
    if starts and isinstance(models.sky, SitedSky):
        middle_s = starts[0].start_utc_s + 0.5 * length_s
        worth = _worth(made.ra_deg, made.dec_deg, models.sky.site, middle_s, 0.5 * length_s)
    chain = (
        windows_around(starts, pace, planned_utc_s)
        if starts and planned_utc_s
        else chain_windows(starts, pace, worth)
    )
    if len(chain) < 2:
        yield made
        return
    for visit, begins in enumerate(chain, start=1):
        count = made.count if visit == 1 else request.count
        last_s = begins.end_utc_s + models.observatory.exposures_s(request, count)
        inside = (
            Window(max(one.start_utc_s, begins.start_utc_s), min(one.end_utc_s, last_s))
            for one in made.windows
        )
        windows = tuple(one for one in inside if one.end_utc_s > one.start_utc_s)
        yield replace(made, key=visit_key(made.key, visit), count=count, windows=windows)


def _gap_s(cadence: Cadence) -> float:
    """Return the least time between the begins of two visits.

    In phase with an epoch: so that no two of them are of the same cycle.
    """
    period_s, tolerance_s = cadence.period_s, cadence.tolerance_s
    if cadence.epoch_utc_s is None:
        return period_s - tolerance_s
    return max(period_s - 2.0 * tolerance_s, 2.0 * tolerance_s + 1.0)


def _worth(ra_deg: float, dec_deg: float, site: Site, utc_s: float, to_middle_s: float) -> Worth:
    """Return what weighs starts of visits by the altitude in their middle, as the score does."""
    frame = ApparentFrame.at(utc_s)
    ra_rad, dec_rad = frame.place_rad(ra_deg, dec_deg)
    angle_rad = frame.hour_angle_rad(ra_rad, site)

    def worth(starts_utc_s: NDArray[np.float64]) -> NDArray[np.float64]:
        later_s = starts_utc_s + to_middle_s - utc_s
        altitude_deg, _ = horizontal_deg(angle_rad + EARTH_TURNS_RAD_S * later_s, dec_rad, site)
        found: NDArray[np.float64] = (
            np.maximum(np.sin(np.radians(altitude_deg)), 0.0) ** HEIGHT_EXPONENT
        )
        return found

    return worth


def _request(
    models: Models, one: Candidate, windows: tuple[Window, ...], night: Night
) -> PlanRequest | None:
    """Return one to plan, with so many frames as fit; None when not one does."""
    request = one.request
    frame_s = models.observatory.exposures_s(request, 1)
    longest_s = max(window.end_utc_s - window.start_utc_s for window in windows)
    count = one.count
    if count * frame_s > longest_s:
        count = int((longest_s - SPAN_TOO_LONG_S) // frame_s) if frame_s > 0.0 else 0
    place = request.fixed_place_deg or models.sky.place_deg(
        request, night.evening + 0.5 * (night.morning - night.evening)
    )
    if request.group:
        count = max(count, 1)  # one that does not fit has no start
    if count < 1 or frame_s <= 0.0 or place is None or not all(map(math.isfinite, place)):
        return None
    return PlanRequest(
        key=one.key,
        ra_deg=place[0],
        dec_deg=place[1],
        exposure_s=request.exposure_s,
        count=count,
        filter_name=request.filter_name or "",
        priority=-one.sort_key[0],
        windows=windows,
        constraints=request.constraints,
        group=group_of(request),
        is_time_critical=is_time_critical(request, one.count * frame_s, night),
    )
