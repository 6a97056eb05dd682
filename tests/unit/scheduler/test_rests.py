"""How long orders and a driver's own targets are left alone: doubling, nights, clocks, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.errors import BadOrder
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.profiles import NightPolicy, Profile, Site
from ctmo_indi.scheduler.orders.orders_book import OrdersBook
from ctmo_indi.scheduler.orders.rests import Resting, Rests
from ctmo_indi.scheduler.orders.settlement import Cause
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.attempts import AttemptResult
from ctmo_indi.store import orders
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.testing.fake_clock import EVENING, FakeClock
from ctmo_indi.work_orders.contract import Contract

from .mode_rig import field_request

SITE = Site("test", 26.0, -97.5, 12.0)  # mean local noon is 18:30 UTC
NEXT_NOON = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
FIELD = Resting("driver:fields", "field-1")
ORDER = Resting("", "O-1")
FAILED = AttemptState.FAILED
HOUR_S = 3600.0


class SettableClock(FakeClock):
    """``set_s``: by how much somebody has set it."""

    set_s = 0.0

    def utc(self) -> datetime:
        return super().utc() + timedelta(seconds=self.set_s)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


def made(clock: FakeClock, limit: int = 3) -> Rests:
    return Rests(clock, SITE, limit)


@pytest.mark.parametrize(
    ("ended", "rests_on"),
    [(AttemptState.INTERRUPTED, False), (AttemptState.NOT_ATTEMPTED, False), (FAILED, True)],
)
def test_the_end_of_a_humans_hold_ends_every_rest_but_that_of_a_failure(
    clock: SettableClock, ended: AttemptState, rests_on: bool
) -> None:
    rests = made(clock)
    rests.ended(ORDER, ended, 0)
    rests.hold_is_over()
    assert (left_s(rests, clock, ORDER) > 0.0) is rests_on


def left_s(rests: Rests, clock: FakeClock, who: Resting = FIELD) -> float:
    """Sky seconds it still rests."""
    until_s = rests.not_before_utc_s(who)
    return until_s - clock.utc().timestamp() if until_s else 0.0


@pytest.mark.parametrize("who", [FIELD, ORDER])
def test_every_further_attempt_without_a_frame_doubles_the_rest(
    clock: SettableClock, who: Resting
) -> None:
    rests = made(clock, limit=100)
    lasts_s = []
    for _ in range(6):
        rests.ended(who, FAILED, 0)
        lasts_s.append(left_s(rests, clock, who))
    assert lasts_s == pytest.approx([120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0])
    rests.ended(who, AttemptState.INTERRUPTED, 2)
    assert left_s(rests, clock, who) == pytest.approx(30.0)
    clock.advance(31.0)
    assert rests.not_before_utc_s(who) == 0.0
    rests.ended(who, FAILED, 0)
    rests.ended(who, AttemptState.COMPLETED, 3)
    assert rests.not_before_utc_s(who) == 0.0


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
@pytest.mark.parametrize("who", [FIELD, ORDER])
def test_a_clock_that_is_set_makes_no_rest_longer_or_shorter(
    clock: SettableClock, who: Resting, step_s: float
) -> None:
    rests = made(clock)
    rests.ended(who, FAILED, 0)
    clock.advance(20.0)
    clock.set_s += step_s
    assert left_s(rests, clock, who) == pytest.approx(100.0)
    clock.advance(100.0)
    assert rests.not_before_utc_s(who) == 0.0


class Trembling(FakeClock):
    """Its two times are read one after the other, as those of a real one."""

    reads = 0

    def elapsed_s(self) -> float:
        self.reads += 1
        return super().elapsed_s() + 1e-4 * self.reads


def test_the_end_of_a_rest_is_the_same_at_every_question() -> None:
    rests = made(Trembling())
    rests.ended(FIELD, FAILED, 0)
    assert len({rests.not_before_utc_s(FIELD) for _ in range(10)}) == 1


def test_a_target_that_fails_too_often_in_a_night_rests_until_the_next(
    clock: SettableClock,
) -> None:
    rests = made(clock)
    for number in range(3):
        assert rests.for_the_night("driver:fields") == []
        rests.ended(FIELD, FAILED, 0, f"no star, {number}")
        clock.advance(HOUR_S)
    assert rests.of_driver("driver:fields") == {"field-1": NEXT_NOON.timestamp()}
    assert rests.for_the_night("driver:fields") == [
        "field-1: 3 attempts failed this night, the last one: no star, 2; not tried again before"
        " 2026-11-22T18:30:00Z"
    ]
    assert rests.of_driver("driver:other") == {}
    assert rests.for_the_night("driver:other") == []

    clock.advance((NEXT_NOON - clock.utc()).total_seconds())
    assert rests.of_driver("driver:fields") == {}
    assert rests.for_the_night("driver:fields") == []
    rests.ended(FIELD, FAILED, 0)  # the first one of this night
    assert left_s(rests, clock) < HOUR_S


@pytest.mark.parametrize(
    ("who", "state"), [(FIELD, AttemptState.INTERRUPTED), (ORDER, AttemptState.FAILED)]
)
def test_weather_counts_for_no_night_and_orders_have_a_limit_of_their_own(
    clock: SettableClock, who: Resting, state: AttemptState
) -> None:
    rests = made(clock)
    for _ in range(10):
        rests.ended(who, state, 0)
    assert 0.0 < left_s(rests, clock, who) <= 1800.0


def test_what_rested_long_ago_is_forgotten(clock: SettableClock) -> None:
    rests = made(clock)
    for number in range(100):
        rests.ended(Resting("driver:fields", f"f{number}"), FAILED, 0)
    clock.advance(25 * HOUR_S)
    rests.ended(FIELD, FAILED, 0)
    assert len(rests._rests) == 1


class Books:
    """Opens one book after the other on the same database, as restarts do."""

    def __init__(self, folder: Path, profile: Profile) -> None:
        self.clock = SettableClock()
        self.contract = Contract.load(profile, self.clock)
        self.database = open_database("scheduler", folder / "scheduler.sqlite3")
        self.writer = Writer(self.database)

    def open(self) -> OrdersBook:
        book = OrdersBook(
            self.database,
            self.writer,
            self.clock,
            NightPolicy(failure_limit=3),
            self._read,
            lambda *_event: None,
            SITE,
        )
        book.load()
        return book

    def order(self, book: OrdersBook) -> str:
        wire = {"WOType": "Observation", "User": "ana", "ID": "m31", "RA": 10.0, "Dec": 20.0}
        wire |= {"Exposure Time": 30.0, "Number of Exposures": 2, "Filter": "V"}
        checked = self.contract.check(wire)
        now_s = self.clock.utc().timestamp()
        row = OrderRow(
            "O-1",
            "ana",
            "m31",
            "Observation",
            OrderState.PENDING,
            5.0,
            checked.content_hash,
            dict(checked.wire),
            now_s,
            now_s,
            wanted_count=2,
        )
        self.writer.run(lambda connection: orders.insert_order(connection, row))
        book.adopt(row)
        return row.receipt

    def close(self) -> None:
        self.writer.close()
        self.database.close()

    def _read(self, row: OrderRow) -> ObservationRequest:
        request = self.contract.check(row.wire).request
        if not isinstance(request, ObservationRequest):
            raise BadOrder("not an Observation")
        return request


@pytest.fixture
def books(tmp_path: Path, profile: Profile) -> Iterator[Books]:
    opened = Books(tmp_path, profile)
    yield opened
    opened.close()


def attempt(
    book: OrdersBook,
    receipt: str = "",
    name: str = "field-1",
    state: AttemptState = FAILED,
    cause: Cause = Cause.ITSELF,
) -> None:
    """Let one attempt, at the order or at the driver's own target, end so."""
    request = book.order(receipt).request if receipt else field_request(name)
    target = DriverTarget(request, EVENING, 40.0, count=2, receipt=receipt, target_id=name)
    attempt_id = book.begin_attempt(target, "fields").row.attempt_id
    if cause is Cause.ITSELF:
        book.progressed(attempt_id, ())
    book.settle(AttemptResult(attempt_id, state, (), "no star"), cause)


