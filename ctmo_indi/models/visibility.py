"""When each of many orders is up in one night: all of them at once, as spans of time.

For the first, cheap question of a decision among thousands of orders. Spans are a little too long
rather than too short: whoever is inside one still has to be asked exactly (``observability``), who
is outside cannot be observed. The limits are those of ``observing_rules``, here as inequalities
between unit vectors: with hour angle H and declination d at latitude p,

    sin(altitude) = sin p sin d + cos p cos d cos H

is one matrix product for all targets and instants (Meeus, Astronomical Algorithms, 13.6).

Cost: 1000 orders of one night in 20 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import Array, altitude_of_airmass_deg
from ctmo_indi.models.observing_rules import Skies, horizon_deg, rules
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Limits, NightPolicy, Site

STEP_S = 60.0
MARGIN_S = 600.0
"""Looked at beside the night: its bounds and the rule on the Sun's altitude differ by seconds."""

_SUN_SLACK_S = 5.0
_ANGLE_SLACK = 1e-5  # of a cosine; frame and Sun here are good to 2" and 0.01 deg
_ANGLE_SLACK_DEG = 1e-3
_SUN_SLACK = 1e-3  # of a cosine; of separations from the coarse Sun
_CHUNK = 256  # targets; keeps the matrices in the processor's cache

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of many orders, ascending by index and then by start.

    Parameters
    ----------
    index
        Which of the orders asked for; shape (n_spans,). An order has none, one or several.
    start_utc_s, end_utc_s
        Unix seconds, shape (n_spans,).
    """

    index: NDArray[np.intp]
    start_utc_s: Array
    end_utc_s: Array


@dataclass(frozen=True, slots=True)
class _Targets:
    """Many targets: apparent unit vectors and limits as cosines and sines, shape (n,) each."""

    vectors: Array
    lowest_sin: Array
    dark_deg: Array
    moon_cos: Array
    hour_angle_deg: Array  # shape (n, 2): from, to; nan where there is no limit
    most_moon: Array  # shape (n, 2): altitude in degrees, lit part


def visible_spans(
    requests: Sequence[ObservationRequest],
    site: Site,
    limits: Limits,
    night: NightPolicy,
    begin_utc_s: float,
    end_utc_s: float,
) -> Spans:
    """Return when sky frames can be observed between two instants of one night.

    Parameters
    ----------
    requests
        Sky frames only.

    Returns
    -------
    Spans
        At most a grid step (60 s) too long at either end; 5 s where the Sun ends it, exact where a
        window of the order does. Rises of less than a minute are not seen.
    """
    times_s = np.arange(begin_utc_s - MARGIN_S, end_utc_s + MARGIN_S + STEP_S, STEP_S)
    skies = Skies.over(site, times_s)
    fixed = np.array([i for i, one in enumerate(requests) if one.motion is None], dtype=np.intp)
    parts = [
        _spans_of([requests[i] for i in rows], skies, limits, night, rows)
        for rows in (fixed[first : first + _CHUNK] for first in range(0, fixed.size, _CHUNK))
    ]
    moving = [i for i, one in enumerate(requests) if one.motion is not None]
    parts += [_spans_of_moving(requests[i], skies, limits, night, i) for i in moving]
    if not parts:
        return Spans(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0))
    found = Spans(
        np.concatenate([part.index for part in parts]),
        np.concatenate([part.start_utc_s for part in parts]),
        np.concatenate([part.end_utc_s for part in parts]),
    )
    return _in_windows(_sorted(found) if moving else found, requests)


def _sorted(spans: Spans) -> Spans:
    order = np.lexsort((spans.start_utc_s, spans.index))
    return Spans(spans.index[order], spans.start_utc_s[order], spans.end_utc_s[order])


def _spans_of_moving(
    request: ObservationRequest, skies: Skies, limits: Limits, night: NightPolicy, index: int
) -> Spans:
    """Follow one target that moves among the stars: the rules themselves, on the grid; 1 ms."""
    slack = np.min([rule.slack for rule in rules(request, skies, limits, night)], axis=0)
    edges = np.diff(np.pad(slack >= 0.0, 1).astype(np.int8))
    starts, afters = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return Spans(
        np.full(starts.size, index, dtype=np.intp),
        skies.times_s[starts] - STEP_S,
        skies.times_s[afters - 1] + STEP_S,
    )


def _spans_of(
    requests: Sequence[ObservationRequest],
    skies: Skies,
    limits: Limits,
    night: NightPolicy,
    rows_asked: NDArray[np.intp],
) -> Spans:
    targets = _targets(requests, skies, limits, night)
    is_good = _is_good(targets, skies, limits)
    edges = np.diff(np.pad(is_good, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, afters = np.nonzero(edges == -1)
    dark_s = {limit: _dark_span_s(skies, limit) for limit in set(targets.dark_deg.tolist())}
    bounds = np.array([dark_s[limit] for limit in targets.dark_deg.tolist()]).reshape(-1, 2)
    start_s = np.maximum(skies.times_s[starts] - STEP_S, bounds[rows, 0])
    end_s = np.minimum(skies.times_s[afters - 1] + STEP_S, bounds[rows, 1])
    is_span = start_s < end_s
    return Spans(rows_asked[rows[is_span]], start_s[is_span], end_s[is_span])


def _targets(
    requests: Sequence[ObservationRequest], skies: Skies, limits: Limits, night: NightPolicy
) -> _Targets:
    ra_rad, dec_rad = skies.frame.place_rad(
        np.array([one.ra_deg for one in requests], dtype=np.float64),
        np.array([one.dec_deg for one in requests], dtype=np.float64),
    )
    wants = [one.constraints for one in requests]
    masses = {want.max_airmass for want in wants}
    by_mass = {mass: altitude_of_airmass_deg(mass) for mass in masses}
    lowest_deg = np.array(
        [
            max(limits.horizon_deg, _or(want.min_altitude_deg, -90.0), by_mass[want.max_airmass])
            for want in wants
        ]
    )
    moon_deg = np.array([_or(want.min_moon_separation_deg, -1.0) for want in wants])
    return _Targets(
        vectors=_vectors(ra_rad, dec_rad),
        lowest_sin=np.sin(np.radians(lowest_deg)),
        dark_deg=np.array(
            [
                min(night.sun_max_altitude_deg, _or(want.max_sun_altitude_deg, 90.0))
                for want in wants
            ]
        ),
        moon_cos=np.where(moon_deg < 0.0, 2.0, np.cos(np.radians(moon_deg))),
        hour_angle_deg=15.0
        * np.array(
            [[_or(w.min_hour_angle_h, np.nan), _or(w.max_hour_angle_h, np.nan)] for w in wants]
        ),
        most_moon=np.array(
            [
                [_or(w.max_moon_altitude_deg, np.nan), _or(w.max_moon_illumination, np.nan)]
                for w in wants
            ]
        ),
    )


def _is_good(targets: _Targets, skies: Skies, limits: Limits) -> Bools:
    """Whether all limits but Sun altitude and windows hold; shape (n_targets, n_times)."""
    x, y, z = targets.vectors.T
    theta_rad = skies.frame.rotation_rad + math.radians(skies.site.longitude_deg)
    turn = np.stack([np.cos(theta_rad), np.sin(theta_rad)])
    meridian = targets.vectors[:, :2] @ turn  # cos d cos H
    latitude_rad = math.radians(skies.site.latitude_deg)
    sin_altitude = meridian * math.cos(latitude_rad) + (z * math.sin(latitude_rad))[:, np.newaxis]
    is_good: Bools = sin_altitude >= targets.lowest_sin[:, np.newaxis] - _ANGLE_SLACK
    is_good &= sin_altitude <= math.sin(math.radians(limits.max_altitude_deg)) + _ANGLE_SLACK
    if limits.max_hour_angle_h is not None:
        least = math.cos(math.radians(min(limits.max_hour_angle_h * 15.0, 180.0)))
        is_good &= meridian >= np.hypot(x, y)[:, np.newaxis] * (least - _ANGLE_SLACK)
    if limits.horizon_mask_deg:
        _apply_mask(is_good, targets, turn, sin_altitude, limits, latitude_rad)
    if np.any(targets.moon_cos < 1.5):
        moon = targets.vectors @ _vectors(*skies.moon_place_rad).T
        is_good &= moon <= targets.moon_cos[:, np.newaxis] + _ANGLE_SLACK
    _apply_flip(is_good, targets, turn, limits)
    _apply_hour_angles(is_good, targets, theta_rad)
    _apply_moon(is_good, targets, skies)
    above_deg = limits.sun_separation_above_deg
    if np.any(targets.dark_deg > above_deg):
        sun = targets.vectors @ _vectors(*skies.sun_place_rad).T
        nearest = math.cos(math.radians(limits.sun_separation_deg)) + _SUN_SLACK
        is_good &= (sun <= nearest) | (skies.sun_altitude_deg <= above_deg)
    return is_good


def _apply_flip(is_good: Bools, targets: _Targets, turn: Array, limits: Limits) -> None:
    """Take out what is near to the flip of a German mount: |sin(H - flip)| is small there."""
    if limits.meridian_flip_h is None:
        return
    x, y, _ = targets.vectors.T
    flip_rad = math.radians(15.0 * limits.meridian_flip_h)
    cos, sin = math.cos(flip_rad), math.sin(flip_rad)
    # cos d sin(H - flip), of vectors turned by the hour angle of the flip
    west = np.stack([-(x * sin + y * cos), x * cos - y * sin], axis=-1) @ turn
    least = math.sin(math.radians(limits.meridian_flip_margin_min / 4.0)) - _ANGLE_SLACK
    is_good &= np.abs(west) >= np.hypot(x, y)[:, np.newaxis] * least


def _apply_hour_angles(is_good: Bools, targets: _Targets, theta_rad: Array) -> None:
    """Take out what is outside the orders' own hour angles."""
    rows = np.flatnonzero(np.any(~np.isnan(targets.hour_angle_deg), axis=1))
    if not rows.size:
        return
    x, y, _ = targets.vectors[rows].T
    turned_deg = np.degrees(theta_rad[np.newaxis, :] - np.arctan2(y, x)[:, np.newaxis])
    hour_angle_deg = (turned_deg + 180.0) % 360.0 - 180.0
    first, last = targets.hour_angle_deg[rows].T[:, :, np.newaxis]
    is_early = hour_angle_deg < first - _ANGLE_SLACK_DEG
    is_good[rows] &= ~(is_early | (hour_angle_deg > last + _ANGLE_SLACK_DEG))


