from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi import profiles
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CommandRejected, NotConnected
from ctmo_indi.models.verdict import Latch, Lock, LockKind
from ctmo_indi.profiles import Equipment, Role
from ctmo_indi.safety.watchdog_beats import WatchdogBeats, WatchdogState
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import FakeInstruments
from ctmo_indi.testing.fake_watchdog import WATCHDOG, FakeWatchdog


class Stage:
    """Safety's WatchDog beats over a fake driver."""

    def __init__(self, speed: float = 1.0) -> None:
        profile = profiles.load("simulators")
        equipment = {**profile.equipment, Role.WATCHDOG: Equipment(Role.WATCHDOG, "watchdog")}
        self.clock = FakeClock(speed=speed)
        self.client = FakeInstruments(self.clock)
        self.driver = FakeWatchdog(self.client)
        observatory = Observatory.build(
            replace(profile, equipment=equipment), self.client, self.clock
        )
        assert observatory.watchdog is not None
        self.lock: Lock | None = None
        self.latch: Latch | None = None
        self.link_is_up = True
        self.events: list[str] = []
        self.beats = WatchdogBeats(
            observatory.watchdog,
            profile.safety,
            self.clock,
            context=observatory.context,
            link_is_up=lambda: self.link_is_up,
            lock=lambda: self.lock,
            latch=lambda: self.latch,
            publish=lambda _kind, data: self.events.append(str(data["State"])),
        )

    def cycles(self, count: int) -> WatchdogState:
        """Let so many seconds pass with a completed cycle each."""
        for _ in range(count):
            self.clock.advance(1.0)
            self.beats.tend()
        return self.beats.state


@pytest.fixture
def stage() -> Stage:
    return Stage()


def maintenance() -> Lock:
    return Lock(LockKind.MAINTENANCE, "ada", "oil", "2026-11-22T00:00:00", None)


def test_it_is_armed_at_the_first_cycle_and_beaten_at_each_later_one(stage: Stage) -> None:
    assert stage.cycles(1) is WatchdogState.ARMED
    assert stage.driver.is_triggered_by_silence()
    assert stage.driver.beats() == [60.0]
    stage.cycles(3)
    assert stage.driver.beats() == [60.0] * 4
    assert stage.events == ["ARMED"]


def test_without_a_completed_cycle_there_is_no_beat(stage: Stage) -> None:
    stage.cycles(1)
    stage.clock.advance(50.0)
    assert stage.driver.beats() == [60.0]


def test_the_threshold_is_sky_time_under_a_fast_clock() -> None:
    stage = Stage(speed=20.0)
    stage.cycles(1)
    assert stage.driver.beats() == [1200.0]
    assert stage.beats.to_wire()["Threshold"] == 60.0


def test_a_clock_too_fast_for_the_driver_has_no_last_closer_and_says_so() -> None:
    stage = Stage(speed=120.0)
    assert stage.cycles(3) is WatchdogState.TOO_FAST
    assert stage.driver.beats() == []
    assert stage.beats.trouble == ""


def test_a_maintenance_lock_disarms_and_its_end_arms_again(stage: Stage) -> None:
    stage.cycles(2)
    stage.lock = maintenance()
    assert stage.cycles(1) is WatchdogState.DISARMED
    assert not stage.driver.is_triggered_by_silence()
    beats = len(stage.driver.beats())
    stage.cycles(3)
    assert len(stage.driver.beats()) == beats
    stage.lock = None
    assert stage.cycles(1) is WatchdogState.ARMED
    assert stage.driver.is_triggered_by_silence()


def test_one_armed_by_somebody_else_under_a_maintenance_lock_is_disarmed(stage: Stage) -> None:
    stage.cycles(1)
    stage.lock = maintenance()
    stage.cycles(1)
    stage.client.update(WATCHDOG, "WATCHDOG_Trigger", {"TRIGGER_CLIENT": True})
    stage.cycles(1)
    assert not stage.driver.is_triggered_by_silence()


def test_one_that_cannot_be_disarmed_is_beaten_on_and_told(stage: Stage) -> None:
    stage.cycles(1)
    stage.lock = maintenance()
    stage.client.reject_next(WATCHDOG, "WATCHDOG_Trigger", 3)
    beats = len(stage.driver.beats())
    assert stage.cycles(3) is WatchdogState.MUTE
    assert len(stage.driver.beats()) == beats + 3
    assert "cannot be disarmed" in stage.beats.trouble


def test_disarming_by_hand_is_confirmed_or_fails(stage: Stage) -> None:
    stage.cycles(1)
    stage.beats.disarm()
    assert not stage.driver.is_triggered_by_silence()
    stage.cycles(1)
    stage.client.reject_next(WATCHDOG, "WATCHDOG_Trigger")
    with pytest.raises(CommandRejected):
        stage.beats.disarm()
    stage.link_is_up = False
    with pytest.raises(NotConnected):
        stage.beats.disarm()


def test_disarming_ends_a_closing_that_is_under_way(stage: Stage) -> None:
    stage.cycles(1)
    stage.driver.begin_closing()
    stage.beats.disarm()
    assert not stage.driver.is_closing


