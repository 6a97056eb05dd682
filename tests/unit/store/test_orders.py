from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ctmo_indi.errors import ConflictingOrder, InternalError, UnknownOrder, WrongState
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.store import attempts, exposures, orders
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow

MakeOrder = Callable[..., OrderRow]


def _exposure(number: int, *, exposure_s: float = 30.0) -> ExposureRecord:
    return ExposureRecord(
        exposure_id=f"E-{number}",
        attempt_id="A-1",
        order_receipt="O-1",
        sequence=number,
        path=f"nights/20261122/raw/E-{number}.fits",
        frame_type=FrameType.LIGHT,
        filter_name="V",
        t_exptime_s=exposure_s,
        t_min_mjd=61000.0 + number,
        t_max_mjd=61000.1 + number,
        s_ra_deg=10.5,
        s_dec_deg=None,
        target_name="M 31",
        sha256="00",
    )


def _attempt(number: int, state: AttemptState = AttemptState.PENDING) -> AttemptRow:
    return AttemptRow(
        attempt_id=f"A-{number}",
        parent="O-1",
        user="scheduler",
        order_id=f"A-{number}",
        state=state,
        content_hash="hash",
        wire={"ID": f"A-{number}"},
        created_utc_s=float(number),
        updated_utc_s=float(number),
    )


