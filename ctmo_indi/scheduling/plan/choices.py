"""What is weighed beside the plan: waiting for a visit, and what else fits meanwhile.

The measure is the planner's score: (1 + priority) x exposure x sin(altitude in the middle)^0.75.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import ApparentFrame, altaz, horizontal_deg
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.profiles import Site
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.models import Models

WAITED_FOR = 0.01
"""A visit is waited for when it is worth more by this part of it then than now."""

LOOKED_AT = 300
"""Candidates, by priority and age, among which the best that fits is sought."""

EARTH_TURNS_RAD_S = 7.292115e-5
"""Against the stars (IERS Conventions 2010, table 1.2)."""

HEIGHT_EXPONENT = 0.75
"""Of the sine of the altitude in the score."""

_HOUR_S = 3600.0
_STEP_S = 120.0


def best_begin_s(
    place_deg: tuple[float, float],
    site: Site,
    earliest_utc_s: float,
    planned_utc_s: float,
    to_middle_s: float,
    risk_per_hour: float = 0.0,
) -> float:
    """Return when a visit is best begun, from now to when the plan has it; 0.2 ms.

    The altitude in its middle is weighed against what waiting is expected to cost, exp(-risk x
    hours). So a star is waited for while sin(altitude)^0.75 grows by more than the risk: one that
    rises by 13 deg an hour, as fast as one can, up to 30 deg with 0.3 an hour, to 60 with 0.1.

    Parameters
    ----------
    place_deg
        ICRS.
    earliest_utc_s, planned_utc_s
        Begins of the way to it, Unix seconds; answers are of between.
    to_middle_s
        From the begin of the way to the middle of the visit.
    risk_per_hour
        Part of what is waited for that each hour of waiting is expected to cost: weather, faults.
    """
    if planned_utc_s <= earliest_utc_s:
        return earliest_utc_s
    # Counted from the plan's instant, the answer does not move while it is waited for.
    steps = math.ceil((planned_utc_s - earliest_utc_s) / _STEP_S)
    begin_s = np.maximum(planned_utc_s - _STEP_S * np.arange(steps, -1, -1.0), earliest_utc_s)
    frame = ApparentFrame.at(earliest_utc_s + to_middle_s)
    ra_rad, dec_rad = frame.place_rad(*place_deg)
    waited_s = begin_s - earliest_utc_s
    angle_rad = frame.hour_angle_rad(ra_rad, site) + EARTH_TURNS_RAD_S * waited_s
    height = np.sin(np.radians(horizontal_deg(angle_rad, dec_rad, site)[0]))
    kept = np.exp(-risk_per_hour * waited_s / _HOUR_S)
    worth = np.maximum(height, 0.0) ** HEIGHT_EXPONENT * kept
    best = int(np.argmax(worth))
    is_better_later = worth[0] < worth[best] * (1.0 - WAITED_FOR)
    return float(begin_s[best]) if is_better_later else earliest_utc_s


def best_first(
    candidates: Iterable[Candidate],
    conditions: Conditions,
    models: Models,
    site: Site,
    until_utc_s: float | None,
) -> Iterator[Candidate]:
    """Yield those that are over by an instant, the most worth for a second first.

    Parameters
    ----------
    candidates
        In the order of choice; ties keep it.
    until_utc_s
        None: no limit.
    """
    utc_s = conditions.utc.timestamp()
    known = [
        (one, place)
        for one in islice(candidates, LOOKED_AT)
        if (place := models.sky.place_deg(one.request, conditions.utc)) is not None
    ]
    if not known:
        return
    ra_deg, dec_deg = np.array([place for _, place in known], dtype=np.float64).T
    length_s = np.array(
        [models.observatory.exposures_s(one.request, one.count) for one, _ in known]
    )
    way_s = _delays_s(
        conditions, models, ra_deg, dec_deg, [one.request.filter_name for one, _ in known]
    )
    took_s = way_s + length_s
    height = np.sin(np.radians(altaz(ra_deg, dec_deg, site, utc_s)[0]))
    exposed_s = np.array([one.count * one.request.exposure_s for one, _ in known])
    weight = np.array([1.0 - one.sort_key[0] for one, _ in known])
    rate = weight * exposed_s * np.maximum(height, 0.0) ** HEIGHT_EXPONENT / np.maximum(took_s, 1.0)
    fits = np.ones(len(known), dtype=np.bool_)
    if until_utc_s is not None:
        fits = utc_s + took_s <= until_utc_s
    for row in np.argsort(-rate, kind="stable").tolist():
        if fits[row]:
            yield known[row][0]


def _delays_s(
    conditions: Conditions,
    models: Models,
    ra_deg: NDArray[np.float64],
    dec_deg: NDArray[np.float64],
    filter_names: list[str | None],
) -> NDArray[np.float64]:
    if conditions.state is None:
        return np.zeros(len(ra_deg))
    state: ObservatoryModelState = replace(conditions.state, utc_s=conditions.utc.timestamp())
    return models.observatory.delays_s(state, ra_deg, dec_deg, filter_names)
