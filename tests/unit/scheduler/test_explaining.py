"""Explain and Plan: always an answer from the models, the driver's word in time or not at all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import WrongState
from ctmo_indi.inbox import Inbox
from ctmo_indi.models.states import OrderState
from ctmo_indi.scheduler.desk_handlers import DeskHandlers, EngineCalls, Peers
from ctmo_indi.scheduler.explaining import DriverQuestions, Explainer, OrderFacts
from ctmo_indi.scheduler.wire_values import plain
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.testing.desks import reply_faults, small_profile
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import DispatchDesk
from ctmo_indi.work_orders.model import OrderName
from tests.unit.scheduler.test_desk_handlers import Engine

PROFILE = small_profile()
CONTRACT = Contract.load(PROFILE)
CALLER = Caller("ada", Role.READ, "127.0.0.1")
WIRE = {
    "WOType": "Observation", "User": "Ada", "ID": "1", "RA": 83.82, "Dec": 5.39, "Filter": "I",
    "Exposure Time": 60.0, "Number of Exposures": 2,
}  # fmt: skip
PLAN = {
    "Begin": "2026-11-22T01:00:00+00:00", "End": "2026-11-22T11:00:00+00:00",
    "Made": "2026-11-22T00:50:00+00:00", "Value": 99.2, "Bound": 100.0, "Gap": 0.008,
    "Filled": 0.9, "Requests": 5, "Kept": 5,
    "Visits": [
        {"Receipt": "O-1", "Start": "2026-11-22T06:00:00+00:00", "End": "2026-11-22T06:10:00+00:00",
         "Setup s": 20.0, "Value": 50.0, "RA": 83.82, "Dec": 5.39, "Filter": "I"},
        {"Receipt": "O-2", "Start": "2026-11-22T06:11:00+00:00", "End": "2026-11-22T06:20:00+00:00",
         "Setup s": 20.0, "Value": 49.2, "RA": 90.0, "Dec": 5.0, "Filter": None},
    ],
}  # fmt: skip


def row(
    state: OrderState = OrderState.PENDING, reason: str = "", kind: str = "Observation"
) -> OrderRow:
    return OrderRow(
        "O-1", "Ada", "1", kind, state, 5.0, "", WIRE, 0.0, 0.0, wanted_count=2, reason=reason
    )


class Records:
    def __init__(self, found: OrderRow) -> None:
        self.found = found

    def find(self, _name: OrderName) -> OrderRow:
        return self.found

    def labels(self, receipts: list[str]) -> dict[str, dict[str, str]]:
        known = {"O-1": {"ID": "1", "Object": "M 42"}, "O-2": {"ID": "a star"}}
        return {receipt: known[receipt] for receipt in receipts}


class AskedDriver:
    """Says what it is told to say, in a thread of its own."""

    name = "asked"

    def __init__(self) -> None:
        self.explanation: Callable[[], dict[str, object]] = dict
        self.plan: dict[str, object] | None = None
        self.asked: list[tuple[str, datetime | None]] = []

    def explain(self, key: str, utc: datetime | None = None) -> dict[str, object]:
        self.asked.append((key, utc))
        return self.explanation()

    def plan_view(self) -> dict[str, object] | None:
        return self.plan


class World:
    def __init__(self) -> None:
        self.engine = Engine()
        self.driver = AskedDriver()
        self.refusal = ""
        self.facts = OrderFacts(missing_count=2)
        self.row = row()
        self._driver_inbox = Inbox("driver")
        self._thread = threading.Thread(target=self._driver_inbox.run)
        self._thread.start()

    def _ask(self, job: Callable[[Driver], object]) -> Future[object]:
        if self.refusal:
            raise WrongState(self.refusal)
        return self._driver_inbox.ask(lambda: job(cast(Any, self.driver)))

    async def handle(self, **keys: object) -> dict[str, Any]:  # Any: of the wire
        nobody = cast(Any, None)  # Any: neither store nor peers are asked
        records = cast(Any, Records(self.row))
        explainer = Explainer(
            self.engine.inbox,
            DriverQuestions(lambda _receipt: self.facts, self._ask),
            records,
            lambda found: cast(Any, CONTRACT.check(found.wire).request),
            PROFILE,
            SystemClock(),
            driver_answers_s=1.0,
        )
        handlers = DeskHandlers(
            self.engine.inbox, EngineCalls(nobody, nobody, nobody, nobody), records,
            cast(Any, NoIntake()), self.engine.board,
            Peers(nobody, nobody, nobody, nobody), explainer,
        )  # fmt: skip
        desk = DispatchDesk("scheduler", CONTRACT, handlers.table())
        return await desk.handle({"User": "Ada", **keys}, CALLER)

    def close(self) -> None:
        self.engine.close()
        self._driver_inbox.close()
        self._thread.join(20.0)


class NoIntake:
    async def handle(self, *_: object) -> object:
        raise AssertionError("no order is handed in here")


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


AT = "2026-11-22T07:00:00Z"
EXPLAIN = {"WOType": "Explain", "Receipt": "O-1", "At": AT}


async def test_the_models_answer_where_no_driver_is_loaded(world: World) -> None:
    world.refusal = "the scheduling driver is not asked: the scheduler is STANDBY"
    reply = await world.handle(**EXPLAIN)
    assert reply["Kind"] == "Explain"
    assert reply["Status"] == "PENDING"
    assert reply["At"] == AT
    assert reply["Driver"] == world.refusal
    assert {one["Name"] for one in reply["Constraints"]} >= {"Sun altitude", "altitude"}
    assert reply["Message"] == reply["Words"][0]
    assert reply_faults("Explain", reply) == []
    json.dumps(reply)


async def test_what_the_driver_knows_is_added(world: World) -> None:
    world.driver.explanation = lambda: {
        "Plan": {"Planned": True, "Nothing": None, "Words": ["It is."]}
    }
    reply = await world.handle(**EXPLAIN)
    assert reply["Plan"] == {"Planned": True, "Words": ["It is."]}
    assert reply["Words"][-1] == "It is."
    assert len(reply["Words"]) > 1
    assert "Driver" not in reply
    assert world.driver.asked == [("O-1", datetime(2026, 11, 22, 7, tzinfo=UTC))]


async def test_a_driver_that_raises_leaves_the_models_answer(world: World) -> None:
    def broken() -> dict[str, object]:
        raise ZeroDivisionError("a driver is somebody's code")

    world.driver.explanation = broken
    reply = await world.handle(**EXPLAIN)
    assert "ZeroDivisionError" in reply["Driver"]
    assert reply["Words"]


async def test_a_busy_driver_is_not_waited_for(world: World) -> None:
    go_on = threading.Event()

    def slow() -> dict[str, object]:
        go_on.wait(20.0)
        return {}

    world.driver.explanation = slow
    begun_s = time.monotonic()
    reply = await world.handle(**EXPLAIN)
    go_on.set()
    assert "busy" in reply["Driver"]
    assert time.monotonic() - begun_s < 10.0


async def test_without_at_it_is_now_and_the_verdict_counts(world: World) -> None:
    world.facts = OrderFacts(
        blocked=("observer lock of Ada: dusting",), forbidden=("unsafe: rain",)
    )
    reply = await world.handle(WOType="Explain", User="Ada", ID="1")
    assert "observer lock of Ada: dusting" in reply["Reasons"]
    assert "unsafe: rain" in reply["Reasons"]


async def test_a_settled_order_says_so_and_no_driver_is_asked(world: World) -> None:
    world.row = row(OrderState.COMPLETED, "2 of 2 frames")
    reply = await world.handle(**EXPLAIN)
    assert reply["First Failing"] == "state"
    assert reply["Reasons"][0] == "the order is COMPLETED: 2 of 2 frames"
    assert world.driver.asked == []


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (OrderState.IN_PROGRESS, "O-1 is under way"),
        (OrderState.SCHEDULED, "O-1 is next"),
    ],
)
async def test_an_order_under_way_or_next_says_so_first(
    world: World, state: OrderState, said: str
) -> None:
    world.row = row(state)
    world.driver.explanation = lambda: {"Plan": {"Planned": True, "Words": ["It is in the plan."]}}
    reply = await world.handle(**EXPLAIN)
    assert reply["Message"].startswith(said)
    assert reply["Words"][-1] == "It is in the plan."
    world.row = row()
    assert said not in (await world.handle(**EXPLAIN))["Message"]


async def test_a_plan_that_is_not_followed_yet_says_why(world: World) -> None:
    world.driver.plan = {**PLAN, "Preview": "it is made from 2026-11-21T23:31:51Z on"}
    reply = await world.handle(WOType="Plan")
    assert reply["Preview"] == "it is made from 2026-11-21T23:31:51Z on"
    assert reply["Message"].startswith("not followed yet: it is made from 2026-11-21T23:31:51Z on;")
    assert reply_faults("Plan", reply) == []


async def test_the_plan_tells_objects_heights_and_where(world: World) -> None:
    world.driver.plan = PLAN
    reply = await world.handle(WOType="Plan")
    assert reply["Message"] == "visits: 2, within 0.8 % of the best possible"
    assert reply["Number of Visits"] == 2
    assert reply["Night"] == "20261121"
    assert [one["Object"] for one in reply["Visits"]] == ["M 42", ""]
    assert [one["ID"] for one in reply["Visits"]] == ["1", "a star"]
    assert reply["Visits"][0]["Setup"] == 20.0
    assert "Filter" not in reply["Visits"][1]
    assert 20.0 < reply["Visits"][0]["Altitude"] < 90.0
    assert reply["Site"]["Latitude"] == PROFILE.site.latitude_deg
    assert reply_faults("Plan", reply) == []
    json.dumps(reply)
    few = await world.handle(WOType="Plan", Limit=1)
    assert (len(few["Visits"]), few["Number of Visits"]) == (1, 2)


@pytest.mark.parametrize(
    ("plan", "refusal", "keys", "told"),
    [
        (None, "", {}, "the scheduling driver asked plans nothing ahead"),
        (PLAN, "the scheduler is STANDBY", {}, "STANDBY"),
        (PLAN, "", {"Night": "20261120"}, "the plan that stands is of 20261121"),
    ],
)
async def test_no_plan_is_refused_with_the_reason(
    world: World, plan: dict[str, object] | None, refusal: str, keys: dict[str, object], told: str
) -> None:
    world.driver.plan, world.refusal = plan, refusal
    with pytest.raises(WrongState, match=told):
        await world.handle(WOType="Plan", **keys)


def test_what_xml_rpc_cannot_carry_is_left_out_or_text() -> None:
    told = plain({"A": None, "B": [1, None, (2.0,)], "C": 2**40, "D": float("inf")})
    assert told == {"B": [1, [2.0]], "C": str(2**40), "D": "inf"}
