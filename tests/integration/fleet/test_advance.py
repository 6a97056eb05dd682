"""A night in ADVANCE, the default, on the whole fleet: what clients see of it, and may do to it."""

from __future__ import annotations

import hashlib
import itertools
import statistics
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlparse

import pytest

from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.scheduler import SchedulerClient
from ctmo_indi.scheduler.states import DETAILED_TABLE, DetailedState

from ...running_fleet import Reply, RunningFleet

pytestmark = pytest.mark.indi

MIXED = (  # filter, hour angle in hours, declination
    ("V", -1.0, 30.0),
    ("V", -1.2, 40.0),
    ("R", -1.0, 20.0),
    ("B", -2.0, 35.0),
    ("R", -1.5, 50.0),
)
AT_EACH_START = frozenset(
    {
        "blockInventory",
        "cameraConfig",
        "configurationApplied",
        "dependenciesVersions",
        "domeConfig",
        "obsSiteConfig",
        "opticsLoopCorrConfig",
        "parkConfig",
        "rotatorConfig",
        "slewConfig",
        "surveyTopology",
        "telescopeConfig",
    }
)
IN_A_NIGHT = frozenset(
    {
        "blockStatus",
        "configurationsAvailable",
        "detailedState",
        "errorCode",
        "generalInfo",
        "heartbeat",
        "largeFileObjectAvailable",
        "logLevel",
        "observation",
        "observatoryState",
        "observatoryStatus",
        "predictedSchedule",
        "softwareVersions",
        "summaryState",
        "target",
        "timeToNextTarget",
    }
)
IS_OVER = ("DONE", "STOPPED", "FAILED")


@pytest.fixture
def control(fleet: RunningFleet) -> Iterator[SchedulerClient]:
    with DeskClient(fleet.desk("scheduler").url, user="ada") as desk:
        yield SchedulerClient(desk, wait_s=30.0)


@pytest.fixture
def mark(control: SchedulerClient) -> int:
    """Cursor of what a test brings forth."""
    return int(str(control.events(limit=1)["Cursor"]))


@pytest.fixture(autouse=True)
def leaves_it_observing(fleet: RunningFleet) -> Iterator[None]:
    """Whatever a test did: nothing is left to do, and the scheduler observes."""
    yield
    for order in listing(fleet):
        if order["Status"] not in ("COMPLETED", "CANCELED"):
            fleet.ask({"WOType": "Cancel", "Receipt": order["Receipt"]})
    fleet.supervisor.resume_scheduler()
    fleet.watch(
        "scheduler",
        lambda status: not status["Queue"] and not status["Current"],
        "nothing is left on the script queue",
    )


def listing(fleet: RunningFleet) -> list[Reply]:
    return list(fleet.ask({"WOType": "Status", "All": True, "Limit": 100})["Orders"])  # type: ignore[call-overload]


def order_mixed(fleet: RunningFleet, **keys: object) -> list[str]:
    return [
        fleet.observe(**fleet.target(hour_angle_h, dec_deg), Filter=name, **keys)
        for name, hour_angle_h, dec_deg in MIXED
    ]


def both_queued(fleet: RunningFleet) -> Reply:
    """Wait until one attempt runs and one waits behind it."""
    return fleet.watch(
        "scheduler",
        lambda status: status["Current"].get("Subject") and len(status["Queue"]) == 1,
        "one attempt runs, one waits",
    )


