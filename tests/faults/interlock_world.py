"""A dome, a mount and a camera that do what they are told, and write down what must never happen.

:class:`World` is the bus: it takes every command that was sent, judges it by :func:`forbidden` (a
literal predicate on the true state, independent of the interlocks and of their table), and carries
it out over some ticks of a clock that stands still in between. Devices may be slow to answer, mute,
stuck, contrary or gone.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ctmo_indi.indi.events import PropertyUpdated
from ctmo_indi.indi.snapshot import PropertyState, Value
from ctmo_indi.models.coordinates import eod_to_icrs
from ctmo_indi.models.verdict import LockKind, Verdict, VerdictLevel
from ctmo_indi.safety_policy import MountFailedPolicy
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import (
    CAMERA,
    DOME,
    FOCUSER,
    MOUNT,
    PANEL,
    WHEEL,
    FakeInstruments,
)

IDLE, OK, BUSY, ALERT = (
    PropertyState.IDLE,
    PropertyState.OK,
    PropertyState.BUSY,
    PropertyState.ALERT,
)
NIGHT = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
NOON = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
LATITUDE_DEG = 25.996275
# Apparent sidereal time and the Sun's hour angle and declination at NOON, astropy 7 (TETE, with
# get_body and Time.sidereal_time): 16.1124 h; 0.2254 h, -20.249 deg. NIGHT is 13.5369 h earlier.
SIDEREAL_H = {NOON: 16.1124, NIGHT: 16.1124 - 13.5 * 1.0027379}
SUN_HOUR_ANGLE_H, SUN_DEC_DEG = 0.2254, -20.249

SHUTTER_TICKS, TURN_TICKS, SLEW_TICKS, PARK_TICKS, EXPOSURE_TICKS = 4, 2, 3, 3, 3
FRESH_S = 10.0
PARK_TIMEOUT_S = 170.0  # the policy's 180 s, less what the last try could not use
SLIT_DEG = 9.0
SUN_DEG = 28.0


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere on the sky, by hour angle and declination at the beginning.

    Parameters
    ----------
    why_not
        Why nothing may point there; "" for a good place.
    """

    hour_angle_h: float
    dec_deg: float
    why_not: str = ""

    @property
    def azimuth_deg(self) -> float:
        """From north over east, by the formula of the textbooks (Meeus 13.5)."""
        hour, dec = math.radians(15.0 * self.hour_angle_h), math.radians(self.dec_deg)
        latitude = math.radians(LATITUDE_DEG)
        west_of_south = math.atan2(
            math.sin(hour),
            math.cos(hour) * math.sin(latitude) - math.tan(dec) * math.cos(latitude),
        )
        return (math.degrees(west_of_south) + 180.0) % 360.0


PLACES: Mapping[str, Place] = {
    "east": Place(-3.0, -15.0),
    "west": Place(3.0, -15.0),
    "north-east": Place(-2.0, 40.0),
    "low": Place(0.0, -60.0, "below the horizon"),
    "zenith": Place(0.0, 24.0, "higher than allowed"),
    "under the pole": Place(6.0, 70.0, "beyond the hour angle"),
    "Sun": Place(SUN_HOUR_ANGLE_H, SUN_DEC_DEG),
}
PARK_PLACE = Place(-6.0, 0.0)


def sun_distance_deg(hour_angle_h: float, dec_deg: float) -> float:
    """Angle to the noon's Sun."""
    turn = math.radians(15.0 * (hour_angle_h - SUN_HOUR_ANGLE_H))
    one, two = math.radians(dec_deg), math.radians(SUN_DEC_DEG)
    cosine = math.sin(one) * math.sin(two) + math.cos(one) * math.cos(two) * math.cos(turn)
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def way_to(start: Place, end: Place) -> list[tuple[float, float]]:
    """Places on the way of a mount that turns both axes together."""
    turn = (end.hour_angle_h - start.hour_angle_h + 12.0) % 24.0 - 12.0
    return [
        (start.hour_angle_h + turn * part / 16.0,
         start.dec_deg + (end.dec_deg - start.dec_deg) * part / 16.0)
        for part in range(17)
    ]  # fmt: skip


