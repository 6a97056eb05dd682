"""The scheduler's board with its store behind it: one order of events over memory and disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctmo_indi.config import Config
from ctmo_indi.scheduler.event_store import _telemetry_place, open_event_log
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.revisions import RevisionBoard

LONG_S = 20.0
RING = 8


class Opened:
    def __init__(self, config: Config) -> None:
        clock = FakeClock()
        self.database = open_database("scheduler", config.data_dir / "scheduler.sqlite3")
        self.writer = Writer(self.database)
        self.log = open_event_log(config, self.database, self.writer, clock)
        self.board = RevisionBoard(clock, RING, self.log)

    def close(self) -> None:
        assert self.log.close(LONG_S)
        self.writer.close()
        self.database.close()


@pytest.fixture
def open_board(tmp_path: Path) -> Iterator[Callable[[], Opened]]:
    made: list[Opened] = []

    def make() -> Opened:
        for before in made:
            before.close()
        made[:] = [Opened(Config(data_dir=tmp_path))]
        return made[0]

    yield make
    made[0].close()


OpenBoard = Callable[[], Opened]


def _all(board: RevisionBoard, cursor: int, limit: int, *kinds: str) -> list[str]:
    """Subjects of all pages from a cursor on."""
    subjects: list[str] = []
    while True:
        page = board.events(cursor, kinds, limit)
        assert not page.lost
        assert len(page.events) <= limit
        subjects += [event.subject for event in page.events]
        if page.cursor == cursor or page.cursor == board.revision:
            return subjects
        cursor = page.cursor


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_go_from_disk_over_into_memory_and_over_restarts(
    open_board: OpenBoard, limit: int
) -> None:
    wanted: list[str] = []
    for start in range(3):
        board = open_board().board
        for number in range(20):
            wanted.append(f"{start}-{number}")
            board.publish("heartbeat" if number % 2 else "order", wanted[-1])

    assert _all(board, 0, limit) == wanted
    assert _all(board, 0, limit, "order") == wanted[::2]
    assert _all(board, 0, limit, "heartbeat") == wanted[1::2]


def test_a_cursor_of_before_the_restart_goes_on(open_board: OpenBoard) -> None:
    board = open_board().board
    for number in range(3):
        board.publish("order", str(number))
    cursor = board.events(0, limit=2).cursor

    board = open_board().board
    board.publish("order", "new")

    page = board.events(cursor)
    assert [event.subject for event in page.events] == ["2", "new"]
    assert (page.lost, page.cursor) == (False, board.revision)
    assert [event.subject for event in board.events(page.cursor).events] == []


async def test_who_waits_with_an_old_cursor_gets_the_next_event(open_board: OpenBoard) -> None:
    board = open_board().board
    cursor = board.publish("order", "O-1")
    board = open_board().board

    waiting = asyncio.ensure_future(board.next_events(cursor, LONG_S))
    while not board._waiters:
        await asyncio.sleep(0)
    board.publish("order", "O-2")

    page = await asyncio.wait_for(waiting, LONG_S)
    assert [event.subject for event in page.events] == ["O-2"]


def test_a_number_never_given_out_is_answered_with_what_is_in_memory(
    open_board: OpenBoard,
) -> None:
    board = open_board().board
    for number in range(20):
        board.publish("order", str(number))

    page = board.events(board.revision + 1)

    assert page.lost
    assert [event.subject for event in page.events] == [str(n) for n in range(12, 20)]


def test_telemetry_is_in_a_file_of_its_own(open_board: OpenBoard, tmp_path: Path) -> None:
    board = open_board().board
    board.publish("heartbeat", "")
    board.publish("observation", "A-1")
    open_board()

    kinds = {}
    for name in ("scheduler", "telemetry"):
        kinds[name] = _kinds(tmp_path / f"{name}.sqlite3")
    assert kinds == {"scheduler": {"observation"}, "telemetry": {"heartbeat"}}


def _kinds(path: Path) -> set[str]:
    raw = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = {row[0] for row in raw.execute("SELECT kind FROM events WHERE kind <> ''")}
    raw.close()
    return found


def test_a_database_url_of_sqlite_puts_telemetry_beside_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/own/name.db"
    assert _telemetry_place(Config(database_url=url)) == tmp_path / "own" / "telemetry.sqlite3"
    server = "postgresql://ada@db/ctmo"
    assert _telemetry_place(Config(database_url=server)) == server
