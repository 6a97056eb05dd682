"""What the tests of the feature based driver share: a real site, conditions, candidates by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ctmo_indi import profiles
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.feature.features import Features, OrderColumns
from ctmo_indi.scheduling.feature.fields import FieldSet
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions, Places
from ctmo_indi.scheduling.feature.site_now import NightFrame, SiteNow
from ctmo_indi.scheduling.feature.slews import slews_of
from ctmo_indi.scheduling.feature.visits import Visits
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import DriverTarget, Observation, PendingOrder

PROFILE = profiles.load("simulators")
MIDNIGHT = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)  # 10 h before, the Moon is two days from full
SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
UTC_S = MIDNIGHT.timestamp()
TRACKING = ObservatoryModelState(UTC_S, 40.0, 20.0, True, False, 180.0, "R", True)


def real_models(profile: str = "simulators") -> Models:
    found = profiles.load(profile)
    return Models(SiteSky(found), ObservatoryModel.of(found), tuple(found.filters))


def some_fields(count: int = 200, seed: int = 3) -> FieldSet:
    lots = np.random.default_rng(seed)
    return FieldSet.of(
        "some",
        [f"{row:03d}" for row in range(count)],
        lots.uniform(0.0, 360.0, count),
        np.degrees(np.arcsin(lots.uniform(-0.9, 1.0, count))),
    )


def conditions_of(
    fields: FieldSet,
    utc: datetime = MIDNIGHT,
    *,
    state: ObservatoryModelState | None = TRACKING,
    filters: tuple[str | None, ...] = ("R",),
    profile: str = "simulators",
    exposure_s: float = 30.0,
) -> PlaceConditions:
    found = profiles.load(profile)
    night = NightFrame.around(found.site, utc.timestamp())
    if state is not None:
        state = replace(state, utc_s=utc.timestamp())
    return PlaceConditions(
        SiteNow.at(night, utc.timestamp()),
        Places.of(night.apparent(fields.icrs), fields.ra_deg, fields.dec_deg),
        np.arange(fields.size),
        filters,
        0,
        exposure_s,
        state,
        slews_of(ObservatoryModel.of(found)),
    )


def features_of(
    fields: FieldSet,
    visits: Visits | None = None,
    *,
    utc_s: float = UTC_S,
    filter_since_s: float = 0.0,
    night: str = "20261121",
    orders: OrderColumns | None = None,
) -> Features:
    known = None if orders is not None else visits or Visits(fields, ("R",))
    rows = np.arange(fields.size if orders is None else len(orders.requests))
    return Features(utc_s, night, rows, known, orders, 0, filter_since_s)


def conditions(utc: datetime = MIDNIGHT, *orders: PendingOrder, **changes: Any) -> Conditions:
    given = Conditions(
        utc=utc,
        observatory=ObservatoryState.OPEN,
        verdict=SAFE,
        verdict_age_s=0.5,
        telescope_answers=True,
        pending=orders,
        state=replace(TRACKING, utc_s=utc.timestamp()),
    )
    return replace(given, **changes)


def driver_of(
    *tiers: Sequence[Mapping[str, Any]],
    fields: Mapping[str, Any] | None = None,
    models: Models | None = None,
    **keys: Any,
) -> FeatureScheduler:
    driver = FeatureScheduler(models or real_models())
    given = {"sky": {"nside": 16}} if fields is None else fields
    listed = [{"name": f"tier {place}", "surveys": list(one)} for place, one in enumerate(tiers)]
    driver.configure_scheduler({"fields": given, "tiers": listed, **keys})
    return driver


def greedy(name: str = "wide", *functions: Any, **changes: Any) -> dict[str, Any]:
    return {
        "type": "greedy",
        "name": name,
        "fields": "sky",
        "filters": ["R"],
        "exposure_s": 30,
        "basis_functions": list(functions) or ["airmass"],
        **changes,
    }


def orders_survey(name: str = "orders", *functions: Any, **changes: Any) -> dict[str, Any]:
    return {
        "type": "orders",
        "name": name,
        "basis_functions": list(functions) or ["priority"],
        **changes,
    }


def order(name: str, ra_deg: float = 60.0, dec_deg: float = 20.0, **changes: Any) -> PendingOrder:
    """An order that stands high at MIDNIGHT unless its place says otherwise."""
    of_order = {"priority": 5.0, "created_utc_s": 100.0, "missing_count": 1}
    own = {
        key: changes.pop(key)
        for key in (*of_order, "not_before_utc_s", "due_utc_s")
        if key in changes
    }
    request = ObservationRequest(
        order_id=name,
        user=changes.pop("user", "ada"),
        frame_type=changes.pop("frame_type", FrameType.LIGHT),
        exposure_s=60.0,
        count=1,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        object_name=name,
        filter_name=changes.pop("filter_name", "R"),
        **changes,
    )
    return PendingOrder(f"O-{name}", request, **{**of_order, **own})


def chosen(driver: FeatureScheduler, given: Conditions) -> DriverTarget | None:
    driver.update_conditions(given)
    return driver.select_next_target()


def observed(target: DriverTarget, utc: datetime = MIDNIGHT, number: int = 1) -> Observation:
    return Observation(
        attempt_id=f"A-{number}",
        receipt=target.receipt,
        target_name=target.request.object_name,
        ra_deg=target.request.ra_deg,
        dec_deg=target.request.dec_deg,
        mjd=utc.timestamp() / 86400.0 + 40587.0,
        exposure_s=target.request.exposure_s,
        frames=target.count,
        filter_name=target.request.filter_name,
        target_id=target.target_id,
        number=number,
    )
