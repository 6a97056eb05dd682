"""What the scheduler does with orders, commands, weather and the end of the night."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.models.states import AttemptState, ObservatoryState
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.testing.fake_clock import EVENING

if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack

RUN = ("start", "enable", "resume")


def running(stack: Stack) -> Stack:
    """Let it observe, with attempts that go on until the test ends them."""
    stack.telescope.outcome = lambda request: None
    stack.start_scheduler()
    assert stack.command(*RUN) == "COMPLETED"
    return stack


def state(stack: Stack, receipt: str) -> str:
    return str(stack.desk.status(receipt)["Status"])


def fault(stack: Stack, **order: Any) -> DeskFault:
    with pytest.raises(DeskFault) as caught:
        stack.desk.front_desk({key.replace("_", " "): value for key, value in order.items()})
    return caught.value


def test_orders_are_taken_in_standby_and_a_repeated_one_has_the_same_receipt(stack: Stack) -> None:
    stack.start_scheduler()
    receipt = stack.submit("m31")
    assert stack.submit("m31") == receipt
    with pytest.raises(DeskFault, match="came before with other content") as caught:
        stack.submit("m31", Exposure_Time=31.0)
    assert caught.value.code == 409
    status = stack.desk.status(receipt)
    assert (status["Status"], status["Priority"]) == ("PENDING", 5.0)


def test_the_reply_begins_as_the_original_did_and_echoes_the_place(stack: Stack) -> None:
    stack.start_scheduler()
    reply = stack.desk.front_desk(
        {
            "WOType": "Observation",
            "RA": "02:00:00",
            "Dec": "+20:30:00",
            "Filter": "V",
            "Exposure Time": 10,
        }
    )
    assert reply["Message"].startswith("Work order received.")
    assert (reply["RA"], reply["Dec"]) == pytest.approx((30.0, 20.5))
    assert reply["ID"]


def test_what_never_rises_is_refused_with_the_reason(stack: Stack) -> None:
    stack.start_scheduler()
    with pytest.raises(DeskFault, match="never at this site") as caught:
        stack.submit("octans", Dec=-89.0)
    assert caught.value.code == 422


def test_enabled_does_nothing_until_resume(stack: Stack) -> None:
    stack.start_scheduler()
    receipt = stack.submit("m31")
    stack.command("start", "enable")
    assert stack.desk.status()["Detailed State"] == "IDLE"
    refused = fault(stack, WOType="Scheduler", User="ana", Command="start")
    assert refused.code == 412
    assert "expected STANDBY" in refused.text
    assert not stack.telescope.attempts
    stack.command("resume")
    assert stack.ended(receipt)["Status"] == "COMPLETED"


def test_stop_lets_the_attempt_finish_and_starts_no_other(stack: Stack) -> None:
    running(stack)
    first, second = stack.submit("first"), stack.submit("second")
    (attempt,) = stack.telescope.wait_for_attempts(1)
    assert stack.command("stop") == "COMPLETED"
    stack.telescope.finish(attempt.attempt_id, AttemptState.COMPLETED, 2)
    assert stack.ended(first)["Status"] == "COMPLETED"
    assert state(stack, second) == "PENDING"
    assert len(stack.telescope.attempts) == 1


def test_stop_with_abort_interrupts_without_a_failure(stack: Stack) -> None:
    running(stack)
    receipt = stack.submit("m31")
    stack.telescope.wait_for_attempts(1)
    assert stack.command("stop", Abort=True) == "COMPLETED"
    status = stack.desk.status(receipt)
    assert (status["Status"], status["Failures"]) == ("PENDING", 0)
    assert status["Attempts"][0]["Status"] == "INTERRUPTED"


def test_nothing_survives_standby_and_exit_goes_offline(stack: Stack) -> None:
    running(stack)
    assert stack.command("disable", "standby") == "COMPLETED"
    status = stack.desk.status()
    assert (status["Summary State"], status["Running"]) == ("STANDBY", False)
    assert "Next Target" not in status
    assert stack.command("exit") == "COMPLETED"
    assert stack.offline.wait(5.0)


def test_only_the_missing_frames_are_asked_for_again(stack: Stack) -> None:
    running(stack)
    receipt = stack.submit("m31", Number_of_Exposures=10)
    (attempt,) = stack.telescope.wait_for_attempts(1)
    stack.telescope.finish(attempt.attempt_id, AttemptState.INTERRUPTED, 7, "clouds")
    again = stack.telescope.wait_for_attempts(2)[1]
    assert again.request.count == 3
    stack.telescope.finish(again.attempt_id, AttemptState.FAILED, 2, "camera")
    status = stack.ended(receipt)  # 9 of 10 is acceptable
    assert (status["Status"], status["Good Exposures"]) == ("COMPLETED", 9)


def test_a_pending_order_is_canceled_at_once_and_one_under_way_through_the_telescope(
    stack: Stack,
) -> None:
    running(stack)
    first, second = stack.submit("first"), stack.submit("second")
    stack.telescope.wait_for_attempts(1)
    cancel = {"WOType": "Cancel", "User": "ana", "Reason": "clouded out"}
    assert stack.desk.front_desk(cancel | {"Receipt": second})["Status"] == "CANCELED"
    reply = stack.desk.front_desk(cancel | {"ID": "first"})
    assert reply["Status"] == "CANCELED"
    assert reply["Attempts"][0]["Status"] == "ABORTED"
    assert state(stack, first) == "CANCELED"
    assert len(stack.telescope.attempts) == 1


def test_unsafe_is_no_fault_and_safe_goes_on(stack: Stack) -> None:
    stack.safety.level, stack.safety.reasons = VerdictLevel.UNSAFE, ("rain",)
    running(stack)
    stack.submit("m31")
    stack.wait_until(lambda: "unsafe: rain" in stack.desk.status()["Reasons"])
    assert stack.desk.status()["Summary State"] == "ENABLED"
    assert not stack.telescope.attempts
    stack.safety.level = VerdictLevel.SAFE
    stack.telescope.wait_for_attempts(1)


def test_no_target_stops_tracking_once_and_says_when_one_comes(stack: Stack) -> None:
    stack.telescope.observatory = ObservatoryState.OPEN
    rise = EVENING + timedelta(hours=5)
    stack.sky.rises["later"] = rise
    running(stack)
    receipt = stack.submit("later")
    stack.wait_until(
        lambda: dict(stack.desk.status()["Next Target"]).get("UTC") == rise.isoformat()
    )
    assert stack.desk.status()["Next Target"]["Parent"] == receipt
    stack.wait_until(lambda: "abort" in stack.telescope.controls())
    page = stack.desk.front_desk(
        {"WOType": "Events", "Cursor": 0, "Wait": 10.0, "Kinds": ["timeToNextTarget"]}
    )
    assert page["Events"][-1]["Data"]["UTC"] == rise.isoformat()
    assert stack.telescope.controls() == ["abort"]


def test_an_observatory_left_open_by_day_is_closed_and_that_is_no_fault(stack: Stack) -> None:
    stack.telescope.observatory = ObservatoryState.OPEN
    stack.sky.evening = EVENING + timedelta(hours=5)
    running(stack)
    stack.submit("m31")
    stack.wait_until(lambda: stack.telescope.observatory is ObservatoryState.CLOSED)
    assert stack.telescope.controls() == ["close"]
    assert not stack.telescope.attempts
    assert stack.desk.status()["Summary State"] == "ENABLED"


def test_bias_frames_are_taken_by_day_with_the_dome_closed(stack: Stack) -> None:
    stack.sky.evening = EVENING + timedelta(hours=5)
    stack.start_scheduler()
    receipt = stack.submit(
        "bias", Frame_Type="Bias", RA=None, Dec=None, Filter=None, Exposure_Time=0.0
    )
    stack.command(*RUN)
    assert stack.ended(receipt)["Status"] == "COMPLETED"
    assert stack.telescope.observatory is ObservatoryState.CLOSED
    assert stack.desk.status()["History"][0]["Script"] == "calibrations"


def test_an_aborted_attempt_sends_the_order_back_and_lets_others_go_first(stack: Stack) -> None:
    running(stack)
    first = stack.submit("first")
    stack.submit("second")
    (attempt,) = stack.telescope.wait_for_attempts(1)
    stack.telescope.finish(attempt.attempt_id, AttemptState.ABORTED, 0, "stop by ana")
    assert stack.telescope.wait_for_attempts(2)[1].request.object_name == "second"
    status = stack.desk.status(first)
    assert status["Status"] == "PENDING"
    assert "stop by ana" in status["Message"]


def test_a_driver_that_raises_is_a_fault_that_leaves_the_devices_safe(stack: Stack) -> None:
    stack.telescope.observatory = ObservatoryState.OPEN
    running(stack)

    stack.sky.error = ValueError("no such matrix")
    stack.submit("m31")
    stack.wait_until(lambda: stack.desk.status()["Summary State"] == "FAULT")
    status = stack.desk.status()
    assert (status["Error Code"], status["Running"]) == (400, False)
    assert "no such matrix" in status["Error Report"]
    stack.wait_until(lambda: stack.telescope.controls()[-1:] == ["close"])
    assert stack.command("standby") == "COMPLETED"
    assert stack.desk.status()["Error Code"] == 0


def test_dome_and_control_orders_are_passed_on_and_stop_reaches_safety_too(stack: Stack) -> None:
    stack.start_scheduler()
    stack.desk.front_desk({"WOType": "Control", "Command": "park"})
    assert stack.telescope.controls() == ["park"]
    stack.desk.front_desk({"WOType": "Control", "Command": "stop", "Reason": "person inside"})
    assert stack.telescope.controls() == ["park", "stop"]
    stack.desk.front_desk({"WOType": "Control", "Command": "lock", "Reason": "cleaning"})
    commands = [
        str(order.wire["Command"]) for order in stack.safety.orders if "Command" in order.wire
    ]
    assert commands == ["stop", "lock"]


def test_status_waits_for_a_change(stack: Stack) -> None:
    running(stack)
    receipt = stack.submit("m31")
    (attempt,) = stack.telescope.wait_for_attempts(1)
    stack.wait_until(lambda: state(stack, receipt) == "IN_PROGRESS")
    before = stack.desk.status(receipt)
    stack.telescope.finish(attempt.attempt_id, AttemptState.IN_PROGRESS, 1)
    after = stack.desk.status(receipt, Since=before["Revision"], Wait=10.0)
    assert (before["Good Exposures"], after["Good Exposures"]) == (0, 1)


def test_the_engine_beats_to_safety(stack: Stack) -> None:
    stack.start_scheduler()
    stack.wait_until(lambda: stack.safety.beats >= 2)
    assert stack.safety.orders[0].wire["Service"] == "scheduler"
