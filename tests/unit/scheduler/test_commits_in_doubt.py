"""A commit that was reported as failed and had happened: nothing is stuck, lost, or done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.models.states import AttemptState, OrderState
from ctmo_indi.scheduler.orders.orders_book import OrdersBook
from ctmo_indi.scheduler.orders.settlement import Cause
from ctmo_indi.script_queue.attempts import AttemptResult
from ctmo_indi.store.database import Connection
from ctmo_indi.store.intake import Writer

from .test_orders_book import Books, begin, frames

ResultT = TypeVar("ResultT")


class Doubtful:
    """The writer of a book; the next write after :meth:`arm` happens and is told as unknown."""

    def __init__(self, book: OrdersBook) -> None:
        self._writer: Writer = book.writer
        self._is_armed = False
        book.writer = self  # type: ignore[assignment]  # all that a book uses

    def arm(self) -> None:
        self._is_armed = True

    def run(self, function: Callable[[Connection], ResultT]) -> ResultT:
        result = self._writer.run(function)
        if self._is_armed:
            self._is_armed = False
            raise StoreUnavailable("no commit within 30.0 s; whether it was written is unknown")
        return result


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.close()


@pytest.fixture
def book(books: Books) -> OrdersBook:
    made = books.open()
    books.add(made, count=2)
    return made


def test_an_end_in_doubt_is_told_when_it_is_asked_for_again(books: Books, book: OrdersBook) -> None:
    doubtful = Doubtful(book)
    attempt_id = begin(books, book).row.attempt_id
    book.progressed(attempt_id, ())
    result = AttemptResult(attempt_id, AttemptState.COMPLETED, frames(attempt_id, 2), "")
    doubtful.arm()
    with pytest.raises(StoreUnavailable):
        book.settle(result, Cause.ITSELF)
    assert len(book.open_attempts()) == 1

    settled = book.settle(result, Cause.ITSELF)

    assert settled is not None
    assert settled.attempt.state is AttemptState.COMPLETED
    assert settled.observation is not None
    assert settled.observation.number == 1
    assert book.open_attempts() == ()
    assert books.row().state is OrderState.COMPLETED
    assert book.observations_after(1) == []


def test_a_beginning_of_exposures_in_doubt_is_no_obstacle(books: Books, book: OrdersBook) -> None:
    doubtful = Doubtful(book)
    attempt_id = begin(books, book).row.attempt_id
    doubtful.arm()
    with pytest.raises(StoreUnavailable):
        book.progressed(attempt_id, ())

    book.progressed(attempt_id, frames(attempt_id, 1))
    settled = book.settle(AttemptResult(attempt_id, AttemptState.INTERRUPTED, (), ""), Cause.ITSELF)

    assert settled is not None
    assert settled.attempt.state is AttemptState.INTERRUPTED
    assert (books.row().state, books.row().good_count) == (OrderState.PENDING, 1)


def test_progress_of_what_has_ended_in_doubt_changes_nothing(
    books: Books, book: OrdersBook
) -> None:
    doubtful = Doubtful(book)
    attempt_id = begin(books, book).row.attempt_id
    result = AttemptResult(attempt_id, AttemptState.FAILED, (), "no star")
    doubtful.arm()
    with pytest.raises(StoreUnavailable):
        book.settle(result, Cause.ITSELF)

    book.progressed(attempt_id, ())

    settled = book.settle(result, Cause.ITSELF)
    assert settled is not None
    assert (settled.attempt.state, settled.attempt.reason) == (AttemptState.FAILED, "no star")


def test_an_attempt_stored_in_doubt_is_not_there_twice(books: Books, book: OrdersBook) -> None:
    doubtful = Doubtful(book)
    doubtful.arm()
    with pytest.raises(StoreUnavailable):
        begin(books, book)
    assert book.open_attempts() == ()

    attempt_id = begin(books, book).row.attempt_id

    assert [one.row.attempt_id for one in book.open_attempts()] == [attempt_id]
    assert sorted(books.attempt_states()) == [AttemptState.NOT_ATTEMPTED, AttemptState.PENDING]
    assert [one.row.attempt_id for one in books.open().open_attempts()] == [attempt_id]


def test_an_order_stored_in_doubt_is_taken_when_it_comes_again(
    books: Books, book: OrdersBook
) -> None:
    other = books.open()  # what is stored through the one is not known to the other
    books.add(other, "O-2")
    assert not book.is_open("O-2")

    row = book.adopt_unknown("O-2")

    assert row is not None
    assert book.is_open("O-2")
    assert book.adopt_unknown("O-2") is None


def test_an_order_that_has_ended_does_not_come_back(books: Books, book: OrdersBook) -> None:
    book.cancel("O-1", "clouds")
    assert book.adopt_unknown("O-1") is None
    assert not book.is_open("O-1")
    assert book.adopt_unknown("O-9") is None
