"""Explain and Plan over XML-RPC, in a real scheduler: before a start, enabled, with a plan."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Mapping
from typing import Any

import pytest

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.scheduling.sequential import SequentialScheduler
from tests.unit.scheduler.conftest import Stack


class KnowsThePlan(SequentialScheduler):
    """Says that it has a plan, as a planning driver does."""

    def plan_view(self) -> dict[str, object] | None:
        return {
            "Begin": "2026-11-22T01:00:00Z",
            "End": "2026-11-22T11:00:00Z",
            "Gap": 0.008,
            "Visits": [
                {"Receipt": one.receipt, "Start": "2026-11-22T06:00:00Z",
                 "End": "2026-11-22T06:10:00Z", "Setup s": 20.0, "Value": 50.0,
                 "RA": 30.0, "Dec": 20.0, "Filter": "V"}
                for one in (self.conditions.pending if self.conditions else ())
            ],
        }  # fmt: skip

    def explain(self, key: str, utc: object = None) -> dict[str, object]:
        return {"Plan": {"Planned": True, "Words": [f"{key} is in it."]}, "Can Start": "maybe"}


def ask(stack: Stack, **keys: object) -> Mapping[str, Any]:  # Any: of the wire
    return stack.desk.front_desk(keys)


def test_an_order_is_explained_before_any_driver_is_loaded(stack: Stack) -> None:
    stack.start_scheduler()
    receipt = stack.submit("m33")
    reply = ask(stack, WOType="Explain", Receipt=receipt, At="2026-11-22T03:00:00Z")
    assert (reply["Kind"], reply["Receipt"], reply["Status"]) == ("Explain", receipt, "PENDING")
    assert reply["At"] == "2026-11-22T03:00:00Z"
    assert "STANDBY" in reply["Driver"]
    assert [one["Name"] for one in reply["Constraints"]][:2] == ["Sun altitude", "altitude"]
    assert ask(stack, WOType="Explain", User="ana", ID="m33")["Receipt"] == receipt
    with pytest.raises(DeskFault, match="STANDBY"):
        ask(stack, WOType="Plan")


def test_what_is_not_known_or_no_observation_is_refused(stack: Stack) -> None:
    stack.start_scheduler()
    with pytest.raises(DeskFault, match="O-nothing"):
        ask(stack, WOType="Explain", Receipt="O-nothing")
    receipt = stack.submit("m33")
    for instant in ("yesterday", "9999-12-31T23:59:59Z", "1900-01-01T00:00:00Z"):
        with pytest.raises(DeskFault, match="At: came") as refused:
            ask(stack, WOType="Explain", Receipt=receipt, At=instant)
        assert refused.value.code == 400


def test_the_plan_driver_knows_of_no_night_before_it_is_resumed(stack: Stack) -> None:
    stack.telescope.outcome = lambda request: None
    stack.start_scheduler()
    receipt = stack.submit("m33")
    assert stack.command("start", "enable") == "COMPLETED"
    with pytest.raises(DeskFault, match="it is told when the scheduler has been resumed"):
        ask(stack, WOType="Plan")
    assert "Driver" not in ask(stack, WOType="Explain", Receipt=receipt)


def test_a_driver_that_plans_nothing_ahead_says_so(stack: Stack) -> None:
    stack.telescope.outcome = lambda request: None
    stack.driver_class = lambda name: SequentialScheduler
    stack.start_scheduler()
    receipt = stack.submit("m33")
    assert stack.command("start", "enable") == "COMPLETED"
    with pytest.raises(DeskFault, match="plans nothing ahead") as refused:
        ask(stack, WOType="Plan")
    assert refused.value.code == 412
    reply = ask(stack, WOType="Explain", Receipt=receipt)
    assert "Driver" not in reply
    assert reply["Words"]


def test_a_planning_driver_adds_its_word_and_shows_its_plan(stack: Stack) -> None:
    stack.telescope.outcome = lambda request: None
    stack.driver_class = lambda name: KnowsThePlan
    stack.start_scheduler()
    receipt = stack.submit("m33")
    stack.command("start", "enable", "resume")
    stack.telescope.wait_for_attempts(1)
    reply = ask(stack, WOType="Explain", Receipt=receipt)
    assert reply["Plan"]["Planned"] is True
    assert reply["Words"][-1] == f"{receipt} is in it."
    assert isinstance(reply["Can Start"], bool)  # the models' word, of now
    plan = ask(stack, WOType="Plan")
    (visit,) = plan["Visits"]
    assert (visit["Receipt"], visit["Object"], visit["Setup"]) == (receipt, "m33", 20.0)
    assert plan["Night"] == "20261121"
    assert plan["Message"] == "visits: 1, within 0.8 % of the best possible"
    xmlrpc.client.dumps((dict(plan),))  # nothing in it that cannot be sent


def test_an_order_under_way_keeps_its_place_in_the_plan_and_in_the_explanation(
    stack: Stack,
) -> None:
    stack.telescope.outcome = lambda request: None
    stack.start_scheduler()
    receipt = stack.submit("m33")
    stack.command("start", "enable", "resume")
    stack.telescope.wait_for_attempts(1)
    plan = ask(stack, WOType="Plan")
    (visit,) = plan["Visits"]
    assert visit["Receipt"] == receipt
    assert {"RA", "Dec", "Altitude", "Filter", "Exposure Time", "Priority"} <= visit.keys()
    reply = ask(stack, WOType="Explain", Receipt=receipt)
    assert reply["Words"][0].startswith(f"{receipt} is ")
    assert "visit 1 of 1" in reply["Words"][-1]
    xmlrpc.client.dumps((dict(plan),))  # nothing in it that cannot be sent