class World(FakeInstruments):
    """The devices as they are, beside what they say.

    Attributes
    ----------
    violations
        What happened that must never happen, one sentence each.
    done
        How often each motion was really carried out.
    mute, stuck, contrary
        Devices that answer nothing and do nothing; whose motions never end; that refuse with Alert.
    answers_late
        Devices do at once what they are told, and say so only with the next tick.
    closings
        How many closings are under way.
    is_closing
        Whether the process that sends is closing.
    """

    def __init__(
        self, begin: datetime, policy: MountFailedPolicy, *, answers_late: bool, closed_dome: bool
    ) -> None:
        self.clock = FakeClock(begin)
        super().__init__(self.clock)
        self.begin, self.policy = begin, policy
        self.answers_late, self.closed_dome = answers_late, closed_dome
        self.holds_exposure = True
        self.violations: list[str] = []
        self.done: Counter[str] = Counter()
        self.told: list[str] = []
        self.mute: set[str] = set()
        self.stuck: set[str] = set()
        self.contrary: set[str] = set()
        self.closings = 0
        self.mount_failed = False
        self.park_told_s: float | None = None
        self.verdict: Verdict | None = None
        self.verdict_since_s = 0.0
        self.mount_parked, self.tracking = True, False
        self.place = PARK_PLACE
        self.shutter = "closed"
        self.dome_parked, self.dome_deg = True, 90.0
        self.exposure_place: Place | None = None
        self._moving_parts: dict[str, tuple[int, str]] = {}  # what -> (ticks left, goal)
        self.is_closing: Callable[[], bool] = lambda: False
        self._was_closing = False
        self.on_command(CAMERA, "CCD_FRAME_TYPE", self._set_frame_type)
        self._is_ticking = False
        self._late: list[tuple[str, str, dict[str, Value] | None, PropertyState | None]] = []
        self._gone: dict[str, dict[str, tuple[dict[str, Value], PropertyState]]] = {}
        for device in (MOUNT, DOME, CAMERA, WHEEL, FOCUSER, PANEL):
            self.define(device, "CONNECTION", {"CONNECT": True, "DISCONNECT": False}, OK)
        for device, prop in (
            (MOUNT, "EQUATORIAL_EOD_COORD"),
            (MOUNT, "TELESCOPE_TRACK_STATE"),
            (MOUNT, "TELESCOPE_PARK"),
            (MOUNT, "TELESCOPE_ABORT_MOTION"),
            (DOME, "DOME_SHUTTER"),
            (DOME, "DOME_PARK"),
            (DOME, "ABS_DOME_POSITION"),
            (DOME, "DOME_ABORT_MOTION"),
            (CAMERA, "CCD_EXPOSURE"),
            (CAMERA, "CCD_ABORT_EXPOSURE"),
            (WHEEL, "FILTER_SLOT"),
            (FOCUSER, "ABS_FOCUS_POSITION"),
            (PANEL, "FLAT_LIGHT_CONTROL"),
        ):
            self.on_command(
                device, prop, lambda values, d=device, p=prop: self._arrived(d, p, values)
            )
        self._show_place()

    # -- places ------------------------------------------------------------------------------------

    def icrs_deg(self, place: Place) -> tuple[float, float]:
        """Where a place stands now."""
        passed_h = (self.clock.utc() - self.begin).total_seconds() / 3600.0 * 1.0027379
        ra_h = (SIDEREAL_H[self.begin] + passed_h - place.hour_angle_h) % 24.0
        ra_deg, dec_deg = eod_to_icrs(ra_h, place.dec_deg, self.clock.utc())
        return float(ra_deg), float(dec_deg)

    def _place_of(self, values: Mapping[str, Value]) -> Place:
        hour_angle_h = (SIDEREAL_H[self.begin] - float(values["RA"]) + 12.0) % 24.0 - 12.0

        def off(place: Place) -> float:
            turn = abs((place.hour_angle_h - hour_angle_h + 12.0) % 24.0 - 12.0)
            return 15.0 * turn + abs(place.dec_deg - float(values["DEC"]))

        return min(PLACES.values(), key=off)

    def _show_place(self) -> None:
        ra_h = (SIDEREAL_H[self.begin] - self.place.hour_angle_h) % 24.0
        self._say(MOUNT, "EQUATORIAL_EOD_COORD", {"RA": ra_h, "DEC": self.place.dec_deg}, None)

    @property
    def sun_is_up(self) -> bool:
        return self.begin is NOON

    # -- the bus -----------------------------------------------------------------------------------

    def command(self, device, prop, values, **more):  # type: ignore[no-untyped-def]  # as FakeClient
        """Let check, sending and arrival be one moment for everybody."""
        with self._lock:
            self._was_closing = self.is_closing()
            return super().command(device, prop, values, **more)

    @property
    def is_sent_against_a_closing(self) -> bool:
        """Whether a closing was under way before the command was looked at, and still is."""
        return self._was_closing and self.is_closing()

    def _set_frame_type(self, values: Mapping[str, Value]) -> None:
        words = ("FRAME_LIGHT", "FRAME_BIAS", "FRAME_DARK", "FRAME_FLAT")
        self._say(CAMERA, "CCD_FRAME_TYPE", {word: word in values for word in words}, OK)

    def _arrived(self, device: str, prop: str, values: Mapping[str, Value]) -> None:
        what = _what(prop, values, self)
        place = self._place_of(values) if what == "slew" else self.exposure_place
        self.told.append(what)
        if what == "park mount" and self.park_told_s is None:
            self.park_told_s = self.clock.elapsed_s()
        for reason in forbidden(self, what, place):
            self.violations.append(f"{what}: {reason}")
        if device in self.mute:
            if what == "park mount":
                self.mount_failed = True
            return
        if device in self.contrary:
            self.contrary.discard(device)
            if what == "park mount":
                self.mount_failed = True
            self._say(device, prop, None, ALERT)
            return
        self.done[what] += 1
        self._carry_out(what, place, values)

    def _carry_out(self, what: str, place: Place | None, values: Mapping[str, Value]) -> None:
        if what == "slew" and place is not None:
            if self.mount_parked:
                self._say(MOUNT, "EQUATORIAL_EOD_COORD", None, IDLE)
                return
            self._begin("mount", SLEW_TICKS, next(n for n, p in PLACES.items() if p is place))
            self.tracking = True
            self._say_tracking()
            self._say(MOUNT, "EQUATORIAL_EOD_COORD", None, BUSY)
        elif what in ("track", "stop tracking"):
            self.tracking = what == "track" and not self.mount_parked
            self._say_tracking()
        elif what == "unpark mount":
            self.mount_parked = False
            self._say(MOUNT, "TELESCOPE_PARK", {"PARK": False, "UNPARK": True}, OK)
        elif what == "park mount":
            self._begin("mount", PARK_TICKS, "park")
            self.tracking = False
            self._say_tracking()
            self._say(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, BUSY)
            self.mount_failed = self.mount_failed or MOUNT in self.stuck
        elif what == "abort mount":
            self._abort_mount()
        elif what in ("open shutter", "close shutter"):
            self._move_shutter("open" if what == "open shutter" else "closed")
        elif what in ("park dome", "unpark dome"):
            self.dome_parked = what == "park dome"
            self._move_shutter("closed" if self.dome_parked else "open")
            words = {"PARK": self.dome_parked, "UNPARK": not self.dome_parked}
            self._say(DOME, "DOME_PARK", words, OK)
        elif what == "rotate dome":
            self._begin("dome", TURN_TICKS, str(values["DOME_ABSOLUTE_POSITION"]))
            self._say(DOME, "ABS_DOME_POSITION", None, BUSY)
        elif what == "abort dome":
            for part in ("dome", "shutter"):
                self._moving_parts.pop(part, None)
            self._say(DOME, "DOME_ABORT_MOTION", {"ABORT": False}, OK)
            self._say(DOME, "ABS_DOME_POSITION", None, OK)
            if self.shutter == "between":
                self._say(DOME, "DOME_SHUTTER", None, ALERT)
        elif what.startswith("expose"):
            self._begin("camera", EXPOSURE_TICKS, "")
            self._say(CAMERA, "CCD_EXPOSURE", dict(values), BUSY)
        elif what == "abort exposure":
            self._moving_parts.pop("camera", None)
            self._say(CAMERA, "CCD_ABORT_EXPOSURE", {"ABORT": False}, OK)
            self._say(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 0.0}, IDLE)
        elif what == "filter":
            self._say(WHEEL, "FILTER_SLOT", dict(values), OK)
        elif what == "focus":
            self._say(FOCUSER, "ABS_FOCUS_POSITION", dict(values), OK)
        elif what == "lamp":
            on = values.get("FLAT_LIGHT_ON") is True
            words = {"FLAT_LIGHT_ON": on, "FLAT_LIGHT_OFF": not on}
            self._say(PANEL, "FLAT_LIGHT_CONTROL", words, OK)

    def _abort_mount(self) -> None:  # type: ignore[override]  # the world's own, without values
        was_parking = self._moving_parts.pop("mount", (0, ""))[1] == "park"
        self.tracking = False
        self._say(MOUNT, "TELESCOPE_ABORT_MOTION", {"ABORT": False}, OK)
        if was_parking:
            self._say(MOUNT, "TELESCOPE_PARK", {"PARK": False, "UNPARK": True}, ALERT)
        self._say(MOUNT, "EQUATORIAL_EOD_COORD", None, IDLE)
        self._say_tracking()

    def _move_shutter(self, goal: str) -> None:
        if self.shutter != goal:
            self.shutter = "between"
        self._begin("shutter", SHUTTER_TICKS, goal)
        words = {"SHUTTER_OPEN": goal == "open", "SHUTTER_CLOSE": goal == "closed"}
        self._say(DOME, "DOME_SHUTTER", words, BUSY)

    def _begin(self, what: str, ticks: int, goal: str) -> None:
        if what == "mount":
            self.mount_parked = False
        self._moving_parts[what] = (ticks, goal)

    def is_under_way(self, what: str) -> bool:
        """Whether the mount, the shutter, the dome or the camera is at something."""
        return what in self._moving_parts

    def goal(self, what: str) -> str:
        """What it will end as."""
        return self._moving_parts[what][1]

    # -- saying ------------------------------------------------------------------------------------

    def _say(
        self, device: str, prop: str, values: dict[str, Value] | None, state: PropertyState | None
    ) -> None:
        if self.answers_late and not self._is_ticking:
            self._late.append((device, prop, values, state))
        else:
            self._say_now(device, prop, values, state)

    def _say_now(
        self, device: str, prop: str, values: dict[str, Value] | None, state: PropertyState | None
    ) -> None:
        if device in self.mute:
            return
        if device in self._gone:
            old, was = self._gone[device][prop]
            self._gone[device][prop] = ({**old, **(values or {})}, state or was)
            return
        self.update(device, prop, values, state)

    def _say_tracking(self) -> None:
        words = {"TRACK_ON": self.tracking, "TRACK_OFF": not self.tracking}
        self._say(MOUNT, "TELESCOPE_TRACK_STATE", words, BUSY if self.tracking else IDLE)

    # -- time --------------------------------------------------------------------------------------

    def tick(self, seconds: float = 1.0) -> None:
        """Let a second pass: motions go on, deadlines are judged, who waits looks again."""
        with self._lock:
            self.clock.advance(seconds)
            self._is_ticking = True
            late, self._late = self._late, []
            for word in late:
                self._say_now(*word)
            for what, (ticks, goal) in list(self._moving_parts.items()):
                device = {"mount": MOUNT, "camera": CAMERA}.get(what, DOME)
                if device in self.stuck:
                    continue
                self._moving_parts[what] = (ticks - 1, goal)
                if ticks <= 1:
                    del self._moving_parts[what]
                    self._ended(what, goal)
            self._is_ticking = False
            self._book.judge_deadlines()
            for device in (MOUNT, DOME, CAMERA, WHEEL, FOCUSER, PANEL):
                snapshot = self.get(device, "CONNECTION")
                if snapshot is not None:
                    self._tell(PropertyUpdated(snapshot))

    def _ended(self, what: str, goal: str) -> None:
        if what == "mount" and goal == "park":
            self.mount_parked, self.place = True, PARK_PLACE
            self.mount_failed, self.park_told_s = False, None
            self._say(MOUNT, "TELESCOPE_PARK", {"PARK": True, "UNPARK": False}, OK)
            self._show_place()
            self._say(MOUNT, "EQUATORIAL_EOD_COORD", None, IDLE)
        elif what == "mount":
            self.place = PLACES[goal]
            passed_h = (self.clock.utc() - self.begin).total_seconds() / 3600.0 * 1.0027379
            ra_h = (SIDEREAL_H[self.begin] + passed_h - self.place.hour_angle_h) % 24.0
            self._say(MOUNT, "EQUATORIAL_EOD_COORD", {"RA": ra_h, "DEC": self.place.dec_deg}, OK)
        elif what == "shutter":
            self.shutter = goal
            self._say(DOME, "DOME_SHUTTER", None, OK)
        elif what == "dome":
            self.dome_deg = float(goal)
            self._say(DOME, "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": self.dome_deg}, OK)
        elif what == "camera":
            self.deliver(CAMERA, b"frame")
            self._say(CAMERA, "CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 0.0}, OK)

    # -- other hands, and faults -------------------------------------------------------------------

    def move_by_another_hand(self, what: str, place: str = "east") -> None:
        """Let another INDI client do it; everybody hears of it at once."""
        with self._lock:
            late, self.answers_late = self.answers_late, False
            queued, self._late = self._late, []
            for word in queued:
                self._say_now(*word)
            if {MOUNT, DOME, CAMERA}.isdisjoint(self.mute | set(self._gone)):
                values: dict[str, Value] = {"DOME_ABSOLUTE_POSITION": 200.0}
                if what.startswith("expose"):
                    values = {"CCD_EXPOSURE_VALUE": 3.0}
                self._carry_out(what, PLACES[place], values)
            self.answers_late = late

    def silence(self, device: str) -> None:
        """Let a driver hang: it hears nothing, does nothing new and says nothing."""
        with self._lock:
            for word in self._late:
                self._say_now(*word)
            self._late.clear()
            self.mute.add(device)

    def lose(self, device: str) -> None:
        """Let a driver die; its hardware stays as it is."""
        with self._lock:
            if device in self._gone or device in self.mute:
                return
            self._gone[device] = {
                prop: (dict(snapshot.values), snapshot.state)
                for (owner, prop), snapshot in self._snapshots.items()
                if owner == device
            }
            ranges = {
                prop: {name: (r.minimum, r.maximum) for name, r in snapshot.ranges.items()}
                for (owner, prop), snapshot in self._snapshots.items()
                if owner == device
            }
            self._gone_ranges = getattr(self, "_gone_ranges", {})
            self._gone_ranges[device] = ranges
            self.remove_device(device)
            if device == MOUNT:
                self.mount_failed = True

    def bring_back(self) -> None:
        """Let every driver be there and speak again, with the truth."""
        with self._lock:
            was_mute, self.mute = self.mute, set()
            self.stuck.clear()
            self.contrary.clear()
            for device, known in self._gone.items():
                for prop, (values, state) in known.items():
                    self.define(device, prop, values, state, self._gone_ranges[device][prop])
            gone, self._gone = set(self._gone), {}
            if MOUNT in was_mute | gone:
                self._say_mount()
            if DOME in was_mute | gone:
                self._say_dome()
            if CAMERA in was_mute | gone:
                state = BUSY if "camera" in self._moving_parts else IDLE
                self._say(CAMERA, "CCD_EXPOSURE", None, state)

    def _say_mount(self) -> None:
        goal = self._moving_parts.get("mount", (0, ""))[1]
        parks = self.mount_parked or goal == "park"
        words = {"PARK": parks, "UNPARK": not parks}
        self._say(MOUNT, "TELESCOPE_PARK", words, BUSY if goal == "park" else OK)
        self._say_tracking()
        self._show_place()
        self._say(MOUNT, "EQUATORIAL_EOD_COORD", None, BUSY if goal else IDLE)

    def _say_dome(self) -> None:
        words = {"PARK": self.dome_parked, "UNPARK": not self.dome_parked}
        self._say(DOME, "DOME_PARK", words, OK)
        moves = "shutter" in self._moving_parts
        shown = self._moving_parts["shutter"][1] if moves else self.shutter
        words = {"SHUTTER_OPEN": shown == "open", "SHUTTER_CLOSE": shown == "closed"}
        state = BUSY if moves else ALERT if self.shutter == "between" else OK
        self._say(DOME, "DOME_SHUTTER", words, state)
        turns = BUSY if "dome" in self._moving_parts else OK
        self._say(DOME, "ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": self.dome_deg}, turns)

    @property
    def mount_has_failed(self) -> bool:
        """Whether it is away, or was told to park and refused, or had its time for it."""
        if self.mount_failed or self.is_gone(MOUNT) or MOUNT in self.mute:
            return True
        told_s = self.park_told_s
        return told_s is not None and self.clock.elapsed_s() - told_s >= PARK_TIMEOUT_S

    def is_gone(self, device: str) -> bool:
        """Whether its driver is dead."""
        return device in self._gone


