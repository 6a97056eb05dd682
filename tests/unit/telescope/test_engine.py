"""What the engine does with attempts, verdicts, orders by hand and other people's moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from ctmo_indi.errors import (
    BadFrame,
    CommandCanceled,
    CommandRejected,
    CommandTimeout,
    DriverLost,
    Locked,
    NotConnected,
    ServerLost,
    WrongState,
)
from ctmo_indi.models.states import AttemptState, FrameType, ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind, VerdictLevel
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.attempt import Ending
from ctmo_indi.telescope.control import ControlTask, control_steps, dome_steps
from ctmo_indi.telescope.hands import RawFrame
from ctmo_indi.work_orders.model import ControlCommand, ControlRequest, DomeRequest

from .rig import Rig

LATCH = Latch("ann", "smoke", "")
OBSERVER = Lock(LockKind.OBSERVER, "ann", "looking", "", None)
MAINTENANCE = Lock(LockKind.MAINTENANCE, "ann", "in the dome", "", None)


def raw() -> RawFrame:
    return RawFrame(data=b"frame")


def order(rig: Rig, command: ControlCommand, **keys: object) -> ControlTask:
    request = ControlRequest("1", "ann", command, **keys)
    urgent = command in (ControlCommand.ABORT, ControlCommand.PARK)
    return ControlTask(
        f"O-{command}", "1", "ann", "Control", command.value, control_steps(request), urgent
    )


def test_a_closed_observatory_is_opened_tracked_pointed_and_exposed_in_that_order():
    rig = Rig()

    attempt = rig.submit(rig.attempt(count=2))

    assert attempt.state is AttemptState.COMPLETED
    assert rig.hands.done == [
        "open",
        "slew 10.0 20.0",
        "dome 10",
        "filter I",
        "expose A-1-001",
        "expose A-1-002",
    ]
    assert [record.sequence for record in attempt.exposures] == [1, 2]
    assert rig.states == ["IN_PROGRESS", "COMPLETED"]


def test_an_open_observatory_with_a_parked_mount_is_unparked_before_it_tracks():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.see(parked=True, tracking=False)

    rig.submit(rig.attempt())

    assert rig.hands.done[:3] == ["unpark", "track True", "slew 10.0 20.0"]


def test_the_next_exposure_is_journaled_while_the_present_one_runs():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")

    rig.submit(rig.attempt(count=2))

    assert rig.frames.log == ["intend A-1-001", "intend A-1-002"]
    assert rig.hands.done[-1] == "expose A-1-001"


def test_the_next_exposure_does_not_wait_for_the_last_frame_but_completion_does():
    rig = Rig(ObservatoryState.OPEN)
    rig.frames.hold = True

    attempt = rig.submit(rig.attempt(count=2))
    begun = list(rig.hands.done)
    in_between = attempt.state
    for future, record in rig.frames.held:
        future.set_result(record)
    rig.turn()

    assert begun[-2:] == ["expose A-1-001", "expose A-1-002"]
    assert in_between is AttemptState.IN_PROGRESS
    assert attempt.state is AttemptState.COMPLETED


def test_an_event_has_the_new_exposures_and_a_status_has_all():
    rig = Rig(ObservatoryState.OPEN)
    count = 40

    attempt = rig.submit(rig.attempt(count=count))

    told = [data for kind, _, data in rig.events if kind == "attempt"]
    ids = [one["Exposure ID"] for data in told for one in data["Exposures"]]
    assert ids == [f"A-1-{number:03d}" for number in range(1, count + 1)]
    assert max(len(data["Exposures"]) for data in told) <= 2
    assert told[-1]["Good Exposures"] == count
    assert len(attempt.to_wire()["Exposures"]) == count


def test_a_target_out_of_limits_is_not_attempted_and_nothing_moves():
    rig = Rig()
    rig.hands.forbidden = "altitude 3.0 deg, limit 15"

    attempt = rig.submit(rig.attempt())

    assert (attempt.state, attempt.reason) == (
        AttemptState.NOT_ATTEMPTED,
        "altitude 3.0 deg, limit 15",
    )
    assert rig.hands.done == []


def test_a_closed_window_is_not_attempted():
    rig = Rig(unobservable=("outside of every window",))

    attempt = rig.submit(rig.attempt())

    assert attempt.state is AttemptState.NOT_ATTEMPTED
    assert "outside of every window" in attempt.reason


@pytest.mark.parametrize("error", [DriverLost("gone"), BadFrame("half a frame")])
def test_a_lost_exposure_is_repeated_once_after_the_preparing_steps(error):
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["expose"] = error

    attempt = rig.submit(rig.attempt())

    assert attempt.state is AttemptState.COMPLETED
    assert rig.hands.done.count("slew 10.0 20.0") == 2
    assert [record.exposure_id for record in attempt.exposures] == ["A-1-002"]
    assert f"forget A-1-001: {error}" in rig.frames.log


def test_a_camera_that_does_not_come_back_fails_the_attempt_but_keeps_its_frames():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt(count=2))
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()
    rig.hands.see(lost=frozenset({Role.CAMERA}))
    rig.hands.exposures[1].future.set_exception(DriverLost("CCD gone"))
    rig.turn()
    for _ in range(9):
        rig.safety.say()
        rig.turn(machine_s=9.0)

    assert attempt.state is AttemptState.FAILED
    assert "did not come back" in attempt.reason
    assert len(attempt.exposures) == 1


def test_a_rejected_exposure_is_not_repeated():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["expose"] = CommandRejected("Alert: exposure too long")

    attempt = rig.submit(rig.attempt())

    assert attempt.state is AttemptState.FAILED
    assert "exposure too long" in attempt.reason
    assert len(rig.hands.exposures) == 1


def test_an_exposure_that_missed_its_deadline_is_aborted_and_the_next_attempt_exposes():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())
    rig.hands.see(exposing=True)
    rig.hands.exposures[0].future.set_exception(CommandTimeout("not complete after 90.0 s"))
    rig.turn()
    rig.submit(rig.attempt("A-2"))

    assert attempt.state is AttemptState.FAILED
    assert "not complete after 90.0 s" in attempt.reason
    assert rig.hands.done.index("abort A-1-001") < rig.hands.done.index("expose A-2-001")


def test_a_full_disk_fails_the_attempt_and_stops_exposing():
    rig = Rig(ObservatoryState.OPEN)
    rig.frames.fail = OSError(28, "No space left on device")

    attempt = rig.submit(rig.attempt(count=5))

    assert attempt.state is AttemptState.FAILED
    assert "No space left" in attempt.reason
    assert len(rig.hands.exposures) == 2  # the second runs while the first is being stored


def test_a_failed_filter_stops_the_slew_beside_it():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("slew")
    rig.hands.failing["filter"] = CommandRejected("wheel jammed")

    attempt = rig.submit(rig.attempt())

    assert attempt.state is AttemptState.FAILED
    assert rig.hands.done[-1] == "abort_motion"


def test_bias_and_dark_need_neither_sky_nor_a_safe_verdict():
    rig = Rig()
    rig.safety.say(VerdictLevel.UNSAFE, "rain")

    attempt = rig.submit(
        rig.attempt(frame_type=FrameType.DARK, ra_deg=None, dec_deg=None, filter_name=None)
    )

    assert attempt.state is AttemptState.COMPLETED
    assert rig.hands.done == ["expose A-1-001"]


def test_a_flat_lights_the_panel_and_puts_it_out_again():
    rig = Rig()
    attempt = rig.submit(rig.attempt(frame_type=FrameType.FLAT, ra_deg=None, dec_deg=None))
    rig.turn(machine_s=2.0)

    assert attempt.state is AttemptState.COMPLETED
    assert rig.hands.done == ["filter I", "lamp True", "expose A-1-001", "lamp False"]


def test_an_interrupted_flat_puts_the_panel_out():
    rig = Rig()
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt(frame_type=FrameType.FLAT, ra_deg=None, dec_deg=None))
    rig.turn(machine_s=2.0)
    rig.engine.cancel("A-1", "ann", "by hand")
    rig.turn()

    assert attempt.state is AttemptState.ABORTED
    assert rig.hands.done[-2:] == ["abort A-1-001", "lamp False"]


def test_an_exposure_that_is_ended_while_it_is_journaled_leaves_no_open_intent():
    rig = Rig(ObservatoryState.OPEN)
    rig.frames.is_slow = True
    attempt = rig.submit(rig.attempt())
    assert rig.frames.log == ["intend A-1-001"]
    rig.engine.cancel("A-1", "ann", "by hand")
    rig.turn()

    assert attempt.state is AttemptState.ABORTED
    assert rig.frames.log[-1].startswith("forget A-1-001: ")
    assert not any("expose" in deed for deed in rig.hands.done)


def test_an_exposure_that_is_ended_before_it_is_seen_to_begin_is_aborted():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.hands.begins = False
    attempt = rig.submit(rig.attempt())
    rig.engine.cancel("A-1", "ann", "by hand")
    rig.turn()

    assert attempt.state is AttemptState.ABORTED
    assert rig.hands.done[-1] == "abort A-1-001"
    assert rig.frames.log[-1].startswith("forget A-1-001: ")


def test_an_exposure_is_aborted_when_the_next_one_cannot_be_journaled():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.frames.refused.add("A-1-002")
    attempt = rig.submit(rig.attempt(count=2))

    assert attempt.state is AttemptState.FAILED
    assert rig.hands.done[-1] == "abort A-1-001"


def test_unsafe_ends_the_exposure_and_leaves_the_closing_to_safety():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())

    rig.safety.say(VerdictLevel.UNSAFE, "rain")
    rig.turn()

    assert (attempt.state, attempt.reason) == (AttemptState.INTERRUPTED, "UNSAFE: rain")
    assert rig.hands.done[-1] == "abort A-1-001"
    assert "close" not in rig.hands.done
    assert "abort_motion" not in rig.hands.done


def test_unsafe_in_a_slew_does_not_abort_the_motion_safety_may_have_begun():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("slew")
    rig.submit(rig.attempt())

    rig.safety.say(VerdictLevel.UNSAFE, "rain")
    rig.turn()

    assert "abort_motion" not in rig.hands.done


def test_the_telescope_closes_itself_when_safety_says_unsafe_and_does_not_begin():
    rig = Rig(ObservatoryState.OPEN)
    for _ in range(3):
        rig.safety.say(VerdictLevel.UNSAFE, "rain")
        rig.turn(machine_s=4.0)
    early = list(rig.hands.done)
    rig.safety.say(VerdictLevel.UNSAFE, "rain")
    rig.turn(machine_s=4.0)

    assert early == []
    assert rig.hands.done == ["close"]


def test_a_hold_lets_the_exposure_finish_and_the_next_one_waits_for_its_end():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt(count=2))
    rig.safety.say(VerdictLevel.HOLD, "gusts")
    rig.turn(machine_s=1.0)
    aborted = [deed for deed in rig.hands.done if "abort" in deed]
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()
    held = len(rig.hands.exposures)
    rig.safety.say()
    rig.turn()

    assert aborted == []
    assert held == 1
    assert len(rig.hands.exposures) == 2
    assert attempt.state is AttemptState.IN_PROGRESS


def test_a_frame_is_stored_when_the_next_exposure_has_to_wait_for_the_end_of_a_hold():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt(count=2))
    rig.safety.say(VerdictLevel.HOLD, "gusts")
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()

    assert len(rig.hands.exposures) == 1
    assert rig.frames.log[-1] == "keep A-1-001"


def test_a_frame_is_stored_when_the_next_exposure_has_to_wait_for_the_dome():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt(count=2))
    rig.hands.slow.add("dome")
    rig.hands.see(dome_azimuth_deg=90.0)
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()

    assert rig.hands.is_waiting("dome")
    assert rig.frames.log[-1] == "keep A-1-001"


def test_a_frame_is_stored_when_the_dome_is_still_turning():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt(count=2))
    rig.hands.see(dome_moving=True)
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()

    assert len(rig.hands.exposures) == 1
    assert rig.frames.log[-1] == "keep A-1-001"


def test_a_frame_is_stored_when_the_camera_is_lost_before_the_next_exposure():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt(count=2))
    rig.hands.see(lost=frozenset({Role.CAMERA}))
    rig.hands.refusing = NotConnected("CCD gone")
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()

    assert "keep A-1-001" in rig.frames.log


def test_a_frame_is_not_stored_before_the_next_exposure_has_begun_at_once():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt(count=2))
    rig.hands.begins = False
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()
    early = list(rig.frames.log)
    rig.hands.begins = True
    rig.turn()

    assert len(rig.hands.exposures) == 2
    assert "keep A-1-001" not in early
    assert "keep A-1-001" in rig.frames.log


def test_a_hold_that_lasts_interrupts_what_waits_and_closes_nothing():
    rig = Rig(ObservatoryState.OPEN)
    rig.safety.say(VerdictLevel.HOLD, "gusts")
    attempt = rig.submit(rig.attempt())
    for _ in range(13):
        rig.safety.say(VerdictLevel.HOLD, "gusts")
        rig.turn(machine_s=5.0)

    assert attempt.state is AttemptState.NOT_ATTEMPTED
    assert "HOLD: gusts" in attempt.reason
    assert rig.hands.done == []


def test_a_dark_does_not_wait_for_the_end_of_a_hold():
    rig = Rig(ObservatoryState.CLOSED)
    rig.safety.say(VerdictLevel.HOLD, "gusts")
    attempt = rig.submit(
        rig.attempt(frame_type=FrameType.DARK, ra_deg=None, dec_deg=None, filter_name=None)
    )

    assert attempt.state is AttemptState.COMPLETED


def test_an_old_verdict_holds_the_next_exposure_and_a_fresh_one_lets_it_go_on():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt(count=2))
    rig.clock.advance(11.0)
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()
    held = len(rig.hands.exposures)
    rig.safety.say()
    rig.turn()

    assert held == 1
    assert len(rig.hands.exposures) == 2
    assert attempt.state is AttemptState.IN_PROGRESS


def test_a_verdict_older_than_thirty_seconds_closes():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())

    rig.turn(machine_s=29.0)
    before = list(rig.hands.done)
    rig.turn(machine_s=2.0)

    assert "close" not in before
    assert "close" in rig.hands.done
    assert attempt.state is AttemptState.INTERRUPTED


def test_a_maintenance_lock_forbids_even_closing():
    rig = Rig(ObservatoryState.OPEN)
    rig.safety.say(lock=MAINTENANCE)

    rig.turn(machine_s=100.0)

    assert rig.hands.done == []


def test_a_failed_closing_is_an_alarm_and_is_tried_again_after_a_pause():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["close"] = CommandRejected("shutter stuck")
    rig.turn(machine_s=31.0)
    alarm = rig.engine.to_wire()["Alarm"]
    rig.turn(machine_s=31.0)

    assert alarm == "shutter stuck"
    assert rig.hands.done == ["close", "close"]
    assert rig.engine.to_wire()["Alarm"] == ""


@pytest.mark.parametrize("error", [CommandCanceled("stopped by ana"), Locked("ana is inside")])
def test_a_closing_that_a_human_stopped_is_no_alarm(error):
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["close"] = error
    closing = order(rig, ControlCommand.CLOSE)
    rig.engine.close_by_order(closing)
    rig.turn()

    assert rig.engine.to_wire()["Alarm"] == ""
    assert "alarm" not in rig.kinds()
    assert ("closing_stopped", "telescope", {"Reason": str(error)}) in rig.events
    assert closing.state not in (AttemptState.IN_PROGRESS, AttemptState.COMPLETED)


def test_the_latch_aborts_the_attempt():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())

    rig.safety.say(latch=LATCH)
    rig.turn()

    assert attempt.state is AttemptState.ABORTED
    assert "smoke" in attempt.reason


def test_a_lock_interrupts_the_attempt():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())

    rig.safety.say(lock=OBSERVER)
    rig.turn()

    assert attempt.state is AttemptState.INTERRUPTED
    assert "ann" in attempt.reason


def test_foreign_motion_interrupts_a_sky_attempt_and_is_published():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())

    rig.engine.foreign_motion("mount: slewed to RA 3 h")
    rig.turn()

    assert attempt.state is AttemptState.INTERRUPTED
    assert attempt.reason.startswith("foreign motion")
    assert "foreign_motion" in rig.kinds()
    assert "abort_motion" not in rig.hands.done


def _take_over(rig: Rig) -> None:
    rig.engine.foreign_motion("camera exposes", Role.CAMERA)


def _by_hand(command: ControlCommand) -> Callable[[Rig], None]:
    return lambda rig: rig.engine.enqueue(order(rig, command))


def _stop_service(rig: Rig) -> None:
    rig.engine._begin_end(close=False, ended=threading.Event())


@pytest.mark.parametrize(
    "end",
    [
        _take_over,
        _by_hand(ControlCommand.PARK),
        _by_hand(ControlCommand.ABORT),
        lambda rig: rig.engine.cancel(rig.engine._line.current.receipt, "ann", "no more"),
        _stop_service,
    ],
    ids=["takeover", "park", "abort", "cancel", "service stops"],
)
@pytest.mark.parametrize("is_by_hand", [False, True])
def test_an_opening_leaves_the_mount_alone_once_its_order_has_ended(end, is_by_hand):
    rig = Rig()
    rig.hands.slow.add("open")
    task = order(rig, ControlCommand.OPEN) if is_by_hand else rig.attempt()
    rig.engine.enqueue(task)
    rig.turn()
    assert rig.hands.is_waiting("open")

    end(rig)
    rig.turn()
    rig.hands.finish("open")
    rig.turn()

    sight = rig.hands.sight()
    assert task.state not in (AttemptState.IN_PROGRESS, AttemptState.COMPLETED)
    assert (sight.shutter, sight.parked, sight.tracking) == ("OPEN", True, False)
    assert "unpark" not in rig.hands.done


def test_the_next_attempt_wakes_the_mount_that_a_given_up_opening_left_parked():
    rig = Rig()
    rig.hands.slow.add("open")
    rig.submit(rig.attempt())
    rig.hands.see(state=ObservatoryState.OPENING)
    rig.engine.cancel("A-1", "scheduler", "another is better")
    second = rig.submit(rig.attempt("A-2"))
    assert second.state is AttemptState.IN_PROGRESS

    rig.hands.finish("open")
    rig.turn()

    assert second.state is AttemptState.COMPLETED
    assert rig.hands.done[1:3] == ["unpark", "track True"]


def test_after_a_takeover_nothing_is_attempted_until_it_is_released():
    rig = Rig(ObservatoryState.OPEN, hands_off_s=None)
    rig.engine.foreign_motion("mount slews")
    rig.turn(100000.0)
    rig.safety.say()
    light = rig.submit(rig.attempt())
    dark = rig.submit(rig.attempt("A-2", frame_type=FrameType.DARK, ra_deg=None, dec_deg=None))
    rig.engine.follow_dome(0.0)
    moved = [word for word in rig.hands.done if not word.startswith("let go")]
    told = rig.engine.to_wire()["Held"]
    rig.engine.release("ada")
    again = rig.submit(rig.attempt("A-3"))

    assert (light.state, dark.state) == (AttemptState.NOT_ATTEMPTED,) * 2
    assert "another INDI client took over (mount slews" in light.reason
    assert moved == []
    assert "mount slews" in str(told)
    assert again.state is AttemptState.COMPLETED
    assert rig.engine.to_wire()["Held"] == ""
    assert [data["Reason"] == "" for kind, _, data in rig.events if kind == "takeover"] == [
        False,
        True,
    ]


@pytest.mark.parametrize("begins", [True, False])
def test_another_clients_exposure_ends_the_attempt_and_is_not_aborted(begins):
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.hands.begins = begins
    attempt = rig.submit(rig.attempt())
    rig.engine.foreign_motion("camera exposes anew", Role.CAMERA)
    rig.turn()

    assert attempt.state is AttemptState.INTERRUPTED
    assert "let go camera" in rig.hands.done
    assert not any(word.startswith("abort") for word in rig.hands.done)


@pytest.mark.parametrize(
    ("level", "held", "ended"),
    [
        (VerdictLevel.SAFE, True, AttemptState.INTERRUPTED),
        (VerdictLevel.UNSAFE, False, AttemptState.INTERRUPTED),
    ],
)
def test_somebody_elses_park_is_a_takeover_unless_safety_may_have_done_it(level, held, ended):
    rig = Rig(ObservatoryState.OPEN, hands_off_s=None)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())
    rig.engine.foreign_motion("mount parks", may_be_closer=True)
    rig.turn()
    at_once = attempt.state
    rig.clock.advance(1.0)
    rig.safety.say(level, *([] if held else ["rain"]))
    rig.turn()

    assert at_once is AttemptState.IN_PROGRESS
    assert attempt.state is ended
    assert rig.engine.takeover.is_active is held


def test_what_another_client_stopped_is_no_failure():
    rig = Rig(ObservatoryState.OPEN, hands_off_s=None)
    rig.hands.failing["slew"] = CommandRejected("it went Idle")
    rig.engine.foreign_motion("mount is stopped", may_be_closer=True)
    rig.clock.advance(0.1)
    attempt = rig.submit(rig.attempt())
    rig.turn(1.0)
    rig.safety.say()
    rig.turn()

    assert attempt.state in (AttemptState.INTERRUPTED, AttemptState.NOT_ATTEMPTED)
    assert "abort_motion" not in rig.hands.done


def test_the_end_of_a_slew_is_heard_before_the_stop_that_ended_it():
    rig = Rig(ObservatoryState.OPEN, hands_off_s=None, blame_machine_s=0.5)
    rig.hands.failing["slew"] = CommandRejected("it went Idle")
    attempt = rig.submit(rig.attempt())
    failed = attempt.state
    rig.engine.foreign_motion("mount is stopped", may_be_closer=True)
    rig.turn(1.0)
    rig.safety.say()
    rig.turn()

    assert failed is AttemptState.IN_PROGRESS
    assert attempt.state is AttemptState.INTERRUPTED
    assert "abort_motion" not in rig.hands.done


def test_a_takeover_is_tidied_up_at_its_release_not_before():
    rig = Rig(ObservatoryState.CLOSED, hands_off_s=None)
    rig.turn()
    rig.engine.foreign_motion("mount is unparked")
    rig.hands.see(state=ObservatoryState.UNKNOWN, parked=False)
    rig.turn()
    before = list(rig.hands.done)
    rig.engine.release("ada")
    rig.turn()

    assert "close" not in before
    assert "close" in rig.hands.done


def test_what_was_seen_before_a_release_takes_nothing_over_after_it():
    rig = Rig(ObservatoryState.OPEN, hands_off_s=None)
    rig.engine.foreign_motion("mount slews")
    rig.engine.foreign_motion("mount is stopped", may_be_closer=True)
    rig.turn()
    rig.engine.release("ada")
    rig.clock.advance(2.0)
    rig.safety.say()
    rig.turn()
    assert not rig.engine.takeover.is_active


def test_a_dome_turned_by_hand_stays_until_something_is_pointed_anew():
    rig = Rig(ObservatoryState.OPEN)
    request = DomeRequest("1", "ann", {}, azimuth_deg=123.0)
    turn = ControlTask("O-1", "1", "ann", "Dome", "dome", dome_steps(request), turns_dome=True)
    rig.engine.enqueue(turn)
    rig.turn()
    rig.engine.follow_dome(0.0)
    rig.turn()
    by_hand = list(rig.hands.done)
    slew = order(rig, ControlCommand.SLEW, ra_deg=10.0, dec_deg=20.0)
    slew.points = True
    rig.engine.enqueue(slew)
    rig.turn()
    rig.hands.see(ra_deg=50.0)
    rig.engine.follow_dome(0.0)
    rig.turn()

    assert by_hand == ["dome 123"]
    assert rig.hands.done[-1] == "dome 50"


def test_foreign_motion_does_not_touch_a_dark():
    rig = Rig()
    rig.hands.slow.add("expose")
    attempt = rig.submit(
        rig.attempt(frame_type=FrameType.DARK, ra_deg=None, dec_deg=None, filter_name=None)
    )

    rig.engine.foreign_motion("dome turned")
    rig.turn()

    assert attempt.state is AttemptState.IN_PROGRESS


def test_a_limit_interrupts_stops_and_parks():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())

    rig.engine.limit_violated("hour angle 6.1 h, limit 6")
    rig.turn()

    assert attempt.state is AttemptState.INTERRUPTED
    assert "hour angle" in attempt.reason
    moves = [deed for deed in rig.hands.done if deed in ("abort_motion", "park")]
    assert moves == ["abort_motion", "park"]


def test_an_order_by_hand_is_refused_while_an_attempt_runs():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt())

    with pytest.raises(WrongState, match="abort it first"):
        rig.engine.enqueue(order(rig, ControlCommand.FILTER, filter_name="V"))


def test_abort_by_hand_ends_the_attempt_and_stops_the_mount():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())

    task = order(rig, ControlCommand.ABORT)
    rig.engine.enqueue(task)
    rig.turn()

    assert attempt.state is AttemptState.ABORTED
    assert task.state is AttemptState.COMPLETED
    assert rig.hands.done[-2:] == ["abort A-1-001", "abort_motion"]


@pytest.mark.parametrize("closer", ["safety", "telescope"])
def test_a_stop_of_the_idle_scheduler_does_not_end_a_parking(closer):
    rig = Rig(ObservatoryState.OPEN)
    if closer == "safety":
        rig.safety.say(VerdictLevel.UNSAFE, "rain")
    else:
        rig.hands.slow.add("close")
        rig.engine.close_by_order(order(rig, ControlCommand.CLOSE))
    rig.turn()
    idle = replace(
        order(rig, ControlCommand.ABORT), receipt="O-idle", user="scheduler", stops_only=True
    )
    by_hand = replace(order(rig, ControlCommand.ABORT), receipt="O-hand", stops_only=True)
    rig.engine.enqueue(idle)
    rig.turn()
    before = list(rig.hands.done)
    rig.engine.enqueue(by_hand)
    rig.turn()

    assert idle.state is AttemptState.COMPLETED
    assert "abort_motion" not in before
    assert "abort_motion" in rig.hands.done


def test_close_by_order_reports_its_end():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("close")
    task = order(rig, ControlCommand.ABORT)
    rig.engine.close_by_order(task)
    rig.turn()
    before = task.state
    rig.hands.finish("close")
    rig.turn()

    assert before is AttemptState.IN_PROGRESS
    assert task.state is AttemptState.COMPLETED


def test_attempts_run_one_after_the_other():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    first = rig.submit(rig.attempt("A-1"))
    second = rig.submit(rig.attempt("A-2"))
    waits = second.state
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()

    assert waits is AttemptState.PENDING
    assert first.state is AttemptState.COMPLETED
    assert rig.hands.done[-1] == "expose A-2-001"


def test_canceling_what_waits_leaves_what_runs():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    first = rig.submit(rig.attempt("A-1"))
    second = rig.submit(rig.attempt("A-2"))

    rig.engine.cancel("A-2", "ann", "not wanted")
    rig.turn()

    assert second.state is AttemptState.CANCELED
    assert first.state is AttemptState.IN_PROGRESS


def test_more_attempts_than_can_wait_are_refused():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt("A-0"))
    for number in range(1, 17):
        rig.engine.enqueue(rig.attempt(f"A-{number}"))

    with pytest.raises(WrongState, match="wait already"):
        rig.engine.enqueue(rig.attempt("A-17"))


def test_the_dome_follows_a_tracking_mount_only_when_it_is_off():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.see(ra_deg=100.0, dec_deg=0.0, dome_azimuth_deg=98.0)
    rig.turn()
    rig.engine.follow_dome()
    near = list(rig.hands.done)
    rig.hands.see(ra_deg=102.0)
    rig.engine.follow_dome()
    rig.turn()

    assert near == []
    assert rig.hands.done == ["dome 102"]


@pytest.mark.parametrize(
    ("level", "turned"), [(VerdictLevel.HOLD, ["dome 102"]), (VerdictLevel.UNSAFE, [])]
)
def test_the_dome_follows_what_may_finish(level, turned):
    rig = Rig(ObservatoryState.OPEN)
    rig.safety.say(level, "gusts")
    rig.hands.see(ra_deg=102.0, dec_deg=0.0, dome_azimuth_deg=98.0)
    rig.turn()
    rig.engine.follow_dome()
    rig.turn()

    assert rig.hands.done == turned


def test_stopping_the_service_interrupts_and_closes():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    attempt = rig.submit(rig.attempt())
    rig.engine.start()

    rig.engine.stop(10.0, close=True)

    assert attempt.state is AttemptState.INTERRUPTED
    assert "close" in rig.hands.done


def test_a_bug_in_a_step_fails_the_attempt_and_the_engine_lives():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["filter"] = ZeroDivisionError("oops")

    attempt = rig.submit(rig.attempt("A-1"))
    second = rig.submit(rig.attempt("A-2"))

    assert attempt.state is AttemptState.FAILED
    assert "internal error" in attempt.reason
    assert second.state is AttemptState.COMPLETED


def test_an_ending_before_the_last_look_is_not_attempted():
    rig = Rig(ObservatoryState.OPEN)
    rig.clock.advance(15.0)
    attempt = rig.submit(rig.attempt())
    rig.engine.interrupt(Ending(AttemptState.INTERRUPTED, "end of night"))
    rig.turn()

    assert attempt.state is AttemptState.NOT_ATTEMPTED


@pytest.mark.parametrize("hold", [{"lock": OBSERVER}, {"latch": LATCH}])
def test_stopping_the_service_moves_nothing_that_a_human_holds(hold):
    rig = Rig(ObservatoryState.OPEN)
    rig.safety.say(**hold)
    rig.engine.start()

    rig.engine.stop(10.0, close=True)

    assert rig.hands.done == []


@pytest.mark.parametrize("hold", [{"lock": OBSERVER}, {"latch": LATCH}])
def test_a_limit_in_human_hands_is_only_told(hold):
    rig = Rig(ObservatoryState.OPEN)
    rig.safety.say(**hold)

    rig.engine.limit_violated("altitude 10 deg")
    rig.turn()

    assert "limit" in rig.kinds()
    assert rig.hands.done == []


def test_a_limit_does_not_end_the_parking_of_safety():
    rig = Rig(ObservatoryState.OPEN)
    rig.safety.say(VerdictLevel.UNSAFE, "rain", safety_is_closing=True)

    rig.engine.limit_violated("altitude 10 deg")
    rig.turn()

    assert "limit" in rig.kinds()
    assert rig.hands.done == []


def test_stopping_the_service_closes_though_a_closing_was_stopped_a_moment_ago():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["close"] = CommandCanceled("stopped by ana")
    rig.engine.close_by_order(order(rig, ControlCommand.CLOSE))
    rig.turn()
    rig.engine.start()

    rig.engine.stop(10.0, close=True)

    assert rig.hands.done.count("close") == 2


def test_a_dark_without_any_fresh_verdict_is_interrupted_in_the_end():
    rig = Rig()
    rig.hands.slow.add("expose")
    dark = {"frame_type": FrameType.DARK, "ra_deg": None, "dec_deg": None, "filter_name": None}
    attempt = rig.submit(rig.attempt(count=2, **dark))
    rig.turn(machine_s=12.0)
    rig.hands.exposures[0].future.set_result(raw())
    rig.turn()
    rig.turn(machine_s=61.0)

    assert attempt.state is AttemptState.INTERRUPTED, attempt.reason
    assert len(attempt.exposures) == 1


def test_a_close_by_hand_also_ends_what_waits():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("expose")
    rig.submit(rig.attempt("A-1"))
    second = rig.submit(rig.attempt("A-2"))

    rig.engine.close_by_order(order(rig, ControlCommand.CLOSE))
    rig.turn()

    assert second.state is AttemptState.CANCELED
    assert rig.hands.present.state is ObservatoryState.CLOSED


@pytest.mark.parametrize(("lock", "closes"), [(None, True), (OBSERVER, False)])
def test_what_is_found_half_closed_is_closed_unless_somebody_holds_the_lock(lock, closes):
    rig = Rig(ObservatoryState.UNKNOWN)
    rig.hands.see(parked=False)
    rig.safety.say(lock=lock)

    rig.turn()

    assert ("close" in rig.hands.done) is closes


def cut_the_link_in_a_closing(rig: Rig) -> None:
    """It fails, the telescope's own state is ALARM, and the link is down."""
    rig.hands.failing["close"] = ServerLost("the link was cut")
    rig.engine.close_by_order(order(rig, ControlCommand.CLOSE))
    rig.hands.see(link_up=False, state=ObservatoryState.ALARM)
    rig.turn()


