"""Journal, disk and rows agree, also after a crash at any moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.errors import BadFrame
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, FrameType, ObservatoryState
from ctmo_indi.store import attempts, exposures, journal
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.journal import Outcome
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.attempt_book import RESTART, AttemptBook
from ctmo_indi.telescope.frame_keeper import JournaledFrames
from ctmo_indi.telescope.hands import RawFrame, Sight
from ctmo_indi.telescope.late_writes import LateWrites
from ctmo_indi.telescope.scene import Observed
from ctmo_indi.testing.fake_clock import EVENING, FakeClock

from .test_frame_writer import driver_frame

REQUEST = ObservationRequest(
    order_id="7",
    user="ada",
    frame_type=FrameType.LIGHT,
    exposure_s=30.0,
    count=2,
    ra_deg=10.0,
    dec_deg=20.0,
    filter_name="R",
    object_name="M 31",
)
SIGHT = Sight(
    ObservatoryState.OPEN,
    True,
    ra_deg=359.999,
    dec_deg=20.0,
    shutter="OPEN",
    dome_azimuth_deg=120.0,
)
OBSERVED = Observed(EVENING, SIGHT, replace(SIGHT, ra_deg=0.003))


class Kept:
    """The keeper with its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.database: Database = open_database("telescope", folder / "telescope.sqlite3")
        self.writer = Writer(self.database)
        self.late = LateWrites(self.writer)
        self.frames = JournaledFrames(
            self.database,
            self.writer,
            profiles.load("simulators"),
            folder,
            self.clock,
            late=self.late,
        )
        self.book = AttemptBook(self.database, self.writer, self.clock, self.late)

    def crash(self) -> Kept:
        """Forget all that is in memory, as a kill does, and start again."""
        self.close()
        return Kept(self.folder)

    def close(self) -> None:
        self.frames.close()
        self.writer.close()
        self.database.close()


@pytest.fixture
def kept(tmp_path) -> Iterator[list[Kept]]:
    made = [Kept(tmp_path)]
    yield made
    made[-1].close()


def attempt() -> Attempt:
    return Attempt("A-1", "O-1", "scheduler", "A-1", REQUEST)


def rows(keeper: Kept) -> list[str]:
    with keeper.database.read() as connection:
        return [row.exposure_id for row in exposures.of_attempt(connection, "A-1")]


def outcomes(keeper: Kept) -> list[Outcome | None]:
    with keeper.database.read() as connection:
        return [effect.outcome for effect in journal.of_attempt(connection, "A-1")]


def reconciled(keeper: Kept) -> dict[object, Outcome]:
    """Settle what is open, as a start does."""
    return {
        effect.target["exposure_id"]: keeper.frames.reconcile(effect)
        for effect in keeper.frames.open_exposures()
    }


def test_a_kept_frame_has_file_row_and_done(kept):
    keeper = kept[0]
    plan = keeper.frames.plan(attempt(), 1, 1)
    keeper.frames.intend(plan).result(5.0)

    record = keeper.frames.keep(plan, RawFrame(data=driver_frame()), OBSERVED).result(20.0)

    assert record.path == str(keeper.folder / "nights/20261121/raw/light_R_A-1-001.fits")
    assert Path(record.path).exists()
    assert record.order_receipt == "O-1"
    assert record.s_ra_deg == pytest.approx(0.001, abs=1e-6)
    assert rows(keeper) == ["A-1-001"]
    assert outcomes(keeper) == [Outcome.DONE]


def test_a_bad_frame_is_settled_as_failed_and_raised(kept):
    keeper = kept[0]
    plan = keeper.frames.plan(attempt(), 1, 1)
    keeper.frames.intend(plan).result(5.0)

    with pytest.raises(BadFrame):
        keeper.frames.keep(plan, RawFrame(data=b"rubbish"), OBSERVED).result(20.0)

    assert outcomes(keeper) == [Outcome.FAILED]
    assert rows(keeper) == []


def test_a_frame_found_after_a_crash_is_done_and_not_taken_again(kept):
    keeper = kept[0]
    plan = keeper.frames.plan(attempt(), 1, 1)
    keeper.frames.intend(plan).result(5.0)
    from ctmo_indi.telescope.frame_writer import write_frame

    raw = RawFrame(data=driver_frame())
    write_frame(raw, Path(plan.path), keeper.frames.facts(plan, raw, OBSERVED))
    kept.append(keeper.crash())

    assert reconciled(kept[-1]) == {"A-1-001": Outcome.FOUND_DONE}
    assert rows(kept[-1]) == ["A-1-001"]


def test_a_whole_frame_that_was_not_renamed_yet_is_found(kept):
    keeper = kept[0]
    plan = keeper.frames.plan(attempt(), 1, 1)
    keeper.frames.intend(plan).result(5.0)
    from ctmo_indi.telescope.frame_writer import temporary_path, write_frame

    raw = RawFrame(data=driver_frame())
    path = Path(plan.path)
    write_frame(raw, path, keeper.frames.facts(plan, raw, OBSERVED))
    path.rename(temporary_path(path))
    kept.append(keeper.crash())

    assert reconciled(kept[-1]) == {"A-1-001": Outcome.FOUND_DONE}
    assert path.exists()
    with kept[-1].database.read() as connection:
        assert [row.path for row in exposures.of_attempt(connection, "A-1")] == [plan.path]