def _apply_moon(is_good: Bools, targets: _Targets, skies: Skies) -> None:
    """Take out the orders whose limits on the Moon's height and light are broken."""
    altitude_deg, lit = targets.most_moon.T
    rows = np.flatnonzero(~np.isnan(altitude_deg))
    if rows.size:
        is_good[rows] &= skies.moon_altitude_deg <= altitude_deg[rows, np.newaxis]
    rows = np.flatnonzero(~np.isnan(lit))
    if rows.size:
        is_good[rows] &= (skies.moon_altitude_deg <= 0.0) | (
            skies.moon_illumination <= lit[rows, np.newaxis]
        )


def _apply_mask(
    is_good: Bools,
    targets: _Targets,
    turn: Array,
    sin_altitude: Array,
    limits: Limits,
    latitude_rad: float,
) -> None:
    """Take out what stands behind the horizon mask; only cells still good are looked at."""
    rows, columns = np.nonzero(is_good)
    x, y, z = targets.vectors[rows].T
    cos, sin = turn[:, columns]
    west = x * sin - y * cos  # cos d sin H
    north = z * math.cos(latitude_rad) - (x * cos + y * sin) * math.sin(latitude_rad)
    azimuth_deg = np.degrees(np.arctan2(-west, north)) % 360.0
    altitude_deg = np.degrees(np.arcsin(np.clip(sin_altitude[rows, columns], -1.0, 1.0)))
    behind = altitude_deg < horizon_deg(limits, azimuth_deg) - math.degrees(_ANGLE_SLACK)
    is_good[rows[behind], columns[behind]] = False


