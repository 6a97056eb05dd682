"""What the planner is compared with: astroplan's PriorityScheduler, and the exact optimum.

astroplan places block after block by priority, each at its own best time; it does not aim at our
score. Its blocks get the same limits (air mass graded, as in its documentation), windows and
transition times (2 degrees a second on the sky, 10 s for a filter; neither settling nor
accelerating is asked of it). The shorter its slots (20 s unless told otherwise), the better are its
plans.

PriorityScheduler cuts a block's duration to whole slots before it places it, and leaves blocks too
short for their frames. Either each counts as if it were observed whole (in its favour), or, with
``is_rounded``, blocks are rounded up before, so that its plans can be carried out. A visit that
breaks a limit on the sky counts nothing; values are the checker's.
"""

from __future__ import annotations

import math
import time
import warnings

import astropy.units as u
import numpy as np
import scheduling_scenarios as given
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.planner import checker
from ctmo_indi.planner.plan import Plan, PlannedVisit
from ctmo_indi.planner.plan_request import PlanRequest

_COUNTED = {"Sun altitude", "altitude", "airmass", "Moon separation", "windows", "begin", "end"}


def astroplan_plan(
    requests: list[PlanRequest], slot_s: float, *, is_rounded: bool
) -> dict[str, float]:
    """Plan with astroplan; return CPU seconds, value and number of visits."""
    iers.conf.auto_download = False
    iers.conf.auto_max_age = None
    import astroplan  # 1 s, and only where it is asked for

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what astroplan does with numpy and astropy
        site = given.SITE
        location = EarthLocation(
            lon=site.longitude_deg * u.deg,
            lat=site.latitude_deg * u.deg,
            height=site.elevation_m * u.m,
        )
        observer = astroplan.Observer(location=location, name=site.name)
        limits = [
            astroplan.AltitudeConstraint(min=given.LIMITS.horizon_deg * u.deg),
            astroplan.AtNightConstraint.twilight_astronomical(),
            astroplan.MoonSeparationConstraint(min=given.MIN_MOON_SEPARATION_DEG * u.deg),
        ]
        moves = astroplan.Transitioner(
            given.KINEMATICS.hour_angle_rate_deg_s * u.deg / u.s,
            {"filter": {"default": given.KINEMATICS.filter_change_s * u.s}},
        )
        blocks = [_block(astroplan, one, slot_s if is_rounded else None) for one in requests]
        planner = astroplan.PriorityScheduler(
            constraints=limits,
            observer=observer,
            transitioner=moves,
            time_resolution=slot_s * u.s,
        )
        schedule = astroplan.Schedule(_time(given.BEGIN_UTC_S), _time(given.END_UTC_S))
        began_s = time.process_time()
        planner(blocks, schedule)
        cpu_s = time.process_time() - began_s
    named = {one.key: one for one in requests}
    placed = [
        (
            named[block.target.name],
            float(block.start_time.unix),
            float(block.duration.to_value(u.s)),
        )
        for block in schedule.observing_blocks
    ]
    return {"cpu_s": cpu_s, "visits": len(placed), **_worth(placed)}


def _block(astroplan, request: PlanRequest, slot_s: float | None):
    own = [astroplan.AirmassConstraint(request.constraints.max_airmass, boolean_constraint=False)]
    own += [
        astroplan.TimeConstraint(_time(one.start_utc_s), _time(one.end_utc_s))
        for one in request.windows
    ]
    place = SkyCoord(request.ra_deg * u.deg, request.dec_deg * u.deg)
    lasts_s = _duration_s(request)
    if slot_s is not None:
        lasts_s = math.ceil(lasts_s / slot_s) * slot_s
    return astroplan.ObservingBlock(
        astroplan.FixedTarget(place, name=request.key),
        lasts_s * u.s,
        10.0 - request.priority,  # its best is the lowest
        configuration={"filter": request.filter_name},
        constraints=own,
    )


def _time(utc_s: float) -> Time:
    return Time(utc_s, format="unix", scale="utc")


def _duration_s(request: PlanRequest) -> float:
    return request.count * (request.exposure_s + given.KINEMATICS.readout_s)


def _worth(placed: list[tuple[PlanRequest, float, float]]) -> dict[str, float]:
    """Return the value of what was placed: (request, start, seconds given)."""
    visits = []
    for row, (request, start_s, given_s) in enumerate(placed):
        lasts_s = min(given_s, _duration_s(request))
        visits.append(PlannedVisit(request.key, row, start_s, start_s + lasts_s, 0.0, 0.0))
    plan = Plan(
        tuple(visits), 0.0, given.BEGIN_UTC_S, given.END_UTC_S, len(visits), len(visits), (), 60.0
    )
    requests = [request for request, _, _ in placed]
    judged = (given.SITE, given.LIMITS, given.NIGHT, given.MODEL, given.START)
    broken = {
        one.key for one in checker.check(plan, requests, *judged) if one.constraint in _COUNTED
    }
    is_sound = np.array([request.key not in broken for request in requests], dtype=bool)
    middles = [start_s + _duration_s(request) / 2.0 for request, start_s, _ in placed]
    worth, _ = checker.scores(requests, middles, given.SITE)
    return {
        "value": float(worth @ is_sound),
        "broken": len(broken),
        "filled": plan.filled,
    }


def exact_value(requests: list[PlanRequest]) -> dict[str, float]:
    """Return the optimum over starts on whole minutes, proven; see ``oracle_exact``."""
    from tests.unit.planner.oracle_exact import programme
    from tests.unit.planner.oracle_small_night import small_night

    night = small_night(
        requests,
        given.SITE,
        given.LIMITS,
        given.NIGHT,
        given.MODEL,
        given.START,
        given.END_UTC_S,
    )
    began_s = time.process_time()
    value, starts = programme(night, time_limit_s=120.0)
    return {"value": value, "visits": len(starts), "cpu_s": time.process_time() - began_s}
