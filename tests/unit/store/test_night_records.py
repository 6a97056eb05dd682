"""What is stored of some hours; the queries stay quick however long the history is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ctmo_indi.store import events, night_records
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.events import EventRow
from ctmo_indi.store.night_records import Silence


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = open_database("scheduler", store_url)
    yield opened
    opened.close()


def store(database: Database, *rows: tuple[float, str]) -> None:
    with database.write() as connection:
        events.insert(
            connection,
            [
                EventRow(number, at_s, kind, "", {"At": at_s})
                for number, (at_s, kind) in enumerate(rows, 1)
            ],
        )


def test_events_are_found_by_their_time_and_kind(database: Database) -> None:
    store(database, (5.0, "a"), (1.0, "b"), (3.0, "a"), (9.0, "a"), (4.0, "c"))
    with database.read() as connection:
        found = night_records.events_within(connection, ("a", "b"), 1.0, 9.0, 10)
        assert [row.at_utc_s for row in found] == [1.0, 3.0, 5.0]
        assert len(night_records.events_within(connection, ("a", "b"), 1.0, 9.0, 2)) == 2
        before = night_records.event_before(connection, "a", 5.0)
        assert before is not None
        assert before.at_utc_s == 3.0
        assert night_records.event_before(connection, "b", 1.0) is None


def test_the_oldest_event_is_no_mark(database: Database) -> None:
    with database.read() as connection:
        assert night_records.first_event_utc_s(connection) is None
    store(database, (1.0, events.MARK), (7.0, "a"), (2.0, "a"))
    with database.read() as connection:
        assert night_records.first_event_utc_s(connection) == 2.0


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        ((), [Silence(0.0, 100.0)]),
        ((0.0, 5.0, 12.0, 90.0, 95.0), [Silence(12.0, 90.0)]),
        ((20.0, 25.0), [Silence(0.0, 20.0), Silence(25.0, 100.0)]),
        (tuple(float(each) for each in range(0, 100, 10)), []),
        ((-5.0, 105.0), [Silence(0.0, 100.0)]),
        ((30.0, 0.0, 95.0), [Silence(0.0, 30.0), Silence(30.0, 95.0)]),  # a clock set back
    ],
)
def test_silences_are_the_long_gaps(
    database: Database, at_s: tuple[float, ...], expected: list[Silence]
) -> None:
    store(database, *((each, "beat") for each in at_s))
    with database.read() as connection:
        assert night_records.silences(connection, 0.0, 100.0, 10.0) == expected


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_events_of_a_night_are_looked_up_by_time(database: Database) -> None:
    """By the kind's index it took 1.4 s of 600,000 events."""
    seen: list[str] = []
    with database.read() as connection:
        engine = connection.engine

        def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            seen.append(statement)

        sa.event.listen(engine, "before_cursor_execute", note)
        night_records.events_within(connection, ("a", "b"), 1.0, 2.0, 5)
        sa.event.remove(engine, "before_cursor_execute", note)
        statement = seen[-1]
        values = ["", "a", "b", 1.0, 2.0, 5, 0][: statement.count("?")]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values)).all()
    assert "events_at_utc_s" in str(plan)
