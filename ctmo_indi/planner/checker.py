"""Judge a plan without trusting the planner: every rule again, from astropy and the specification.

A visit of a request lasts ``count * (exposure_s + readout_s)`` and satisfies every limit of the
site, the night and the request over its whole span; before it stands the setup from where and when
the visit before ended. What is compared:

===================  ===============================================================================
constraint           value against limit
===================  ===============================================================================
unknown request      times planned; none is allowed
once                 times planned, at most 1
finite               a start, end, setup or value that is no number
order                start against the start of the visit before
begin, end           start, end against those of the plan (1 s)
duration             end - start against the request's frames and readouts (1 s)
windows              the edge of the visit that is outside against the window's (1 s)
group                members planned against members, unless none
closed               seconds within a span in which nothing can be observed (1 s)
overlap              start against the end of the visit before (1 ms)
setup                time before the start against the delay of ``ObservatoryModel`` (0.5 s)
stated setup         ``setup_s`` against the same delay, not more than the time there is (0.5 s)
Sun altitude         night's and request's limit (20 arcsec: ``sun_moon`` leaves out 9 of parallax)
altitude             horizon, mask and request's minimum; highest altitude (10 arcsec)
hour angle           site's and request's limits (1 s)
meridian flip margin minutes to the hour angle of the flip, 0 when the visit passes it (1 s)
airmass              Kasten and Young 1989 (10 arcsec of altitude)
Moon separation      at all times, Moon up or not (30 arcsec: ERFA's moon98, and steps of a table)
Moon altitude        (30 arcsec)
Moon illumination    percent, while the Moon is up (0.3 %: Meeus' 48.1 leaves out as much)
Sun separation       where the night's limit lets the Sun up (20 arcsec)
value                (1 + priority) count exposure_s max(sin(altitude at the middle), 0)^0.75, to
                     10 arcsec of that altitude
plan value           the sum of those
bound                not below the value of the plan
===================  ===============================================================================

The limits on the sky are looked at when a visit begins, is half over, ends and every 10 minutes
between, where the star culminates and where a German mount flips. What UT1 = UTC turns the sky by
is allowed on top (``Places.ut1_deg``). Pure functions: 0.3 s for a plan of 60 visits, 1 s for 500,
and 0.8 s once for astropy. One thread at a time (``checked_sky``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.checked_limits import ALTITUDE_DEG, limits_along
from ctmo_indi.planner.checked_list import (
    in_closed_spans,
    listed_wrongly,
    numbers,
    torn_groups,
    wrong_setups,
    wrong_spans,
)
from ctmo_indi.planner.checked_sky import Array, places
from ctmo_indi.planner.plan import Infeasible, Plan
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.violation import THE_PLAN, Planned, Violation
from ctmo_indi.profiles import Limits, NightPolicy, Site

SAMPLED_EVERY_S = 600.0
_RELATIVE = 1e-6
_ABSOLUTE = 1e-3
_MOST_TOLD = 10


def check(
    plan: Plan,
    requests: Iterable[PlanRequest],
    site: Site,
    limits: Limits,
    night: NightPolicy,
    model: ObservatoryModel,
    start: ObservatoryModelState,
    closed_utc_s: Array | None = None,
) -> tuple[Violation, ...]:
    """Return every rule that a plan breaks, one line for each visit and rule.

    Parameters
    ----------
    requests
        All that might have been planned: of a group, all members.
    start
        Of the observatory when the plan begins, or before.
    closed_utc_s
        Spans in which nothing can be observed (weather), shape (c, 2); None: none.
    """
    wanted = {request.key: request for request in requests}
    planned = sorted(
        (
            Planned(visit, wanted[visit.key])
            for visit in plan.visits
            if visit.key in wanted and np.all(np.isfinite(numbers(visit)))
        ),
        key=lambda one: one.visit.start_utc_s,
    )
    return (
        *listed_wrongly(plan.visits, wanted),
        *torn_groups(plan.visits, wanted),
        *wrong_spans(plan, planned, model.kinematics.readout_s),
        *in_closed_spans(planned, np.empty((0, 2)) if closed_utc_s is None else closed_utc_s),
        *wrong_setups(plan, planned, model, start),
        *_wrong_on_the_sky(planned, site, limits, night),
        *_wrong_values(plan, planned, site),
    )


def refuse(
    plan: Plan,
    requests: Iterable[PlanRequest],
    site: Site,
    limits: Limits,
    night: NightPolicy,
    model: ObservatoryModel,
    start: ObservatoryModelState,
    closed_utc_s: Array | None = None,
) -> None:
    """Raise Infeasible with the violations that :func:`check` finds, if there are any."""
    found = [
        str(one) for one in check(plan, requests, site, limits, night, model, start, closed_utc_s)
    ]
    if len(found) > _MOST_TOLD:
        found[_MOST_TOLD:] = [f"and {len(found) - _MOST_TOLD} more"]
    if found:
        raise Infeasible("; ".join(found))


def scores(
    requests: Sequence[PlanRequest], middle_utc_s: Sequence[float] | Array, site: Site
) -> tuple[Array, Array]:
    """Return what visits are worth by astropy's altitude at their middles, and how well known.

    Returns
    -------
    score, allowed : ndarray, shape (n,)
        ``allowed``: what 10 arcsec of altitude change.
    """
    if not requests:
        return np.zeros(0), np.zeros(0)
    ra_deg = np.array([request.ra_deg for request in requests])
    dec_deg = np.array([request.dec_deg for request in requests])
    seen = places(site, ra_deg, dec_deg, np.asarray(middle_utc_s, dtype=np.float64))
    weight = np.array(
        [(1.0 + one.priority) * one.count * one.exposure_s for one in requests], dtype=np.float64
    )
    off_deg = ALTITUDE_DEG + seen.ut1_deg

    def at(altitude_deg: Array) -> Array:
        sine: Array = np.maximum(np.sin(np.radians(altitude_deg)), 0.0)
        return weight * sine**0.75

    score = at(seen.altitude_deg)
    around = [np.abs(at(seen.altitude_deg + sign * off_deg) - score) for sign in (-1.0, 1.0)]
    return score, np.maximum(*around) + _RELATIVE * score + _ABSOLUTE


# -- on the sky -----------------------------------------------------------------------------------


def _wrong_on_the_sky(
    planned: Sequence[Planned], site: Site, limits: Limits, night: NightPolicy
) -> Iterator[Violation]:
    if not planned:
        return
    owner, utc_s = _instants(planned, site, limits.meridian_flip_h)
    ra_deg = np.array([one.request.ra_deg for one in planned])[owner]
    dec_deg = np.array([one.request.dec_deg for one in planned])[owner]
    seen = places(site, ra_deg, dec_deg, utc_s)
    wants = [one.request.constraints for one in planned]
    for limit in limits_along(seen, owner, wants, limits, night):
        slack = limit.slack
        is_bad = ~(slack >= -(limit.tolerance + limit.ut1_factor * seen.ut1_deg))
        for index in np.unique(owner[is_bad]):
            samples = np.flatnonzero(owner == index)
            worst = samples[np.argmin(slack[samples])]
            yield Violation(
                planned[index].request.key,
                limit.name,
                float(limit.values[worst]),
                float(limit.bounds[worst]),
                float(utc_s[worst]),
            )


def _instants(
    planned: Sequence[Planned], site: Site, flip_h: float | None
) -> tuple[NDArray[np.intp], Array]:
    """Return when each visit is looked at: its index and the Unix seconds, shape (n,) each."""
    looked_at_deg = [0.0, 180.0]
    if flip_h is not None:
        looked_at_deg += [15.0 * flip_h, 15.0 * flip_h + 180.0]
    owners, instants = [], []
    for index, one in enumerate(planned):
        start_s, end_s = one.visit.start_utc_s, one.visit.end_utc_s
        between = np.arange(start_s, end_s, SAMPLED_EVERY_S)
        times = np.union1d(between, [start_s, one.middle_utc_s, end_s])
        owners.append(np.full(times.size, index, dtype=np.intp))
        instants.append(times)
    begins = places(
        site,
        np.array([one.request.ra_deg for one in planned]),
        np.array([one.request.dec_deg for one in planned]),
        np.array([one.visit.start_utc_s for one in planned]),
    )
    ends = np.array([one.visit.end_utc_s for one in planned])
    for times in (begins.passes_s(hour_angle_deg, ends) for hour_angle_deg in looked_at_deg):
        is_inside = np.isfinite(times)
        owners.append(np.flatnonzero(is_inside))
        instants.append(times[is_inside])
    return np.concatenate(owners), np.concatenate(instants)


# -- what it is worth -----------------------------------------------------------------------------


def _wrong_values(plan: Plan, planned: Sequence[Planned], site: Site) -> Iterator[Violation]:
    middles = [one.middle_utc_s for one in planned]
    score, allowed = scores([one.request for one in planned], middles, site)
    for one, value, off in zip(planned, score, allowed, strict=True):
        if not abs(one.visit.value - value) <= off:
            yield Violation(
                one.request.key, "value", one.visit.value, float(value), one.middle_utc_s
            )
    total, off = float(score.sum()), float(allowed.sum()) + _ABSOLUTE
    if not abs(plan.value - total) <= off:
        yield Violation(THE_PLAN, "plan value", plan.value, total, float("nan"))
    least = max(plan.value, total - off)
    if not plan.bound >= least - _ABSOLUTE - _RELATIVE * abs(least):
        yield Violation(THE_PLAN, "bound", plan.bound, least, float("nan"))
