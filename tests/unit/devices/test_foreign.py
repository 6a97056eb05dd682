from __future__ import annotations

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.devices.foreign import ForeignMove, ForeignWatch
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.states import FrameType
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import CAMERA, DOME, MOUNT, WHEEL, FakeInstruments

OPENING = {"SHUTTER_OPEN": True, "SHUTTER_CLOSE": False}
TRACKING = {"TRACK_ON": True, "TRACK_OFF": False}
BUSY, OK = PropertyState.BUSY, PropertyState.OK


@pytest.fixture
def seen(opened: Observatory) -> list[ForeignMove]:
    moves: list[ForeignMove] = []
    watch = ForeignWatch(opened, moves.append)
    watch.start()
    # What stands now is known from the definitions, as after connecting.
    for key, snapshot in opened.client._snapshots.items():  # type: ignore[attr-defined]
        watch._last[key] = snapshot
    return moves


def what(moves: list[ForeignMove]) -> list[str]:
    return [move.what for move in moves]


def test_foreign_slew_is_told_once(client: FakeInstruments, seen: list[ForeignMove]) -> None:
    for ra_hours in (1.0, 1.5, 2.0, 2.5):
        client.point(ra_hours, 10.0, BUSY)
    client.point(3.0, 10.0)
    assert what(seen) == ["slews"]
    assert seen[0].device == MOUNT


def test_jump_without_busy_is_told(client: FakeInstruments, seen: list[ForeignMove]) -> None:
    client.point(5.0, 20.0, PropertyState.IDLE)
    assert what(seen) == ["points elsewhere at once"]


def test_drift_of_a_mount_that_does_not_track_is_no_motion(
    client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    for step in range(1, 20):
        client.point(0.1 + step * 0.0003, 0.0, PropertyState.IDLE)
    assert seen == []


def test_our_slew_is_ours(
    opened: Observatory,
    client: FakeInstruments,
    seen: list[ForeignMove],
    target: tuple[float, float],
) -> None:
    opened.mount.slew(*target)
    assert seen == []


def test_our_exposure_and_filter_are_ours(
    opened: Observatory, client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    opened.filter_wheel.select("V").wait()
    opened.camera.expose(1.0, FrameType.DARK).wait()
    assert seen == []


@pytest.mark.parametrize(
    ("device", "prop", "values", "state", "expected"),
    [
        (DOME, "DOME_PARK", {"PARK": False, "UNPARK": True}, OK, "is unparked"),
        (MOUNT, "TELESCOPE_PARK", {"PARK": False, "UNPARK": True}, OK, "is unparked"),
        (DOME, "DOME_SHUTTER", OPENING, BUSY, "opens its shutter"),
        (MOUNT, "TELESCOPE_TRACK_STATE", TRACKING, BUSY, "begins to track"),
        (CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 10.0}, BUSY, "exposes"),
        (WHEEL, "FILTER_SLOT", {"FILTER_SLOT_VALUE": 3.0}, BUSY, "changes the filter"),
    ],
)
def test_foreign_beginnings_are_told(
    opened: Observatory,
    client: FakeInstruments,
    seen: list[ForeignMove],
    device: str,
    prop: str,
    values: dict[str, object],
    state: PropertyState,
    expected: str,
) -> None:
    closed = {"PARK": True, "UNPARK": False}
    if prop.endswith("PARK"):
        client.update(device, prop, closed)
    client.update(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True})
    seen.clear()
    client.update(device, prop, values, state)  # type: ignore[arg-type]
    client.update(device, prop, values, state)  # type: ignore[arg-type]
    assert what(seen) == [expected]


def test_motion_toward_safe_never_counts(client: FakeInstruments, seen: list[ForeignMove]) -> None:
    # As INDI's WatchDog does it: the position may be Busy before the park is known.
    client.point(1.0, 10.0, BUSY)
    client.update(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, BUSY)
    for ra_hours in (1.5, 2.0, 2.5):
        client.point(ra_hours, 10.0, BUSY)
    client.set_tracking(False)
    client.set_mount_parked(True)
    client.set_shutter(False, BUSY)
    client.set_shutter(False)
    client.update(DOME, "DOME_PARK", {"PARK": True, "UNPARK": False}, BUSY)
    for azimuth_deg in (100.0, 110.0, 120.0):
        values = {"DOME_ABSOLUTE_POSITION": azimuth_deg}
        client.update(DOME, "ABS_DOME_POSITION", values, BUSY)
    client.set_dome_parked(True)
    assert seen == []


def test_dome_that_follows_by_itself_is_not_foreign(
    client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    client.update(DOME, "DOME_AUTOSYNC", {"DOME_AUTOSYNC_ENABLE": True})
    for azimuth_deg in (100.0, 110.0, 120.0):
        client.update(DOME, "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": azimuth_deg}, BUSY)
    assert seen == []


def test_dome_turned_by_hand_is_told(client: FakeInstruments, seen: list[ForeignMove]) -> None:
    for azimuth_deg in (100.0, 110.0, 120.0):
        client.update(DOME, "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": azimuth_deg}, BUSY)
    assert what(seen) == ["turns"]


def test_driver_that_restarts_moves_nothing(
    client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    client.remove_device(DOME)
    client.define(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True})
    client.define(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": True, "SHUTTER_CLOSE": False})
    assert seen == []


def test_announced_moves_are_ours(
    opened: Observatory, client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    opened.moves.announce(MOUNT, 60.0)
    for ra_hours in (1.0, 1.5, 2.0):
        client.point(ra_hours, 10.0, BUSY)
    assert seen == []


class TestOwnMoves:
    def test_device_is_ours_while_and_shortly_after(self) -> None:
        clock = FakeClock()
        moves = OwnMoves(clock, grace_s=5.0)
        assert not moves.is_ours("a")
        with moves.moving("a"):
            clock.advance(100.0)
            assert moves.is_ours("a")
            assert not moves.is_ours("b")
        clock.advance(4.9)
        assert moves.is_ours("a")
        clock.advance(0.2)
        assert not moves.is_ours("a")

    def test_announcement_ends(self) -> None:
        clock = FakeClock()
        moves = OwnMoves(clock, grace_s=5.0)
        moves.announce("a", 60.0)
        clock.advance(59.9)
        assert moves.is_ours("a")
        clock.advance(0.2)
        assert not moves.is_ours("a")

    def test_nested_operations_count(self, clock: SystemClock) -> None:
        moves = OwnMoves(FakeClock(), grace_s=0.0, floor_machine_s=0.0)
        with moves.moving("a"):
            with moves.moving("a"):
                pass
            assert moves.is_ours("a")
