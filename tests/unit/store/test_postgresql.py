"""The same store on PostgreSQL; skipped by name where the server or psycopg is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctmo_indi.errors import ConfigError, ConflictingOrder, StoreUnavailable
from ctmo_indi.models.frames import ProductKind
from ctmo_indi.models.observation import Observation
from ctmo_indi.models.states import OrderState
from ctmo_indi.store import (
    combinations,
    events,
    journal,
    night_bundles,
    observations,
    orders,
    provenance,
)
from ctmo_indi.store.combinations import Input, InputRole
from ctmo_indi.store.database import Connection, Database, open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow

from ...postgresql_server import PostgresqlServer
from .made_products import bundle, product, raw

MakeOrder = Callable[..., OrderRow]


@pytest.fixture
def database(postgresql: PostgresqlServer) -> Iterator[Database]:
    opened = open_database("scheduler", postgresql.url, busy_timeout_s=0.2)
    yield opened
    opened.close()
    postgresql.forget_all()


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    opened = Writer(database)
    yield opened
    opened.close()


def test_orders_are_stored_once_and_change_by_compare_and_set(
    database: Database, writer: Writer, make_order: MakeOrder
) -> None:
    order = writer.run(lambda c: orders.insert_order(c, make_order(1)))

    assert writer.run(lambda c: orders.insert_order(c, make_order(1, receipt="O-2"))) == order
    with pytest.raises(ConflictingOrder):
        writer.run(lambda c: orders.insert_order(c, make_order(1, content_hash="other")))
    writer.run(
        lambda c: orders.transition(
            c, "O-1", {OrderState.PENDING}, OrderState.SCHEDULED, "best now", 2000.0
        )
    )
    refreshed = writer.run(lambda c: orders.refresh_progress(c, "O-1", 3000.0))

    assert (refreshed.state, refreshed.wire) == (OrderState.SCHEDULED, order.wire)
    with database.read() as connection:
        assert len(orders.history(connection, "O-1")) == 2


def test_orders_of_a_commit_are_stored_by_one_statement_and_told_apart(
    writer: Writer, make_order: MakeOrder
) -> None:
    first = make_order(11)
    rows = [first, make_order(11, receipt="O-again"), make_order(12)]
    results = writer.run(lambda c: orders.insert_orders(c, rows))
    assert results == [first, first, rows[2]]
    (other,) = writer.run(
        lambda c: orders.insert_orders(c, [make_order(12, receipt="O-x", content_hash="other")])
    )
    assert isinstance(other, ConflictingOrder)


def test_observations_are_numbered_and_stored_once(database: Database, writer: Writer) -> None:
    made = [
        Observation(f"A-{n}", "O-1", "M 31", 10.5, None, 61000.5, 30.0, 1, None) for n in (1, 1, 2)
    ]

    stored = [writer.run(lambda c, one=one: observations.record(c, one)) for one in made]

    assert [one.number for one in stored] == [1, 1, 2]
    with database.read() as connection:
        assert observations.after(connection, 0) == [stored[0], stored[2]]
        assert observations.newest_number(connection) == 2


def test_a_database_of_before_brings_its_completed_attempts(
    postgresql: PostgresqlServer, database: Database, writer: Writer, make_order: MakeOrder
) -> None:
    writer.run(lambda c: orders.insert_order(c, make_order(1)))
    before = (
        "INSERT INTO attempts VALUES ('A-1', 'O-1', 'scheduler', 'A-1', 'COMPLETED', 1, 'hash',"
        " '{}', 1.0, 1.0, 1.0, 9.0, '')",
        "INSERT INTO exposures VALUES ('E-1', 'A-1', 'O-1', 1, '', 'Light', 'V', 60.0, 61000.5,"
        " 61000.6, NULL, NULL, '', '', TRUE)",
        "DROP TABLE observations",
        "DROP TABLE cancel_requests",
        "DROP INDEX events_kind",
        "UPDATE alembic_version SET version_num = 'scheduler_0001'",
    )
    for statement in before:
        writer.run(lambda c, statement=statement: c.exec_driver_sql(statement) and None)
    writer.close()
    database.close()

    opened = open_database("scheduler", postgresql.url, busy_timeout_s=0.2)
    with opened.read() as connection:
        found = observations.after(connection, 0)
    opened.close()

    assert found == [
        Observation("A-1", "O-1", "M 31 é", 10.5, None, 61000.5, 60.0, 1, "V", "O-1", 1)
    ]


def test_events_with_numbers_of_their_own_are_stored_once_read_and_pruned(
    database: Database, writer: Writer
) -> None:
    kinds = ["order", "log", "order", "log", "order"]
    rows = [events.EventRow(10 + n, float(n), kind, "", {}) for n, kind in enumerate(kinds)]
    for _ in range(2):
        writer.run(lambda c: events.insert(c, rows))

    with database.read() as connection:
        assert events.read(connection, 10, kinds=["order"], before=14) == [rows[2]]
        assert events.surplus(connection, keep_rows=3) == 11
        upto = events.surplus(connection, keep_rows=9, older_than_utc_s=3.0)
        assert upto == 12
    assert [writer.run(lambda c: events.prune(c, upto, 2)) for _ in range(3)] == [2, 1, 0]
    with database.read() as connection:
        assert events.read(connection, 0) == rows[3:]
        assert [mark.cursor for mark in events.marks(connection, 0, 100)] == [12]
        assert events.newest_cursor(connection) == 14


def test_a_failing_function_does_not_disturb_its_group(database: Database, writer: Writer) -> None:
    def broken(connection: Connection) -> None:
        events.append(connection, "log", "broken", {}, 0.0)
        connection.exec_driver_sql("SELECT * FROM nowhere")

    futures = [
        writer.submit(broken)
        if number == 3
        else writer.submit(lambda c, n=number: events.append(c, "log", str(n), {}, 0.0))
        for number in range(6)
    ]

    assert "nowhere" in str(futures[3].exception(10))
    assert [f.exception(10) for n, f in enumerate(futures) if n != 3] == [None] * 5
    with database.read() as connection:
        assert [e.subject for e in events.read(connection, 0)] == ["0", "1", "2", "4", "5"]


def test_each_service_has_a_schema_of_its_own(
    postgresql: PostgresqlServer, database: Database
) -> None:
    telescope = open_database("telescope", postgresql.url)
    with telescope.write() as connection:
        effect = journal.intend(connection, "A-1", "slew", {"ra_deg": 1.0}, 1.0)
    with telescope.read() as connection:
        assert [e.effect_id for e in journal.open_intents(connection)] == [effect]
    telescope.close()

    with database.read() as connection, pytest.raises(Exception, match="effects"):
        journal.open_intents(connection)


def test_a_second_opener_is_refused_until_the_first_closes(
    postgresql: PostgresqlServer, database: Database
) -> None:
    with pytest.raises(ConfigError, match="is open already"):
        open_database("scheduler", postgresql.url, busy_timeout_s=0.1)


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match="read-only"), database.read() as connection:
        events.append(connection, "log", "", {}, 0.0)


def test_every_commit_is_synced_whatever_the_server_says(database: Database) -> None:
    with database.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_crashed_server_fails_writes_clearly_and_is_taken_up_again(
    postgresql: PostgresqlServer, database: Database, writer: Writer
) -> None:
    writer.run(lambda c: events.append(c, "log", "before", {}, 0.0))
    postgresql.stop()
    with pytest.raises(StoreUnavailable, match="cannot write now"):
        writer.run(lambda c: events.append(c, "log", "lost", {}, 0.0))
    postgresql.start()

    writer.run(lambda c: events.append(c, "log", "after", {}, 0.0))

    with database.read() as connection:
        assert [event.subject for event in events.read(connection, 0)] == ["before", "after"]
    with pytest.raises(ConfigError, match="is open already"):
        open_database("scheduler", postgresql.url, busy_timeout_s=0.1)


def test_a_server_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_database("scheduler", f"postgresql://ada:secret@/x?host={tmp_path}")


def test_the_password_is_in_no_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_database("scheduler", f"postgresql://ada:secret@/x?host={tmp_path}")

    assert "secret" not in str(caught.value)


def test_a_nights_products_and_obscore_are_the_same(postgresql: PostgresqlServer) -> None:
    opened = open_database("preprocessor", postgresql.url, busy_timeout_s=0.2)
    light = raw("light")
    with opened.write() as connection:
        number = night_bundles.register(connection, bundle(light), 1.0).bundle_id
        assert night_bundles.register(connection, bundle(light), 2.0).new == 0
        made = product("made", ProductKind.CALIB_LIGHT, number)
        inputs = [Input(InputRole.RAW, sha256=light.sha256)]
        assert combinations.add(connection, made, inputs)
        assert not combinations.add(connection, made, inputs)
    with opened.read() as connection:
        assert night_bundles.frames_of(connection, number) == [light]
        assert combinations.get(connection, "made") == made
        (step,) = provenance.down(connection, provenance.find(connection, light.path)[0])
        levels = {row["calib_level"] for row in combinations.observations(connection)}
    assert step.node.product == made
    assert levels == {1, 2}
    with opened.write() as connection:
        connection.exec_driver_sql("DROP SCHEMA ctmo_preprocessor CASCADE")
    opened.close()
