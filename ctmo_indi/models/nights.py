"""Nights: which one an instant belongs to, when the Sun is low enough, when the Moon is up.

A night runs from mean local noon to mean local noon and bears the evening's date, so that all
frames of one session lie in one folder whatever the zone of the site.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from ctmo_indi.models.coordinates import Instant, from_unix_s, unix_s
from ctmo_indi.models.sun_moon import (
    coarse_sun_altitude_deg,
    moon_altitude_deg,
    sun_altitude_deg,
)
from ctmo_indi.profiles import Site

_DAY_S = 86400.0
_SECONDS_PER_DEG = 240.0
_STEP_S = 300.0
_BISECTIONS = 20


def noon_before(site: Site, utc: Instant) -> float:
    """Return the mean local noon at or before an instant, Unix seconds."""
    shift_s = site.longitude_deg * _SECONDS_PER_DEG - _DAY_S / 2.0
    local_s = float(unix_s(utc)) + shift_s
    return float(np.floor(local_s / _DAY_S)) * _DAY_S - shift_s


def night_of(site: Site, utc: Instant) -> str:
    """Return the night an instant belongs to: the evening's local date, "YYYYMMDD"."""
    evening_s = noon_before(site, utc) + site.longitude_deg * _SECONDS_PER_DEG
    return from_unix_s(evening_s).strftime("%Y%m%d")


def night_bounds(
    site: Site, utc: Instant, sun_altitude_limit_deg: float
) -> tuple[datetime, datetime] | None:
    """Return when the Sun is below an altitude, in the night an instant belongs to.

    Parameters
    ----------
    utc
        Any instant from mean local noon to the next one.
    sun_altitude_limit_deg
        -12 for nautical darkness, -18 for astronomical.

    Returns
    -------
    evening, morning
        Aware UTC, to 0.1 s. Noon and noon when the Sun stays below all day (polar night).
        None when it does not get that low, or for less than 5 minutes.
    """
    noon_s = noon_before(site, utc)
    times_s = noon_s + np.arange(0.0, _DAY_S + 1.0, _STEP_S)
    low = coarse_sun_altitude_deg(site, times_s)
    deepest = int(np.argmin(low))
    if sun_altitude_deg(site, float(times_s[deepest])) >= sun_altitude_limit_deg:
        return None

    def is_dark(when_s: float) -> bool:
        return sun_altitude_deg(site, when_s) < sun_altitude_limit_deg

    evening_s = _edge(times_s[deepest::-1], low[deepest::-1], sun_altitude_limit_deg, is_dark)
    morning_s = _edge(times_s[deepest:], low[deepest:], sun_altitude_limit_deg, is_dark)
    return from_unix_s(evening_s), from_unix_s(morning_s)


def moon_up(site: Site, utc: Instant, altitude_deg: float = 0.0) -> list[tuple[datetime, datetime]]:
    """Return when the Moon is above an altitude, in the night an instant belongs to.

    Parameters
    ----------
    altitude_deg
        Of the Moon's centre, without refraction. An almanac's rising and setting, of the upper rim
        with refraction, is at about -0.8.

    Returns
    -------
    list of (rise, set)
        Aware UTC, to 1 s, from mean local noon to noon: where the Moon is up then, the span begins
        or ends there. At most two.
    """
    noon_s = noon_before(site, utc)
    times_s = noon_s + np.arange(0.0, _DAY_S + 1.0, _STEP_S)
    above = moon_altitude_deg(site, times_s) - altitude_deg
    crossings = np.flatnonzero(np.diff(above >= 0.0))
    edges_s = [
        _crossing_s(site, float(times_s[i]), float(times_s[i + 1]), altitude_deg) for i in crossings
    ]
    if above[0] >= 0.0:
        edges_s.insert(0, float(times_s[0]))
    if above[-1] >= 0.0:
        edges_s.append(float(times_s[-1]))
    edges = [from_unix_s(edge_s) for edge_s in edges_s]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _crossing_s(site: Site, early_s: float, late_s: float, altitude_deg: float) -> float:
    """Find by halving when the Moon passes an altitude."""

    def is_up(when_s: float) -> bool:
        return bool(moon_altitude_deg(site, np.array([when_s]))[0] >= altitude_deg)

    was_up = is_up(early_s)
    while late_s - early_s > 0.5:
        middle_s = (early_s + late_s) / 2.0
        if is_up(middle_s) == was_up:
            early_s = middle_s
        else:
            late_s = middle_s
    return (early_s + late_s) / 2.0


def _edge(
    times_s: np.ndarray[tuple[int], np.dtype[np.float64]],
    altitudes_deg: np.ndarray[tuple[int], np.dtype[np.float64]],
    limit_deg: float,
    is_dark: Callable[[float], bool],
) -> float:
    """Walk from the darkest sample outwards to where the Sun crosses the limit; then bisect.

    The samples are good to 0.02 degrees only: the crossing may lie one step further out or in.
    """
    above = np.flatnonzero(altitudes_deg >= limit_deg)
    first = int(above[0]) if above.size else len(times_s) - 1
    dark = max(0, first - 2)
    light = min(len(times_s) - 1, first + 1)
    if is_dark(float(times_s[light])):
        return float(times_s[light])
    dark_s, light_s = float(times_s[dark]), float(times_s[light])
    for _ in range(_BISECTIONS):
        middle_s = (dark_s + light_s) / 2.0
        if is_dark(middle_s):
            dark_s = middle_s
        else:
            light_s = middle_s
    return dark_s
