"""Observations: numbered, each attempt once, also taken over from a database of before."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.models.observation import Observation, StepDurations
from ctmo_indi.store import observations
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.intake import Writer

OLD_DATABASE = Path(__file__).with_name("scheduler_0001.sql")


def _made(number: int) -> Observation:
    return Observation(
        attempt_id=f"A-{number}",
        receipt=f"O-{number}",
        target_name="M 31",
        ra_deg=10.6847,
        dec_deg=41.269,
        mjd=61366.123456789,
        exposure_s=30.0,
        frames=3,
        filter_name="V",
        target_id=f"field {number}",
    )


def test_observations_are_numbered_and_read_back_whole(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    dark = replace(_made(3), ra_deg=None, dec_deg=None, filter_name=None)
    stored = [
        scheduler_writer.run(lambda c, made=made: observations.record(c, made))
        for made in (_made(1), _made(2), dark)
    ]

    assert stored == [
        replace(made, number=n + 1) for n, made in enumerate([_made(1), _made(2), dark])
    ]
    with scheduler_db.read() as connection:
        assert observations.after(connection, 0) == stored
        assert observations.after(connection, 2) == stored[2:]
        assert observations.after(connection, 3) == []
        assert observations.of_attempt(connection, "A-2") == stored[1]
        assert observations.of_attempt(connection, "A-9") is None
        assert (observations.newest_number(connection), observations.count(connection)) == (3, 3)


def test_what_the_steps_took_is_kept_beside_what_else_is(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    took = StepDurations(mount_s=12.5, exposing_s=93.0)
    measured = replace(_made(1), took=took)
    seen = {"seeing": 1.2}
    stored = scheduler_writer.run(lambda c: observations.record(c, measured, additional=seen))
    scheduler_writer.run(lambda c: observations.record(c, _made(2)))
    with scheduler_db.read() as connection:
        assert [one.took for one in observations.after(connection, 0)] == [took, None]
        assert observations.of_attempt(connection, "A-1") == stored
        assert observations.additional(connection, "A-1")["seeing"] == 1.2


def test_an_attempt_is_recorded_once_whatever_comes_again(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    first = scheduler_writer.run(
        lambda c: observations.record(c, _made(1), registered_utc_s=5.0, additional={"note": "x"})
    )
    again = scheduler_writer.run(lambda c: observations.record(c, replace(_made(1), frames=9)))
    other = scheduler_writer.run(lambda c: observations.record(c, _made(2)))

    assert again == first
    assert other.number == 2
    with scheduler_db.read() as connection:
        assert observations.after(connection, 0) == [first, other]
        assert observations.additional(connection, "A-1") == {"note": "x"}
        assert observations.additional(connection, "A-9") == {}


def test_a_number_of_an_observation_taken_out_never_comes_again(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    for number in (1, 2):
        scheduler_writer.run(lambda c, n=number: observations.record(c, _made(n)))
    scheduler_writer.run(lambda c: c.exec_driver_sql("DELETE FROM observations WHERE number = 2"))

    assert scheduler_writer.run(lambda c: observations.record(c, _made(3))).number == 3


def test_what_is_undone_was_never_observed(
    scheduler_db: Database, scheduler_writer: Writer
) -> None:
    def broken(connection: observations.Connection) -> None:
        observations.record(connection, _made(1))
        raise StoreUnavailable("the rest of the transaction failed")

    with pytest.raises(StoreUnavailable):
        scheduler_writer.run(broken)

    with scheduler_db.read() as connection:
        assert observations.after(connection, 0) == []


def test_a_database_of_before_brings_its_completed_attempts(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.sqlite3"
    raw = sqlite3.connect(path)
    raw.executescript(OLD_DATABASE.read_text(encoding="utf-8"))
    _fill(raw)
    raw.commit()
    raw.close()

    database = open_database("scheduler", path)
    with database.read() as connection:
        found = observations.after(connection, 0)
    database.close()

    assert found == [
        Observation("A-2", "O-1", "NGC 1", 10.5, -20.25, 61000.25, 60.0, 2, "V", "O-1", 1),
        Observation("A-1", "O-1", "NGC 1", 10.5, -20.25, 61001.0, 60.0, 1, "V", "O-1", 2),
        Observation("A-4", "O-2", "", None, None, 61002.0, 0.0, 1, None, "O-2", 3),
    ]
    again = open_database("scheduler", path)
    with again.read() as connection:
        assert observations.count(connection) == 3
    again.close()


def _fill(raw: sqlite3.Connection) -> None:
    """One order of the sky with a failure and two good attempts, one of bias frames."""
    wires = {
        "O-1": {"Object": "NGC 1", "RA": 10.5, "Dec": -20.25, "Exposure Time": 60, "Filter": "V"},
        "O-2": {"Frame Type": "Bias", "Exposure Time": 0.0},
    }
    for receipt, wire in wires.items():
        raw.execute(
            "INSERT INTO orders VALUES (?, 'ada', ?, 'Observation', 'COMPLETED', 1, 5.0, NULL,"
            " 'hash', ?, 1.0, 1.0, 0, 1, 0.0, 0, '', 0)",
            (receipt, receipt, json.dumps(wire)),
        )
    attempts = [
        ("A-1", "O-1", "COMPLETED", 4000.0),
        ("A-2", "O-1", "COMPLETED", 2000.0),
        ("A-3", "O-1", "FAILED", 1000.0),
        ("A-4", "O-2", "COMPLETED", 5000.0),
        ("A-5", "O-2", "IN_PROGRESS", None),
    ]
    for attempt_id, parent, state, ended in attempts:
        raw.execute(
            "INSERT INTO attempts VALUES (?, ?, 'scheduler', ?, ?, 1, 'hash', '{}', 1.0, 1.0, 1.0,"
            " ?, '')",
            (attempt_id, parent, attempt_id, state, ended),
        )
    frames = [
        ("A-2", "O-1", 1, 61000.5, "V", True),
        ("A-2", "O-1", 2, 61000.25, "V", True),
        ("A-1", "O-1", 3, 61001.0, "V", True),
        ("A-1", "O-1", 4, 61000.9, "V", False),
        ("A-3", "O-1", 5, 60999.0, "V", True),
        ("A-4", "O-2", 6, 61002.0, "", True),
    ]
    for attempt_id, receipt, number, mjd, band, is_good in frames:
        raw.execute(
            "INSERT INTO exposures VALUES (?, ?, ?, ?, '', 'Light', ?, 60.0, ?, ?, NULL, NULL,"
            " '', '', ?)",
            (f"E-{number}", attempt_id, receipt, number, band, mjd, mjd + 0.001, is_good),
        )
