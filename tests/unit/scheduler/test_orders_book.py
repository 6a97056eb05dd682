"""The orders book on a real store: settling, retrying, expiring, and coming back after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from ctmo_indi.errors import BadOrder, UnknownOrder, WrongState
from ctmo_indi.models.motions import BodyMotion, SolarSystemBody
from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.orders import Cadence, ExposureRecord, ObservationRequest, Window
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.profiles import NightPolicy, Site
from ctmo_indi.scheduler.orders.open_orders import OpenAttempt
from ctmo_indi.scheduler.orders.orders_book import OrdersBook
from ctmo_indi.scheduler.orders.records import Records
from ctmo_indi.scheduler.orders.settlement import Cause
from ctmo_indi.scheduler.tickets import TicketBook
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.attempts import AttemptResult
from ctmo_indi.store import attempts, orders
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.testing.fake_clock import EVENING, FakeClock
from ctmo_indi.work_orders.instants import read_instant
from ctmo_indi.work_orders.model import OrderName

NOW_S = EVENING.timestamp()
SITE = Site("test", 26.0, -97.6, 12.0)


class Books:
    """Opens one book after the other on the same database, as restarts do."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.requests: dict[str, ObservationRequest] = {}
        self.unreadable: set[str] = set()
        self.published: list[tuple[str, str]] = []
        self._path = folder / "scheduler.sqlite3"
        self._database = open_database("scheduler", self._path)
        self._writer = Writer(self._database)

    def open(self) -> OrdersBook:
        book = OrdersBook(
            self._database,
            self._writer,
            self.clock,
            NightPolicy(failure_limit=3),
            self._read_request,
            lambda kind, subject, data: self.published.append((kind, subject)),
            SITE,
        )
        book.load()
        return book

    def _read_request(self, row: OrderRow) -> ObservationRequest:
        if row.receipt in self.unreadable:
            raise BadOrder("Filter: came I, expected one of U, B, V")
        return self.requests[row.receipt]

    def end_attempts(self) -> None:
        """As if a crash had come between the end of the attempts and that of the order."""
        end = sa.text("UPDATE attempts SET state = 'CANCELED'")
        self._writer.run(lambda connection: connection.execute(end) and None)

    def close(self) -> None:
        self._writer.close()
        self._database.close()

    def add(self, book: OrdersBook, receipt: str = "O-1", count: int = 10, **more: object) -> None:
        request = ObservationRequest(
            receipt, "ana", FrameType.LIGHT, 30.0, count, ra_deg=1.0, dec_deg=2.0
        )
        wire = more.pop("wire", {})
        self.requests[receipt] = replace(request, **more)  # type: ignore[arg-type]  # of the test
        row = OrderRow(
            receipt=receipt,
            user="ana",
            order_id=receipt,
            kind="Observation",
            state=OrderState.PENDING,
            priority=5.0,
            content_hash=receipt,
            wire={"WOType": "Observation", "User": "ana", "ID": receipt, "Priority": 3.0} | wire,
            created_utc_s=NOW_S,
            updated_utc_s=NOW_S,
            wanted_count=count * self.requests[receipt].visits,
        )
        self._writer.run(lambda connection: orders.insert_order(connection, row))
        book.adopt(row)

    def row(self, receipt: str = "O-1") -> OrderRow:
        with self._database.read() as connection:
            found = orders.get(connection, receipt)
        assert found is not None
        return found

    def attempt_states(self, receipt: str = "O-1") -> list[AttemptState]:
        with self._database.read() as connection:
            return [row.state for row in attempts.of_order(connection, receipt)]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.close()


def frames(attempt_id: str, count: int, exposure_s: float = 30.0) -> tuple[ExposureRecord, ...]:
    return tuple(
        ExposureRecord(
            exposure_id=f"{attempt_id}-{number}",
            attempt_id=attempt_id,
            order_receipt="O-1",
            sequence=number,
            path="/x.fits",
            frame_type=FrameType.LIGHT,
            filter_name="V",
            t_exptime_s=exposure_s,
            t_min_mjd=61000.0 + number,
            t_max_mjd=61000.5 + number,
            s_ra_deg=1.0,
            s_dec_deg=2.0,
            target_name="",
            sha256="0",
        )
        for number in range(count)
    )