def test_the_stop_latch_gives_its_notice(stage: Stage) -> None:
    stage.cycles(1)
    stage.latch = Latch("ada", "stop", "2026-11-22T00:00:00")
    stage.cycles(1)
    assert stage.driver.beats()[-1] == 660.0
    stage.latch = None
    stage.cycles(1)
    assert stage.driver.beats()[-1] == 60.0


def test_after_a_restart_of_the_driver_it_is_armed_again(stage: Stage) -> None:
    stage.cycles(2)
    stage.client.remove_device(WATCHDOG)
    assert stage.cycles(1) is WatchdogState.ABSENT
    assert "ABSENT" in stage.beats.trouble
    stage.driver.appear()
    assert stage.cycles(1) is WatchdogState.ARMED
    assert stage.driver.is_triggered_by_silence()
    assert stage.events == ["ARMED", "ABSENT", "ARMED"]


def test_at_the_start_it_is_given_time_to_appear() -> None:
    stage = Stage()
    stage.client.remove_device(WATCHDOG)
    assert stage.cycles(10) is WatchdogState.STARTING
    assert stage.cycles(10) is WatchdogState.ABSENT


def test_its_closing_is_not_held_up_by_beats_and_forgotten_afterwards(stage: Stage) -> None:
    stage.cycles(1)
    stage.driver.begin_closing()
    beats = len(stage.driver.beats())
    assert stage.cycles(30) is WatchdogState.CLOSING
    assert stage.beats.is_closing
    assert len(stage.driver.beats()) == beats
    stage.driver.end_closing()
    stage.client.sent.clear()
    assert stage.cycles(1) is WatchdogState.ARMED
    assert stage.client.sent[0][1] == "CONNECTION"  # a new connection: the stage is forgotten


def test_a_closing_that_does_not_end_is_taken_from_it(stage: Stage) -> None:
    stage.cycles(1)
    stage.driver.begin_closing()
    policy = profiles.load("simulators").safety
    limit_s = int(policy.park_timeout_s + policy.shutter_timeout_s + 120.0)
    assert stage.cycles(limit_s) is WatchdogState.CLOSING
    stage.cycles(2)
    assert stage.beats.state is WatchdogState.ARMED
    assert not stage.beats.is_closing
    assert not stage.driver.is_closing


def test_a_gap_of_our_own_arms_anew_as_it_may_be_in_the_middle_of_a_closing(stage: Stage) -> None:
    stage.cycles(1)
    stage.clock.advance(30.0)
    stage.cycles(2)
    assert len(stage.client.connected) == 1
    stage.clock.advance(56.0)
    stage.cycles(2)
    assert len(stage.client.connected) == 2


def test_awake_after_a_sleep_it_sees_a_closing_that_was_begun_before_it_forgets_it(
    stage: Stage,
) -> None:
    stage.cycles(1)
    stage.clock.advance(90.0)
    stage.beats.tend()  # what the driver sent meanwhile is not read yet
    stage.driver.begin_closing()
    assert stage.cycles(2) is WatchdogState.CLOSING
    assert stage.driver.is_closing


def test_changed_settings_are_set_back(stage: Stage) -> None:
    stage.cycles(1)
    stage.client.update(WATCHDOG, "WATCHDOG_SHUTDOWN", {"PARK_MOUNT": False})
    assert stage.cycles(1) is WatchdogState.ARMED
    assert stage.client.require(WATCHDOG, "WATCHDOG_SHUTDOWN").values["PARK_MOUNT"] is True


def test_one_that_answers_no_beat_is_told(stage: Stage) -> None:
    stage.cycles(1)
    stage.driver.mute = True
    assert stage.cycles(8) is WatchdogState.ARMED
    assert stage.cycles(4) is WatchdogState.MUTE
    stage.driver.mute = False
    stage.cycles(1)
    assert stage.cycles(1) is WatchdogState.ARMED


def test_one_that_cannot_be_armed_is_told_and_tried_again(stage: Stage) -> None:
    stage.cycles(1)
    stage.client.update(WATCHDOG, "WATCHDOG_Trigger", {"TRIGGER_CLIENT": False})
    stage.client.reject_next(WATCHDOG, "WATCHDOG_Trigger")
    assert stage.cycles(1) is WatchdogState.UNARMED
    assert "not armed" in stage.beats.trouble
    assert stage.cycles(3) is WatchdogState.UNARMED
    assert stage.cycles(3) is WatchdogState.ARMED


def test_when_safety_stops_over_a_closed_observatory_it_is_disarmed(stage: Stage) -> None:
    stage.cycles(1)
    stage.beats.stop(1.0, is_closed=False)
    assert stage.driver.is_triggered_by_silence()
    stage.beats.stop(1.0, is_closed=True)
    assert not stage.driver.is_triggered_by_silence()


def test_the_thread_beats_once_for_each_completed_cycle(stage: Stage) -> None:
    stage.beats.start()
    try:
        stage.beats.cycle_completed()
        pause = stage.beats._stopping
        for _ in range(200):
            if stage.driver.beats():
                break
            pause.wait(0.01)
        assert stage.driver.beats() == [60.0]
        pause.wait(0.05)
        assert stage.driver.beats() == [60.0]
    finally:
        stage.beats.stop(2.0, is_closed=False)
