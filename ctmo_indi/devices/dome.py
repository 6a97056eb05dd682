"""The dome: shutter, azimuth, park. DOME_PARK and UNPARK may move the shutter as well."""

from __future__ import annotations

from dataclasses import dataclass

from ctmo_indi.devices.device import Device
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.motion_kinds import MotionKind, MotionRequest, ShutterState
from ctmo_indi.devices.parking import is_parked, is_parking
from ctmo_indi.errors import CommandRejected, CommandTimeout
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.dome_geometry import DomeMeasurements

_SHUTTER = ("shutter",)
_AZIMUTH = ("azimuth",)
_MOVING = frozenset({ShutterState.OPENING, ShutterState.CLOSING})
_TOWARD = {
    ShutterState.OPEN: ShutterState.OPENING,
    ShutterState.CLOSED: ShutterState.CLOSING,
}


@dataclass(frozen=True, slots=True)
class DomeStatus:
    """What the dome is now; None is "not known".

    Parameters
    ----------
    az_deg
        Azimuth of the slit, from north over east.
    age_s
        Elapsed seconds since the driver last said something of the shutter.
    """

    connected: bool
    shutter: ShutterState = ShutterState.UNKNOWN
    az_deg: float | None = None
    parked: bool | None = None
    moving: bool | None = None
    age_s: float | None = None


