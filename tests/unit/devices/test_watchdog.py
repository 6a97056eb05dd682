from __future__ import annotations

from dataclasses import replace

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.devices.closing import close_observatory
from ctmo_indi.devices.foreign import ForeignMove, ForeignWatch
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.watchdog import Watchdog
from ctmo_indi.errors import CommandRejected, CommandTimeout, InvalidCommand
from ctmo_indi.profiles import Equipment, Profile, Role
from ctmo_indi.testing.fake_instruments import DOME, MOUNT, FakeInstruments
from ctmo_indi.testing.fake_watchdog import WATCHDOG, FakeWatchdog


@pytest.fixture
def observatory(profile: Profile, client: FakeInstruments, clock: SystemClock) -> Observatory:
    equipment = {**profile.equipment, Role.WATCHDOG: Equipment(Role.WATCHDOG, "watchdog")}
    server = replace(profile.indiserver, port=7777)
    return Observatory.build(
        replace(profile, equipment=equipment, indiserver=server), client, clock
    )


@pytest.fixture
def driver(client: FakeInstruments) -> FakeWatchdog:
    return FakeWatchdog(client)


@pytest.fixture
def watchdog(observatory: Observatory, driver: FakeWatchdog) -> Watchdog:
    assert observatory.watchdog is not None
    return observatory.watchdog


def properties(client: FakeInstruments) -> list[str]:
    return [prop for device, prop, _ in client.sent if device == WATCHDOG]


def test_it_is_armed_in_the_order_that_works(
    watchdog: Watchdog, observatory: Observatory, client: FakeInstruments
) -> None:
    watchdog.arm(observatory.context(), 60.0)
    assert properties(client)[-2:] == ["WATCHDOG_HEARTBEAT", "WATCHDOG_Trigger"]
    assert client.connected[-1][0] == WATCHDOG  # before all that
    assert client.commands_to("WATCHDOG_Trigger") == [
        {"TRIGGER_CLIENT": True, "TRIGGER_WEATHER": False}
    ]
    status = watchdog.status()
    assert (status.armed, status.threshold_s, status.closing) == (True, 60.0, False)


def test_it_parks_the_mount_before_the_dome_of_this_profile_on_this_server(
    watchdog: Watchdog, observatory: Observatory, client: FakeInstruments
) -> None:
    watchdog.arm(observatory.context(), 60.0)
    assert client.require(WATCHDOG, "ACTIVE_DEVICES").values["ACTIVE_TELESCOPE"] == MOUNT
    assert client.require(WATCHDOG, "ACTIVE_DEVICES").values["ACTIVE_DOME"] == DOME
    assert client.require(WATCHDOG, "WATCHDOG_SETTINGS").values["INDISERVER_PORT"] == "7777"
    assert client.require(WATCHDOG, "WATCHDOG_MOUNT_POLICY").values["MOUNT_LOCKS"] is True
    shutdown = client.require(WATCHDOG, "WATCHDOG_SHUTDOWN").values
    assert (shutdown["PARK_MOUNT"], shutdown["PARK_DOME"]) == (True, True)


def test_arming_forgets_a_closing_that_was_begun(
    watchdog: Watchdog, observatory: Observatory, driver: FakeWatchdog, client: FakeInstruments
) -> None:
    watchdog.arm(observatory.context(), 60.0)
    driver.begin_closing()
    client.sent.clear()
    watchdog.arm(observatory.context(), 60.0)
    assert properties(client)[0] == "CONNECTION"
    assert not driver.is_closing


def test_a_driver_that_keeps_a_setting_to_itself_is_not_armed(
    watchdog: Watchdog, observatory: Observatory, client: FakeInstruments
) -> None:
    client.on_command(WATCHDOG, "WATCHDOG_MOUNT_POLICY", lambda _values: None)
    client.time_out_next(WATCHDOG, "WATCHDOG_MOUNT_POLICY")
    with pytest.raises(CommandTimeout):
        watchdog.arm(observatory.context(), 60.0)
    assert watchdog.status().armed is False


def test_settings_that_somebody_changed_are_seen(
    watchdog: Watchdog, observatory: Observatory, client: FakeInstruments
) -> None:
    watchdog.arm(observatory.context(), 60.0)
    assert watchdog.wrong_settings(observatory.context()) == ()
    client.update(WATCHDOG, "WATCHDOG_SHUTDOWN", {"PARK_DOME": False})
    client.update(WATCHDOG, "WATCHDOG_Trigger", {"TRIGGER_WEATHER": True})
    assert watchdog.wrong_settings(observatory.context()) == (
        "WATCHDOG_SHUTDOWN.PARK_DOME is False, expected True",
        "the weather trigger is not off",
    )


def test_disarming_is_read_back(
    watchdog: Watchdog, observatory: Observatory, client: FakeInstruments
) -> None:
    watchdog.arm(observatory.context(), 60.0)
    watchdog.disarm()
    assert watchdog.status().armed is False
    watchdog.arm(observatory.context(), 60.0)
    client.reject_next(WATCHDOG, "WATCHDOG_Trigger")
    with pytest.raises(CommandRejected):
        watchdog.disarm()


def test_a_threshold_beyond_the_drivers_own_limit_is_refused(
    watchdog: Watchdog, observatory: Observatory
) -> None:
    with pytest.raises(InvalidCommand, match="3600"):
        watchdog.arm(observatory.context(), 7200.0)


def test_a_closer_beats_with_the_threshold_that_is_set_and_only_when_armed(
    watchdog: Watchdog, observatory: Observatory, driver: FakeWatchdog
) -> None:
    assert watchdog.beat_as_armed() is False
    watchdog.arm(observatory.context(), 75.0)
    assert watchdog.beat_as_armed() is True
    assert driver.beats() == [75.0, 75.0]
    driver.begin_closing()
    assert watchdog.beat_as_armed() is False
    driver.end_closing()
    watchdog.disarm()
    assert watchdog.beat_as_armed() is False
    assert driver.beats() == [75.0, 75.0]


def test_the_others_are_connected_without_it(
    observatory: Observatory, driver: FakeWatchdog, client: FakeInstruments
) -> None:
    observatory.connect_all()
    assert WATCHDOG not in {device for device, _ in client.connected}
    assert observatory.status().disconnected == ()


def test_arming_it_anew_is_no_foreign_hand(
    watchdog: Watchdog, observatory: Observatory, client: FakeInstruments
) -> None:
    moves: list[ForeignMove] = []
    watch = ForeignWatch(observatory, moves.append)
    watch.start()
    watchdog.arm(observatory.context(), 60.0)
    watchdog.arm(observatory.context(), 60.0)  # disconnects it first
    watch.stop()
    assert client.commands_to("CONNECTION") != []
    assert moves == []


def test_a_closing_keeps_it_waiting_at_each_step_as_long_as_it_is_armed(
    watchdog: Watchdog,
    observatory: Observatory,
    driver: FakeWatchdog,
    client: FakeInstruments,
    clock: SystemClock,
) -> None:
    observatory.connect_all()
    watchdog.arm(observatory.context(), 60.0)
    client.set_dome_parked(False)
    client.set_shutter(True)
    client.set_mount_parked(False)
    lines: list[str] = []
    report = close_observatory(observatory, observatory.profile.safety, clock, report=lines.append)
    beats = driver.beats()[1:]
    watchdog.disarm()
    close_observatory(observatory, observatory.profile.safety, clock, report=lines.append)

    assert report.confirmed
    assert len(beats) >= len(report.steps) > 2
    assert set(beats) == {60.0}
    assert driver.beats()[1:] == beats