_SWITCHED = {
    ("TELESCOPE_PARK", "PARK"): "park mount",
    ("TELESCOPE_PARK", "UNPARK"): "unpark mount",
    ("TELESCOPE_TRACK_STATE", "TRACK_ON"): "track",
    ("TELESCOPE_TRACK_STATE", "TRACK_OFF"): "stop tracking",
    ("TELESCOPE_ABORT_MOTION", "ABORT"): "abort mount",
    ("DOME_SHUTTER", "SHUTTER_OPEN"): "open shutter",
    ("DOME_SHUTTER", "SHUTTER_CLOSE"): "close shutter",
    ("DOME_PARK", "PARK"): "park dome",
    ("DOME_PARK", "UNPARK"): "unpark dome",
    ("DOME_ABORT_MOTION", "ABORT"): "abort dome",
    ("CCD_ABORT_EXPOSURE", "ABORT"): "abort exposure",
    ("FLAT_LIGHT_CONTROL", "FLAT_LIGHT_ON"): "lamp",
    ("FLAT_LIGHT_CONTROL", "FLAT_LIGHT_OFF"): "lamp",
}
_NUMBERED = {
    "EQUATORIAL_EOD_COORD": "slew",
    "ABS_DOME_POSITION": "rotate dome",
    "FILTER_SLOT": "filter",
    "ABS_FOCUS_POSITION": "focus",
}


