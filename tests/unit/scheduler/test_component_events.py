"""The events that tell what the component is, its log, and its heartbeat in every state."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any

from ctmo_indi.scheduler.component.component_events import LogMessages

if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack

OF_A_START = {
    "configurationApplied",
    "dependenciesVersions",
    "obsSiteConfig",
    "telescopeConfig",
    "domeConfig",
    "rotatorConfig",
    "cameraConfig",
    "slewConfig",
    "opticsLoopCorrConfig",
    "parkConfig",
    "surveyTopology",
    "blockInventory",
}
OF_A_BIRTH = {"softwareVersions", "configurationsAvailable", "errorCode", "logLevel"}


def events(stack: Stack, *kinds: str) -> list[dict[str, Any]]:
    order = {"WOType": "Events", "Cursor": 0, "Kinds": list(kinds), "Limit": 500}
    found = stack.desk.front_desk(order)["Events"]
    assert isinstance(found, list)
    return found


def test_a_start_tells_all_there_is_to_know_and_each_start_tells_it_again(stack: Stack) -> None:
    stack.start_scheduler()
    stack.wait_until(lambda: bool(events(stack, "logLevel")))
    assert {event["Kind"] for event in events(stack, *OF_A_BIRTH)} == OF_A_BIRTH
    assert events(stack, *OF_A_START) == []
    stack.command("start", "standby", "start")
    told = [event["Kind"] for event in events(stack, *OF_A_START)]
    assert {kind: told.count(kind) for kind in OF_A_START} == dict.fromkeys(OF_A_START, 2)
    applied = events(stack, "configurationApplied")[-1]["Data"]
    assert (applied["Configuration"], applied["Mode"]) == ("simple", "SIMPLE")
    slew = events(stack, "slewConfig")[-1]["Data"]["Prerequisites"]
    assert "mount settle" in slew["exposure"]
    assert events(stack, "rotatorConfig")[-1]["Data"] == {"Present": False}
    site = events(stack, "obsSiteConfig")[-1]["Data"]
    assert site["Latitude (deg)"] == stack.profile.site.latitude_deg


def test_summary_and_detailed_states_are_told_together(stack: Stack) -> None:
    stack.start_scheduler()
    stack.command("start", "enable", "resume", "disable", "standby")
    summary = [event["Data"]["Summary State"] for event in events(stack, "summaryState")]
    assert summary == ["STANDBY", "DISABLED", "ENABLED", "DISABLED", "STANDBY"]
    detailed = [event["Data"]["Detailed State"] for event in events(stack, "detailedState")]
    assert detailed[:4] == ["IDLE", "IDLE", "IDLE", "RUNNING"]
    assert detailed[-2:] == ["IDLE", "IDLE"]
    words = set(itertools.pairwise(detailed))
    assert not [pair for pair in words if "IDLE" not in pair and "RUNNING" not in pair]


def test_the_heart_beats_in_standby_and_while_running(stack: Stack) -> None:
    stack.start_scheduler()

    def beats(state: str) -> int:
        told = [event["Data"]["Summary State"] for event in events(stack, "heartbeat")]
        return told.count(state)

    stack.wait_until(lambda: beats("STANDBY") >= 2)
    stack.command("start", "enable", "resume")
    stack.wait_until(lambda: beats("ENABLED") >= 2)
    counts = [event["Data"]["Count"] for event in events(stack, "heartbeat")]
    assert counts == list(range(1, len(counts) + 1))


def test_warnings_are_told_and_information_is_not(stack: Stack) -> None:
    stack.start_scheduler()
    log = logging.getLogger("ctmo_indi.scheduler.test")
    log.warning("dome late by_s=%d", 3)
    log.info("nothing to tell")
    stack.wait_until(lambda: bool(events(stack, "logMessage")))
    told = [event["Data"] for event in events(stack, "logMessage")]
    assert {
        "Name": log.name,
        "Level": "WARNING",
        "Message": "dome late by_s=3",
    } in told
    assert "nothing to tell" not in str(told)


def test_a_message_about_telling_is_not_told() -> None:
    told: list[str] = []

    def publish(kind: str, _subject: str, _data: dict[str, object]) -> None:
        told.append(kind)
        log.error("the store is full")

    log = logging.Logger("test")
    log.addHandler(LogMessages(publish))
    log.error("first")
    assert told == ["logMessage"]
