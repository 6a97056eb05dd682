"""A blocking call in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ctmo_indi.own_thread import FewOwnThreads, TooManyThreads, in_own_thread


async def test_it_returns_what_the_call_returns_from_another_thread() -> None:
    found = await in_own_thread(threading.current_thread, "mine")
    assert found.name == "mine"
    assert found.daemon
    assert found is not threading.current_thread()


async def test_it_raises_what_the_call_raises() -> None:
    def fail() -> None:
        raise ValueError("of the call")

    with pytest.raises(ValueError, match="of the call"):
        await in_own_thread(fail)


async def test_none_waits_behind_another() -> None:
    over = threading.Event()
    hanging = [asyncio.create_task(in_own_thread(over.wait)) for _ in range(50)]
    assert await asyncio.wait_for(in_own_thread(lambda: 7), 10.0) == 7
    over.set()
    assert await asyncio.gather(*hanging) == [True] * 50


async def test_who_waits_may_go_away() -> None:
    over = threading.Event()
    ended = threading.Event()

    def call() -> None:
        over.wait()
        ended.set()

    waiting = asyncio.create_task(in_own_thread(call))
    await asyncio.sleep(0.0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    over.set()
    assert await in_own_thread(lambda: ended.wait(10.0))


async def test_of_few_those_count_whose_waiter_has_left() -> None:
    few = FewOwnThreads(2)
    over = threading.Event()
    waiting = [asyncio.create_task(few.run(over.wait)) for _ in range(2)]
    await asyncio.sleep(0.0)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    with pytest.raises(TooManyThreads, match="2 questions wait for an answer"):
        await few.run(over.is_set)
    over.set()
    async with asyncio.timeout(10.0):
        while True:
            try:
                assert await few.run(over.is_set)
            except TooManyThreads:
                await asyncio.sleep(0.01)
            else:
                break


async def test_a_call_of_few_that_fails_makes_room_again() -> None:
    few = FewOwnThreads(1)

    def fail() -> None:
        raise ValueError("of the call")

    for _ in range(3):
        with pytest.raises(ValueError, match="of the call"):
            await few.run(fail)