def test_an_exposure_without_a_whole_frame_is_not_done_and_its_half_is_removed(kept):
    keeper = kept[0]
    plan = keeper.frames.plan(attempt(), 1, 1)
    keeper.frames.intend(plan).result(5.0)
    path = Path(plan.path)
    path.parent.mkdir(parents=True)
    half = path.with_name(f".{path.name}.part")
    half.write_bytes(driver_frame()[:3000])
    kept.append(keeper.crash())

    assert reconciled(kept[-1]) == {"A-1-001": Outcome.NOT_DONE}
    assert rows(kept[-1]) == []
    assert not half.exists()
    assert reconciled(kept[-1]) == {}


def test_reconciling_twice_changes_nothing(kept):
    keeper = kept[0]
    keeper.frames.intend(keeper.frames.plan(attempt(), 1, 1)).result(5.0)
    kept.append(keeper.crash())
    (effect,) = kept[-1].frames.open_exposures()

    assert [kept[-1].frames.reconcile(effect) for _ in range(2)] == [Outcome.NOT_DONE] * 2
    assert outcomes(kept[-1]) == [Outcome.NOT_DONE]


def test_what_folder_and_rows_disagree_about_is_found_and_a_whole_frame_taken_in(kept):
    keeper = kept[0]
    from ctmo_indi.telescope.frame_writer import temporary_path, write_frame

    plans = [keeper.frames.plan(attempt(), number, number) for number in (1, 2, 3)]
    raw = RawFrame(data=driver_frame())
    for plan in plans[:2]:
        keeper.frames.intend(plan).result(5.0)
        keeper.frames.keep(plan, raw, OBSERVED).result(20.0)
    adopted, lost, unrecorded = (Path(plan.path) for plan in plans)
    lost.unlink()
    write_frame(raw, unrecorded, keeper.frames.facts(plans[2], raw, OBSERVED))
    foreign = adopted.with_name("mine.fits")
    foreign.write_bytes(b"SIMPLE")
    half = temporary_path(adopted)
    half.write_bytes(b"SIMPLE")

    found = keeper.frames.look_around()

    assert found.adopted == (str(unrecorded),)
    assert found.unknown == (str(foreign),)
    assert found.missing == (str(lost),)
    assert found.temporary == (str(half),)
    assert rows(keeper) == ["A-1-001", "A-1-002", "A-1-003"]
    assert len(found.notices()) == 4
    assert keeper.frames.look_around().adopted == ()


def test_a_restart_ends_the_attempts_that_had_not_ended(kept):
    keeper = kept[0]
    states = {"A-1": AttemptState.IN_PROGRESS, "A-2": AttemptState.PENDING}
    for name, state in states.items():
        row = AttemptRow(name, "O-1", "scheduler", name, state, "hash", {}, 0.0, 0.0)
        keeper.writer.run(lambda connection, row=row: attempts.insert_attempt(connection, row))

    begun = keeper.book.cut_off()
    before = keeper.book.view("A-1")
    keeper.book.settle("A-1")

    assert begun == ["A-1"]
    assert before is not None
    assert before["Status"] == "IN_PROGRESS"
    views = [keeper.book.view(name) for name in states]
    assert [view["Status"] for view in views if view] == ["INTERRUPTED", "NOT_ATTEMPTED"]
    assert {view["Failure"] for view in views if view} == {RESTART}


@pytest.mark.parametrize(("wanted", "ended"), [(1, "COMPLETED"), (2, "INTERRUPTED")])
def test_an_attempt_that_has_all_its_frames_is_completed_after_a_restart(kept, wanted, ended):
    keeper = kept[0]
    wire = {"Number of Exposures": wanted}
    state = AttemptState.IN_PROGRESS
    row = AttemptRow("A-1", "O-1", "scheduler", "A-1", state, "hash", wire, 0.0, 0.0)
    keeper.writer.run(lambda connection: attempts.insert_attempt(connection, row))
    plan = keeper.frames.plan(attempt(), 1, 1)
    keeper.frames.intend(plan).result(5.0)
    keeper.frames.keep(plan, RawFrame(data=driver_frame()), OBSERVED).result(20.0)
    kept.append(keeper.crash())

    reconciled(kept[-1])
    for name in kept[-1].book.cut_off():
        kept[-1].book.settle(name)

    view = kept[-1].book.view("A-1")
    assert view is not None
    assert view["Status"] == ended
    assert view["Failure"] == ("" if ended == "COMPLETED" else RESTART)


def test_the_intent_is_durable_before_its_future_is_done(kept):
    keeper = kept[0]
    plan = keeper.frames.plan(attempt(), 1, 1)
    seen: list[int] = []
    told = threading.Event()

    def look(_: object) -> None:
        with keeper.database.read() as connection:
            seen.append(len(journal.open_intents(connection)))
        told.set()

    keeper.frames.intend(plan).add_done_callback(look)

    assert told.wait(5.0)
    assert seen == [1]
