from __future__ import annotations

import pytest

from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CommandRejected, Interlocked, Locked, Stopped, Unsafe
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.testing.fake_instruments import DOME, FakeInstruments
from ctmo_indi.testing.verdicts import LATCHED, MAINTENANCE_LOCK, OBSERVER_LOCK, UNSAFE


@pytest.mark.parametrize(
    ("opened", "state", "expected"),
    [
        (True, PropertyState.OK, ShutterState.OPEN),
        (False, PropertyState.OK, ShutterState.CLOSED),
        (False, PropertyState.IDLE, ShutterState.CLOSED),
        (True, PropertyState.BUSY, ShutterState.OPENING),
        (False, PropertyState.BUSY, ShutterState.CLOSING),
        (False, PropertyState.ALERT, ShutterState.UNKNOWN),
    ],
)
def test_shutter_state(
    observatory: Observatory,
    client: FakeInstruments,
    opened: bool,
    state: PropertyState,
    expected: ShutterState,
) -> None:
    client.set_shutter(opened, state)
    assert observatory.dome.status().shutter is expected


@pytest.mark.parametrize("both", [True, False])
def test_contradictory_shutter_is_unknown(
    observatory: Observatory, client: FakeInstruments, both: bool
) -> None:
    client.update(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": both, "SHUTTER_CLOSE": both})
    assert observatory.dome.status().shutter is ShutterState.UNKNOWN


def test_shutter_of_a_parked_dome_stays_closed(
    observatory: Observatory, client: FakeInstruments
) -> None:
    with pytest.raises(Interlocked, match="the dome is parked"):
        observatory.dome.open_shutter()
    assert client.sent == []


def test_unpark_counts_as_opening(observatory: Observatory, client: FakeInstruments) -> None:
    observatory.hear_verdict(UNSAFE)
    with pytest.raises(Unsafe):
        observatory.dome.unpark()
    assert client.sent == []


def test_park_counts_as_closing_over_the_telescope(
    opened: Observatory, client: FakeInstruments
) -> None:
    with pytest.raises(Interlocked, match="would close over it"):
        opened.dome.park()
    assert client.sent == []


def test_close_over_an_unparked_telescope_needs_the_emergency_policy(
    opened: Observatory, client: FakeInstruments
) -> None:
    with pytest.raises(Interlocked, match="would close over it"):
        opened.dome.close_shutter()
    assert opened.dome.close_shutter(emergency=True).wait().shutter is ShutterState.CLOSED


@pytest.mark.parametrize(
    ("verdict", "error"),
    [(UNSAFE, Unsafe), (None, Unsafe), (OBSERVER_LOCK, Locked), (LATCHED, Stopped)],
)
def test_opening_needs_a_safe_verdict_and_no_hold(
    opened: Observatory, client: FakeInstruments, verdict: object, error: type[Exception]
) -> None:
    client.set_shutter(False)
    opened.hear_verdict(verdict)  # type: ignore[arg-type]
    with pytest.raises(error):
        opened.dome.open_shutter()
    assert opened.dome.status().shutter is ShutterState.CLOSED


def test_closing_needs_no_verdict(opened: Observatory, client: FakeInstruments) -> None:
    client.set_mount_parked(True)
    opened.hear_verdict(LATCHED)
    assert opened.dome.close_shutter().wait().shutter is ShutterState.CLOSED


def test_nothing_moves_under_a_maintenance_lock(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.set_mount_parked(True)
    opened.hear_verdict(MAINTENANCE_LOCK)
    with pytest.raises(Locked, match="in the dome"):
        opened.dome.close_shutter()


def test_goto_wraps_around_north(opened: Observatory, client: FakeInstruments) -> None:
    assert opened.dome.goto(365.0).wait().az_deg == pytest.approx(5.0)


def test_follow_moves_only_beyond_the_threshold(
    opened: Observatory, client: FakeInstruments
) -> None:
    assert opened.dome.follow(92.0) is None
    motion = opened.dome.follow(94.0)
    assert motion is not None
    assert motion.wait().az_deg == pytest.approx(94.0)
    assert len(client.commands_to("ABS_DOME_POSITION")) == 1


def test_unpark_waits_for_the_shutter_it_moves(
    observatory: Observatory, client: FakeInstruments
) -> None:
    status = observatory.dome.unpark().wait()
    assert status.parked is False
    assert status.shutter is ShutterState.OPEN


def test_shutter_that_lies_is_refused(opened: Observatory, client: FakeInstruments) -> None:
    client.set_mount_parked(True)

    def lie(values: object) -> None:
        client.set_shutter(False, PropertyState.BUSY)
        client.set_shutter(False)
        client.set_shutter(True)

    client.on_command(DOME, "DOME_SHUTTER", lie)
    with pytest.raises(CommandRejected, match="the shutter reads OPEN"):
        opened.dome.close_shutter().wait()


def test_dead_driver_is_unknown(opened: Observatory, client: FakeInstruments) -> None:
    client.remove_device(DOME)
    status = opened.dome.status()
    assert status.connected is False
    assert status.shutter is ShutterState.UNKNOWN


def test_slit_azimuth_uses_the_measurements_of_the_profile(
    opened: Observatory, target: tuple[float, float]
) -> None:
    azimuth_deg = opened.dome_azimuth_deg(*target)
    assert azimuth_deg is not None
    # 0.3 m beside the axis and 0.2 m south in a dome of 2.5 m: some degrees off 135, not many.
    assert 1.0 < abs(azimuth_deg - 135.0) < 25.0


def test_shutter_that_another_closer_closes_is_waited_for(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.set_mount_parked(True)
    client.set_shutter(False, PropertyState.BUSY)
    motion = opened.dome.close_shutter()
    assert not motion.join(0.2)
    client.set_shutter(False)
    assert motion.wait().shutter is ShutterState.CLOSED
    assert client.sent == []


def test_dome_that_another_closer_parks_is_waited_for(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.set_mount_parked(True)
    client.set_shutter(False)
    client.update(DOME, "DOME_PARK", {"PARK": True, "UNPARK": False}, PropertyState.BUSY)
    motion = opened.dome.park()
    assert not motion.join(0.2)
    client.set_dome_parked(True)
    assert motion.wait().parked is True
    assert client.sent == []
