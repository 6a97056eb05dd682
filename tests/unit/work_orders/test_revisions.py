"""RevisionBoard: nobody who waits misses news, nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.revisions import RevisionBoard, answer_on_change

LONG_S = 30.0


@pytest.fixture
def board() -> RevisionBoard:
    return RevisionBoard(FakeClock(), keep=8)


async def test_wait_returns_at_once_for_what_already_happened(board: RevisionBoard) -> None:
    board.publish("order", "O-1")
    assert await board.wait(0, LONG_S) == 1
    assert await board.wait(0, LONG_S, subject="O-1") == 1


async def test_wait_is_woken_from_another_thread(board: RevisionBoard) -> None:
    waiting = asyncio.ensure_future(board.wait(0, LONG_S, subject="O-1"))
    await asyncio.sleep(0)
    thread = threading.Thread(target=board.publish, args=("order", "O-1"))
    thread.start()
    assert await asyncio.wait_for(waiting, LONG_S) == 1
    thread.join()


async def test_wait_is_not_woken_by_other_subjects_or_kinds(board: RevisionBoard) -> None:
    waiting = asyncio.ensure_future(board.wait(0, LONG_S, subject="O-1", kinds={"order"}))
    await asyncio.sleep(0)
    board.publish("order", "O-2")
    board.publish("telemetry", "O-1")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    board.publish("order", "O-1")
    assert await asyncio.wait_for(waiting, LONG_S) == 3


async def test_wait_ends_at_its_time_and_leaves_nothing(board: RevisionBoard) -> None:
    assert await board.wait(0, 0.0) == 0
    assert not board._waiters


async def test_cancelled_wait_leaves_nothing(board: RevisionBoard) -> None:
    waiting = asyncio.ensure_future(board.wait(0, LONG_S))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not board._waiters


async def test_mark_older_than_what_is_kept_wakes(board: RevisionBoard) -> None:
    for _ in range(20):
        board.publish("order", "O-2")
    assert await board.wait(1, LONG_S, subject="O-1") == 20


def test_publishing_to_a_loop_that_has_ended_is_harmless(board: RevisionBoard) -> None:
    loop = asyncio.new_event_loop()
    task = loop.create_task(board.wait(0, LONG_S))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.close()
    assert board.publish("order", "O-1") == 1


def test_events_come_in_pages_oldest_first(board: RevisionBoard) -> None:
    for number in range(5):
        board.publish("even" if number % 2 == 0 else "odd", str(number), {"Number": number})
    page = board.events(0, limit=2)
    assert [event.subject for event in page.events] == ["0", "1"]
    assert (page.cursor, page.lost) == (2, False)
    rest = board.events(page.cursor, kinds={"even"})
    assert [event.subject for event in rest.events] == ["2", "4"]
    assert rest.cursor == 5
    assert rest.to_wire()["Events"][0] == {  # type: ignore[index] # a list, by the shape
        "Revision": 3,
        "Kind": "even",
        "Subject": "2",
        "UTC": "2026-11-22T00:30:00+00:00",
        "Data": {"Number": 2},
    }
    assert board.events(5).events == ()


def test_reader_learns_that_events_are_lost(board: RevisionBoard) -> None:
    for number in range(20):
        board.publish("n", str(number))
    page = board.events(3)
    assert page.lost
    assert [event.revision for event in page.events] == list(range(13, 21))
    after_restart = board.events(1000)
    assert after_restart.lost
    assert len(after_restart.events) == 8


async def test_next_events_wait_for_the_first(board: RevisionBoard) -> None:
    board.publish("old", "")
    waiting = asyncio.ensure_future(board.next_events(None, LONG_S, kinds={"state"}))
    await asyncio.sleep(0)
    board.publish("telemetry", "")
    board.publish("state", "", {"State": "OPEN"})
    page = await asyncio.wait_for(waiting, LONG_S)
    assert [event.kind for event in page.events] == ["state"]
    assert (await board.next_events(page.cursor, 0.0)).events == ()


async def test_status_is_answered_on_change(board: RevisionBoard) -> None:
    revision = 1

    async def read() -> Reply:
        return {"Revision": revision}

    at_once = await answer_on_change(board, read, subject="O-1", since=0, wait_s=LONG_S)
    assert at_once == {"Revision": 1}
    assert await answer_on_change(board, read, subject="O-1", since=None, wait_s=LONG_S) == at_once
    waiting = asyncio.ensure_future(
        answer_on_change(board, read, subject="O-1", since=1, wait_s=LONG_S)
    )
    await asyncio.sleep(0)
    board.publish("order", "O-1")  # news on the board, but the order's own revision is the same
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    revision = 2
    board.publish("order", "O-1")
    assert await asyncio.wait_for(waiting, LONG_S) == {"Revision": 2}


async def test_status_is_answered_at_the_end_of_the_wait(board: RevisionBoard) -> None:
    async def read() -> Reply:
        return {"Revision": 7}

    reply = await answer_on_change(board, read, subject=None, since=7, wait_s=0.01)
    assert reply == {"Revision": 7}


async def test_quiet_kinds_are_no_news_of_the_status() -> None:
    board = RevisionBoard(FakeClock(), quiet={"heartbeat"})
    loud = board.publish("state", "")
    board.publish("heartbeat", "")
    assert (board.news, board.revision) == (loud, loud + 1)

    async def read() -> dict[str, object]:
        return {"Revision": board.news}

    answer = asyncio.create_task(
        answer_on_change(board, read, subject=None, since=loud, wait_s=30.0)
    )
    while not board._waiters:
        await asyncio.sleep(0)
    board.publish("heartbeat", "")
    await asyncio.sleep(0)
    assert not answer.done()
    board.publish("state", "")
    assert (await answer)["Revision"] == board.revision
