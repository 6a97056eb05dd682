"""Orders that should not be, at the front desk: refused at once, each with a clear answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ctmo_indi.errors import BadOrder, CtmoError, NeverObservable
from ctmo_indi.models.observability import ever_observable
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Limits, NightPolicy, PriorityPolicy, Site
from ctmo_indi.scheduler.orders.intake import NewOrder, OrderIntake
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Reply

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
NORTH_CAPE = Site("North Cape", 71.2, 25.8, 0.0)
POLE = Site("South Pole", -90.0, 0.0, 2800.0)
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
CALLER = Caller("ada", Role.SUBMIT, "127.0.0.1")
PLAIN: dict[str, Any] = {
    "WOType": "Observation", "User": "ada", "ID": "1", "RA": 60.0, "Dec": 20.0, "Filter": "V",
    "Exposure Time": 10.0,
}  # fmt: skip


class Desk:
    """A contract and an intake on a store, at a site."""

    def __init__(self, folder: Path) -> None:
        self.site = CTMO
        self.database = open_database("scheduler", folder / "scheduler.sqlite3")
        self.writer = Writer(self.database)
        self.contract = Contract.load(small_profile(), FakeClock())
        self.stored: list[NewOrder] = []
        self.repeated: list[str] = []
        self.intake = OrderIntake(
            self.database,
            self.writer,
            FakeClock(),
            PriorityPolicy(),
            lambda _: False,
            self.why_never,
            self.stored.extend,
            on_repeated=self.repeated.extend,
        )

    def why_never(self, request: ObservationRequest) -> str:
        limits, night = Limits(horizon_deg=15.0), NightPolicy()
        return ever_observable(request, self.site, limits, night, utc=NOW)[1]

    async def submit(self, **keys: object) -> Reply:
        order = PLAIN | {key.replace("_", " "): value for key, value in keys.items()}
        return await self.intake.handle(self.contract.check(order), CALLER)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.writer.close()
    made.database.close()


def windows(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Start": start, "End": end} for start, end in pairs]


PAST = windows(("2026-10-01T01:00:00Z", "2026-10-01T03:00:00Z"))
BY_DAY = windows(("2026-11-22T17:00:00Z", "2026-11-22T19:00:00Z"))
SHORT = windows(("2026-11-23T05:00:00Z", "2026-11-23T05:00:05Z"))
TURNED = windows(("2026-11-23T05:00:00Z", "2026-11-23T04:00:00Z"))


@pytest.mark.parametrize(
    ("keys", "error", "told"),
    [
        ({"RA": float("nan")}, BadOrder, "RA: came nan"),
        ({"Dec": float("inf")}, BadOrder, "Dec: came inf"),
        ({"Dec": 91.0}, BadOrder, "Dec: came 91.0, expected"),
        ({"Exposure_Time": float("nan")}, BadOrder, "Exposure Time: came nan"),
        ({"Windows": TURNED}, BadOrder, "Windows"),
        ({"Dec": -85.0}, NeverObservable, "1: never at this site: at best altitude"),
        ({"Windows": PAST}, NeverObservable, "every window has ended, the last at 2026-10-01T03"),
        ({"Windows": BY_DAY}, NeverObservable, "never in the order's windows: at best Sun altitud"),
        ({"Windows": SHORT}, NeverObservable, "one exposure takes 10 s, at best 5 s are left"),
        (
            {"Exposure_Time": 70_000.0},
            BadOrder,
            "came 70000.0, expected a number, 0 <= value <= 14",
        ),
        (
            {"Exposure_Time": 14_400.0, "Constraints": {"Min Altitude": 70.0}},
            NeverObservable,
            "never at this site for long enough: one exposure takes 14400 s, at best",
        ),
        ({"Start": "2026-10-01T01:00:00Z"}, NeverObservable, "every window has ended"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    desk: Desk, keys: dict[str, object], error: type[CtmoError], told: str
) -> None:
    with pytest.raises(error) as refused:
        await desk.submit(**keys)
    assert told in str(refused.value)
    assert desk.stored == []


async def test_an_id_that_comes_twice_is_one_order_or_is_refused(desk: Desk) -> None:
    first = await desk.submit()
    assert (await desk.submit())["Receipt"] == first["Receipt"]
    with pytest.raises(CtmoError, match="1"):
        await desk.submit(Dec=21.0)
    assert len(desk.stored) == 1


@pytest.mark.parametrize(
    ("site", "up", "down"), [(NORTH_CAPE, 60.0, -60.0), (POLE, -60.0, 60.0)], ids=["cape", "pole"]
)
async def test_where_the_sun_stays_down_for_months_orders_are_judged_by_the_year(
    desk: Desk, site: Site, up: float, down: float
) -> None:
    desk.site = site
    await desk.submit(Dec=up)
    with pytest.raises(NeverObservable, match="never at this site: at best altitude"):
        await desk.submit(ID="2", Dec=down)
    midsummer = windows(("2027-06-15T00:00:00Z", "2027-06-28T00:00:00Z"))
    if site is NORTH_CAPE:
        with pytest.raises(NeverObservable, match="at best Sun altitude"):
            await desk.submit(ID="3", Dec=up, Windows=midsummer)
    else:
        await desk.submit(ID="3", Dec=up, Windows=midsummer)  # there it is polar night


async def test_of_orders_that_come_again_those_that_wait_are_told(desk: Desk) -> None:
    """The engine may not know them: a commit reported as failed may have happened."""
    receipt = (await desk.submit(ID="9"))["Receipt"]
    assert desk.repeated == []
    assert (await desk.submit(ID="9"))["Receipt"] == receipt
    assert desk.repeated == [receipt]
    assert len(desk.stored) == 1
