from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.devices import mount as module
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CommandCanceled, CommandRejected, CommandTimeout, Interlocked, Unsafe
from ctmo_indi.indi.snapshot import PropertyState, Value
from ctmo_indi.models.coordinates import altaz_to_icrs, icrs_to_eod
from ctmo_indi.profiles import Equipment, Profile, Role
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_instruments import CAMERA, MOUNT, FakeInstruments
from ctmo_indi.testing.verdicts import SAFE, UNSAFE

ARCSEC_H = 1.0 / 3600.0 / 15.0


@pytest.fixture
def quick_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """For mounts that never arrive."""
    monkeypatch.setattr(module, "_SETTLE_FLOOR_MACHINE_S", 0.05)


def test_slew_sends_apparent_hours_and_tracks_first(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    status = opened.mount.slew(*target)
    properties = [prop for _, prop, _ in client.sent]
    assert properties == ["TELESCOPE_TRACK_STATE", "EQUATORIAL_EOD_COORD"]
    ra_hours, dec_deg = icrs_to_eod(*target, opened.status().utc)
    sent = client.commands_to("EQUATORIAL_EOD_COORD")[0]
    assert sent["RA"] == pytest.approx(ra_hours, abs=1e-5)
    assert sent["DEC"] == pytest.approx(dec_deg, abs=1e-4)
    assert status.ra_deg == pytest.approx(target[0], abs=1e-3)
    assert status.tracking is True


def test_slew_that_ends_beside_the_target_is_repeated_once(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float], quick_floor: None
) -> None:
    client.miss_ra_hours = [250 * ARCSEC_H]
    status = opened.mount.slew(*target)
    assert len(client.commands_to("EQUATORIAL_EOD_COORD")) == 2
    assert status.ra_deg == pytest.approx(target[0], abs=0.005)


def test_slew_that_misses_twice_fails(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float], quick_floor: None
) -> None:
    client.miss_ra_hours = [250 * ARCSEC_H, 250 * ARCSEC_H]
    with pytest.raises(CommandRejected, match="arcsec off the target"):
        opened.mount.slew(*target)


def arriving(client: FakeInstruments, machine_s: float, last: PropertyState) -> None:
    """Let a slew begin with an Ok from before it, go on, and end on the target."""

    def slew(values: Mapping[str, Value]) -> None:
        at = {"RA": values["RA"] + 0.01, "DEC": values["DEC"]}  # type: ignore[operator]  # a number
        client.update(MOUNT, "EQUATORIAL_EOD_COORD", at, PropertyState.OK)
        client.update(MOUNT, "EQUATORIAL_EOD_COORD", state=PropertyState.BUSY)
        end = partial(client.update, MOUNT, "EQUATORIAL_EOD_COORD", dict(values), last)
        if machine_s:
            threading.Timer(machine_s, end).start()
        else:
            end()

    client.on_command(MOUNT, "EQUATORIAL_EOD_COORD", slew)