def test_a_failed_target_of_the_drivers_own_rests_also_after_a_restart(books: Books) -> None:
    book = books.open()
    attempt(book)
    attempt(book)
    until = book.resting("fields")
    assert until == {"field-1": pytest.approx(EVENING.timestamp() + 240.0)}
    assert book.resting("other") == {}
    books.clock.advance(40.0)
    again = books.open()
    assert again.resting("fields") == until
    attempt(again)
    assert again.resting("fields") == {"field-1": NEXT_NOON.timestamp()}
    (said,) = books.open().resting_for_the_night("fields")
    assert said.startswith("field-1: 3 attempts failed this night, the last one: no star;")


def test_an_order_goes_on_resting_after_a_restart(books: Books) -> None:
    book = books.open()
    receipt = books.order(book)
    attempt(book, receipt)
    attempt(book, receipt)
    books.clock.advance(10.0)
    (before,) = book.pending()
    (after,) = books.open().pending()
    assert after.not_before_utc_s == before.not_before_utc_s > EVENING.timestamp()


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_clock_that_was_set_while_the_scheduler_was_down_makes_no_rest_longer(
    books: Books, step_s: float
) -> None:
    book = books.open()
    receipt = books.order(book)
    attempt(book, receipt)
    attempt(book)
    books.clock.set_s += step_s
    again = books.open()
    now_s = books.clock.utc().timestamp()
    (pending,) = again.pending()
    assert pending.not_before_utc_s - now_s <= 120.0
    assert again.resting("fields").get("field-1", 0.0) - now_s <= 120.0


def test_a_withdrawn_target_does_not_rest_neither_before_nor_after_a_restart(books: Books) -> None:
    book = books.open()
    attempt(book, state=AttemptState.NOT_ATTEMPTED, cause=Cause.REPLANNED)
    assert book.resting("fields") == books.open().resting("fields") == {}


def test_nobody_remembers_a_target_that_has_no_name(books: Books) -> None:
    book = books.open()
    attempt(book, name="")
    assert book.resting("fields") == books.open().resting("fields") == {}
