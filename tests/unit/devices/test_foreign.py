from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.devices.foreign import ForeignMove, ForeignWatch
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.indi.events import Event
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.states import FrameType
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import CAMERA, DOME, MOUNT, WHEEL, FakeInstruments

OPENING = {"SHUTTER_OPEN": True, "SHUTTER_CLOSE": False}
TRACKING = {"TRACK_ON": True, "TRACK_OFF": False}
IDLE, OK, BUSY, ALERT = (
    PropertyState.IDLE,
    PropertyState.OK,
    PropertyState.BUSY,
    PropertyState.ALERT,
)


def is_sent(client: FakeInstruments, prop: str) -> bool:
    return any(sent[1] == prop for sent in tuple(client.sent))


def let_pass(machine_s: float) -> None:
    end_s = time.monotonic() + machine_s
    until(lambda: time.monotonic() > end_s)


def until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + 5.0
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end_s
        pause.wait(0.005)


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


def test_tracking_at_the_end_of_a_foreign_slew_belongs_to_the_slew(
    client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    for ra_hours in (1.0, 1.5, 2.0):
        client.point(ra_hours, 10.0, BUSY)
    client.point(2.0, 10.0)
    client.update(MOUNT, "TELESCOPE_TRACK_STATE", TRACKING, BUSY)
    assert what(seen) == ["slews"]


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


def test_motion_toward_safe_may_be_a_closers(
    client: FakeInstruments, seen: list[ForeignMove]
) -> None:
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
    assert what(seen) == ["parks", "closes its shutter", "parks"]
    assert all(move.may_be_closer for move in seen)


@pytest.mark.parametrize(
    ("device", "prop", "first", "values", "state", "expected"),
    [
        (MOUNT, "TELESCOPE_PARK", None, {"PARK": True, "UNPARK": False}, BUSY, "parks"),
        (MOUNT, "TELESCOPE_ABORT_MOTION", None, {}, OK, "is stopped"),
        (MOUNT, "TELESCOPE_TRACK_STATE", TRACKING, {"TRACK_ON": False, "TRACK_OFF": True}, IDLE,
         "stops tracking"),
        (DOME, "DOME_SHUTTER", None, {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True}, BUSY,
         "closes its shutter"),
        (DOME, "DOME_PARK", None, {"PARK": True, "UNPARK": False}, BUSY, "parks"),
        (DOME, "DOME_ABORT_MOTION", None, {}, ALERT, "is stopped"),
        (CAMERA, "CCD_ABORT_EXPOSURE", None, {}, OK, "is stopped"),
    ],
)  # fmt: skip
def test_others_stopping_parking_and_closing_is_told_and_marked(
    client: FakeInstruments,
    seen: list[ForeignMove],
    device: str,
    prop: str,
    first: dict[str, object] | None,
    values: dict[str, object],
    state: PropertyState,
    expected: str,
) -> None:
    if first:
        client.update(device, prop, first)  # type: ignore[arg-type]
        seen.clear()
    client.update(device, prop, values, state)  # type: ignore[arg-type]
    assert [(move.what, move.may_be_closer) for move in seen] == [(expected, True)]


def test_a_stop_after_ours_is_told_further_answers_to_ours_are_not(
    opened: Observatory, client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    def answer_twice(_values: object) -> None:
        for _ in range(2):
            client.update(MOUNT, "TELESCOPE_ABORT_MOTION", {"ABORT": False}, OK)

    client.on_command(MOUNT, "TELESCOPE_ABORT_MOTION", answer_twice)
    opened.mount.abort().wait()
    at_once = what(seen)
    let_pass(opened.moves.burst_s / 100.0)
    client.update(MOUNT, "TELESCOPE_ABORT_MOTION", {}, OK)
    assert at_once == []
    assert what(seen) == ["is stopped"]


def test_a_stop_that_only_tidies_up_is_none(
    client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    client.update(MOUNT, "TELESCOPE_ABORT_MOTION", {}, IDLE)
    assert seen == []


def test_our_own_stopping_parking_and_closing_is_ours(
    opened: Observatory, client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    client.set_tracking(True)
    seen.clear()
    opened.mount.abort().wait()
    opened.mount.park().wait()
    opened.dome.close_shutter().wait()
    opened.dome.park().wait()
    assert seen == []


def test_a_closing_right_after_our_opening_is_not_explained_by_it(
    opened: Observatory, client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    client.update(DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True}, OK)
    seen.clear()
    opened.dome.open_shutter().wait()
    client.set_shutter(False, BUSY)
    assert what(seen) == ["closes its shutter"]


def test_a_slew_in_the_middle_of_ours_is_told(
    opened: Observatory,
    client: FakeInstruments,
    seen: list[ForeignMove],
    target: tuple[float, float],
) -> None:
    client.define(MOUNT, "TARGET_EOD_COORD", {"RA": 0.0, "DEC": 0.0})

    def slew_for_ever(values: object) -> None:
        client.update(MOUNT, "TARGET_EOD_COORD", values)  # type: ignore[arg-type]
        client.update(MOUNT, "EQUATORIAL_EOD_COORD", state=BUSY)

    client.on_command(MOUNT, "EQUATORIAL_EOD_COORD", slew_for_ever)
    motion = opened.mount.start_slew(*target)
    until(lambda: is_sent(client, "EQUATORIAL_EOD_COORD"))
    before = what(seen)
    client.update(MOUNT, "TARGET_EOD_COORD", {"RA": 3.0, "DEC": -10.0})
    opened.mount.let_go("somebody else slews")

    assert motion.join(5.0)
    assert before == []
    assert what(seen) == ["is sent elsewhere"]


@pytest.mark.parametrize(
    ("prop", "values", "state", "expected"),
    [
        ("ON_COORD_SET", {"TRACK": False, "SYNC": True}, OK, "is synced"),
        ("TELESCOPE_MOTION_NS", {"MOTION_NORTH": True}, BUSY, "is moved by hand"),
        ("TELESCOPE_MOTION_WE", {"MOTION_EAST": True}, BUSY, "is moved by hand"),
    ],
)
def test_a_sync_and_the_hand_paddle_are_told_even_in_a_motion_of_ours(
    opened: Observatory,
    client: FakeInstruments,
    seen: list[ForeignMove],
    prop: str,
    values: dict[str, object],
    state: PropertyState,
    expected: str,
) -> None:
    client.define(MOUNT, "TELESCOPE_MOTION_NS", {"MOTION_NORTH": False, "MOTION_SOUTH": False})
    client.define(MOUNT, "TELESCOPE_MOTION_WE", {"MOTION_WEST": False, "MOTION_EAST": False})
    with opened.moves.moving(MOUNT):
        client.update(MOUNT, prop, values, state)  # type: ignore[arg-type]
    assert [(move.what, move.may_be_closer) for move in seen] == [(expected, False)]


def test_an_exposure_that_replaces_ours_is_told(
    opened: Observatory, client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    client.holds_exposure = True
    opened.camera.expose(30.0, FrameType.DARK)
    until(lambda: is_sent(client, "CCD_EXPOSURE"))
    client.update(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 29.0}, BUSY)
    before = what(seen)
    client.update(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 120.0}, BUSY)
    client.finish_exposure()
    assert before == []
    assert what(seen) == ["exposes anew"]


def test_an_exposure_right_after_ours_is_told(
    opened: Observatory, client: FakeInstruments, seen: list[ForeignMove]
) -> None:
    opened.camera.expose(1.0, FrameType.DARK).wait()
    let_pass(opened.moves.burst_s / 100.0)
    client.update(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 5.0}, BUSY)
    assert what(seen) == ["exposes"]


@pytest.mark.parametrize(
    ("prop", "values", "expected"),
    [
        ("CCD_BINNING", {"HOR_BIN": 4.0, "VER_BIN": 4.0}, "changes its binning"),
        ("CCD_FRAME", {"WIDTH": 100.0}, "changes its frame"),
        ("UPLOAD_MODE", {"UPLOAD_CLIENT": False, "UPLOAD_LOCAL": True},
         "sends its frames elsewhere"),
        ("CCD_FRAME_TYPE", {"FRAME_DARK": False, "FRAME_FLAT": True}, "changes its frame type"),
    ],
)  # fmt: skip
def test_settings_of_the_camera_count_while_it_exposes(
    opened: Observatory,
    client: FakeInstruments,
    seen: list[ForeignMove],
    prop: str,
    values: dict[str, object],
    expected: str,
) -> None:
    before = client.get(CAMERA, prop)
    assert before is not None
    client.update(CAMERA, prop, values)  # type: ignore[arg-type]
    client.update(CAMERA, prop, before.values)
    while_idle = what(seen)
    client.holds_exposure = True
    opened.camera.expose(30.0, FrameType.FLAT if prop == "CCD_FRAME_TYPE" else FrameType.DARK)
    until(lambda: is_sent(client, "CCD_EXPOSURE"))
    opened.moves._sent.clear()  # some time has passed
    values = before.values if prop == "CCD_FRAME_TYPE" else values  # type: ignore[assignment]
    client.update(CAMERA, prop, values)  # type: ignore[arg-type]
    client.finish_exposure()
    assert while_idle == []
    assert what(seen) == [expected]


def test_settings_of_another_client_are_undone_before_the_next_exposure(
    opened: Observatory, client: FakeInstruments
) -> None:
    client.update(CAMERA, "CCD_BINNING", {"HOR_BIN": 4.0, "VER_BIN": 4.0})
    client.update(CAMERA, "CCD_FRAME", {"X": 10.0, "WIDTH": 100.0})
    client.update(CAMERA, "UPLOAD_MODE", {"UPLOAD_CLIENT": False, "UPLOAD_LOCAL": True})
    opened.camera.expose(1.0, FrameType.DARK).wait()
    sent = {prop: values for _, prop, values in client.sent}
    assert sent["CCD_BINNING"] == {"HOR_BIN": 1.0, "VER_BIN": 1.0}
    assert sent["CCD_FRAME"] == {"X": 0.0, "Y": 0.0, "WIDTH": 1280.0, "HEIGHT": 1024.0}
    assert sent["UPLOAD_MODE"] == {"UPLOAD_CLIENT": True}


@pytest.mark.parametrize(("state", "told"), [(IDLE, ["is disconnected"]), (ALERT, [])])
def test_a_disconnection_by_hand_is_told_a_lost_device_is_not(
    client: FakeInstruments, seen: list[ForeignMove], state: PropertyState, told: list[str]
) -> None:
    client.update(DOME, "CONNECTION", {"CONNECT": False, "DISCONNECT": True}, state)
    assert what(seen) == told


def test_news_that_is_looked_at_late_is_judged_by_when_it_came(
    opened: Observatory, client: FakeInstruments
) -> None:
    moves: list[ForeignMove] = []
    watch = ForeignWatch(opened, moves.append)
    events: list[Event] = []
    client.subscribe(events.append)
    for key, snapshot in client._snapshots.items():
        watch._last[key] = snapshot
    with opened.moves.moving(DOME):
        for azimuth_deg in (100.0, 110.0, 120.0):
            client.update(DOME, "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": azimuth_deg}, BUSY)
    until(lambda: not opened.moves.is_ours(DOME))
    for event in events:
        watch.on_event(event)
    assert moves == []


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


class Hung:
    """A driver that says nothing for longer than any answer takes, on a clock that we set."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.client = FakeInstruments(self.clock)
        self.observatory = Observatory.build(profiles.load("simulators"), self.client, self.clock)
        self.moves = self.observatory.moves
        self.told: list[ForeignMove] = []
        self.watch = ForeignWatch(self.observatory, self.told.append)
        self.client.set_dome_parked(False)
        self.client.subscribe(self.watch.on_event)
        for key, snapshot in self.client._snapshots.items():
            self.watch._last[key] = snapshot
        self.turn(10.0, OK)

    def turn(self, azimuth_deg: float, state: PropertyState) -> None:
        values = {"DOME_ABSOLUTE_POSITION": azimuth_deg}
        self.client.update(DOME, "ABS_DOME_POSITION", values, state)

    def turn_on_and_on(self) -> None:
        for azimuth_deg in (100.0, 110.0, 120.0):
            self.turn(azimuth_deg, BUSY)

    def answer_abort(self) -> None:
        self.client.update(DOME, "DOME_ABORT_MOTION", {"ABORT": False}, OK)

    def abort(self) -> None:
        self.moves.sending(DOME, "DOME_ABORT_MOTION", {"ABORT": True})

    def silence(self) -> None:
        self.clock.advance(10 * self.moves.echo_s)


@pytest.fixture
def hung() -> Hung:
    return Hung()


class TestLateAnswers:
    """A driver that was frozen carries out what it was told meanwhile when it goes on."""

    def test_what_we_sent_into_the_silence_is_answered_late(self, hung: Hung) -> None:
        hung.clock.advance(1.0)
        hung.abort()
        hung.silence()
        hung.answer_abort()
        assert hung.told == []

    def test_a_move_of_ours_that_was_given_up_in_the_silence_goes_on(self, hung: Hung) -> None:
        with hung.moves.moving(DOME):
            hung.silence()
        hung.silence()
        hung.turn_on_and_on()
        assert hung.told == []

    def test_a_stop_some_time_after_the_late_answer_is_told(self, hung: Hung) -> None:
        hung.clock.advance(1.0)
        hung.abort()
        hung.silence()
        hung.answer_abort()
        for _ in range(3):  # it talks again
            hung.clock.advance(0.6 * hung.moves.echo_s)
            hung.turn(10.0, OK)
        hung.answer_abort()
        assert what(hung.told) == ["is stopped"]

    def test_a_stop_by_another_of_a_device_that_had_answered_us_is_told(self, hung: Hung) -> None:
        hung.abort()
        hung.answer_abort()
        hung.silence()  # only because nothing happens
        hung.answer_abort()
        assert what(hung.told) == ["is stopped"]

    @pytest.mark.parametrize("lasted_s", [4.0, 6.0, 120.0])
    def test_hours_after_a_move_of_ours_that_was_given_up_a_human_is_told(
        self, hung: Hung, lasted_s: float
    ) -> None:
        with hung.moves.moving(DOME):
            hung.clock.advance(lasted_s)
        hung.clock.advance(6 * 3600.0)
        hung.turn_on_and_on()
        assert what(hung.told) == ["turns"]

    def test_hours_after_a_stop_of_ours_was_not_answered_a_human_is_told(self, hung: Hung) -> None:
        hung.clock.advance(1.0)
        hung.abort()
        hung.clock.advance(6 * 3600.0)
        hung.answer_abort()
        assert what(hung.told) == ["is stopped"]

    def test_a_move_by_another_after_ours_had_ended_is_told(self, hung: Hung) -> None:
        with hung.moves.moving(DOME):
            hung.turn(50.0, BUSY)
            hung.turn(60.0, OK)
            hung.clock.advance(0.1)
        hung.silence()
        hung.turn_on_and_on()
        assert what(hung.told) == ["turns"]


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
