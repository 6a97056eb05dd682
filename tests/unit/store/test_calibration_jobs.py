"""Calibration jobs: stored once, put back after a crash, given up when they crash the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctmo_indi.errors import ConflictingOrder, UnknownOrder, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store import calibration_jobs as jobs
from ctmo_indi.store.calibration_jobs import MOST_STARTS, CalibrationJob
from ctmo_indi.store.database import Database

S = AttemptState


def job(number: int = 1, **facts: object) -> CalibrationJob:
    values: dict[str, object] = {
        "receipt": f"O-{number}",
        "user": "ada",
        "order_id": str(number),
        "content_hash": "hash",
        "wire": {"Request": "Exposure Calibration", "File Location": "file:///nights/20261121"},
        "folder": Path("/nights/20261121"),
        "created_utc_s": 5.0,
        "updated_utc_s": 5.0,
        **facts,
    }
    return CalibrationJob(**values)  # type: ignore[arg-type]  # a test's own facts


def test_a_job_is_stored_once_and_comes_back(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        assert jobs.insert(connection, job()) == job()
        assert jobs.insert(connection, job(receipt="O-9")) == job()
        assert jobs.get(connection, "O-1") == jobs.get_by_id(connection, "ada", "1") == job()
        assert jobs.get(connection, "O-9") is None
        with pytest.raises(ConflictingOrder, match=r"receipt O-1"):
            jobs.insert(connection, job(content_hash="other"))


def test_a_job_goes_its_way_and_every_step_is_a_revision(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        jobs.insert(connection, job())
        begun = jobs.begin(connection, "O-1", 6.0)
        assert (begun.state, begun.starts, begun.revision) == (S.IN_PROGRESS, 1, 2)
        half = jobs.progress(connection, "O-1", "masters", 2, 9, 7.0)
        assert (half.stage, half.done, half.total) == ("masters", 2, 9)
        ended = jobs.finish(connection, "O-1", S.COMPLETED, ["b.fits: truncated"], 8.0)
        assert ended == jobs.get(connection, "O-1")
    assert (ended.state, ended.revision, ended.updated_utc_s) == (S.COMPLETED, 4, 8.0)
    assert ended.reasons == ("b.fits: truncated",)


def test_an_ended_job_stays_ended(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        jobs.insert(connection, job())
        jobs.finish(connection, "O-1", S.CANCELED, [], 6.0)
        with pytest.raises(WrongState, match="CANCELED"):
            jobs.begin(connection, "O-1", 7.0)
        with pytest.raises(UnknownOrder):
            jobs.progress(connection, "O-2", "masters", 1, 2, 7.0)


def test_what_was_under_way_is_put_back_and_at_last_given_up(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        jobs.insert(connection, job(1))
        jobs.insert(connection, job(2))
        for start in range(1, MOST_STARTS):
            jobs.begin(connection, "O-1", 6.0)
            (back,) = jobs.put_back(connection, 7.0)
            assert (back.state, back.starts) == (S.PENDING, start)
        jobs.begin(connection, "O-1", 8.0)
        (ended,) = jobs.put_back(connection, 9.0)
        assert ended.state is S.FAILED
        assert ended.reasons == (
            "the service ended 3 times while it was under way; expected it done",
        )
        assert jobs.put_back(connection, 10.0) == []
        assert [one.receipt for one in jobs.in_states(connection, S.PENDING)] == ["O-2"]


def test_waiting_jobs_are_told_oldest_first_changed_ones_newest_first(
    preprocessor_db: Database,
) -> None:
    with preprocessor_db.write() as connection:
        for number in (2, 1, 3):
            jobs.insert(connection, job(number))
        jobs.begin(connection, "O-2", 6.0)
        waiting = jobs.in_states(connection, S.PENDING, S.IN_PROGRESS)
        changed = jobs.recent(connection, 2)
    assert [one.receipt for one in waiting] == ["O-1", "O-2", "O-3"]
    assert [one.receipt for one in changed] == ["O-2", "O-3"]