def test_slew_whose_end_was_told_before_it_began_is_waited_for(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    arriving(client, 0.3, PropertyState.OK)  # 30 s of this sky, 10 times the time to settle
    status = opened.mount.slew(*target)
    assert status.ra_deg == pytest.approx(target[0], abs=0.005)
    assert len(client.commands_to("EQUATORIAL_EOD_COORD")) == 1


def test_mount_has_machine_time_to_settle_under_a_fast_clock(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    def slew(values: Mapping[str, Value]) -> None:
        near = {"RA": values["RA"] + 30 * ARCSEC_H, "DEC": values["DEC"]}  # type: ignore[operator]  # a number
        client.update(MOUNT, "EQUATORIAL_EOD_COORD", near, PropertyState.OK)
        there = partial(client.update, MOUNT, "EQUATORIAL_EOD_COORD", dict(values))
        threading.Timer(0.3, there).start()

    client.on_command(MOUNT, "EQUATORIAL_EOD_COORD", slew)
    opened.mount.slew(*target)
    assert len(client.commands_to("EQUATORIAL_EOD_COORD")) == 1


def test_mount_on_the_target_that_is_in_trouble_is_told_as_that(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float], quick_floor: None
) -> None:
    arriving(client, 0.0, PropertyState.ALERT)
    with pytest.raises(CommandRejected, match=r"on the target.*Alert"):
        opened.mount.slew(*target)


@pytest.mark.parametrize(("alt_deg", "az_deg"), [(10.0, 180.0), (-5.0, 90.0), (89.6, 0.0)])
def test_slew_out_of_the_limits_is_refused_and_nothing_is_sent(
    opened: Observatory, client: FakeInstruments, alt_deg: float, az_deg: float
) -> None:
    site = opened.profile.site
    target = altaz_to_icrs(alt_deg, az_deg, site, opened.status().utc)
    with pytest.raises(Interlocked, match="pointing limits"):
        opened.mount.start_slew(*target)
    assert client.sent == []


def test_slew_is_refused_when_unsafe(opened: Observatory, target: tuple[float, float]) -> None:
    opened.hear_verdict(UNSAFE)
    with pytest.raises(Unsafe, match="wind 30 km/h"):
        opened.mount.start_slew(*target)


def test_interlocks_are_asked_again_before_a_second_slew(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float], quick_floor: None
) -> None:
    client.miss_ra_hours = [250 * ARCSEC_H]
    slew = client._handlers[MOUNT, "EQUATORIAL_EOD_COORD"]

    def slew_then_rain(values: object) -> None:
        slew(values)  # type: ignore[arg-type]
        opened.hear_verdict(UNSAFE)

    client.on_command(MOUNT, "EQUATORIAL_EOD_COORD", slew_then_rain)
    with pytest.raises(Unsafe):
        opened.mount.slew(*target)
    assert len(client.commands_to("EQUATORIAL_EOD_COORD")) == 1


def test_unpark_of_an_unparked_mount_sends_nothing(
    opened: Observatory, client: FakeInstruments
) -> None:
    assert opened.mount.unpark().wait().parked is False
    assert client.sent == []


def test_unpark_that_ends_idle_is_done(opened: Observatory, client: FakeInstruments) -> None:
    client.set_mount_parked(True)
    client.on_command(
        MOUNT,
        "TELESCOPE_PARK",
        lambda _: client.update(
            MOUNT, "TELESCOPE_PARK", {"PARK": False, "UNPARK": True}, PropertyState.IDLE
        ),
    )
    assert opened.mount.unpark().wait().parked is False


def test_tracking_is_done_although_the_property_stays_busy(
    opened: Observatory, client: FakeInstruments
) -> None:
    assert opened.mount.set_tracking(True).wait().tracking is True
    assert client.get(MOUNT, "TELESCOPE_TRACK_STATE").state is PropertyState.BUSY