def _what(prop: str, values: Mapping[str, Value], world: World) -> str:
    """Name a command as the wire has it."""
    if prop == "CCD_EXPOSURE":
        is_light = world.is_on(CAMERA, "CCD_FRAME_TYPE", "FRAME_LIGHT")
        return "expose light" if is_light else "expose calibration"
    if prop in _NUMBERED:
        return _NUMBERED[prop]
    (element,) = (name for name, value in values.items() if value is True)
    return _SWITCHED[prop, element]


STOPS = {"stop tracking", "abort mount", "abort dome", "abort exposure"}
TOWARD_SAFE = STOPS | {"park mount", "close shutter", "park dome"}
INDOORS = {"filter", "focus", "lamp", "expose calibration"}


def forbidden(world: World, what: str, place: Place | None) -> list[str]:
    """Say why a command must not have been sent, in words of the promise; empty: it may."""
    found = []
    verdict, age_s = world.verdict, world.clock.machine_s() - world.verdict_since_s
    lock, latch = (verdict.lock, verdict.latch) if verdict else (None, None)
    if lock and lock.kind is LockKind.MAINTENANCE and what not in STOPS:
        found.append("somebody works in the dome")
    if lock and lock.kind is LockKind.OBSERVER and what not in TOWARD_SAFE:
        found.append("an observer holds the lock")
    if latch and what not in TOWARD_SAFE:
        found.append("stop was pressed")
    if world.is_sent_against_a_closing and what not in TOWARD_SAFE | INDOORS:
        found.append("the observatory is being closed")
    is_fresh = verdict is not None and age_s <= FRESH_S + 1e-6
    if what not in TOWARD_SAFE | INDOORS | {"rotate dome"} and not (
        is_fresh and verdict.level is VerdictLevel.SAFE
    ):
        found.append("no fresh SAFE verdict")
    if (
        what == "rotate dome"
        and (world.shutter != "closed" or world.is_under_way("shutter"))
        and not (is_fresh and verdict.level is not VerdictLevel.UNSAFE)
    ):
        found.append("turns in the open without a verdict")
    if what in ("open shutter", "unpark dome") and world.sun_is_up:
        found.append("the Sun is up")
    if what in ("open shutter", "rotate dome") and world.dome_parked:
        found.append("the dome is parked")
    moves_out = what in ("slew", "track", "unpark mount")
    if moves_out or what == "expose light":
        stands_open = world.shutter == "open" and not (
            world.is_under_way("shutter") and world.goal("shutter") != "open"
        )
        stands_closed = world.shutter == "closed" and not world.is_under_way("shutter")
        if not (stands_open or (world.closed_dome and stands_closed)):
            found.append(f"under a shutter that is {world.shutter}")
    closes = what == "close shutter" or (what == "park dome" and world.shutter != "closed")
    if closes and not world.mount_parked:
        is_emergency = (
            what == "close shutter"
            and world.closings > 0
            and world.policy is MountFailedPolicy.CLOSE
            and world.mount_has_failed
        )
        if not is_emergency:
            found.append("over a telescope that is not parked")
    if what in ("slew", "track") and world.mount_parked and MOUNT not in world.mute:
        found.append("the mount is parked")
    if what in ("slew", "expose light") and place is not None:
        if place.why_not:
            found.append(place.why_not)
        if world.sun_is_up and sun_distance_deg(place.hour_angle_h, place.dec_deg) < SUN_DEG:
            found.append("at the Sun")
    if what == "slew" and place is not None and world.sun_is_up:
        way = way_to(world.place, place)
        if min(sun_distance_deg(*point) for point in way) < SUN_DEG:
            found.append("past the Sun")
    if what == "expose light":
        if place is not world.place or world.is_under_way("mount") or not world.tracking:
            found.append("the telescope is not there")
        elif (
            DOME not in world.mute
            and abs((world.dome_deg - place.azimuth_deg + 180.0) % 360.0 - 180.0) > SLIT_DEG
        ):
            found.append("the slit is elsewhere")
    if what.startswith("expose") and world.is_under_way("camera"):
        found.append("another exposure is under way")
    return found


def breathe(seconds: float = 0.0003) -> None:
    """Let the threads of the motions run."""
    _BREATH.wait(seconds)


_BREATH = threading.Event()
