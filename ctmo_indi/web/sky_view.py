"""The sky over the site now, as the page draws it: an all-sky map in altitude and azimuth.

Pure: facts in, JSON values out; 3 ms. Places are the models' own, without refraction: stars to 0.03
degrees (what the list is rounded to), planets, Sun and Moon to 0.02; told to 0.1 degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ctmo_indi.models.coordinates import ApparentFrame, altaz, horizontal_deg, sidereal_time_h
from ctmo_indi.models.dome_geometry import measurements_of
from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.moving_targets import place_rad
from ctmo_indi.models.observing_rules import Skies, horizon_deg
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.sun_moon import moon, sun
from ctmo_indi.profiles import Profile, Site
from ctmo_indi.web.night_facts import Attempt, NightFacts, under_way
from ctmo_indi.web.night_view import iso, rounded
from ctmo_indi.web.plan_facts import Visit
from ctmo_indi.web.star_list import STARS

DRAWN_ABOVE_DEG = -1.0
MOST_TARGETS = 60
_HORIZON_STEP_DEG = 3.0
_PATH_POINTS = 25
_LEAST_PATH_S = 60.0
_PLANETS = (
    SolarSystemBody.MERCURY,
    SolarSystemBody.VENUS,
    SolarSystemBody.MARS,
    SolarSystemBody.JUPITER,
    SolarSystemBody.SATURN,
)


def sky_view(facts: NightFacts, profile: Profile, now_s: float) -> dict[str, object]:
    """Return the keys of ``/api/sky`` for an instant, Unix seconds."""
    site = profile.site
    frame = ApparentFrame.at(now_s)
    dome = measurements_of(profile)
    return {
        "utc": iso(now_s),
        "night": facts.night,
        "lst_h": round(float(sidereal_time_h(site, now_s)), 5),
        "horizon": [list(one) for one in _horizon(profile)],
        "limits": {
            "horizon_deg": profile.limits.horizon_deg,
            "max_altitude_deg": profile.limits.max_altitude_deg,
        },
        "slit_deg": None
        if dome is None or dome.radius_m <= 0.0 or dome.shutter_width_m <= 0.0
        else round(
            2.0 * math.degrees(math.asin(min(1.0, 0.5 * dome.shutter_width_m / dome.radius_m)))
        ),
        "stars": list(_stars(site, frame)),
        "bodies": list(_bodies(site, frame, now_s)),
        "targets": _targets(facts, site, now_s),
    }


def _horizon(profile: Profile) -> Iterator[tuple[float, float]]:
    """Yield azimuth and lowest altitude around; the corners of the site's mask among them."""
    limits = profile.limits
    corners = {float(azimuth) % 360.0 for azimuth, _ in limits.horizon_mask_deg}
    azimuths = sorted({*np.arange(0.0, 360.0, _HORIZON_STEP_DEG).tolist(), *corners})
    for azimuth, altitude in zip(azimuths, horizon_deg(limits, np.array(azimuths)), strict=True):
        yield round(azimuth, 1), round(float(altitude), 1)


def _stars(site: Site, frame: ApparentFrame) -> Iterator[tuple[float, float, float, str]]:
    """Yield azimuth, altitude, magnitude and name of each star that is up."""
    ra_deg, dec_deg, magnitudes, names = zip(*STARS, strict=True)
    ra_rad, dec_rad = frame.place_rad(np.array(ra_deg), np.array(dec_deg))
    altitudes, azimuths = horizontal_deg(frame.hour_angle_rad(ra_rad, site), dec_rad, site)
    for azimuth, altitude, magnitude, name in zip(
        azimuths.tolist(), altitudes.tolist(), magnitudes, names, strict=True
    ):
        if altitude > DRAWN_ABOVE_DEG:
            yield round(azimuth, 1), round(altitude, 1), magnitude, name


def _bodies(site: Site, frame: ApparentFrame, now_s: float) -> Iterator[dict[str, object]]:
    """Yield Sun and Moon, wherever they are, and the planets that are up."""
    for name, body in (("Sun", sun(site, now_s)), ("Moon", moon(site, now_s))):
        yield _place(body.azimuth_deg, body.altitude_deg) | {
            "name": name,
            "fraction": round(body.illumination, 3),
        }
    for planet in _PLANETS:
        request = ObservationRequest("", "", FrameType.LIGHT, 1.0, 1, motion=BodyMotion(planet))
        ra_rad, dec_rad = place_rad(request, frame, site, now_s)
        altitude, azimuth = horizontal_deg(frame.hour_angle_rad(ra_rad, site), dec_rad, site)
        if altitude > DRAWN_ABOVE_DEG:
            yield _place(float(azimuth), float(altitude)) | {"name": planet.value}


def _targets(facts: NightFacts, site: Site, now_s: float) -> list[dict[str, object]]:
    """Return what runs with its path, then the plan's visits in order."""
    visits = facts.plan.visits if facts.plan is not None else ()
    runs = under_way(facts.attempts, visits)
    told = [
        _target(one, "running", site, now_s) | {"path": _path(one, runs[one.receipt], site, now_s)}
        for one in facts.attempts
        if one.end_s is None and math.isfinite(one.ra_deg)
    ]
    of_plan = [one for one in runs.values() if one is not None]
    coming = [one for one in visits if one not in of_plan][: MOST_TARGETS - len(told)]
    for index, visit in enumerate(coming):
        told.append(_target(visit, "planned" if index else "next", site, now_s))
    return told


def _target(one: Attempt | Visit, state: str, site: Site, now_s: float) -> dict[str, object]:
    altitude, azimuth = altaz(one.ra_deg, one.dec_deg, site, now_s)
    return _place(azimuth, altitude) | {
        "receipt": one.receipt,
        "label": one.label or one.receipt,
        "filter": one.filter_name,
        "start": iso(one.start_s),
        "state": state,
    }


def _path(one: Attempt, visit: Visit | None, site: Site, now_s: float) -> list[list[float]]:
    """Return where a running target goes: azimuth and altitude from its start to its end."""
    length_s = 0.0 if visit is None else visit.end_s - visit.start_s
    end_s = max(one.start_s + length_s, now_s)
    if end_s - one.start_s < _LEAST_PATH_S:
        return []
    times_s = np.linspace(one.start_s, end_s, _PATH_POINTS)
    frame = Skies.over(site, times_s).frame
    ra_rad, dec_rad = frame.place_rad(one.ra_deg, one.dec_deg)
    altitudes, azimuths = horizontal_deg(frame.hour_angle_rad(ra_rad, site), dec_rad, site)
    return [list(pair) for pair in zip(rounded(azimuths), rounded(altitudes), strict=True)]


def _place(azimuth_deg: float, altitude_deg: float) -> dict[str, object]:
    return {"az_deg": round(azimuth_deg, 1), "alt_deg": round(altitude_deg, 1)}