def test_abort_stops_tracking_that_comes_back(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    opened.mount.slew(*target)
    client.resumes_tracking = 1
    assert opened.mount.abort().wait().tracking is False
    assert {"TRACK_OFF": True} in client.commands_to("TELESCOPE_TRACK_STATE")


def test_abort_fails_when_tracking_cannot_be_stopped(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    opened.mount.slew(*target)
    client.resumes_tracking = 99
    with pytest.raises(CommandTimeout, match="tracking comes back"):
        opened.mount.abort().wait(2000)


def test_abort_cancels_a_slew_under_way(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    client.on_command(
        MOUNT,
        "EQUATORIAL_EOD_COORD",
        lambda _: client.update(MOUNT, "EQUATORIAL_EOD_COORD", state=PropertyState.BUSY),
    )
    slewing = opened.mount.start_slew(*target)
    abort = opened.mount.abort()
    with pytest.raises(CommandCanceled):
        slewing.wait()
    assert abort.wait().slewing is False


def test_park_under_way_is_not_parked(opened: Observatory, client: FakeInstruments) -> None:
    client.update(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, PropertyState.BUSY)
    status = opened.mount.status()
    assert status.parked is False
    assert status.slewing is True


def test_park_needs_no_verdict(opened: Observatory, client: FakeInstruments) -> None:
    opened.hear_verdict(None)
    assert opened.mount.park().wait().parked is True


def test_mount_with_neither_park_switch_on_is_unknown(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.update(MOUNT, "TELESCOPE_PARK", {"PARK": False, "UNPARK": False}, PropertyState.IDLE)
    assert opened.mount.status().parked is None


def test_dead_driver_is_not_connected_and_nothing_is_known(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.remove_device(MOUNT)
    status = opened.mount.status()
    assert status.connected is False
    assert status.parked is None
    assert status.ra_deg is None


class SetClock(SystemClock):
    """A clock that somebody sets."""

    set_by = timedelta(0)

    def utc(self) -> datetime:
        return super().utc() + self.set_by


class TestMountWithoutTrackState:
    """LX200 GPS: tracking is read from the state of the position."""

    DEVICE = "LX200 GPS"

    @pytest.fixture
    def clock(self) -> SetClock:
        return SetClock(ClockAnchor(time.monotonic(), EVENING.timestamp(), 100.0))

    @pytest.fixture
    def lx200(self, profile: Profile, client: FakeInstruments, clock: object) -> Observatory:
        client.define(self.DEVICE, "EQUATORIAL_EOD_COORD", {"RA": 0.0, "DEC": 0.0})
        client.define(self.DEVICE, "ON_COORD_SET", {"TRACK": True, "SLEW": False, "SYNC": False})
        client.define(self.DEVICE, "TELESCOPE_PARK", {"PARK": False, "UNPARK": False})
        client.define(self.DEVICE, "TELESCOPE_ABORT_MOTION", {"ABORT": False})
        client.define(self.DEVICE, "TIME_UTC", {"UTC": "", "OFFSET": "3.00"})
        for prop in ("TELESCOPE_INFO", "GEOGRAPHIC_COORD", "ACTIVE_DEVICES", "POLLING_PERIOD"):
            other = client.get(MOUNT, prop)
            client.define(self.DEVICE, prop, dict(other.values))
        equipment = {
            **profile.equipment,
            Role.MOUNT: Equipment(Role.MOUNT, "lx200gps_simulation"),
            Role.CAMERA: Equipment(Role.CAMERA, "ccd_simulator"),
        }
        observatory = Observatory.build(replace(profile, equipment=equipment), client, clock)
        observatory.connect_all()
        observatory.hear_verdict(SAFE)
        client.set_dome_parked(False)
        client.set_shutter(True)
        client.update(self.DEVICE, "TELESCOPE_PARK", {"UNPARK": True})
        return observatory

    def test_simulation_is_set_before_connecting(
        self, lx200: Observatory, client: FakeInstruments
    ) -> None:
        assert (self.DEVICE, {"SIMULATION": {"ENABLE": True}}) in client.connected

    def test_its_clock_is_set(self, lx200: Observatory, client: FakeInstruments) -> None:
        sent = client.commands_to("TIME_UTC")
        assert sent[0]["UTC"].startswith("2026-11-22T00:3")
        assert sent[0]["OFFSET"] == "0"

    def test_its_clock_is_set_again_when_the_driver_is_back(
        self, lx200: Observatory, client: FakeInstruments
    ) -> None:
        client.restore(self.DEVICE)
        assert len(client.commands_to("TIME_UTC")) == 2

    @pytest.mark.parametrize(
        ("machine_s", "times"), [(0.0, 1), (1.9, 1), (-1.9, 1), (2.2, 2), (-36.0, 2)]
    )
    def test_its_clock_is_set_again_before_a_slew_when_ours_was_set(
        self,
        lx200: Observatory,
        client: FakeInstruments,
        clock: SetClock,
        target: tuple[float, float],
        machine_s: float,
        times: int,
    ) -> None:
        clock.set_by = timedelta(seconds=machine_s * clock.speed)
        for _ in range(2):
            lx200.mount.slew(*target)

        told = client.commands_to("TIME_UTC")
        assert len(told) == times
        off_s = (datetime.fromisoformat(f"{told[-1]['UTC']}+00:00") - clock.utc()).total_seconds()
        assert times == 1 or abs(off_s) < 100.0
        names = [command[1] for command in client.sent]
        last = len(names) - 1 - names[::-1].index("TIME_UTC")
        assert last < names.index("EQUATORIAL_EOD_COORD")

    def test_it_is_not_slewed_by_a_clock_that_it_refuses_to_set(
        self,
        lx200: Observatory,
        client: FakeInstruments,
        clock: SetClock,
        target: tuple[float, float],
    ) -> None:
        def refuse(values: object) -> None:
            client.update(self.DEVICE, "TIME_UTC", state=PropertyState.ALERT)

        clock.set_by = timedelta(minutes=20.0)
        client.on_command(self.DEVICE, "TIME_UTC", refuse)

        with pytest.raises(CommandRejected, match="TIME_UTC"):
            lx200.mount.slew(*target)
        assert client.commands_to("EQUATORIAL_EOD_COORD") == []

    def test_unpark_is_said_twice(self, lx200: Observatory, client: FakeInstruments) -> None:
        # Its driver goes on refusing slews after the first (INDI 1.9.9).
        client.update(self.DEVICE, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False})
        client.sent.clear()
        lx200.mount.unpark().wait()
        assert client.commands_to("TELESCOPE_PARK") == [{"UNPARK": True}] * 2

    def test_the_camera_snoops_it(self, lx200: Observatory, client: FakeInstruments) -> None:
        assert client.kept[CAMERA, "ACTIVE_DEVICES"]["ACTIVE_TELESCOPE"] == self.DEVICE

    @pytest.mark.parametrize(
        ("state", "tracking"),
        [(PropertyState.OK, True), (PropertyState.IDLE, False), (PropertyState.BUSY, None)],
    )
    def test_tracking_follows_from_the_position(
        self,
        lx200: Observatory,
        client: FakeInstruments,
        state: PropertyState,
        tracking: bool | None,
    ) -> None:
        client.update(self.DEVICE, "EQUATORIAL_EOD_COORD", state=state)
        assert lx200.mount.status().tracking is tracking

    def test_slew_that_was_aborted_half_way_fails(
        self, lx200: Observatory, client: FakeInstruments, target: tuple[float, float]
    ) -> None:
        def half_way(values: object) -> None:
            device = self.DEVICE
            client.update(device, "EQUATORIAL_EOD_COORD", state=PropertyState.BUSY)
            half = {"RA": values["RA"] / 2, "DEC": values["DEC"] / 2}  # type: ignore[index]
            client.update(device, "EQUATORIAL_EOD_COORD", half, PropertyState.OK)
            client.judge_overdue()

        client.on_command(self.DEVICE, "EQUATORIAL_EOD_COORD", half_way)
        with pytest.raises(CommandRejected, match="ended elsewhere"):
            lx200.mount.slew(*target)


def test_park_that_another_closer_began_is_waited_for(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.update(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, PropertyState.BUSY)
    motion = opened.mount.park()
    assert not motion.join(0.2)
    assert client.sent == []
    client.set_mount_parked(True)
    assert motion.wait().parked is True
    assert client.sent == []


def test_park_that_another_closer_lost_is_done_here(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.update(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, PropertyState.BUSY)
    motion = opened.mount.park()
    assert not motion.join(0.2)
    client.update(MOUNT, "TELESCOPE_PARK", {"PARK": False, "UNPARK": True}, PropertyState.ALERT)
    assert motion.wait().parked is True
    assert client.commands_to("TELESCOPE_PARK") == [{"PARK": True}]


def test_parking_ends_what_was_about_to_track(opened: Observatory, client: FakeInstruments) -> None:
    client.on_command(MOUNT, "TELESCOPE_TRACK_STATE", lambda _: None)
    tracking = opened.mount.set_tracking(True)
    assert not tracking.join(0.1)
    assert opened.mount.park().wait().parked is True
    with pytest.raises(CommandCanceled, match="replaced by park"):
        tracking.wait(1.0)


def test_unpark_that_meets_a_closing_of_another_process_is_undone(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.set_mount_parked(True)
    real = client._park_mount

    def unpark(values: Mapping[str, Value]) -> None:
        if values.get("UNPARK"):
            client.set_shutter(False, PropertyState.BUSY)  # 3 ms too early to be known
        real(values)

    client.on_command(MOUNT, "TELESCOPE_PARK", unpark)
    with pytest.raises(Interlocked, match="the shutter is CLOSING"):
        opened.mount.unpark().wait(100.0)
    assert opened.mount.status().parked is True
    assert [next(iter(values)) for values in client.commands_to("TELESCOPE_PARK")] == [
        "UNPARK",
        "PARK",
    ]
