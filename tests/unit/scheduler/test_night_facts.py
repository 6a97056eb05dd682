"""What a scheduler knows of a night from its own store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ctmo_indi import profiles
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import FrameType, OrderState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.nights.night_facts import NightFacts
from ctmo_indi.scheduler.nights.record import NightRecord
from ctmo_indi.store import exposures, orders
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.testing.fake_clock import FakeClock

# Sun at -12 degrees at the site of the simulators' profile: 11:52 UTC on 22 November 2026.
MIDNIGHT = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = open_database("scheduler", store_url)
    yield opened
    opened.close()


def facts_at(database: Database, utc: datetime, profile: Profile | None = None) -> NightFacts:
    return NightFacts(
        profile or profiles.load("simulators"), FakeClock(utc), database, "calibration"
    )


def order(receipt: str, **wire: object) -> OrderRow:
    return OrderRow(
        receipt=receipt,
        user="calibration",
        order_id=f"id-{receipt}",
        kind="Observation",
        state=OrderState.PENDING,
        priority=5.0,
        content_hash=receipt,
        wire=wire,
        created_utc_s=0.0,
        updated_utc_s=0.0,
    )


def light(name: str, utc: datetime, receipt: str = "O-1") -> ExposureRecord:
    mjd = utc.timestamp() / 86400.0 + 40587.0
    return ExposureRecord(
        exposure_id=name,
        attempt_id="A-1",
        order_receipt=receipt,
        sequence=1,
        path=f"/data/nights/20261121/raw/{name}.fits",
        frame_type=FrameType.LIGHT,
        filter_name="V",
        t_exptime_s=30.0,
        t_min_mjd=mjd,
        t_max_mjd=mjd,
        s_ra_deg=None,
        s_dec_deg=None,
        target_name="",
        sha256="",
    )


def test_a_night_is_over_after_its_dark_and_ends_at_noon(database: Database) -> None:
    spans = facts_at(database, MIDNIGHT).last_nights()
    assert [one.night for one in spans] == ["20261118", "20261119", "20261120", "20261121"]
    span = spans[-1]
    for utc, is_over, is_noon_past in (
        (MIDNIGHT, False, False),
        (datetime(2026, 11, 22, 11, 50, tzinfo=UTC), False, False),
        (MORNING, True, False),
        (MIDNIGHT + timedelta(days=1), True, True),
    ):
        facts, folder = facts_at(database, utc).look(span, NightRecord(span.night))
        assert (facts.is_over, facts.is_noon_past, facts.frames, folder) == (
            is_over, is_noon_past, 0, "",
        )  # fmt: skip


def test_its_frames_are_those_that_began_in_it(database: Database) -> None:
    with database.write() as connection:
        exposures.record(
            connection,
            [light("a", MIDNIGHT), light("b", MIDNIGHT), light("c", MIDNIGHT + timedelta(days=1))],
            is_good=True,
        )
    nights = facts_at(database, MORNING)
    span = nights.last_nights()[-1]
    facts, folder = nights.look(span, NightRecord(span.night))
    assert (facts.frames, folder) == (2, "/data/nights/20261121")


def test_frames_are_taken_when_an_order_of_its_lights_asks_for_them(database: Database) -> None:
    with database.write() as connection:
        orders.insert_orders(
            connection, [order("O-1", Output="Raw"), order("O-2", Output="Analysis")]
        )
        exposures.record(connection, [light("a", MIDNIGHT)], is_good=True)
    nights = facts_at(database, MORNING)
    span = nights.last_nights()[-1]
    record = NightRecord(span.night, rounds=1)
    assert not nights.look(span, record)[0].takes_frames
    with database.write() as connection:
        exposures.record(connection, [light("b", MIDNIGHT, "O-2")], is_good=True)
    assert nights.look(span, record)[0].takes_frames


def test_what_was_ordered_is_waited_for(database: Database) -> None:
    nights = facts_at(database, MORNING)
    span = nights.last_nights()[-1]
    record = NightRecord(span.night, ordered=("id-O-1", "never came"))
    assert nights.look(span, record)[0].are_ordered_settled
    with database.write() as connection:
        orders.insert_orders(connection, [order("O-1")])
    assert not nights.look(span, record)[0].are_ordered_settled
