"""What is told of a service, and how often it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.web import service_watch
from ctmo_indi.web.service_watch import WORTH_TELLING, Pace, ServiceWatch, steady
from ctmo_indi.work_orders.desk import Reply

Answer = Reply | Exception
PATIENCE_S = 10.0


class Script:
    """A service that gives these answers, each some machine seconds after the one before."""

    def __init__(self, *answers: Answer, each_s: float = 0.4) -> None:
        self.clock = FakeClock()
        self.orders: list[dict[str, object]] = []
        self.told: list[dict[str, object]] = []
        self.parts: list[tuple[str, object]] = []
        self.events: list[object] = []
        self.is_over = asyncio.Event()
        self._answers = list(answers)
        self._each_s = each_s
        self.watch = ServiceWatch(
            "telescope",
            self.ask,
            Pace(0.0, 0.0),
            self.clock,
            on_status=lambda watch: self.told.append(watch.to_wire()),
            on_event=lambda event: self.events.append(event["Subject"]),
            on_part=lambda name, part: self.parts.append((name, dict(part))),
        )

    async def ask(self, order: Mapping[str, object]) -> Reply:
        self.orders.append(dict(order))
        if not self._answers:
            self.is_over.set()
            await asyncio.Event().wait()
        self.clock.advance(self._each_s)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def play(self, run: Callable[[], object]) -> None:
        """Run a loop of the watch until the answers are used up."""
        task = asyncio.ensure_future(run())  # type: ignore[call-overload] # a coroutine
        async with asyncio.timeout(PATIENCE_S):
            await self.is_over.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def status(state: str = "OPEN", **devices: object) -> Reply:
    return {"Status": state, "Revision": 1, "UTC": str(id(devices)), "Devices": devices}


async def test_what_did_not_change_is_told_once() -> None:
    script = Script(*(status() for _ in range(6)))
    await script.play(script.watch.statuses)
    assert [one["error"] for one in script.told] == [""]


async def test_a_change_is_told_at_once_with_the_age_of_the_answer() -> None:
    script = Script(status(), status(), status("CLOSED"))
    await script.play(script.watch.statuses)
    assert [one["reply"]["Status"] for one in script.told] == ["OPEN", "CLOSED"]  # type: ignore[index]
    assert script.told[-1]["age_s"] == 0.0


async def test_ages_are_told_now_and_then() -> None:
    script = Script(*(status() for _ in range(14)), each_s=1.0)
    await script.play(script.watch.statuses)
    assert len(script.told) == 3  # at 1, 6 and 11 s


async def test_a_device_is_told_by_itself_and_the_whole_less_often() -> None:
    places = [{"RA": float(number), "Age (s)": number / 7.0} for number in range(10)]
    script = Script(*(status(Mount=place, Dome={"Azimuth": 5.0}) for place in places))
    await script.play(script.watch.statuses)
    assert [name for name, _ in script.parts].count("Dome") == 1
    assert [part for name, part in script.parts if name == "Mount"] == places
    assert len(script.told) == 2  # at 0.4 and 2.4 s


async def test_a_silent_service_is_asked_less_and_less_and_its_last_word_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(service_watch.asyncio, "sleep", sleep)
    failures = [ServiceUnreachable("down") for _ in range(6)]
    script = Script(status(), *failures, status("CLOSED"))
    await script.play(script.watch.statuses)
    assert pauses[1:7] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert [one["error"] for one in script.told] == ["", "down", ""]
    assert script.told[1]["reply"]["Status"] == "OPEN"  # type: ignore[index]


async def test_an_answer_that_never_comes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_watch, "GRACE_S", 0.05)
    script = Script()
    task = asyncio.create_task(script.watch.statuses())
    async with asyncio.timeout(PATIENCE_S):
        while not script.told:
            await asyncio.sleep(0.01)
    task.cancel()
    assert "no answer within" in str(script.told[0]["error"])


def page(cursor: int, *revisions: int) -> Reply:
    events = [{"Revision": n, "Kind": "order", "Subject": n} for n in revisions]
    return {"Events": events, "Cursor": cursor}


async def test_the_last_events_are_looked_for_further_and_further_back() -> None:
    script = Script(page(150_000), page(150_000), page(150_000, 149_990), page(150_000, 7, 149_990))
    await script.play(script.watch.events)
    assert [order.get("Cursor") for order in script.orders] == [
        None,
        149_000,
        130_000,
        0,
        150_000,
    ]
    assert script.events == [7, 149_990]
    assert script.watch.has_begun.is_set()
    assert script.orders[-1]["Wait"]


async def test_what_came_meanwhile_is_told_once() -> None:
    script = Script(page(10), page(12, 9, 10, 11, 12), page(12, 11, 12))
    await script.play(script.watch.events)
    assert script.events == [9, 10, 11, 12]


async def test_a_service_that_answers_at_once_with_nothing_is_no_race() -> None:
    pauses: list[float] = []
    script = Script(page(10), page(10), *[page(10)] * 5, each_s=0.001)
    sleep = asyncio.sleep

    async def noted(delay_s: float) -> None:
        pauses.append(delay_s)
        script.clock.advance(delay_s)
        await sleep(0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service_watch.asyncio, "sleep", noted)
        await script.play(script.watch.events)
    assert len(pauses) == 5
    assert pauses[1:] == pytest.approx([0.099] * 4)


async def test_a_flood_of_events_leaves_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_watch, "MOST_PAGES", 1)
    script = Script(page(9_000), page(9_000, 8_999), page(500, *range(500)))
    await script.play(script.watch.events)
    assert script.events == [8_999]


def test_kinds_fit_into_an_order() -> None:
    assert len(WORTH_TELLING) <= 32


def test_ages_and_times_alone_are_no_news() -> None:
    before = {"Mount": {"RA": 1.0, "Age (s)": 1.0}, "UTC": "a", "List": [{"Age": 1, "B": 2}]}
    after = {"Mount": {"RA": 1.0, "Age (s)": 2.0}, "UTC": "b", "List": [{"Age": 3, "B": 2}]}
    assert steady(before) == steady(after)
    assert steady(before) != steady({**after, "Mount": {"RA": 2.0}})