def _dark_span_s(skies: Skies, limit_deg: float) -> tuple[float, float]:
    """Return from when to when the Sun is no higher than a limit, a little too long."""
    low = np.flatnonzero(skies.sun_altitude_deg <= limit_deg)
    if not low.size:
        return math.inf, -math.inf
    first, last = int(low[0]), int(low[-1])
    start_s, end_s = float(skies.times_s[first]), float(skies.times_s[last])
    if first > 0:
        start_s = _crossing_s(skies, first - 1, limit_deg)
    if last + 1 < skies.times_s.size:
        end_s = _crossing_s(skies, last, limit_deg)
    return start_s - _SUN_SLACK_S, end_s + _SUN_SLACK_S


def _crossing_s(skies: Skies, index: int, limit_deg: float) -> float:
    """Interpolate between two instants; the Sun's path is straight over a minute."""
    before, after = skies.sun_altitude_deg[index : index + 2]
    return float(skies.times_s[index] + STEP_S * (limit_deg - before) / (after - before))


def _in_windows(spans: Spans, requests: Sequence[ObservationRequest]) -> Spans:
    """Cut the spans by the orders' own windows."""
    with_windows = [i for i, request in enumerate(requests) if request.windows]
    if not with_windows:
        return spans
    has_windows = np.zeros(len(requests), dtype=np.bool_)
    has_windows[with_windows] = True
    plain = ~has_windows[spans.index]
    index = [spans.index[plain]]
    start_s, end_s = [spans.start_utc_s[plain]], [spans.end_utc_s[plain]]
    for i in with_windows:
        first, last = np.searchsorted(spans.index, [i, i + 1])
        if first == last:
            continue
        begin_s, end_of_all_s = spans.start_utc_s[first], spans.end_utc_s[last - 1]
        for window in requests[i].windows:
            if window.end_utc_s < begin_s or window.start_utc_s > end_of_all_s:
                continue
            starts = np.maximum(spans.start_utc_s[first:last], window.start_utc_s)
            ends = np.minimum(spans.end_utc_s[first:last], window.end_utc_s)
            inside = starts <= ends
            index.append(np.full(int(inside.sum()), i, dtype=np.intp))
            start_s.append(starts[inside])
            end_s.append(ends[inside])
    all_index, all_start_s, all_end_s = (
        np.concatenate(index),
        np.concatenate(start_s),
        np.concatenate(end_s),
    )
    order = np.lexsort((all_start_s, all_index))
    return Spans(all_index[order], all_start_s[order], all_end_s[order])


def _vectors(ra_rad: Array, dec_rad: Array) -> Array:
    """Return unit vectors, shape (n, 3)."""
    cos_dec = np.cos(dec_rad)
    return np.stack([cos_dec * np.cos(ra_rad), cos_dec * np.sin(ra_rad), np.sin(dec_rad)], axis=-1)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
