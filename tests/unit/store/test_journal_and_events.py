from __future__ import annotations

import math

import pytest

from ctmo_indi.errors import UnknownOrder, WrongState
from ctmo_indi.store import events, journal
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.journal import Outcome


def test_intents_without_an_end_are_what_a_restart_must_reconcile(
    telescope_db: Database, telescope_writer: Writer
) -> None:
    def night(c: Connection) -> list[int]:
        return [
            journal.intend(c, "A-1", kind, {"n": number}, 100.0 + number)
            for number, kind in enumerate(("slew", "expose", "park"))
        ]

    slew, expose, park = telescope_writer.run(night)
    telescope_writer.run(lambda c: journal.settle(c, expose, Outcome.DONE, 200.0, "in 100 s"))

    with telescope_db.read() as connection:
        open_ones = journal.open_intents(connection)
        assert [(e.effect_id, e.kind) for e in open_ones] == [(slew, "slew"), (park, "park")]
        assert open_ones[0].target == {"n": 0}
        done = journal.of_attempt(connection, "A-1")[1]
    assert (done.outcome, done.done_utc_s, done.detail) == (Outcome.DONE, 200.0, "in 100 s")


def test_an_effect_ends_once(telescope_db: Database, telescope_writer: Writer) -> None:
    effect = telescope_writer.run(lambda c: journal.intend(c, "", "park", {}, 1.0))
    telescope_writer.run(lambda c: journal.settle(c, effect, Outcome.FOUND_DONE, 2.0))

    with pytest.raises(WrongState, match="FOUND_DONE"):
        telescope_writer.run(lambda c: journal.settle(c, effect, Outcome.FAILED, 3.0))
    with pytest.raises(UnknownOrder):
        telescope_writer.run(lambda c: journal.settle(c, effect + 1, Outcome.FAILED, 3.0))

    with telescope_db.read() as connection:
        assert journal.of_attempt(connection, "")[0].outcome is Outcome.FOUND_DONE


def test_events_are_read_on_from_a_cursor(telescope_db: Database, telescope_writer: Writer) -> None:
    def publish(c: Connection) -> list[int]:
        return [
            events.append(c, kind, f"s{n}", {"n": n}, float(n))
            for n, kind in enumerate(("state", "log", "state", "log"))
        ]

    cursors = telescope_writer.run(publish)

    with telescope_db.read() as connection:
        first = events.read(connection, 0, limit=3)
        rest = events.read(connection, first[-1].cursor)
        states = events.read(connection, 0, kinds=["state"])
        assert events.newest_cursor(connection) == cursors[-1]
        assert events.read(connection, cursors[-1]) == []
    assert [event.cursor for event in [*first, *rest]] == cursors
    assert (rest[0].kind, rest[0].subject, rest[0].data) == ("log", "s3", {"n": 3})
    assert [event.subject for event in states] == ["s0", "s2"]


def test_pruned_cursors_are_never_given_out_again(
    telescope_db: Database, telescope_writer: Writer
) -> None:
    def publish(count: int) -> int:
        def append(c: Connection) -> int:
            for n in range(count):
                last = events.append(c, "log", "", {}, float(n))
            return last

        return telescope_writer.run(append)

    def prune(keep_rows: int, older_than_utc_s: float = -math.inf) -> int:
        with telescope_db.read() as connection:
            upto = events.surplus(
                connection, keep_rows=keep_rows, older_than_utc_s=older_than_utc_s
            )
        if upto is None:
            return 0
        return telescope_writer.run(lambda c: events.prune(c, upto))

    assert prune(0) == 0
    last = publish(10)
    by_rows = prune(6)
    by_age = prune(6, 8.0)
    nothing = prune(6, 8.0)
    with telescope_db.read() as connection:
        kept = [event.at_utc_s for event in events.read(connection, 0)]
    everything = prune(0)

    assert (by_rows, by_age, nothing, kept, everything) == (4, 4, 0, [8.0, 9.0], 2)
    assert publish(1) == last + 1


def test_a_clock_that_was_set_back_takes_no_young_event_with_it(
    telescope_db: Database, telescope_writer: Writer
) -> None:
    instants = [1.0, 2.0, 100.0, 3.0, 101.0]
    telescope_writer.run(lambda c: [events.append(c, "log", "", {}, at) for at in instants][-1])

    with telescope_db.read() as connection:
        upto = events.surplus(connection, keep_rows=100, older_than_utc_s=50.0)

    assert upto == 2