class Dome(Device):
    """A dome. Commands return a :class:`Motion` at once; status never blocks; any thread."""

    @property
    def can_park(self) -> bool:
        """Whether it can be parked at all."""
        return self.description.can("park")

    @property
    def rotates(self) -> bool:
        """Whether it has an azimuth: a roll-off roof has none."""
        return self.description.can("goto")

    def status(self) -> DomeStatus:
        """Return what is known now; does not ask the driver."""
        if not self.is_connected:
            return DomeStatus(connected=False)
        return DomeStatus(
            connected=True,
            shutter=self._shutter(),
            az_deg=self.number("azimuth", "az_deg"),
            parked=is_parked(self),
            moving=self._moving(),
            age_s=self.age_s("shutter"),
        )

    def measurements(self) -> DomeMeasurements:
        """Return DOME_MEASUREMENTS as the driver has them; zeros where it has none."""

        def metres(word: str) -> float:
            return self.number("measurements", word) or 0.0

        return DomeMeasurements(
            radius_m=metres("radius_m"),
            shutter_width_m=metres("shutter_width_m"),
            north_m=metres("north_m"),
            east_m=metres("east_m"),
            up_m=metres("up_m"),
            tube_offset_m=metres("tube_offset_m"),
        )

    def open_shutter(self) -> Motion[DomeStatus]:
        """Open the shutter; SafetyError when the interlocks refuse."""
        self.allow(MotionKind.OPEN_SHUTTER)
        return self.begin("open shutter", self._open, _SHUTTER)

    def close_shutter(self, *, emergency: bool = False) -> Motion[DomeStatus]:
        """Close the shutter.

        Parameters
        ----------
        emergency
            Also over a telescope that is not parked: the site's policy when the mount failed.
        """
        request = MotionRequest(MotionKind.CLOSE_SHUTTER, emergency=emergency)
        self.check(request)

        def body(motion: Motion[DomeStatus]) -> DomeStatus:
            # Another closer's closing is waited for: one told again and again stutters.
            half_s = self.description.operation("close_shutter").finish_s / 2
            self.wait_until(motion, lambda: self._shutter() is not ShutterState.CLOSING, half_s)
            if self._shutter() is not ShutterState.CLOSED:
                self.perform(motion, "close_shutter", request=request)
            return self._confirmed(motion, ShutterState.CLOSED)

        return self.begin("close shutter", body, _SHUTTER)

    def goto(self, az_deg: float) -> Motion[DomeStatus]:
        """Turn the slit to an azimuth (degrees, any turn); a turn under way is stopped first."""
        self.allow(MotionKind.ROTATE_DOME)
        wanted_deg = az_deg % 360.0

        def body(motion: Motion[DomeStatus]) -> DomeStatus:
            self._end_turn(motion)
            if not (self._moving() is False and self.is_at(wanted_deg, 0.1)):
                self.perform(motion, "goto", {"az_deg": wanted_deg})
            return self.status()

        return self.begin("turn", body, _AZIMUTH)

    def _end_turn(self, motion: Motion[DomeStatus]) -> None:
        """Bring the dome to rest: INDI's domes refuse another azimuth while they turn."""
        turn = self.description.operation("goto")
        if motion.has_replaced:  # what was sent a moment ago may not show yet
            self.wait_until(motion, lambda: self._moving() is True, turn.acknowledge_s)
        if self._moving() is not True:
            return
        # An abort would stop a park, which may be another closer's, or a shutter half-way, too.
        is_turning_only = self._shutter() not in _MOVING and not is_parking(self)
        if is_turning_only and self.description.can("abort"):
            self.perform(motion, "abort")
        if not self.wait_until(motion, lambda: self._moving() is not True, turn.finish_s):
            raise CommandTimeout(f"{motion.label}: it still turns after {turn.finish_s:g} s")

    def follow(self, az_deg: float) -> Motion[DomeStatus] | None:
        """Turn to ``az_deg`` if the slit is off by more than ``follow_threshold_deg``.

        Returns
        -------
        Motion or None
            None when there is nothing to do, or a turn of ours is still under way.
        """
        if self.occupied(*_AZIMUTH):
            return None
        if self.is_at(az_deg, self.description.quirk("follow_threshold_deg", 3.0)):
            return None
        return self.goto(az_deg)

    def error_deg(self, az_deg: float) -> float | None:
        """Return how far the slit is from an azimuth, degrees; None when not known."""
        now_deg = self.number("azimuth", "az_deg")
        if now_deg is None:
            return None
        return abs((now_deg - az_deg + 180.0) % 360.0 - 180.0)

    def is_at(self, az_deg: float, tolerance_deg: float) -> bool:
        """Whether the slit is within ``tolerance_deg`` of an azimuth."""
        error_deg = self.error_deg(az_deg)
        return error_deg is not None and error_deg <= tolerance_deg

    def park(self) -> Motion[DomeStatus]:
        """Park; waits for the shutter too, which the driver may close by itself."""
        self.allow(MotionKind.PARK_DOME)

        def body(motion: Motion[DomeStatus]) -> DomeStatus:
            half_s = self.description.operation("park").finish_s / 2
            self.wait_until(motion, lambda: not is_parking(self), half_s)
            if is_parked(self) is not True:
                self.perform(motion, "park")
            self._shutter_at_rest(motion)
            return self.status()

        return self.begin("park", body, _SHUTTER + _AZIMUTH)

    def unpark(self) -> Motion[DomeStatus]:
        """Unpark; counts as opening the shutter, which the driver may do by itself."""
        self.allow(MotionKind.UNPARK_DOME)

        def body(motion: Motion[DomeStatus]) -> DomeStatus:
            if is_parked(self) is not False:
                self.perform(motion, "unpark")
            self._shutter_at_rest(motion)
            return self.status()

        return self.begin("unpark", body, _SHUTTER + _AZIMUTH)

    def abort(self) -> Motion[DomeStatus]:
        """Stop every motion; a shutter stopped half-way is UNKNOWN."""
        self.allow(MotionKind.ABORT_DOME)

        def body(motion: Motion[DomeStatus]) -> DomeStatus:
            self.perform(motion, "abort")
            if not self.wait_until(motion, lambda: self._moving() is False, 10.0):
                raise CommandTimeout(f"{motion.label}: it still moves 10 s after the abort")
            return self.status()

        return self.begin("abort", body, _SHUTTER + _AZIMUTH)

    def _open(self, motion: Motion[DomeStatus]) -> DomeStatus:
        if self._shutter() is not ShutterState.OPEN:
            self.perform(motion, "open_shutter")
        return self._confirmed(motion, ShutterState.OPEN)

    def _confirmed(self, motion: Motion[DomeStatus], wanted: ShutterState) -> DomeStatus:
        # Another closer's command, or its DOME_PARK, may set it moving the same way once more.
        half_s = self.description.operation("close_shutter").finish_s / 2
        self.wait_until(motion, lambda: self._shutter() is not _TOWARD[wanted], half_s)
        if not self.wait_until(motion, lambda: self._shutter() is wanted, 2.0):
            raise CommandRejected(
                f"{motion.label}: the shutter reads {self._shutter()}, expected {wanted}"
            )
        return self.status()

    def _shutter_at_rest(self, motion: Motion[DomeStatus]) -> None:
        timeout_s = self.description.operation("close_shutter").finish_s
        if not self.wait_until(motion, lambda: self._shutter() not in _MOVING, timeout_s):
            raise CommandTimeout(f"{motion.label}: the shutter still moves after {timeout_s:g} s")

    def _shutter(self) -> ShutterState:
        snapshot = self.snapshot("shutter")
        if snapshot is None or snapshot.state is PropertyState.ALERT:
            return ShutterState.UNKNOWN
        is_open, is_closed = self.switch("shutter", "open"), self.switch("shutter", "closed")
        if is_open is is_closed or is_open is None or is_closed is None:
            return ShutterState.UNKNOWN
        if snapshot.state is PropertyState.BUSY:
            return ShutterState.OPENING if is_open else ShutterState.CLOSING
        return ShutterState.OPEN if is_open else ShutterState.CLOSED

    def _moving(self) -> bool | None:
        azimuth, parked = self.snapshot("azimuth"), self.snapshot("parked")
        states = [entry.state for entry in (azimuth, parked) if entry is not None]
        if not states:
            return None if self.rotates else False
        return PropertyState.BUSY in states
