"""What the stores have becomes the right class; times are seconds after the dark begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.safety.rules import RULES
from ctmo_indi.scheduler.report.facts_of_states import WEATHER_RULES

from .night_rig import NightRig


def approx(**seconds: float) -> object:
    """Names with _ for a space, to two milliseconds: MJDs are good to a tenth of one."""
    return pytest.approx({k.replace("_", " "): v for k, v in seconds.items()}, abs=0.002)


def test_an_attempt_is_setup_exposures_and_readouts(night: NightRig) -> None:
    night.running()
    order = night.order("m31")
    took = StepDurations(mount_s=20.0, dome_s=32.0, filter_s=5.0)
    night.attempt(order, 100.0, 250.0, [(140.0, 30.0), (178.0, 30.0), (216.0, 30.0)], took=took)
    assert night.seconds() == approx(
        exposing=90.0,
        readout=8.0 + 8.0 + 4.0,  # after the last one it ended sooner than a usual readout
        slewing=20.0,
        dome=12.0,  # 32 s beside a mount that was there after 20
        handling=8.0,  # 100 to 108
        overhead=night.length_s - 150.0,
    )
    spans = night.report()["Spans"]
    assert isinstance(spans, list)
    order_of = [one["Class"] for one in spans[1:5]]
    assert order_of == ["handling", "slewing", "dome", "exposing"]  # ends where exposing begins


def test_the_first_way_of_a_night_is_slewing_and_opening(night: NightRig) -> None:
    night.running()
    night.event(105.0, "observatory", Observatory="OPENING", Link="UP", Answers=True)
    night.event(135.0, "observatory", Observatory="OPEN", Link="UP", Answers=True)
    night.attempt(night.order("m31"), 100.0, 200.0, [(150.0, 50.0)])
    assert night.seconds() == approx(
        exposing=50.0, slewing=20.0, opening_or_closing=30.0, overhead=night.length_s - 100.0
    )


def test_a_long_gap_between_frames_is_a_fault(night: NightRig) -> None:
    night.running()
    frames = [(140.0, 30.0), (178.0, 30.0), (216.0, 30.0), (346.0, 30.0)]
    night.attempt(night.order("m31"), 140.0, 376.0, frames)
    found = night.seconds()
    assert found["readout"] == pytest.approx(24.0, abs=0.002)
    assert found["fault"] == pytest.approx(92.0, abs=0.002)


@pytest.mark.parametrize(
    ("state", "loss"),
    [
        (AttemptState.FAILED, "fault"),
        (AttemptState.BAD_DATA, "fault"),
        (AttemptState.INTERRUPTED, "interrupted"),
        (AttemptState.ABORTED, "held"),
    ],
)
def test_what_an_attempt_lost_is_after_its_last_frame(
    night: NightRig, state: AttemptState, loss: str
) -> None:
    night.running()
    frames = [(120.0, 30.0), (160.0, 30.0)]
    night.attempt(night.order("m31"), 100.0, 300.0, frames, state=state, reason="why")
    assert night.seconds() == approx(
        exposing=60.0, readout=20.0, slewing=20.0, overhead=night.length_s - 200.0, **{loss: 100.0}
    )


def test_calibration_frames_in_the_dark_are_a_class_of_their_own(night: NightRig) -> None:
    night.running()
    night.attempt(night.order("b"), 100.0, 160.0, [(110.0, 5.0)], frame_type=FrameType.BIAS)
    assert night.seconds() == approx(calibration=60.0, overhead=night.length_s - 60.0)


def test_exposures_count_through_bad_weather_and_the_rest_is_weather(night: NightRig) -> None:
    night.running()
    night.verdict(1000.0, "weather_alert", "weather alert: WIND 25, 3 s old", "HOLD")
    night.verdict(1600.0, "weather_settled", "bad weather 3 s ago")
    night.verdict(2800.0)
    night.attempt(night.order("m31"), 900.0, 1100.0, [(950.0, 100.0)])
    assert night.seconds()["weather"] == pytest.approx(1750.0 - 0.2, abs=0.002)
    spans = night.report()["Spans"]
    assert isinstance(spans, list)
    assert "weather alert: WIND 25, 3 s old" in [one["Why"] for one in spans]


def test_every_rule_of_safety_is_weather_or_not() -> None:
    named = {rule.name for rule in RULES}
    assert named >= WEATHER_RULES
    bad = {rule.name for rule in RULES if rule.is_bad_weather}
    assert bad - WEATHER_RULES == {"weather_missing"}  # the station does not tell: a fault of it


@pytest.mark.parametrize("rule", ["indi_link", "weather_fresh", "disk", "clock"])
def test_other_rules_are_safety(night: NightRig, rule: str) -> None:
    night.running()
    night.verdict(100.0, rule)
    night.verdict(400.0)
    assert night.seconds()["safety"] == 300.0


def test_a_silent_safety_service_is_safety(night: NightRig) -> None:
    night.running()
    night.event(100.0, "safetyLink", Answers=False, Reason="refused")
    night.event(160.0, "safetyLink", Answers=True, Reason="")
    assert night.seconds()["safety"] == 60.0


@pytest.mark.parametrize(
    "state",
    [
        {"Observatory": "UNKNOWN", "Link": "DOWN", "Answers": False},
        {"Observatory": "UNKNOWN", "Link": "DOWN", "Answers": True},
        {"Observatory": "ALARM", "Link": "UP", "Answers": True},
    ],
)
def test_a_telescope_that_cannot_is_a_fault(night: NightRig, state: dict[str, object]) -> None:
    night.running()
    night.event(100.0, "observatory", **state)
    night.event(160.0, "observatory", Observatory="OPEN", Link="UP", Answers=True)
    assert night.seconds()["fault"] == 60.0


def test_humans_and_a_scheduler_that_is_off_are_told_apart(night: NightRig) -> None:
    night.running()
    night.event(100.0, "held", Held="observer lock of ada: filters")
    night.event(400.0, "held", Held="")
    night.event(500.0, "summaryState", Summary_State="DISABLED")
    night.event(700.0, "summaryState", Summary_State="ENABLED")
    night.event(700.0, "detailedState", Detailed_State="IDLE")
    night.event(900.0, "detailedState", Detailed_State="RUNNING")
    night.event(1000.0, "errorCode", Code=302, Meaning="telemetry", Report="gone")
    night.event(1000.0, "summaryState", Summary_State="FAULT")
    night.event(1500.0, "summaryState", Summary_State="ENABLED")
    found = night.seconds()
    assert (found["held"], found["disabled"], found["fault"]) == (300.0, 400.0, 500.0)
    whys = [one["Why"] for one in night.report()["Spans"]]  # type: ignore[attr-defined]
    assert "the scheduler was in FAULT: telemetry: gone" in whys
    assert "observer lock of ada: filters" in whys


def test_waiting_is_told_apart_by_whether_there_are_orders(night: NightRig) -> None:
    night.running()
    night.event(0.0, "detailedState", Detailed_State="WAITING_NEXT_TARGET_TIMER_TASK")
    done = night.order("m31", at_s=1000.0)
    night.settle(done, OrderState.COMPLETED, 3000.0)
    night.order("bias", at_s=-10.0, Frame_Type="Bias")
    assert night.seconds() == approx(nothing_observable=2000.0, no_orders=night.length_s - 2000.0)


def test_a_paused_queue_is_a_fault_when_a_script_failed(night: NightRig) -> None:
    night.running()
    night.event(100.0, "scriptQueue", Paused=True, Reason="script 4 observe failed: mount")
    night.event(200.0, "scriptQueue", Paused=False)
    night.event(300.0, "scriptQueue", Paused=True, Reason="by ada")
    night.event(450.0, "scriptQueue", Paused=False)
    found = night.seconds()
    assert (found["fault"], found["disabled"]) == (100.0, 150.0)


def test_while_nothing_was_recorded_old_states_say_nothing(night: NightRig) -> None:
    night.running(end_s=1000.0)
    night.verdict(900.0, "weather_alert")
    night.event(3000.0, "softwareVersions")
    night.event(3000.0, "summaryState", Summary_State="STANDBY")
    night.event(3000.0, "detailedState", Detailed_State="IDLE")
    night.alive(3000.0, night.length_s)
    assert night.seconds() == approx(
        overhead=900.0, weather=100.0, unknown=2000.0, disabled=night.length_s - 3000.0
    )
    (fault,) = night.report()["Faults"]  # type: ignore[misc]  # an array
    assert (fault["Kind"], fault["Times"]) == ("scheduler", 1)


def test_a_quick_restart_is_no_record_too(night: NightRig) -> None:
    """It took less than what else counts as silence; old states say nothing of it."""
    night.running(end_s=1000.0)
    night.event(1030.0, "softwareVersions")
    night.event(1030.0, "summaryState", Summary_State="ENABLED")
    night.event(1030.0, "detailedState", Detailed_State="RUNNING")
    night.alive(1030.0, night.length_s)
    assert night.seconds() == approx(unknown=30.0, overhead=night.length_s - 30.0)


def test_a_hung_scheduler_leaves_no_record(night: NightRig) -> None:
    night.running(end_s=1000.0)
    night.alive(1300.0, night.length_s)
    assert night.seconds()["unknown"] == 300.0


def test_frames_of_the_telescope_count_while_the_scheduler_was_down(night: NightRig) -> None:
    night.running(end_s=1000.0)
    night.attempt(night.order("m31"), 990.0, 1500.0, [(1010.0, 300.0)])
    night.event(1400.0, "softwareVersions")
    night.alive(1400.0, night.length_s)
    found = night.seconds()
    assert found["exposing"] == pytest.approx(300.0, abs=0.002)
    assert found["unknown"] == pytest.approx(400.0 - 300.0 - 0.2, abs=0.002)


def test_without_heartbeats_a_start_tells_that_nothing_ran_before(night: NightRig) -> None:
    """They are kept for days; the history for more than a season."""
    night.event(-90_000.0, "softwareVersions")
    night.event(-600.0, "summaryState", Summary_State="ENABLED")
    night.event(-600.0, "detailedState", Detailed_State="RUNNING")
    night.event(2000.0, "order", Receipt="O-1")
    night.event(5000.0, "softwareVersions")
    night.event(5000.0, "summaryState", Summary_State="ENABLED")
    assert night.seconds() == approx(unknown=3000.0, overhead=night.length_s - 3000.0)


def test_park_is_closing_and_other_scripts_are_handling(night: NightRig) -> None:
    night.running()

    def script(at_s: float, name: str, started_s: float, ended_s: float | None) -> None:
        def text(each_s: float | None) -> str:
            if each_s is None:
                return ""
            return datetime.fromtimestamp(night.dusk_s + each_s, UTC).isoformat()

        state = "RUNNING" if ended_s is None else "DONE"
        night.event(at_s, "script", Index=1, Script=name, State=state,
                    Started=text(started_s), Ended=text(ended_s))  # fmt: skip

    script(100.0, "park", 100.0, None)
    script(160.0, "park", 100.0, 160.0)
    script(200.0, "sleep", 200.0, None)
    script(230.0, "sleep", 200.0, 230.0)
    assert night.seconds() == approx(
        opening_or_closing=60.0, handling=30.0, overhead=night.length_s - 90.0
    )
