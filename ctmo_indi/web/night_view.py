"""A night as the page draws it: altitude against time of what was done, runs and is planned.

Pure: facts in, JSON values out; 10 ms for a night of 100 visits. Altitudes are the models' own,
without refraction, along one apparent frame for the night (0.01 degrees), and told to 0.1 degrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ctmo_indi.models.coordinates import Array, horizontal_deg
from ctmo_indi.models.observing_rules import Skies
from ctmo_indi.profiles import Profile, Site
from ctmo_indi.web.night_facts import Attempt, Hold, NightFacts, under_way
from ctmo_indi.web.night_sky import STEP_S, NightSky, night_sky
from ctmo_indi.web.plan_facts import PlanFacts, Visit

MOST_SHOWN = 200
"""Attempts and visits in a picture, half of each when there are too many of both."""

_STEP_S = 300.0
_MOST_POINTS = 1200
"""Altitudes told, all visits together: of more, fewer each."""

_BEFORE_AFTER_S = 900.0


@dataclass(frozen=True, slots=True)
class _Path:
    ra_deg: float
    dec_deg: float
    start_s: float
    end_s: float


def night_view(facts: NightFacts, profile: Profile) -> dict[str, object]:
    """Return the keys of ``/api/night``; blocks for the sky of a new night, 20 ms.

    Raises
    ------
    ValueError
        The night is no date.
    """
    sky = night_sky(profile.site, facts.night)
    visits = facts.plan.visits if facts.plan is not None else ()
    attempts = facts.attempts[-max(MOST_SHOWN - len(visits), MOST_SHOWN // 2) :]
    visits = visits[: MOST_SHOWN - len(attempts)]
    paths = [_of_attempt(one, facts.now_s) for one in attempts] + [_of_visit(one) for one in visits]
    altitudes = altitudes_deg(profile.site, paths)
    begin_s, end_s = _shown(sky, paths)
    inside = (sky.times_s >= begin_s) & (sky.times_s <= end_s)
    running = under_way(attempts, visits)
    return {
        "night": facts.night,
        "now": iso(facts.now_s),
        "begin": iso(begin_s),
        "end": iso(end_s),
        "utc_s": [round(one) for one in sky.times_s[inside].tolist()],
        "sun_deg": rounded(sky.sun_deg[inside]),
        "moon_deg": rounded(sky.moon_deg[inside]),
        "moon_fraction": round(sky.moon_fraction, 3),
        "twilight": [
            {
                "from": iso(max(one.from_s, begin_s)),
                "to": iso(min(one.to_s, end_s)),
                "kind": one.kind,
            }
            for one in sky.twilight
            if one.to_s > begin_s and one.from_s < end_s
        ],
        "limits": {
            "horizon_deg": profile.limits.horizon_deg,
            "max_altitude_deg": profile.limits.max_altitude_deg,
            "sun_max_altitude_deg": profile.night.sun_max_altitude_deg,
        },
        "plan": _plan(facts.plan, visits, running, altitudes[len(attempts) :]),
        "no_plan": facts.no_plan,
        "done": [_done(*pair) for pair in zip(attempts, altitudes[: len(attempts)], strict=True)],
        "number_done": len(facts.attempts),
        "holds": [_hold(one) for one in facts.holds if one.from_s < end_s],
        "trouble": list(facts.trouble),
    }


def altitudes_deg(site: Site, paths: Sequence[_Path]) -> list[list[float]]:
    """Return altitudes along each path, evenly from its start to its end; none without a place.

    Returns
    -------
    list of lists
        Degrees to 0.1; two values at least, one each 5 minutes unless there are too many.
    """
    placed = [one for one in paths if math.isfinite(one.ra_deg + one.dec_deg)]
    if not placed:
        return [[] for _ in paths]
    lengths_s = sum(one.end_s - one.start_s for one in placed)
    step_s = max(_STEP_S, lengths_s / _MOST_POINTS)
    counts = [2 + int((one.end_s - one.start_s) // step_s) for one in placed]
    times_s = np.concatenate(
        [
            np.linspace(one.start_s, one.end_s, count)
            for one, count in zip(placed, counts, strict=True)
        ]
    )
    found = iter(
        np.split(
            star_altitudes_deg(
                site,
                np.repeat([one.ra_deg for one in placed], counts),
                np.repeat([one.dec_deg for one in placed], counts),
                times_s,
            ),
            np.cumsum(counts)[:-1],
        )
    )
    return [
        rounded(next(found)) if math.isfinite(one.ra_deg + one.dec_deg) else [] for one in paths
    ]


def star_altitudes_deg(site: Site, ra_deg: Array, dec_deg: Array, times_s: Array) -> Array:
    """Return the altitude of each ICRS place at its instant (Unix seconds, of one night).

    Arrays of one shape; good to 0.01 degrees within a day of the middle.
    """
    frame = Skies.over(site, times_s).frame
    ra_rad, apparent_dec_rad = frame.place_rad(ra_deg, dec_deg)
    altitude, _ = horizontal_deg(frame.hour_angle_rad(ra_rad, site), apparent_dec_rad, site)
    return np.asarray(altitude, dtype=np.float64)


def iso(utc_s: float) -> str:
    """Return Unix seconds as ISO 8601 to a second."""
    return f"{datetime.fromtimestamp(round(utc_s), UTC):%Y-%m-%dT%H:%M:%SZ}"


def rounded(values: Array) -> list[float]:
    """Return numbers to one decimal."""
    found: list[float] = np.round(values, 1).tolist()
    return found


def _of_attempt(one: Attempt, now_s: float) -> _Path:
    end_s = now_s if one.end_s is None else one.end_s
    return _Path(one.ra_deg, one.dec_deg, one.start_s, max(end_s, one.start_s))


def _of_visit(one: Visit) -> _Path:
    return _Path(one.ra_deg, one.dec_deg, one.start_s, one.end_s)


def _shown(sky: NightSky, paths: Sequence[_Path]) -> tuple[float, float]:
    """Return the span of the picture: the night, and what was done before or after it."""
    begin_s = min([sky.begin_s, *(one.start_s - _BEFORE_AFTER_S for one in paths)])
    end_s = max([sky.end_s, *(one.end_s + _BEFORE_AFTER_S for one in paths)])
    start_s = float(sky.times_s[0])  # on the grid, so that the curves reach both sides
    return (
        start_s + STEP_S * max(0.0, math.floor((begin_s - start_s) / STEP_S)),
        min(float(sky.times_s[-1]), start_s + STEP_S * math.ceil((end_s - start_s) / STEP_S)),
    )


def _plan(
    plan: PlanFacts | None,
    visits: Sequence[Visit],
    running: Mapping[str, Visit | None],
    altitudes: Sequence[list[float]],
) -> dict[str, object] | None:
    if plan is None:
        return None
    runs = [one for one in running.values() if one is not None]
    coming = next((one for one in visits if one not in runs), None)

    def state(one: Visit) -> str:
        if one in runs:
            return "running"
        return "next" if one is coming else "planned"

    return {
        "made": plan.changed or plan.made,
        "value": plan.value,
        "gap": plan.gap,
        "filled": plan.filled,
        "preview": plan.preview,
        "refused": plan.refused,
        "number_of_visits": plan.number,
        "visits": [
            {
                "receipt": one.receipt,
                "label": one.label,
                "filter": one.filter_name,
                "start": iso(one.start_s),
                "end": iso(one.end_s),
                "altitude_deg": path,
                "state": state(one),
                "count": one.count,
                "exposure_s": round(one.exposure_s, 3),
                "priority": one.priority,
            }
            for one, path in zip(visits, altitudes, strict=True)
        ],
    }


def _done(one: Attempt, path: list[float]) -> dict[str, object]:
    return {
        "receipt": one.receipt,
        "label": one.label or one.frame_type or one.receipt,
        "filter": one.filter_name,
        "start": iso(one.start_s),
        "end": "" if one.end_s is None else iso(one.end_s),
        "altitude_deg": path,
        "count": one.count,
        "exposure_s": round(one.exposure_s, 3),
        "status": one.status,
        "reason": one.reason,
    }


def _hold(one: Hold) -> dict[str, object]:
    return {
        "from": iso(one.from_s),
        "to": "" if one.to_s is None else iso(one.to_s),
        "level": one.level,
        "reasons": list(one.reasons[:5]),
    }
