"""Items written together: one statement, one answer for all, no item harms another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from ctmo_indi.errors import ConflictingOrder, InternalError, StoreUnavailable
from ctmo_indi.store import orders
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.store.write_groups import Bulk

MakeOrder = Callable[..., OrderRow]
Told = Sequence[tuple[OrderRow, OrderRow | BaseException]]


class Sender:
    """Sends orders as one bulk and keeps what it is told."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.written: list[int] = []
        self.told: list[Told] = []
        self._all = threading.Semaphore(0)
        self.bulk = Bulk(self._write, self._done)

    def _write(
        self, connection: Connection, rows: Sequence[OrderRow]
    ) -> list[OrderRow | ConflictingOrder]:
        self.written.append(len(rows))
        return orders.insert_orders(connection, rows)

    def _done(self, told: Told) -> None:
        self.told.append(told)
        for _ in told:
            self._all.release()

    def send(self, *rows: OrderRow) -> dict[str, OrderRow | BaseException]:
        """Submit while the writer is busy, so that all go into one group; Receipt -> result."""
        entered, leave = threading.Event(), threading.Event()
        self.writer.submit(lambda _: entered.set() or leave.wait(10))
        assert entered.wait(10)
        for row in rows:
            self.writer.submit_item(self.bulk, row)
        leave.set()
        for _ in rows:
            assert self._all.acquire(timeout=10)
        return {row.receipt: result for group in self.told for row, result in group}


@pytest.fixture
def sender(scheduler_writer: Writer) -> Sender:
    return Sender(scheduler_writer)


def stored(database: Database) -> set[str]:
    with database.read() as connection:
        return {row.receipt for row in orders.pending(connection)}


def test_items_that_wait_are_written_by_one_call_and_told_at_once(
    sender: Sender, scheduler_db: Database, make_order: MakeOrder
) -> None:
    rows = [make_order(number) for number in range(40)]
    assert sender.send(*rows) == {row.receipt: row for row in rows}
    assert sender.written == [40]
    assert len(sender.told) == 1
    assert stored(scheduler_db) == {row.receipt for row in rows}


def test_repetitions_and_conflicts_in_a_group_are_told_apart(
    sender: Sender, scheduler_db: Database, make_order: MakeOrder
) -> None:
    first = make_order(1)
    results = sender.send(
        first,
        make_order(1, receipt="O-again"),
        make_order(1, receipt="O-other", content_hash="other"),
        make_order(2),
    )
    assert results["O-1"] == results["O-again"] == first
    assert isinstance(results["O-other"], ConflictingOrder)
    assert stored(scheduler_db) == {"O-1", "O-2"}


def test_an_item_that_cannot_be_written_does_not_disturb_the_others(
    sender: Sender, scheduler_db: Database, make_order: MakeOrder
) -> None:
    broken = make_order(2, wire={"RA": float("nan")})
    results = sender.send(make_order(1), broken, make_order(3))
    assert isinstance(results["O-2"], InternalError)
    assert sender.written == [3, 1, 1, 1]
    assert stored(scheduler_db) == {"O-1", "O-3"}


def test_a_transaction_that_is_lost_is_told_to_every_item(
    sender: Sender, scheduler_db: Database, make_order: MakeOrder
) -> None:
    def full(_connection: Connection, _rows: Sequence[OrderRow]) -> list[OrderRow]:
        _connection.exec_driver_sql("ROLLBACK")  # as SQLite itself does on a full disk
        raise StoreUnavailable("disk full")

    sender.bulk = Bulk(full, sender._done)
    results = sender.send(make_order(1), make_order(2))
    assert {type(result) for result in results.values()} == {StoreUnavailable}
    assert len({id(result) for result in results.values()}) == 2  # one exception each
    assert stored(scheduler_db) == set()


def test_a_write_that_forgets_an_item_is_a_bug_that_is_told(
    sender: Sender, scheduler_db: Database, make_order: MakeOrder
) -> None:
    sender.bulk = Bulk(lambda _connection, rows: list(rows)[1:], sender._done)
    results = sender.send(make_order(1), make_order(2))
    assert {type(result) for result in results.values()} == {InternalError}
    assert stored(scheduler_db) == set()


def test_a_sender_that_breaks_does_not_end_the_writer(
    sender: Sender, make_order: MakeOrder, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(told: Told) -> None:
        sender._done(told)
        raise ValueError("sender")

    sender.bulk = Bulk(sender._write, breaks)
    sender.send(make_order(1))
    assert sender.writer.run(lambda _: "alive") == "alive"
    assert "nobody was told" in caplog.text


def test_items_beside_functions_keep_their_order(
    sender: Sender, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    entered, leave = threading.Event(), threading.Event()
    scheduler_writer.submit(lambda _: entered.set() or leave.wait(10))
    assert entered.wait(10)
    scheduler_writer.submit_item(sender.bulk, make_order(1))
    before = scheduler_writer.submit(lambda c: orders.get(c, "O-2"))
    scheduler_writer.submit_item(sender.bulk, make_order(2))
    after = scheduler_writer.submit(lambda c: orders.get(c, "O-2"))
    leave.set()
    assert before.result(10) is None
    assert after.result(10) == make_order(2)


def test_a_closed_writer_takes_no_item(scheduler_db: Database, make_order: MakeOrder) -> None:
    writer = Writer(scheduler_db)
    writer.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        writer.submit_item(Sender(writer).bulk, make_order(1))
