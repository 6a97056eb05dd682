"""An order for a moving target: taken, its place of now told, kept over a restart; or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi.errors import NeverObservable
from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.moving_targets import place_icrs_deg
from ctmo_indi.models.observability import ever_observable
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Limits, NightPolicy, PriorityPolicy, Site
from ctmo_indi.scheduler.orders.intake import NewOrder, OrderIntake
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.desks import reply_faults, small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Reply

SITE = Site("CTMO", 25.996275, -97.571269, 12.0)
LIMITS, NIGHT = Limits(horizon_deg=15.0, max_altitude_deg=89.0), NightPolicy()
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
CALLER = Caller("ada", Role.SUBMIT, "127.0.0.1")
PLAIN: dict[str, Any] = {
    "WOType": "Observation", "User": "ada", "ID": "1", "Filter": "V", "Exposure Time": 10.0,
}  # fmt: skip


class Desk:
    """A contract and an intake on a store."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database("scheduler", folder / "scheduler.sqlite3")
        self.writer = Writer(self.database)
        self.contract = Contract.load(small_profile(), FakeClock())
        self.stored: list[NewOrder] = []
        self.intake = OrderIntake(
            self.database,
            self.writer,
            FakeClock(),
            PriorityPolicy(),
            lambda _: False,
            self.why_never,
            self.stored.extend,
            place_now=lambda request: place_icrs_deg(request, SITE, NOW),
        )

    def why_never(self, request: ObservationRequest) -> str:
        return ever_observable(request, SITE, LIMITS, NIGHT, utc=NOW)[1]

    async def submit(self, **keys: object) -> Reply:
        order = PLAIN | {key.replace("_", " "): value for key, value in keys.items()}
        return await self.intake.handle(self.contract.check(order), CALLER)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.writer.close()
    made.database.close()


async def test_the_reply_tells_where_a_planet_is_now(desk: Desk) -> None:
    reply = await desk.submit(Object="Saturn")
    assert reply_faults("Observation", reply) == []
    (order,) = desk.stored
    assert order.request.motion == BodyMotion(SolarSystemBody.SATURN)
    # PyEphem 4.2.1 (VSOP87), astrometric and topocentric.
    assert (reply["RA"], reply["Dec"]) == pytest.approx((8.26044, 0.71277), abs=0.015)
    assert (reply["RA"], reply["Dec"]) == place_icrs_deg(order.request, SITE, NOW)


async def test_what_was_stored_is_read_back_as_the_same_request(desk: Desk) -> None:
    orbit = {
        "Epoch": 2461000.5, "Semi-major Axis": 2.7656, "Eccentricity": 0.0796,
        "Inclination": 10.588, "Ascending Node": 80.25, "Argument of Perihelion": 73.3,
        "Mean Anomaly": 231.54,
    }  # fmt: skip
    first = await desk.submit(Object="(1) Ceres", Orbit=orbit)
    (order,) = desk.stored
    assert desk.contract.check(order.row.wire).request == order.request
    again = await desk.submit(Object="(1) Ceres", Orbit=orbit)
    assert again["Receipt"] == first["Receipt"]


async def test_a_cadence_wants_the_frames_of_all_visits(desk: Desk) -> None:
    cadence = {"Period": 86400, "Visits": 5}
    await desk.submit(RA=23.1, Dec=13.2, Number_of_Exposures=3, Cadence=cadence)
    assert desk.stored[0].row.wanted_count == 15
    assert desk.contract.check(desk.stored[0].row.wire).request == desk.stored[0].request


async def test_what_never_rises_is_refused_with_the_reason(desk: Desk) -> None:
    with pytest.raises(NeverObservable, match=r"1: never at this site: at best altitude 5\.0 deg"):
        await desk.submit(Altitude=5.0, Azimuth=90.0)
    assert desk.stored == []