def utc(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def of_kind(events: Sequence[Reply], kind: str) -> list[Reply]:
    return [event["Data"] for event in events if event["Kind"] == kind]  # type: ignore[misc]


def most_attempts_queued(events: Sequence[Reply]) -> list[int]:
    """How many attempts stood on the script queue after each change of one."""
    queued: set[object] = set()
    counts = []
    for script in of_kind(events, "script"):
        if script["Subject"]:
            change = queued.discard if script["State"] in IS_OVER else queued.add
            change(script["Index"])
            counts.append(len(queued))
    return counts


def test_mixed_orders_are_planned_ahead_two_on_the_queue(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    receipts = order_mixed(fleet)
    during = both_queued(fleet)
    ended = [fleet.ended(receipt) for receipt in receipts]
    fleet.watch(
        "scheduler",
        lambda status: status["Detailed State"] == "WAITING_NEXT_TARGET_TIMER_TASK",
        "it waits for a next target",
    )
    events = list(control.past_events(cursor=mark))

    assert (during["Configuration"], during["Mode"]) == ("default", "ADVANCE")
    assert during["Next Target"]["RA"] == during["Queue"][0]["RA"]
    assert [order["Status"] for order in ended] == ["COMPLETED"] * len(MIXED)
    assert max(most_attempts_queued(events)) == 2
    observed = of_kind(events, "observation")
    assert sorted(str(one["Parent"]) for one in observed) == sorted(receipts)
    numbers = [one["Number"] for one in observed]
    assert numbers == list(range(numbers[0], numbers[0] + len(MIXED)))
    # Dawn is far and nothing is left: normal. The mount is not left tracking.
    assert of_kind(events, "errorCode") == []
    tracking = fleet.watch(
        "telescope", lambda status: status["Devices"]["Mount"]["Tracking"] is False, "it rests"
    )
    assert tracking["Observatory"] == "OPEN"


def test_detailed_states_follow_one_another_as_documented(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    control.stop()
    receipts = order_mixed(fleet)
    control.resume()
    for receipt in receipts:
        fleet.ended(receipt)
    events = list(control.past_events("detailedState", cursor=mark))

    states = [DetailedState(str(one["Detailed State"])) for one in of_kind(events, "detailedState")]
    assert all(DETAILED_TABLE.allows(*pair) for pair in itertools.pairwise(states)), states
    begun = states.index(DetailedState.IDLE)
    assert [state.value for state in states[begun : begun + 8]] == [
        "IDLE",
        "RUNNING",
        "GENERATING_TARGET_QUEUE",
        "RUNNING",
        "QUEUEING_TARGET",
        "RUNNING",
        "QUEUEING_TARGET",
        "RUNNING",
    ]


def test_every_event_can_be_read_by_a_client(fleet: RunningFleet, control: SchedulerClient) -> None:
    receipt = fleet.observe()
    fleet.ended(receipt)
    events = list(control.past_events(limit=100))
    by_kind = {kind: of_kind(events, kind) for kind in AT_EACH_START | IN_A_NIGHT}

    assert [kind for kind, found in by_kind.items() if not found] == []
    site = fleet.profile.site
    assert by_kind["obsSiteConfig"][-1]["Latitude (deg)"] == site.latitude_deg
    assert by_kind["surveyTopology"][-1]["Driver"] == "plan"
    assert by_kind["configurationApplied"][-1]["Mode"] == "ADVANCE"
    assert by_kind["generalInfo"][-1]["Is Night"] is True
    assert by_kind["observatoryState"][-1]["Observatory"] == "OPEN"
    schedule = by_kind["predictedSchedule"][-1]
    lengths = {len(value) for value in schedule.values() if isinstance(value, list)}
    assert lengths == {schedule["Number of Targets"]}
    counts = [int(str(beat["Count"])) for beat in by_kind["heartbeat"]]
    assert counts == list(range(counts[0], counts[0] + len(counts)))


def test_a_target_names_the_snapshot_it_was_chosen_from(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    receipt = fleet.observe()
    fleet.ended(receipt)
    announced = {
        one["Data"]["URL"]: one["Data"] for one in control.past_events("largeFileObjectAvailable")
    }
    events = list(control.past_events(cursor=mark))
    (target,) = of_kind(events, "target")
    waited = [one for one in of_kind(events, "timeToNextTarget") if one["Parent"] == receipt]

    assert target["Parent"] == receipt
    snapshot = announced[target["Snapshot"]]
    content = Path(urlparse(str(target["Snapshot"])).path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == snapshot["SHA256"]
    assert waited[-1]["RA"] == target["RA"]


def test_heartbeats_come_in_every_state(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    for leave in (control.stop, control.disable, control.standby, control.start, control.enable):
        leave()
        beat = control.events("heartbeat", wait_s=5.0)["Events"]
        state = fleet.ask({"WOType": "Status"})["Status"]
        assert [one["Data"]["Summary State"] for one in beat] == [state], leave
    events = list(control.past_events(cursor=mark))

    assert set(AT_EACH_START) <= {str(event["Kind"]) for event in events}
    beats = [utc(event["UTC"]) for event in events if event["Kind"] == "heartbeat"]
    between_s = [
        (after - before).total_seconds() / fleet.clock.speed
        for before, after in itertools.pairwise(beats)
    ]
    assert statistics.median(between_s) == pytest.approx(1.0, abs=0.1)  # of the machine
    assert max(between_s) < 3.0  # on a machine with other work


def test_an_operators_scripts_are_taken_into_account(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    receipts = order_mixed(fleet, **{"Exposure Time": 120.0})
    first = both_queued(fleet)
    asleep = control.queue_add("sleep", {"duration_s": 60.0})["Index"]
    turned = control.queue_add("control", {"command": "filter", "filter_name": "I"})["Index"]
    fleet.watch(
        "scheduler",
        lambda status: any(one["Index"] == turned for one in status["History"]),
        "both scripts have run",
        40.0,
    )
    for receipt in receipts:
        assert fleet.ended(receipt)["Status"] == "COMPLETED"
    events = list(control.past_events(cursor=mark))

    scripts = {one["Index"]: one for one in of_kind(events, "script") if one["State"] in IS_OVER}
    order = [one["Index"] for one in sorted(scripts.values(), key=lambda one: utc(one["Started"]))]
    # What was over when two were seen: attempts, or what the test before left.
    gone = order.index(first["Current"]["Index"])
    expected = [first["Current"]["Index"], first["Queue"][0]["Index"], asleep, turned]
    assert order[gone : gone + 4] == expected
    assert [scripts[index]["State"] for index in order] == ["DONE"] * len(order)
    assert {scripts[index]["User"] for index in (asleep, turned)} == {"ada"}
    by_hand = [event["Data"] for event in fleet.events("telescope", "control")]
    assert ("filter", "COMPLETED") in [(one["Command"], one["Status"]) for one in by_hand]
    # Nobody knows how long a control script takes: what comes after it is chosen after it; a change
    # of the plan may have one of them chosen twice.
    turned_utc = utc(scripts[turned]["Started"])
    after = {
        one["Parent"] for one in of_kind(events, "target") if utc(one["Requested"]) > turned_utc
    }
    assert len(after) == len(order) - (gone + len(expected)) >= len(MIXED) - 3


def test_what_comes_after_a_sleep_is_planned_for_after_it(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    receipts = order_mixed(fleet, **{"Exposure Time": 120.0})
    both_queued(fleet)
    asleep = control.queue_add("sleep", {"duration_s": 1200.0})["Index"]
    for receipt in receipts:
        assert fleet.ended(receipt)["Status"] == "COMPLETED"
    events = list(control.past_events(cursor=mark))

    (sleep,) = [
        one
        for one in of_kind(events, "script")
        if one["Index"] == asleep and one["State"] in IS_OVER
    ]
    begun, ended = utc(sleep["Started"]), utc(sleep["Ended"])
    assert 1200.0 <= (ended - begun).total_seconds() < 1320.0
    over = [one for one in of_kind(events, "script") if one["State"] in IS_OVER]
    late = [one for one in over if one["Started"] and utc(one["Started"]) >= ended]
    first_after = min(late, key=lambda one: utc(one["Started"]))
    (third,) = [
        event
        for event in events
        if event["Kind"] == "target" and event["Subject"] == first_after["Subject"]
    ]
    assert utc(third["UTC"]) < ended  # it waits on the queue, behind the sleep
    requested = utc(third["Data"]["Requested"])  # type: ignore[index]
    # As if there were no sleep it would be 1200 s before; a busy machine begins the sleep late.
    assert abs((requested - ended).total_seconds()) < 600.0


def test_stop_lets_the_queued_ones_go_on_and_registers_them(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    receipts = order_mixed(fleet, **{"Exposure Time": 120.0})
    both_queued(fleet)
    control.stop()
    stopped = fleet.ask({"WOType": "Status"})  # a change of the plan may have come before the stop
    fleet.watch("scheduler", lambda status: not status["Current"], "the queue is empty")
    orders = {order["Receipt"]: order["Status"] for order in listing(fleet)}
    events = list(control.past_events(cursor=mark))

    assert (stopped["Running"], stopped["Detailed State"]) == (False, "IDLE")
    attempts = [stopped["Current"]["Subject"], *(one["Subject"] for one in stopped["Queue"])]
    assert len(attempts) == 2
    registered = [one["Receipt"] for one in of_kind(events, "observation")]
    assert registered[-2:] == attempts
    done = [orders[receipt] for receipt in receipts].count("COMPLETED")
    assert done == len(registered)
    assert [orders[receipt] for receipt in receipts].count("PENDING") == len(MIXED) - done > 0
    control.resume()
    for receipt in receipts:
        assert fleet.ended(receipt)["Status"] == "COMPLETED"


def test_stop_with_abort_interrupts_and_nothing_is_lost(
    fleet: RunningFleet, control: SchedulerClient, mark: int
) -> None:
    receipts = order_mixed(fleet, **{"Exposure Time": 240.0})
    queued = both_queued(fleet)
    running, waiting = queued["Current"]["Subject"], queued["Queue"][0]["Subject"]
    fleet.watch("telescope", lambda status: status["Devices"]["Camera"]["Exposing"], "an exposure")
    control.stop(abort=True, reason="clouds")
    stopped = fleet.ask({"WOType": "Status"})
    camera = fleet.ask({"WOType": "Status"}, "telescope")["Devices"]["Camera"]
    events = list(control.past_events(cursor=mark))

    assert (stopped["Running"], stopped["Current"], stopped["Queue"]) == (False, {}, [])
    assert camera["Exposing"] is False
    ended = {one["Receipt"]: one["Status"] for one in of_kind(events, "attempt")}
    assert ended[running] == "INTERRUPTED"
    assert ended[waiting] == "NOT_ATTEMPTED"
    assert of_kind(events, "observation") == []
    orders = {order["Receipt"]: order for order in listing(fleet)}
    assert {str(orders[receipt]["Status"]) for receipt in receipts} == {"PENDING"}
    control.resume()
    assert fleet.ended(str(of_kind(events, "target")[0]["Parent"]))["Status"] == "COMPLETED"


def test_a_schedule_is_predicted_while_nothing_is_observed(
    fleet: RunningFleet, control: SchedulerClient
) -> None:
    control.stop()
    receipts = order_mixed(fleet)
    mark = int(str(control.events(limit=1)["Cursor"]))
    ticket = control.compute_predicted_schedule()
    schedule = control.predicted_schedule()
    states = of_kind(list(control.past_events("detailedState", cursor=mark)), "detailedState")

    assert ticket.status == "COMPLETED"
    assert [one["Detailed State"] for one in states] == [
        "RUNNING",
        "COMPUTING_PREDICTED_SCHEDULE",
        "RUNNING",
        "IDLE",
    ]
    assert schedule is not None
    planned = schedule["Data"]
    assert planned["Number of Targets"] == len(receipts)
    assert sorted(planned["Filter"]) == sorted(name for name, _, _ in MIXED)
    assert planned["MJD"] == sorted(planned["MJD"])
    assert fleet.ask({"WOType": "Status"})["Queue"] == []
