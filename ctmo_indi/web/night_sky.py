"""Sun, Moon and twilight of one night, as the page draws them.

The models' own functions on a grid; good to 0.05 degrees, twilight to some seconds. Altitudes are
of the centres, without refraction, as everywhere here. 25 ms for a night; pure, any thread.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from ctmo_indi.models.coordinates import Array
from ctmo_indi.models.nights import night_bounds
from ctmo_indi.models.observing_rules import Skies
from ctmo_indi.profiles import Site

STEP_S = 300.0
SHOWN_BELOW_DEG = 5.0
"""Sun's altitude below which the day belongs to the picture of the night."""

SHORTEST_S = 4 * 3600.0
"""Where the Sun goes below that for less, or never, the whole day is shown."""

_HALF_DAY_S = 43200.0
_DAY_S = 86400.0
_SECONDS_PER_DEG = 240.0

SUN_ON_HORIZON_DEG = -0.833
"""Of the Sun's centre at its rise and set: refraction and radius."""

TWILIGHTS = (
    ("day", SUN_ON_HORIZON_DEG),
    ("civil", -6.0),
    ("nautical", -12.0),
    ("astronomical", -18.0),
    ("night", -90.0),
)
"""Kind, and the altitude that the Sun has at its end in the evening."""


@dataclass(frozen=True, slots=True)
class Twilight:
    """A span (Unix seconds) of one kind of light."""

    from_s: float
    to_s: float
    kind: str


@dataclass(frozen=True, slots=True)
class NightSky:
    """The sky of one night.

    Parameters
    ----------
    begin_s, end_s
        What is shown unless something happened outside, Unix seconds.
    times_s, sun_deg, moon_deg
        Each 5 minutes from mean local noon to noon, shape (289,); altitudes in degrees.
    moon_fraction
        Lit part of the Moon's disk in the middle, 0 to 1.
    twilight
        From noon to noon without gaps, in order.
    """

    begin_s: float
    end_s: float
    times_s: Array
    sun_deg: Array
    moon_deg: Array
    moon_fraction: float
    twilight: tuple[Twilight, ...]


def noon_s(site: Site, night: str) -> float:
    """Return the mean local noon at which a night begins, Unix seconds.

    Parameters
    ----------
    night
        The evening's date, YYYYMMDD.

    Raises
    ------
    ValueError
        There is no such date.
    """
    try:
        if not (night.isascii() and night.isdigit() and len(night) == len("YYYYMMDD")):
            raise ValueError  # noqa: TRY301 - told below, as a date that the calendar lacks
        date = datetime(int(night[:4]), int(night[4:6]), int(night[6:]), tzinfo=UTC)
    except ValueError:
        raise ValueError(f"night: came {night[:20]!r}, expected a date YYYYMMDD") from None
    return date.timestamp() + _HALF_DAY_S - site.longitude_deg * _SECONDS_PER_DEG


@functools.lru_cache(maxsize=8)
def night_sky(site: Site, night: str) -> NightSky:
    """Return the sky of a night; ValueError for no date."""
    start_s = noon_s(site, night)
    times_s = start_s + np.arange(0.0, _DAY_S + 1.0, STEP_S)
    skies = Skies.over(site, times_s)
    sun_deg = skies.sun_altitude_deg
    low = np.flatnonzero(sun_deg < SHOWN_BELOW_DEG)
    begin_s, end_s = times_s[0], times_s[-1]
    if low.size and times_s[low[-1]] - times_s[low[0]] >= SHORTEST_S:
        begin_s = times_s[max(0, low[0] - 1)]
        end_s = times_s[min(times_s.size - 1, low[-1] + 1)]
    return NightSky(
        begin_s=float(begin_s),
        end_s=float(end_s),
        times_s=times_s,
        sun_deg=sun_deg,
        moon_deg=skies.moon_altitude_deg,
        moon_fraction=float(skies.moon_illumination[times_s.size // 2]),
        twilight=_twilight(site, float(times_s[0]), float(times_s[-1])),
    )


def _twilight(site: Site, start_s: float, end_s: float) -> tuple[Twilight, ...]:
    """Cut the day at the instants at which the Sun passes each limit, on both sides."""
    evening, morning = [start_s], [end_s]
    for _, limit_deg in TWILIGHTS[:-1]:
        bounds = night_bounds(site, start_s + 1.0, limit_deg)
        if bounds is None:
            break
        evening.append(max(evening[-1], bounds[0].timestamp()))
        morning.append(min(morning[-1], bounds[1].timestamp()))
    kinds = [kind for kind, _ in TWILIGHTS]
    deepest = len(evening) - 1
    spans = [Twilight(*span, kinds[index]) for index, span in enumerate(pairwise(evening))]
    spans.append(Twilight(evening[-1], morning[-1], kinds[deepest]))
    spans += [
        Twilight(morning[index + 1], morning[index], kinds[index])
        for index in reversed(range(deepest))
    ]
    return tuple(span for span in spans if span.to_s > span.from_s)