def begin(books: Books, book: OrdersBook, receipt: str = "O-1", count: int = 1000) -> OpenAttempt:
    """Begin an attempt at an order; at all its missing frames unless told otherwise."""
    return book.begin_attempt(order_target(books, receipt, count))


def order_target(books: Books, receipt: str = "O-1", count: int = 1000) -> DriverTarget:
    return DriverTarget(books.requests[receipt], EVENING, 300.0, count=count, receipt=receipt)


def attempt(
    books: Books,
    book: OrdersBook,
    state: AttemptState,
    good: int,
    cause: Cause = Cause.ITSELF,
    exposure_s: float = 30.0,
) -> str:
    """Make one attempt at O-1 from begin to end, with frames of so many seconds."""
    attempt_id = begin(books, book).row.attempt_id
    book.progressed(attempt_id, ())
    taken = frames(attempt_id, good, exposure_s)
    book.settle(AttemptResult(attempt_id, state, taken, "why"), cause)
    return attempt_id


def test_the_attempts_order_is_the_orders_with_the_missing_frames(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt(books, book, AttemptState.INTERRUPTED, 4)
    begun = begin(books, book)
    assert dict(begun.row.wire) == {
        "WOType": "Observation",
        "User": "scheduler",
        "ID": begun.row.attempt_id,
        "Parent": "O-1",
        "Parent ID": "O-1",
        "Parent User": "ana",
        "Number of Exposures": 6,
    }
    assert books.row().state is OrderState.SCHEDULED


def test_ninety_percent_over_all_attempts_completes_an_order(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt(books, book, AttemptState.INTERRUPTED, 8)
    assert books.row().state is OrderState.PENDING
    attempt(books, book, AttemptState.INTERRUPTED, 1)
    assert books.row().state is OrderState.COMPLETED
    assert book.pending() == ()


def test_what_has_not_changed_is_told_as_the_same_object(books: Books) -> None:
    book = books.open()
    books.add(book)
    books.add(book, "O-2")
    first, other = book.pending()
    assert all(one is again for one, again in zip((first, other), book.pending(), strict=True))
    attempt(books, book, AttemptState.INTERRUPTED, 4)
    fewer, same = book.pending()
    assert (fewer.missing_count, first.missing_count) == (6, 10)
    assert same is other
    attempt(books, book, AttemptState.FAILED, 0)
    rests, same = book.pending()
    assert rests.not_before_utc_s > fewer.not_before_utc_s
    assert same is other


def test_failures_count_up_to_the_limit_and_interruptions_do_not(books: Books) -> None:
    book = books.open()
    books.add(book)
    for _ in range(5):
        attempt(books, book, AttemptState.INTERRUPTED, 0)
    for _ in range(2):
        attempt(books, book, AttemptState.FAILED, 0)
    assert (books.row().state, books.row().failures) == (OrderState.PENDING, 2)
    attempt(books, book, AttemptState.FAILED, 0)
    assert books.row().state is OrderState.FAILURE_LIMIT_REACHED
    assert "3 attempts failed" in books.row().reason


def test_completed_without_a_frame_is_a_failure(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt(books, book, AttemptState.COMPLETED, 0)
    assert books.attempt_states() == [AttemptState.FAILED]


@pytest.mark.parametrize(
    ("told", "cause", "noted"),
    [
        (AttemptState.ABORTED, Cause.ITSELF, AttemptState.ABORTED),
        (AttemptState.ABORTED, Cause.SCHEDULER_STOPPED, AttemptState.INTERRUPTED),
        (AttemptState.ABORTED, Cause.OVERRUN, AttemptState.FAILED),
        (AttemptState.CANCELED, Cause.ITSELF, AttemptState.ABORTED),
        (AttemptState.NOT_ATTEMPTED, Cause.ITSELF, AttemptState.INTERRUPTED),
    ],
)
def test_who_ended_an_attempt_decides_what_it_was(
    books: Books, told: AttemptState, cause: Cause, noted: AttemptState
) -> None:
    book = books.open()
    books.add(book)
    attempt(books, book, told, 1, cause)
    assert books.attempt_states() == [noted]
    assert books.row().state is OrderState.PENDING


def test_an_order_is_left_alone_for_a_while_after_a_failure(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt(books, book, AttemptState.FAILED, 0)
    (first,) = book.pending()
    attempt(books, book, AttemptState.FAILED, 0)
    (second,) = book.pending()
    assert NOW_S < first.not_before_utc_s < second.not_before_utc_s


def test_frames_reported_on_the_way_count_once(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt_id = begin(books, book).row.attempt_id
    book.progressed(attempt_id, frames(attempt_id, 3))
    assert (books.row().state, books.row().good_count) == (OrderState.IN_PROGRESS, 3)
    book.settle(
        AttemptResult(attempt_id, AttemptState.INTERRUPTED, frames(attempt_id, 4)), Cause.ITSELF
    )
    assert books.row().good_count == 4


def test_an_attempt_whose_end_is_unknown_stays_open(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt_id = begin(books, book).row.attempt_id
    assert book.settle(AttemptResult(attempt_id, None), Cause.ITSELF) is None
    assert [one.row.attempt_id for one in book.open_attempts()] == [attempt_id]
    assert book.pending() == ()


def test_after_a_crash_open_attempts_are_known_and_orders_without_one_wait_again(
    books: Books,
) -> None:
    book = books.open()
    books.add(book)
    attempt_id = begin(books, book).row.attempt_id
    again = books.open()
    (known,) = again.open_attempts()
    assert known.row.attempt_id == attempt_id
    again.settle(
        AttemptResult(attempt_id, AttemptState.INTERRUPTED, (), "restart: not known"), Cause.ITSELF
    )
    assert books.row().state is OrderState.PENDING
    assert "restart" in books.row().reason


def test_a_pending_order_is_canceled_and_cannot_be_begun_any_more(books: Books) -> None:
    book = books.open()
    books.add(book)
    assert book.cancel("O-1", "not needed") == ""
    assert books.row().state is OrderState.CANCELED
    with pytest.raises((UnknownOrder, WrongState)):
        begin(books, book)


def test_canceling_an_order_under_way_waits_for_its_attempt(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt_id = begin(books, book).row.attempt_id
    assert book.cancel("O-1", "not needed") == attempt_id
    assert books.row().state is OrderState.SCHEDULED
    book.settle(AttemptResult(attempt_id, AttemptState.CANCELED), Cause.ORDER_CANCELED)
    assert (books.row().state, books.row().reason) == (OrderState.CANCELED, "not needed")
    assert books.attempt_states() == [AttemptState.CANCELED]


@pytest.mark.parametrize("attempt_is_left", [True, False])
def test_a_cancel_that_waits_for_an_attempt_survives_a_crash(
    books: Books, attempt_is_left: bool
) -> None:
    book = books.open()
    books.add(book)
    attempt_id = begin(books, book).row.attempt_id
    book.cancel("O-1", "not needed")
    book.cancel("O-1", "again")
    if not attempt_is_left:
        books.end_attempts()

    book = books.open()

    if attempt_is_left:
        assert book.order("O-1").is_cancel_requested
        book.settle(AttemptResult(attempt_id, AttemptState.INTERRUPTED), Cause.ORDER_CANCELED)
    assert (books.row().state, books.row().reason) == (OrderState.CANCELED, "not needed")


def test_an_order_expires_with_its_last_window(books: Books) -> None:
    book = books.open()
    windows = (Window(NOW_S, NOW_S + 10.0), Window(NOW_S + 20.0, NOW_S + 30.0))
    books.add(book, windows=windows)
    books.clock.advance(15.0)
    assert book.expire() == 0
    books.clock.advance(15.0)
    assert book.expire() == 1
    assert books.row().state is OrderState.WINDOW_EXPIRED


def test_a_last_attempt_that_ends_after_the_window_expires_the_order(books: Books) -> None:
    book = books.open()
    books.add(book, windows=(Window(NOW_S, NOW_S + 10.0),))
    attempt_id = begin(books, book).row.attempt_id
    books.clock.advance(11.0)
    assert book.expire() == 0
    book.settle(AttemptResult(attempt_id, AttemptState.INTERRUPTED), Cause.ITSELF)
    assert books.row().state is OrderState.WINDOW_EXPIRED


def test_success_is_handed_on_once_to_be_registered(books: Books) -> None:
    book = books.open()
    books.add(book)
    attempt_id = begin(books, book).row.attempt_id
    took = StepDurations(mount_s=12.5, exposing_s=93.0)
    result = AttemptResult(attempt_id, AttemptState.COMPLETED, frames(attempt_id, 10), took=took)
    settled = book.settle(result, Cause.ITSELF)
    assert settled is not None
    assert settled.observation is not None
    assert settled.observation.took == took
    assert (settled.observation.frames, settled.observation.receipt) == (10, "O-1")
    assert book.settle(result, Cause.ITSELF) is None
    assert books.published[-1] == ("observation", attempt_id)


def test_an_order_the_profile_no_longer_allows_is_held_until_it_does(books: Books) -> None:
    books.add(books.open())
    books.unreadable.add("O-1")
    assert books.open().pending() == ()
    assert books.row().state is OrderState.HELD
    assert "Filter" in books.row().reason
    books.unreadable.clear()
    assert len(books.open().pending()) == 1
    assert books.row().state is OrderState.PENDING


def unreadable_after(books: Books, state: OrderState, **more: object) -> OrdersBook:
    """Restart with an order in that state that the profile no longer allows; its attempt is open.

    The attempt has 4 frames of 10 where it has begun.
    """
    book = books.open()
    books.add(book, **more)  # type: ignore[arg-type]  # of the test
    if state in (OrderState.SCHEDULED, OrderState.IN_PROGRESS):
        attempt_id = begin(books, book).row.attempt_id
        if state is OrderState.IN_PROGRESS:
            book.progressed(attempt_id, frames(attempt_id, 4))
    books.unreadable.add("O-1")
    if state is OrderState.HELD:
        books.open()
    assert books.row().state is state
    return books.open()


UNDER_WAY = (OrderState.SCHEDULED, OrderState.IN_PROGRESS)
ALL_OPEN = (OrderState.PENDING, OrderState.HELD, *UNDER_WAY)


@pytest.mark.parametrize("state", ALL_OPEN)
def test_an_unreadable_order_is_canceled_like_any_other(books: Books, state: OrderState) -> None:
    book = unreadable_after(books, state)
    attempt_id = book.cancel("O-1", "not needed")
    assert bool(attempt_id) is (state in UNDER_WAY)
    if attempt_id:
        book.settle(AttemptResult(attempt_id, AttemptState.CANCELED), Cause.ORDER_CANCELED)
    assert (books.row().state, books.row().reason) == (OrderState.CANCELED, "not needed")
    assert not book.is_open("O-1")
    assert books.published[-1] == ("order", "O-1")


@pytest.mark.parametrize("state", UNDER_WAY)
def test_the_attempt_at_an_unreadable_order_is_settled_by_its_frames_and_the_order_held(
    books: Books, state: OrderState
) -> None:
    book = unreadable_after(books, state)
    (known,) = book.open_attempts()
    attempt_id = known.row.attempt_id
    assert not known.is_readable
    assert book.pending(also=["O-1"]) == ()

    book.progressed(attempt_id, frames(attempt_id, 5))
    settled = book.settle(
        AttemptResult(attempt_id, AttemptState.INTERRUPTED, frames(attempt_id, 6), "clouds"),
        Cause.ITSELF,
    )

    assert settled is not None
    assert (books.row().state, books.row().good_count) == (OrderState.HELD, 6)
    assert "Filter: came I" in books.row().reason
    books.unreadable.clear()
    (order,) = books.open().pending()
    assert order.missing_count == 4


@pytest.mark.parametrize("state", UNDER_WAY)
def test_an_unreadable_order_is_complete_when_its_frames_are(
    books: Books, state: OrderState
) -> None:
    wire = {"Object": "M 31", "Filter": "I", "RA": 10.0, "Dec": 41.0, "Exposure Time": 30.0}
    wire |= {"Number of Exposures": 10}
    book = unreadable_after(books, state, wire=wire)
    (known,) = book.open_attempts()
    attempt_id = known.row.attempt_id

    result = AttemptResult(attempt_id, AttemptState.COMPLETED, frames(attempt_id, 10))
    settled = book.settle(result, Cause.ITSELF)

    assert books.row().state is OrderState.COMPLETED
    assert settled is not None
    made = settled.observation
    assert made is not None
    assert (made.target_name, made.ra_deg, made.dec_deg) == ("M 31", 10.0, 41.0)
    assert (made.filter_name, made.exposure_s, made.frames) == ("I", 30.0, 10)


@pytest.mark.parametrize("state", UNDER_WAY)
def test_an_attempt_at_an_order_that_is_readable_again_goes_on(
    books: Books, state: OrderState
) -> None:
    unreadable_after(books, state)
    books.unreadable.clear()
    book = books.open()
    (known,) = book.open_attempts()
    assert known.is_readable
    assert books.row().state is state
    attempt_id = known.row.attempt_id
    book.settle(AttemptResult(attempt_id, AttemptState.INTERRUPTED), Cause.ITSELF)
    assert len(book.pending()) == 1


@pytest.mark.parametrize("attempt_is_left", [True, False])
def test_a_cancel_of_an_order_that_became_unreadable_survives_a_crash(
    books: Books, attempt_is_left: bool
) -> None:
    book = books.open()
    books.add(book)
    attempt_id = begin(books, book).row.attempt_id
    book.cancel("O-1", "not needed")
    if not attempt_is_left:
        books.end_attempts()
    books.unreadable.add("O-1")

    book = books.open()

    if attempt_is_left:
        book.settle(AttemptResult(attempt_id, AttemptState.INTERRUPTED), Cause.ORDER_CANCELED)
    assert (books.row().state, books.row().reason) == (OrderState.CANCELED, "not needed")


def test_an_unreadable_order_whose_attempt_is_gone_is_held(books: Books) -> None:
    book = books.open()
    books.add(book)
    begin(books, book)
    books.end_attempts()
    books.unreadable.add("O-1")
    books.open()
    assert books.row().state is OrderState.HELD
    assert "Filter: came I" in books.row().reason


NIGHT = {"Start": "2025-11-20T01:00:00Z", "End": "2025-11-20T02:00:00Z"}


@pytest.mark.parametrize(
    ("wire", "is_over"),
    [
        ({"Windows": [NIGHT]}, True),
        ({"Windows": [NIGHT, {**NIGHT, "End": "2030-01-01T00:00:00Z"}]}, False),
        ({"Windows": [NIGHT, {"Start": "whenever"}]}, False),
        ({"Windows": "tonight"}, False),
        ({"Start": "2025-11-20T01:00:00Z"}, True),
        ({"Start": "2025-11-20T01:00:00Z", "Start Tolerance": 1e9}, False),
        ({}, False),
    ],
)
def test_a_held_order_expires_with_what_can_be_read_of_its_windows(
    books: Books, wire: dict[str, object], is_over: bool
) -> None:
    book = unreadable_after(books, OrderState.HELD, wire=wire)
    books.clock.advance(30.0 * 86400.0)
    assert book.expire() == is_over
    assert books.row().state is (OrderState.WINDOW_EXPIRED if is_over else OrderState.HELD)


@pytest.mark.parametrize("value", [None, "", "many", -1, True, [], {}, [7], {"Period": 7.0}])
def test_whatever_stands_in_an_unreadable_order_it_can_be_left(books: Books, value: object) -> None:
    keys = ["Exposure Time", "Number of Exposures", "Frame Type", "Object", "RA", "Dec", "Filter"]
    keys += ["Start", "Start Tolerance", "Windows", "Cadence"]
    book = unreadable_after(books, OrderState.IN_PROGRESS, wire=dict.fromkeys(keys, value))
    (known,) = book.open_attempts()
    result = AttemptResult(known.row.attempt_id, AttemptState.INTERRUPTED)
    assert book.settle(result, Cause.ITSELF) is not None
    assert (books.row().state, books.row().good_count) == (OrderState.HELD, 4)
    assert book.cancel("O-1", "not needed") == ""


def test_the_visits_of_an_unreadable_order_count(books: Books) -> None:
    wire: dict[str, object] = {"Exposure Time": 30.0, "Number of Exposures": 5}
    wire["Cadence"] = {"Period": 86400.0, "Tolerance": 3600.0, "Visits": 2}
    paced = Cadence(86400.0, 3600.0, 2)
    book = unreadable_after(books, OrderState.SCHEDULED, count=5, cadence=paced, wire=wire)
    (known,) = book.open_attempts()
    attempt_id = known.row.attempt_id
    result = AttemptResult(attempt_id, AttemptState.COMPLETED, frames(attempt_id, 5))
    book.settle(result, Cause.ITSELF)
    assert (books.row().state, books.row().good_count) == (OrderState.HELD, 5)


def _cadence_book(books: Books, visits: int = 3) -> OrdersBook:
    book = books.open()
    books.add(book, count=2, cadence=Cadence(86400.0, 3600.0, visits))
    return book


def test_an_order_with_a_cadence_is_due_again_after_each_visit(books: Books) -> None:
    book = _cadence_book(books)
    (order,) = book.pending()
    assert (order.missing_count, order.visits_left, order.due_utc_s) == (2, 3, 0.0)

    attempt(books, book, AttemptState.COMPLETED, 2)

    (order,) = book.pending()
    begun_s = (61000.0 - 40587.0) * 86400.0  # of its first frame
    assert (order.missing_count, order.visits_left) == (2, 2)
    assert order.due_utc_s == begun_s + 86400.0 - 3600.0
    assert books.row().state is OrderState.PENDING
    assert books.row().reason == "visit 1 of 3 is made"


def test_status_tells_of_the_visits(books: Books) -> None:
    book = books.open()
    cadence = {"Period": 86400.0, "Tolerance": 3600.0, "Visits": 3}
    books.add(book, count=2, cadence=Cadence(86400.0, 3600.0, 3), wire={"Cadence": cadence})
    records = Records(books._database, TicketBook(str, print))
    before = records.status(OrderName(receipt="O-1"))
    assert (before["Visits"], before["Visits Made"]) == (3, 0)
    assert "Next Visit" not in before

    attempt(books, book, AttemptState.COMPLETED, 2)

    told = records.status(OrderName(receipt="O-1"))
    assert (told["Visits"], told["Visits Made"], told["Good Exposures"]) == (3, 1, 2)
    assert told["Next Visit"] == "2025-11-21T23:00:00.000+00:00"


def test_of_a_cadence_in_phase_the_next_visit_is_that_of_the_next_cycle(books: Books) -> None:
    book = books.open()
    cadence: dict[str, object] = {"Period": 86400.0, "Tolerance": 3600.0, "Visits": 3}
    cadence["Epoch"] = "2025-11-20T06:00:00Z"
    paced = Cadence(86400.0, 3600.0, 3, read_instant("2025-11-20T06:00:00Z"))
    books.add(book, count=2, cadence=paced, wire={"Cadence": cadence})
    attempt(books, book, AttemptState.COMPLETED, 2)
    told = Records(books._database, TicketBook(str, print)).status(OrderName(receipt="O-1"))
    assert told["Next Visit"] == "2025-11-21T05:00:00.000+00:00"
    assert book.pending()[0].due_utc_s == read_instant("2025-11-21T05:00:00Z")


def test_a_cadence_is_kept_over_a_restart(books: Books) -> None:
    book = _cadence_book(books)
    attempt(books, book, AttemptState.COMPLETED, 2)
    (before,) = book.pending()

    (after,) = books.open().pending()

    assert after == before
    assert after.due_utc_s > 0.0


def test_an_order_with_a_cadence_is_complete_after_its_last_visit(books: Books) -> None:
    book = _cadence_book(books)
    for _ in range(2):
        attempt(books, book, AttemptState.COMPLETED, 2)
        assert books.row().state is OrderState.PENDING
    attempt(books, book, AttemptState.COMPLETED, 2)
    assert books.row().state is OrderState.COMPLETED


@pytest.mark.parametrize("exposure_s", [300.0, 29.7, 0.0])  # asked for are 30 s
def test_frames_count_whatever_the_camera_made_of_their_seconds(
    books: Books, exposure_s: float
) -> None:
    book = _cadence_book(books, visits=20)
    for _ in range(19):
        attempt(books, book, AttemptState.COMPLETED, 2, exposure_s=exposure_s)
        assert books.row().state is OrderState.PENDING
    attempt(books, book, AttemptState.COMPLETED, 2, exposure_s=exposure_s)
    assert books.row().state is OrderState.COMPLETED


def test_a_visit_cut_short_is_made_whole_before_the_next_one(books: Books) -> None:
    book = _cadence_book(books)
    attempt(books, book, AttemptState.COMPLETED, 2)
    due_s = book.pending()[0].due_utc_s
    attempt(books, book, AttemptState.INTERRUPTED, 1)
    (order,) = book.pending()
    assert (order.missing_count, order.visits_left, order.due_utc_s) == (1, 2, due_s)
    assert begin(books, book).row.wire["Number of Exposures"] == 1


def test_of_many_visits_only_the_last_may_lack_a_tenth(books: Books) -> None:
    book = _cadence_book(books, visits=20)
    for _ in range(19):
        attempt(books, book, AttemptState.COMPLETED, 2)
    assert books.row().state is OrderState.PENDING  # 95 % of all frames, but a visit is owed


def test_failures_count_for_the_present_visit_only(books: Books) -> None:
    book = _cadence_book(books)
    for _ in range(2):
        attempt(books, book, AttemptState.FAILED, 0)
    attempt(books, book, AttemptState.COMPLETED, 2)
    attempt(books, book, AttemptState.FAILED, 0)
    assert books.row().state is OrderState.PENDING  # 3 in all, the limit is 3 for each visit


def test_a_time_critical_order_ends_when_its_start_is_missed(books: Books) -> None:
    book = books.open()
    window = Window(NOW_S - 60.0, NOW_S + 600.0)
    books.add(book, windows=(window,), latest_start_utc_s=NOW_S + 60.0)
    assert book.expire() == 0
    books.clock.advance(61.0)
    assert book.expire() == 1
    assert (books.row().state, books.row().reason) == (
        OrderState.WINDOW_EXPIRED,
        "its start was missed",
    )


def test_a_moving_target_was_observed_where_its_first_frame_was(books: Books) -> None:
    book = books.open()
    saturn = BodyMotion(SolarSystemBody.SATURN)
    books.add(book, count=2, ra_deg=None, dec_deg=None, motion=saturn)
    attempt_id = begin(books, book).row.attempt_id
    book.progressed(attempt_id, ())
    taken = frames(attempt_id, 2)
    later = replace(taken[1], s_ra_deg=8.3, s_dec_deg=0.8)
    first = replace(taken[0], s_ra_deg=8.2, s_dec_deg=0.7)

    settled = book.settle(
        AttemptResult(attempt_id, AttemptState.COMPLETED, (later, first), ""), Cause.ITSELF
    )

    assert settled is not None
    assert settled.observation is not None
    assert (settled.observation.ra_deg, settled.observation.dec_deg) == (8.2, 0.7)
