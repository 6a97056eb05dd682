"""Asking for a night: what is asked of the scheduler, what is kept, what a refusal does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ctmo_indi import profiles
from ctmo_indi.errors import WrongState
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.web.night_page import FRESH_S, NightPage
from ctmo_indi.web.sky_page import SkyPage

PROFILE = profiles.load("simulators")
PLAN = {
    "Night": "20261122",
    "Made": "2026-11-23T00:29:20Z",
    "Number of Visits": 1,
    "Visits": [
        {
            "Receipt": "O-1",
            "Object": "<b>M 31</b>",
            "Filter": "V",
            "Start": "2026-11-23T03:10:00.000Z",
            "End": "2026-11-23T03:26:00.000Z",
            "RA": 10.68,
            "Dec": 41.27,
        }
    ],
}


class Desk:
    """Answers Plan and Events; counts what it was asked."""

    def __init__(self) -> None:
        self.plan: dict[str, object] | Exception = PLAN
        self.events: dict[str, object] | Exception = {"Events": [], "Cursor": 7, "Lost": False}
        self.status: dict[str, object] = {}
        self.asked: list[str] = []

    async def ask(self, order: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(str(order["WOType"]))
        answer = {"Plan": self.plan, "Status": self.status}.get(str(order["WOType"]), self.events)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 23, 3, tzinfo=UTC))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def page(clock: FakeClock) -> NightPage:
    return NightPage(PROFILE, clock)


async def told(page: NightPage, desk: Desk, night: str = "") -> dict[str, Any]:
    return json.loads(await page.body(night, desk.ask))


async def test_tonight_has_the_plan(page: NightPage, desk: Desk) -> None:
    view = await told(page, desk)
    assert view["night"] == "20261122"
    assert [one["label"] for one in view["plan"]["visits"]] == ["<b>M 31</b>"]
    assert view["trouble"] == []


async def test_many_who_look_cost_one_question(
    page: NightPage, desk: Desk, clock: FakeClock
) -> None:
    await told(page, desk)
    for _ in range(50):
        await told(page, desk)
    assert desk.asked.count("Plan") == 1
    clock.advance(FRESH_S)
    await told(page, desk)
    assert desk.asked.count("Plan") == 2


async def test_a_plan_that_has_changed_is_drawn_anew(
    page: NightPage, desk: Desk, clock: FakeClock
) -> None:
    await told(page, desk)
    desk.plan = {**PLAN, "Made": "2026-11-23T03:00:01Z", "Visits": []}
    clock.advance(FRESH_S)
    plan = (await told(page, desk))["plan"]
    assert (plan["made"], plan["visits"]) == ("2026-11-23T03:00:01Z", [])


async def test_a_refused_plan_is_told_in_its_words(page: NightPage, desk: Desk) -> None:
    desk.plan = WrongState("there is no plan: the driver sequential plans nothing ahead")
    view = await told(page, desk)
    assert view["plan"] is None
    assert view["no_plan"] == "there is no plan: the driver sequential plans nothing ahead"


async def test_where_there_is_no_plan_it_is_shown_what_is_predicted(
    page: NightPage, desk: Desk
) -> None:
    desk.plan = WrongState("there is no plan")
    desk.status = {
        "Predicted Schedule": {
            **{"Target": ["M 31"], "Filter": ["V"], "RA": [10.68], "Dec": [41.27]},
            **{"MJD": [61367.14], "End": [61367.15]},
            **{"Number of Exposures": [4], "Exposure Time": [240.0]},
        }
    }
    view = await told(page, desk)
    (visit,) = view["plan"]["visits"]
    assert (visit["label"], visit["start"], visit["state"]) == (
        "M 31",
        "2026-11-23T03:21:36Z",
        "next",
    )
    assert view["no_plan"] == "there is no plan"
    assert view["plan"]["gap"] is None


async def test_a_night_whose_plan_takes_its_time_keeps_no_other_waiting(
    page: NightPage, desk: Desk
) -> None:
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(order: Mapping[str, object]) -> Mapping[str, object]:
        if order["WOType"] == "Plan":
            begun.set()
            await may_go_on.wait()
        return await desk.ask(order)

    tonight = asyncio.create_task(page.body("", slow))
    await asyncio.wait_for(begun.wait(), 10.0)
    other = await asyncio.wait_for(page.body("20261001", desk.ask), 10.0)
    assert json.loads(other)["night"] == "20261001"
    may_go_on.set()
    assert json.loads(await tonight)["night"] == "20261122"


async def test_a_scheduler_that_does_not_answer_leaves_the_sky(page: NightPage, desk: Desk) -> None:
    desk.plan = desk.events = TimeoutError()
    view = await told(page, desk)
    assert view["no_plan"] == "the scheduler did not answer in time"
    assert "what was done is not known" in view["trouble"][0]
    assert len(view["twilight"]) == 9


@pytest.mark.parametrize(
    ("night", "why"), [("20261001", "is not kept"), ("20270101", "not planned yet")]
)
async def test_another_night_is_shown_without_asking_for_its_plan(
    page: NightPage, desk: Desk, night: str, why: str
) -> None:
    view = await told(page, desk, night)
    assert (view["night"], view["plan"]) == (night, None)
    assert why in view["no_plan"]
    assert "Plan" not in desk.asked


async def test_the_plan_of_another_night_is_not_shown_as_tonights(
    page: NightPage, desk: Desk
) -> None:
    desk.plan = {**PLAN, "Night": "20261121"}
    view = await told(page, desk)
    assert view["plan"] is None
    assert view["no_plan"] == "the plan that stands is of 20261121"


@pytest.mark.parametrize("night", ["tonight", "20261399", "../../etc", "2026112²"])
async def test_what_is_no_night_is_refused_with_what_is_expected(
    page: NightPage, desk: Desk, night: str
) -> None:
    with pytest.raises(ValueError, match="expected a date YYYYMMDD"):
        await page.body(night, desk.ask)
    assert desk.asked == []


async def test_the_map_of_the_sky_shows_what_is_next(
    page: NightPage, desk: Desk, clock: FakeClock
) -> None:
    sky = SkyPage(PROFILE, clock, page)
    view = json.loads(await sky.body(desk.ask))
    (target,) = view["targets"]
    assert (target["label"], target["state"]) == ("<b>M 31</b>", "next")
    assert view["utc"] == "2026-11-23T03:00:00Z"
    for _ in range(50):
        await sky.body(desk.ask)
    assert desk.asked.count("Plan") == 1