def test_a_stored_order_is_read_back_whole(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    order = make_order(1, wish_priority=9.0, wanted_count=3, reason="new")

    scheduler_writer.run(lambda c: orders.insert_order(c, order))

    with scheduler_db.read() as connection:
        assert orders.get(connection, "O-1") == order
        assert orders.get_by_id(connection, "ada", "1") == order
        assert orders.get(connection, "O-2") is None


def test_the_same_order_again_gives_the_first_receipt(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    first = scheduler_writer.run(lambda c: orders.insert_order(c, make_order(1)))

    again = scheduler_writer.run(
        lambda c: orders.insert_order(c, make_order(1, receipt="O-new", priority=1.0))
    )

    assert again == first
    with scheduler_db.read() as connection:
        assert orders.get(connection, "O-new") is None


def test_the_same_id_with_other_content_conflicts_and_changes_nothing(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    first = scheduler_writer.run(lambda c: orders.insert_order(c, make_order(1)))

    with pytest.raises(ConflictingOrder, match="receipt O-1"):
        scheduler_writer.run(
            lambda c: orders.insert_order(c, make_order(1, receipt="O-2", content_hash="other"))
        )

    with scheduler_db.read() as connection:
        assert orders.pending(connection) == [first]


def test_another_user_may_use_the_same_id(scheduler_writer: Writer, make_order: MakeOrder) -> None:
    scheduler_writer.run(lambda c: orders.insert_order(c, make_order(1)))

    other = make_order(1, receipt="O-2", user="bob", content_hash="other")

    assert scheduler_writer.run(lambda c: orders.insert_order(c, other)) == other


def test_an_order_that_sets_a_state_may_repeat_its_id(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    for receipt in ("O-1", "O-2", "O-3"):
        order = make_order(1, receipt=receipt, kind="Dome", content_hash=receipt)
        scheduler_writer.run(lambda c, o=order: orders.insert_order(c, o, may_repeat=True))

    with scheduler_db.read() as connection:
        newest = orders.get_by_id(connection, "ada", "1")
    assert newest is not None
    assert (newest.receipt, newest.repetition) == ("O-3", 2)


def test_a_receipt_given_twice_is_our_bug_not_a_conflict(
    scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    scheduler_writer.run(lambda c: orders.insert_order(c, make_order(1)))

    with pytest.raises(InternalError, match=r"(?i)unique"):
        scheduler_writer.run(lambda c: orders.insert_order(c, make_order(2, receipt="O-1")))


def test_not_a_number_is_refused_before_it_is_stored(
    scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    with pytest.raises(InternalError, match="JSON"):
        scheduler_writer.run(
            lambda c: orders.insert_order(c, make_order(1, wire={"RA": float("nan")}))
        )


def test_pending_orders_come_by_priority_then_age(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    for order in (
        make_order(1, priority=2.0),
        make_order(2, priority=8.0),
        make_order(3, priority=8.0, created_utc_s=1.0),
        make_order(4, priority=9.0, state=OrderState.HELD),
    ):
        scheduler_writer.run(lambda c, o=order: orders.insert_order(c, o))

    with scheduler_db.read() as connection:
        assert [order.receipt for order in orders.pending(connection)] == ["O-3", "O-2", "O-1"]
        counted = orders.count_by_state(connection)
        assert [o.receipt for o in orders.recent(connection, 1, OrderState.HELD)] == ["O-4"]
        assert [o.receipt for o in orders.recent(connection, 2, user="ada")] == ["O-4", "O-3"]
    assert (counted[OrderState.PENDING], counted[OrderState.HELD]) == (3, 1)
    assert counted[OrderState.COMPLETED] == 0


def test_a_transition_is_noted_and_raises_the_revision(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    scheduler_writer.run(lambda c: orders.insert_order(c, make_order(1)))

    after = scheduler_writer.run(
        lambda c: orders.transition(
            c, "O-1", {OrderState.PENDING}, OrderState.SCHEDULED, "best now", 2000.0
        )
    )

    assert (after.state, after.revision, after.reason) == (OrderState.SCHEDULED, 2, "best now")
    assert after.updated_utc_s == 2000.0
    with scheduler_db.read() as connection:
        changes = [
            (change.revision, change.state_before, change.state_after)
            for change in orders.history(connection, "O-1")
        ]
    assert changes == [(1, "", "PENDING"), (2, "PENDING", "SCHEDULED")]


def test_a_transition_from_another_state_is_refused_and_leaves_no_trace(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    order = scheduler_writer.run(lambda c: orders.insert_order(c, make_order(1)))

    with pytest.raises(WrongState, match="O-1 is PENDING, cannot become COMPLETED"):
        scheduler_writer.run(
            lambda c: orders.transition(
                c, "O-1", {OrderState.IN_PROGRESS}, OrderState.COMPLETED, "", 2000.0
            )
        )
    with pytest.raises(UnknownOrder):
        scheduler_writer.run(
            lambda c: orders.transition(
                c, "O-9", {OrderState.PENDING}, OrderState.CANCELED, "", 2000.0
            )
        )

    with scheduler_db.read() as connection:
        assert orders.get(connection, "O-1") == order
        assert len(orders.history(connection, "O-1")) == 1


def test_of_many_threads_exactly_one_wins_a_transition(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    scheduler_writer.run(lambda c: orders.insert_order(c, make_order(1)))
    together = threading.Barrier(8)
    outcomes: list[str] = []

    def claim(name: str) -> None:
        together.wait(10)
        try:
            scheduler_writer.run(
                lambda c: orders.transition(
                    c, "O-1", {OrderState.PENDING}, OrderState.SCHEDULED, name, 2000.0
                )
            )
            outcomes.append(name)
        except WrongState:
            outcomes.append("too late")

    threads = [threading.Thread(target=claim, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    winners = [outcome for outcome in outcomes if outcome != "too late"]
    assert (len(outcomes), len(winners)) == (8, 1)
    with scheduler_db.read() as connection:
        order = orders.get(connection, "O-1")
    assert order is not None
    assert (order.reason, order.revision) == (winners[0], 2)


def test_progress_counts_good_frames_and_failed_attempts_once(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    def store(c: Connection) -> OrderRow:
        orders.insert_order(c, make_order(1))
        attempts.insert_attempt(c, _attempt(1, AttemptState.FAILED))
        attempts.insert_attempt(c, _attempt(2))
        exposures.record(c, [_exposure(1), _exposure(2)], is_good=True)
        exposures.record(c, [_exposure(3)], is_good=False)
        return orders.refresh_progress(c, "O-1", 2000.0)

    first = scheduler_writer.run(store)
    added = scheduler_writer.run(
        lambda c: exposures.record(c, [_exposure(1, exposure_s=99.0)], is_good=True)
    )
    again = scheduler_writer.run(lambda c: orders.refresh_progress(c, "O-1", 3000.0))

    assert (first.good_count, first.good_exposure_s, first.failures) == (2, 60.0, 1)
    assert (first.revision, added) == (2, 0)
    assert again == first
    with scheduler_db.read() as connection:
        assert exposures.of_attempt(connection, "A-1") == [_exposure(n) for n in (1, 2, 3)]
        assert exposures.get(connection, "E-2") == _exposure(2)


def test_frames_that_are_known_cost_one_question_together(
    scheduler_db: Database, scheduler_writer: Writer, make_order: MakeOrder
) -> None:
    frames = [_exposure(number) for number in range(1000)]

    def store(c: Connection) -> int:
        orders.insert_order(c, make_order(1))
        attempts.insert_attempt(c, _attempt(1))
        return exposures.record(c, frames, is_good=True)

    def again(c: Connection) -> tuple[int, int]:
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            statements.append(statement)

        sa.event.listen(c.engine, "before_cursor_execute", note)
        added = exposures.record(c, [*frames, _exposure(1000), _exposure(1000)], is_good=True)
        sa.event.remove(c.engine, "before_cursor_execute", note)
        return added, len(statements)

    assert scheduler_writer.run(store) == 1000
    assert scheduler_writer.run(again) == (1, 2)  # what is known, and the new one
    with scheduler_db.read() as connection:
        assert exposures.good_of_order(connection, "O-1")[0] == 1001


def test_attempts_are_stored_once_and_note_start_and_end(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    row = _attempt(1)
    assert scheduler_writer.run(lambda c: attempts.insert_attempt(c, row)) == row
    assert scheduler_writer.run(lambda c: attempts.insert_attempt(c, _attempt(1))) == row
    other = _attempt(2)
    scheduler_writer.run(lambda c: attempts.insert_attempt(c, other))

    def move(to: AttemptState, before: AttemptState, at_utc_s: float) -> AttemptRow:
        return scheduler_writer.run(
            lambda c: attempts.transition(c, "A-1", {before}, to, "why", at_utc_s)
        )

    move(AttemptState.IN_PROGRESS, AttemptState.PENDING, 10.0)
    with scheduler_db.read() as connection:
        assert [a.attempt_id for a in attempts.open_attempts(connection)] == ["A-1", "A-2"]
    ended = move(AttemptState.COMPLETED, AttemptState.IN_PROGRESS, 20.0)
    spoiled = move(AttemptState.BAD_DATA, AttemptState.COMPLETED, 30.0)

    assert (ended.started_utc_s, ended.ended_utc_s, ended.revision) == (10.0, 20.0, 3)
    assert (spoiled.ended_utc_s, spoiled.updated_utc_s) == (20.0, 30.0)
    with pytest.raises(WrongState):
        move(AttemptState.COMPLETED, AttemptState.PENDING, 40.0)
    with scheduler_db.read() as connection:
        assert attempts.open_attempts(connection) == [other]
        assert attempts.get_by_id(connection, "scheduler", "A-1") == spoiled
        assert attempts.of_order(connection, "O-1") == [spoiled, other]