def come_back(rig: Rig, seconds: int, **hold: Lock | Latch) -> None:
    rig.hands.see(link_up=True)
    for _ in range(seconds // 2):
        rig.safety.say(**hold)
        rig.turn(machine_s=2.0)


def test_a_closing_that_the_link_ended_is_done_when_the_link_is_back():
    rig = Rig(ObservatoryState.OPEN)
    cut_the_link_in_a_closing(rig)
    come_back(rig, 20)
    early = rig.hands.done.count("close")  # a closing has just failed
    come_back(rig, 20)

    assert early == 1
    assert rig.hands.done.count("close") == 2
    assert rig.hands.present.state is ObservatoryState.CLOSED
    assert rig.engine.to_wire()["Alarm"] == ""


@pytest.mark.parametrize("hold", [{"lock": OBSERVER}, {"lock": MAINTENANCE}, {"latch": LATCH}])
def test_an_alarm_in_human_hands_is_closed_when_they_let_go(hold):
    rig = Rig(ObservatoryState.OPEN)
    cut_the_link_in_a_closing(rig)
    come_back(rig, 100, **hold)
    held = rig.hands.done.count("close")
    come_back(rig, 2)

    assert held == 1
    assert rig.hands.done.count("close") == 2


def fail_a_closing(rig: Rig) -> None:
    """Safety falls silent, the telescope closes, the shutter is stuck; the link stays up."""
    rig.hands.failing["close"] = CommandRejected("shutter stuck")
    rig.turn(machine_s=31.0)
    rig.hands.see(state=ObservatoryState.ALARM)


@pytest.mark.parametrize("level", [VerdictLevel.SAFE, VerdictLevel.HOLD])
def test_an_alarm_is_tried_again_every_thirty_seconds_when_nothing_is_unsafe(level):
    rig = Rig(ObservatoryState.OPEN)
    fail_a_closing(rig)
    tries = []
    for _ in range(3):
        rig.hands.failing["close"] = CommandRejected("shutter stuck")
        for _ in range(15):
            rig.safety.say(level)
            rig.turn(machine_s=2.0)
        rig.hands.see(state=ObservatoryState.ALARM)
        tries.append(rig.hands.done.count("close"))

    assert tries == [2, 3, 4]


def test_an_alarm_ends_with_the_closing_that_succeeds():
    rig = Rig(ObservatoryState.OPEN)
    fail_a_closing(rig)
    come_back(rig, 100)

    assert rig.hands.done.count("close") == 2
    assert rig.hands.present.state is ObservatoryState.CLOSED
    assert rig.engine.to_wire()["Alarm"] == ""


def test_an_alarm_ends_when_another_closer_closed():
    rig = Rig(ObservatoryState.OPEN)
    fail_a_closing(rig)
    alarm = rig.engine.to_wire()["Alarm"]
    rig.safety.say()
    rig.hands.see(state=ObservatoryState.CLOSED)
    rig.turn()
    rig.turn()

    assert alarm == "shutter stuck"
    assert rig.engine.to_wire()["Alarm"] == ""
    assert rig.kinds().count("closed") == 1
    assert rig.hands.done.count("close") == 1


def test_an_alarm_does_not_close_into_an_order_by_hand():
    rig = Rig(ObservatoryState.OPEN)
    fail_a_closing(rig)
    rig.safety.say()
    rig.hands.slow.add("park")
    rig.engine.enqueue(order(rig, ControlCommand.PARK))
    come_back(rig, 60)
    meanwhile = rig.hands.done.count("close")
    rig.hands.finish("park")
    come_back(rig, 4)

    assert meanwhile == 1
    assert rig.hands.done.count("close") == 2


def test_an_alarm_is_left_alone_under_a_takeover():
    rig = Rig(ObservatoryState.OPEN, hands_off_s=None)
    fail_a_closing(rig)
    rig.safety.say()
    rig.engine.foreign_motion("slewed", Role.MOUNT)
    come_back(rig, 100)

    assert rig.hands.done.count("close") == 1


def test_what_was_found_half_closed_is_closed_once_for_each_reconnection():
    rig = Rig(ObservatoryState.UNKNOWN)
    rig.hands.see(parked=False)
    rig.turn()
    rig.hands.see(state=ObservatoryState.UNKNOWN, parked=False)
    come_back(rig, 100)
    stays = rig.hands.done.count("close")
    rig.hands.see(link_up=False)
    rig.turn()
    come_back(rig, 4)

    assert stays == 1
    assert rig.hands.done.count("close") == 2


def test_a_stop_does_not_wait_for_the_end_of_a_closing():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.slow.add("close")
    rig.engine.close_by_order(order(rig, ControlCommand.CLOSE))
    rig.turn()
    task = order(rig, ControlCommand.STOP)
    task.is_urgent = task.stops_only = True

    rig.engine.enqueue(task)
    rig.turn()

    assert rig.hands.is_waiting("close")
    assert task.state is AttemptState.COMPLETED
    assert rig.hands.done == ["close", "abort_motion"]


def test_after_a_stop_in_the_rain_the_telescope_gives_notice_before_it_closes():
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["close"] = CommandRejected("shutter stuck")

    def rain(seconds, latch=None):
        for _ in range(seconds // 2):
            rig.safety.say(VerdictLevel.UNSAFE, "rain", latch=latch)
            rig.turn(machine_s=2.0)

    rain(40)
    before = rig.hands.done.count("close")
    rig.hands.see(state=ObservatoryState.UNKNOWN)
    rain(500, LATCH)
    latched = rig.hands.done.count("close")
    rain(120, LATCH)

    assert before > 0
    assert latched == before
    assert rig.hands.done.count("close") > before


def test_an_engine_whose_turns_fail_does_not_count_as_turning():
    rig = Rig()
    before = rig.engine.is_turning

    def broken():
        rig.clock.advance(6.0)
        raise RuntimeError("no more threads")

    rig.engine._turn = broken
    for _ in range(2):
        rig.engine.inbox.post(lambda: None)
    rig.engine.inbox.close()
    rig.engine._run()

    assert before
    assert not rig.engine.is_turning


def test_a_stop_without_a_link_ends_soon_and_says_loudly_what_it_leaves(caplog):
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.see(link_up=False)
    ended = threading.Event()

    rig.engine._begin_end(close=True, ended=ended)
    for _ in range(10):
        rig.safety.say(VerdictLevel.UNSAFE)
        rig.turn(100.0)

    assert ended.is_set()
    assert rig.hands.done == []  # not tried again and again where nothing can be sent
    (told,) = [one for one in caplog.records if "stopped_without_closing" in one.message]
    assert told.levelname == "CRITICAL"
    assert "state=OPEN" in told.message


def test_a_stop_whose_closing_fails_ends_after_it_and_says_so(caplog):
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.failing["close"] = CommandRejected("not closed: server lost")
    ended = threading.Event()

    rig.engine._begin_end(close=True, ended=ended)
    rig.turn()

    assert ended.is_set()
    assert rig.hands.done == ["close"]
    assert "stopped_without_closing" in caplog.text
