"""The mount: ICRS degrees outside, apparent-of-date hours at its property."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from ctmo_indi.clock import Deadline
from ctmo_indi.devices.device import Device
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.motion_kinds import MotionKind, MotionRequest
from ctmo_indi.devices.parking import is_parked, is_parking
from ctmo_indi.devices.placeholders import Value
from ctmo_indi.errors import CommandRejected, CommandTimeout, DeviceError, SafetyError
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models import coordinates

_log = logging.getLogger(__name__)

_STILL = frozenset({PropertyState.OK, PropertyState.IDLE})
_TELL_MACHINE_S = 0.2
_VERIFY_S = 20.0
# Under a fast clock 10 ms of a loaded machine are the whole time to settle.
_SETTLE_FLOOR_MACHINE_S = 2.0
_SLOTS = ("pointing",)


@dataclass(frozen=True, slots=True)
class MountStatus:
    """What the mount is now; None is "not known".

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS.
    eod_ra_hours, eod_dec_deg
        Apparent of date, as the mount says.
    alt_deg, az_deg, hour_angle_h
        Of where it points now at the site.
    age_s
        Elapsed seconds since the last position; a mount may be silent while it tracks.
    """

    connected: bool
    ra_deg: float | None = None
    dec_deg: float | None = None
    eod_ra_hours: float | None = None
    eod_dec_deg: float | None = None
    alt_deg: float | None = None
    az_deg: float | None = None
    hour_angle_h: float | None = None
    tracking: bool | None = None
    parked: bool | None = None
    slewing: bool | None = None
    pier_side: str | None = None
    age_s: float | None = None


class Mount(Device):
    """A mount. Commands return a :class:`Motion` at once; status never blocks; any thread."""

    # Clock minus monotonic clock, machine seconds, when the mount's own clock was set last.
    _clock_offset_s: float | None = None

    @property
    def can_park(self) -> bool:
        """Whether it can be parked at all."""
        return self.description.can("park")

    def status(self) -> MountStatus:
        """Return what is known now; does not ask the driver."""
        if not self.is_connected:
            return MountStatus(connected=False)
        utc = self._clock.utc()
        position = self._position(utc)
        parked = is_parked(self)
        slewing = self._slewing()
        common = {
            "connected": True,
            "tracking": self._tracking(parked, slewing),
            "parked": parked,
            "slewing": slewing,
            "pier_side": self._pier_side(),
            "age_s": self.age_s("position"),
        }
        if position is None:
            return MountStatus(**common)  # type: ignore[arg-type]  # the fields just named
        ra_deg, dec_deg, eod_ra_hours, eod_dec_deg = position
        site = self.profile.site
        alt_deg, az_deg = coordinates.eod_to_altaz(eod_ra_hours, eod_dec_deg, site, utc)
        return MountStatus(
            ra_deg=ra_deg,
            dec_deg=dec_deg,
            eod_ra_hours=eod_ra_hours,
            eod_dec_deg=eod_dec_deg,
            alt_deg=alt_deg,
            az_deg=az_deg,
            hour_angle_h=coordinates.eod_hour_angle_h(eod_ra_hours, site, utc),
            **common,  # type: ignore[arg-type]  # the fields just named
        )

    def error_arcsec(self, ra_deg: float, dec_deg: float) -> float | None:
        """Return the angle between where it points and an ICRS position; None when not known."""
        position = self._position(self._clock.utc())
        if position is None:
            return None
        return 3600.0 * coordinates.separation_deg(position[0], position[1], ra_deg, dec_deg)

    def start_slew(
        self, ra_deg: float, dec_deg: float, *, closed_dome: bool = False
    ) -> Motion[MountStatus]:
        """Slew to an ICRS position and track it; returns at once.

        The mount's clock is set first when ours was set by more than ``clock_step_max_s`` since.
        Tracking is switched on first, since a mount may otherwise end beside the target by what
        the sky turned meanwhile; a miss of more than ``slew_tolerance_arcsec`` is slewed again.

        Raises
        ------
        SafetyError
            The interlocks refuse; nothing was sent. They are asked again before each command.
        """
        request = MotionRequest(MotionKind.SLEW, (ra_deg, dec_deg), closed_dome=closed_dome)
        self.check(request)
        return self.begin("slew", lambda motion: self._slew(motion, request), _SLOTS)

    def slew(
        self,
        ra_deg: float,
        dec_deg: float,
        timeout_s: float | None = None,
        *,
        closed_dome: bool = False,
    ) -> MountStatus:
        """Slew and block until there; as :meth:`start_slew`, and DeviceError when it failed."""
        return self.start_slew(ra_deg, dec_deg, closed_dome=closed_dome).wait(timeout_s)

    def park(self) -> Motion[MountStatus]:
        """Stop a slew and park; allowed at any time but under a maintenance lock."""
        self.allow(MotionKind.PARK_MOUNT)
        return self.begin("park", self._park, _SLOTS)

    def unpark(self, *, closed_dome: bool = False) -> Motion[MountStatus]:
        """Unpark; it does not track afterwards.

        Another process may tell the shutter to close in the same few milliseconds. So the
        interlocks are asked once more when it is unparked, and it is parked again, from where it
        still stands, when they refuse.
        """
        request = MotionRequest(MotionKind.UNPARK_MOUNT, closed_dome=closed_dome)
        self.check(request)

        def body(motion: Motion[MountStatus]) -> MountStatus:
            if is_parked(self) is not False:
                self.perform(motion, "unpark", request=request)
                try:
                    self.check(request)
                except SafetyError:
                    self.perform(motion, "park")
                    raise
            return self.status()

        return self.begin("unpark", body, _SLOTS)

    def set_tracking(self, on: bool, *, closed_dome: bool = False) -> Motion[MountStatus]:
        """Switch tracking on or off; UnknownProperty when the mount has no such switch."""
        motion_kind = MotionKind.TRACK if on else MotionKind.STOP_TRACKING
        request = MotionRequest(motion_kind, closed_dome=closed_dome)
        self.check(request)
        self.description.operation("track_on" if on else "track_off")

        def body(motion: Motion[MountStatus]) -> MountStatus:
            self.perform(motion, "track_on" if on else "track_off", request=request)
            return self.status()

        # Sent into a park, TRACK_ON would end it: whatever moves the mount next cancels it first.
        return self.begin("track" if on else "stop tracking", body, _SLOTS if on else ())

    def abort(self) -> Motion[MountStatus]:
        """Stop every motion and verify that tracking is off and stays off.

        A mount may resume tracking after an abort (the simulator: 1 s later); it is switched off
        until it was quiet for ``abort_quiet_s``. A mount without a tracking switch is only
        stopped: the result's ``tracking`` then says what is known, and parking stops it.
        """
        self.allow(MotionKind.ABORT_MOUNT)
        return self.begin("abort", self._abort, _SLOTS)

    def set_time(self) -> None:
        """Set the mount's clock, where the device file has that operation; does not block."""
        if self.description.can("set_time"):
            offset_s = self._offset_s()
            self.send("set_time", self._time_arguments())
            self._clock_offset_s = offset_s

    def _set_time_again(self, motion: Motion[MountStatus]) -> None:
        """Set the mount's clock when ours was set since: it would point beside by the step.

        A slew needs a SAFE verdict, which there is only when our clock is believed. A mount that
        refuses is not slewed.
        """
        before_s, offset_s = self._clock_offset_s, self._offset_s()
        if before_s is None or abs(offset_s - before_s) <= self.profile.safety.clock_step_max_s:
            return
        _log.warning("mount_clock_set device=%r off_s=%+.3f", self.name, offset_s - before_s)
        self.perform(motion, "set_time", self._time_arguments())
        self._clock_offset_s = offset_s

    def _offset_s(self) -> float:
        return (self._clock.utc().timestamp() - self._clock.elapsed_s()) / self._clock.speed

    def _time_arguments(self) -> dict[str, Value]:
        utc = self._clock.utc()
        return {
            "utc": utc.strftime("%Y-%m-%dT%H:%M:%S"),
            "utc_date": utc.strftime("%Y-%m-%d"),
            "utc_time": utc.strftime("%H:%M:%S"),
        }

    def _slew(self, motion: Motion[MountStatus], request: MotionRequest) -> MountStatus:
        assert request.target_icrs_deg is not None  # start_slew made it
        ra_deg, dec_deg = request.target_icrs_deg
        self._set_time_again(motion)
        for _ in range(int(self.description.quirk("slew_attempts", 2))):
            self.check(request)
            if self.description.can("track_on") and self.status().tracking is not True:
                track = MotionRequest(MotionKind.TRACK, closed_dome=request.closed_dome)
                self.perform(motion, "track_on", request=track)
            self.perform(motion, "slew", self._slew_arguments(ra_deg, dec_deg), request=request)
            if self._settles(motion, ra_deg, dec_deg):
                return self.status()
        missed = self._missed_by(ra_deg, dec_deg)
        if missed:
            raise CommandRejected(f"{motion.label}: {missed}")
        return self.status()

    def _settles(self, motion: Motion[MountStatus], ra_deg: float, dec_deg: float) -> bool:
        """Wait until it stands on the target; False when it stands elsewhere, or goes on for ever.

        The end of a slew may have been told before it began, by an update that was under way: as
        long as it moves, its time to correct itself has not begun.
        """
        settle_s = self.description.quirk("settle_s", 3.0)
        finish_s = self.description.operation("slew").finish_s
        limit = Deadline(self._clock, finish_s, _SETTLE_FLOOR_MACHINE_S)
        while True:
            is_there = self.wait_until(
                motion,
                lambda: not self._missed_by(ra_deg, dec_deg),
                settle_s,
                _SETTLE_FLOOR_MACHINE_S,
            )
            if is_there or self._slewing() is not True or limit.expired:
                return is_there
            left_s = limit.remaining_machine_s() * self._clock.speed
            self.wait_until(motion, lambda: self._slewing() is not True, left_s)

    def _missed_by(self, ra_deg: float, dec_deg: float) -> str:
        """Say how it does not stand on the target; empty when it does."""
        tolerance_arcsec = self.description.quirk("slew_tolerance_arcsec", 20.0)
        error_arcsec = self.error_arcsec(ra_deg, dec_deg)
        if error_arcsec is None:
            return "where it points is not known"
        if error_arcsec > tolerance_arcsec:
            return (
                f"ended {error_arcsec:.0f} arcsec off the target, "
                f"tolerance {tolerance_arcsec:g} arcsec"
            )
        slewing = self._slewing()
        if slewing is True:
            return f"on the target, {error_arcsec:.0f} arcsec off, but it still moves"
        if slewing is None:
            snapshot = self.snapshot("position")
            state = "not there" if snapshot is None else snapshot.state
            return f"on the target, but its position is {state}, expected Ok or Idle"
        return ""

    def _slew_arguments(self, ra_deg: float, dec_deg: float) -> dict[str, Value]:
        eod_ra_hours, eod_dec_deg = coordinates.icrs_to_eod(ra_deg, dec_deg, self._clock.utc())
        return {
            "ra_hours": eod_ra_hours,
            "dec_deg": eod_dec_deg,
            "icrs_ra_hours": ra_deg / 15.0,
            "icrs_dec_deg": dec_deg,
        }

    def _park(self, motion: Motion[MountStatus]) -> MountStatus:
        if self._slewing() is True and not is_parking(self):
            motion.pause(_TELL_MACHINE_S)  # a park just begun moves it before it is told as one
        if is_parking(self):
            # Another closer's (safety's, the WatchDog's): to abort it and begin again, each time
            # one of us tries, would leave the mount out.
            half_s = self.description.operation("park").finish_s / 2
            self.wait_until(motion, lambda: not is_parking(self), half_s)
        if is_parked(self) is True:
            return self.status()
        if self._slewing() is not False:
            # A refused abort must not keep it from parking.
            try:
                self.perform(motion, "abort")
            except DeviceError:
                motion.check_canceled()
        self.perform(motion, "park")
        if not self.wait_until(motion, lambda: is_parked(self) is True, 5.0):
            raise CommandRejected(f"{motion.label}: the driver does not confirm that it is parked")
        return self.status()

    def _abort(self, motion: Motion[MountStatus]) -> MountStatus:
        if is_parked(self) is True:
            return self.status()
        self.perform(motion, "abort")
        if not self.wait_until(motion, lambda: self._slewing() is False, _VERIFY_S):
            raise CommandTimeout(f"{motion.label}: it still moves {_VERIFY_S:g} s after the abort")
        if not self.description.can("track_off"):
            return self.status()
        quiet_s = self.description.quirk("abort_quiet_s", 2.5)
        for _ in range(3):
            if self.switch("tracking", "on") is not False:
                self.perform(motion, "track_off")
            if not self.wait_until(motion, lambda: self.switch("tracking", "on") is True, quiet_s):
                return self.status()
        raise CommandTimeout(f"{motion.label}: tracking comes back after each stop")

    def _position(self, utc: datetime) -> tuple[float, float, float, float] | None:
        reading = self.description.readings["position"]
        dec_deg = self.number("position", "dec_deg")
        ra_hours = self.number("position", "ra_hours")
        if ra_hours is None:
            ra_deg = self.number("position", "ra_deg")
            ra_hours = None if ra_deg is None else ra_deg / 15.0
        if ra_hours is None or dec_deg is None:
            return None
        if reading.frame == "icrs":
            eod_ra_hours, eod_dec_deg = coordinates.icrs_to_eod(ra_hours * 15.0, dec_deg, utc)
            return ra_hours * 15.0, dec_deg, eod_ra_hours, eod_dec_deg
        ra_deg, icrs_dec_deg = coordinates.eod_to_icrs(ra_hours, dec_deg, utc)
        return ra_deg, icrs_dec_deg, ra_hours, dec_deg

    def _slewing(self) -> bool | None:
        position, parked = self.snapshot("position"), self.snapshot("parked")
        if position is None:
            return None
        if parked is not None and parked.state is PropertyState.BUSY:
            return True
        if position.state is PropertyState.BUSY:
            return True
        return False if position.state in _STILL else None

    def _tracking(self, parked: bool | None, slewing: bool | None) -> bool | None:
        if parked is True:
            return False
        if self.snapshot("tracking") is not None:
            on = self.switch("tracking", "on")
            return on if on is not None else None
        if self.description.quirks.get("tracks_when") == "position_ok" and slewing is False:
            position = self.snapshot("position")
            return position is not None and position.state is PropertyState.OK
        return None

    def _pier_side(self) -> str | None:
        for word in ("west", "east"):
            if self.switch("pier_side", word):
                return word
        return None
