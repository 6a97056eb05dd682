"""The equipment of one profile on one INDI link: roles, guard, state, status.

Every process that touches devices has its own: the telescope service, and safety for closing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.devices import description as descriptions
from ctmo_indi.devices import interlocks
from ctmo_indi.devices.camera import Camera
from ctmo_indi.devices.description import Description
from ctmo_indi.devices.device import Device, Surroundings
from ctmo_indi.devices.dome import Dome, DomeStatus
from ctmo_indi.devices.facts import collect_facts
from ctmo_indi.devices.filter_wheel import FilterWheel
from ctmo_indi.devices.focuser import Focuser
from ctmo_indi.devices.interlocks import MotionRequest
from ctmo_indi.devices.light_panel import LightPanel, set_switch, switch_value, wrong_binding
from ctmo_indi.devices.limits import pointing_at
from ctmo_indi.devices.link import DeviceLink
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.mount import Mount, MountStatus
from ctmo_indi.devices.observatory_state import OBSERVATORY_TABLE, read_state
from ctmo_indi.devices.observatory_status import ObservatoryStatus
from ctmo_indi.devices.one_at_a_time import OneAtATime
from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.devices.placeholders import Value
from ctmo_indi.devices.unanswered import Part, Unanswered
from ctmo_indi.devices.watchdog import Watchdog
from ctmo_indi.devices.weather import Weather
from ctmo_indi.errors import ConfigError, CtmoError, InvalidCommand, NotConnected
from ctmo_indi.indi.events import DeviceRestored, Event
from ctmo_indi.models import dome_geometry
from ctmo_indi.models.dome_geometry import LineOfSight, TubeSide
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Hand, Verdict
from ctmo_indi.profiles import Profile, Role

__all__ = [
    "OBSERVATORY_TABLE",
    "Observatory",
    "ObservatoryStatus",
    "driver_executables",
]

_log = logging.getLogger(__name__)

_NEAR_ARCSEC = 3600.0
# Part -> whose readings speak of it.
_SAID_BY: Mapping[Part, tuple[Role, tuple[str, ...]]] = {
    Part.MOUNT: (Role.MOUNT, ("parked",)),
    Part.AIM: (Role.MOUNT, ("position", "tracking", "parked")),
    Part.SHUTTER: (Role.DOME, ("shutter",)),
    Part.DOME: (Role.DOME, ("parked",)),
    Part.SLIT: (Role.DOME, ("azimuth",)),
}

_CLASSES: Mapping[Role, type[Device]] = {
    Role.MOUNT: Mount,
    Role.CAMERA: Camera,
    Role.FILTER_WHEEL: FilterWheel,
    Role.DOME: Dome,
    Role.FOCUSER: Focuser,
    Role.WEATHER: Weather,
    Role.LIGHT_PANEL: LightPanel,
    Role.WATCHDOG: Watchdog,
}


def driver_executables(profile: Profile, *, site: Path | None = None) -> tuple[str, ...]:
    """Return what indiserver must start for a profile; ConfigError for a bad device file."""
    drivers = []
    for equipment in profile.equipment.values():
        driver = descriptions.load(equipment.description, site=site).driver
        if driver and driver not in drivers:
            drivers.append(driver)
    return tuple(drivers)


class Observatory:
    """The devices of one profile. Made by :meth:`build`; any thread may use it."""

    def __init__(
        self,
        profile: Profile,
        client: DeviceLink,
        clock: Clock,
        files: Mapping[Role, Description],
    ) -> None:
        self.profile = profile
        self.client = client
        self.moves = OwnMoves(clock)
        self._clock = clock
        self._verdict: tuple[Verdict, float] | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self.closing_turn = OneAtATime(clock)
        # Openings and closings under way: they may overlap and end in any order.
        self._phases: dict[object, ObservatoryState] = {}
        self._hands: dict[object, Hand] = {}
        self._alarm = ""
        self._last_state = ObservatoryState.UNKNOWN
        self.unanswered = Unanswered(self._last_word)
        around = Surroundings(self.moves, self.guard, self.unanswered.note)
        self.devices: dict[Role, Device] = {
            role: _CLASSES[role](client, entry, profile.equipment[role], profile, clock, around)
            for role, entry in files.items()
        }

    @classmethod
    def build(
        cls, profile: Profile, client: DeviceLink, clock: Clock, *, site: Path | None = None
    ) -> Observatory:
        """Read the profile's device files and make the roles; nothing is connected yet.

        Raises
        ------
        ConfigError
            Every problem of every file.
        """
        files = {}
        for role, equipment in profile.equipment.items():
            entry = descriptions.load(equipment.description, site=site)
            if entry.role is not role:
                raise descriptions.wrong_role(entry, role)
            files[role] = entry
        observatory = cls(profile, client, clock, files)
        context = observatory.context()
        for device in observatory.devices.values():
            device.configuration(context)
        problems = [
            f"switches.{key}: {problem}"
            for key, binding in profile.switches.items()
            if binding.role in observatory.devices
            and (problem := wrong_binding(observatory.devices[binding.role], binding))
        ]
        if problems:
            raise ConfigError(problems)
        return observatory

    # -- the roles ----------------------------------------------------------------------------

    @property
    def mount(self) -> Mount | None:
        """The mount, None when the profile has none."""
        device = self.devices.get(Role.MOUNT)
        return device if isinstance(device, Mount) else None

    @property
    def camera(self) -> Camera | None:
        """The camera, None when the profile has none."""
        device = self.devices.get(Role.CAMERA)
        return device if isinstance(device, Camera) else None

    @property
    def filter_wheel(self) -> FilterWheel | None:
        """The filter wheel, None when the profile has none."""
        device = self.devices.get(Role.FILTER_WHEEL)
        return device if isinstance(device, FilterWheel) else None

    @property
    def dome(self) -> Dome | None:
        """The dome, None when the profile has none."""
        device = self.devices.get(Role.DOME)
        return device if isinstance(device, Dome) else None

    @property
    def focuser(self) -> Focuser | None:
        """The focuser, None when the profile has none."""
        device = self.devices.get(Role.FOCUSER)
        return device if isinstance(device, Focuser) else None

    @property
    def weather(self) -> Weather | None:
        """The weather station, None when the profile has none."""
        device = self.devices.get(Role.WEATHER)
        return device if isinstance(device, Weather) else None

    @property
    def light_panel(self) -> LightPanel | None:
        """The flat-field panel, None when the profile has none."""
        device = self.devices.get(Role.LIGHT_PANEL)
        return device if isinstance(device, LightPanel) else None

    @property
    def watchdog(self) -> Watchdog | None:
        """INDI's WatchDog driver, None when the profile has none."""
        device = self.devices.get(Role.WATCHDOG)
        return device if isinstance(device, Watchdog) else None

    # -- connecting ---------------------------------------------------------------------------

    def context(self) -> dict[str, Value]:
        """Return what the placeholders of device files stand for."""
        site, optics = self.profile.site, self.profile.optics
        context: dict[str, Value] = {
            "site.name": site.name,
            "site.latitude_deg": site.latitude_deg,
            "site.longitude_deg": site.longitude_deg,
            "site.longitude_east_deg": site.longitude_deg % 360.0,
            "site.elevation_m": site.elevation_m,
            "optics.aperture_mm": optics.aperture_mm,
            "optics.focal_length_mm": optics.focal_length_mm,
            "safety.weather_update_s": self.profile.safety.weather_update_s,
            "indiserver.port": str(self.profile.indiserver.port),
        }
        for role in Role:
            device = self.devices.get(role)
            context[f"{role}.device"] = device.name if device else ""
        return context

    def connect_all(self, timeout_s: float | None = None, *, leave: Collection[str] = ()) -> None:
        """Connect and configure what is not yet, but for the WatchDog, all at once; blocks.

        A device that fails does not keep the others from connecting. Called again, it leaves those
        alone that are connected and configured: they may be exposing or moving.

        Parameters
        ----------
        timeout_s
            Not longer than this for each device, elapsed seconds; None: as its file says.
        leave
            Names of devices that are left alone.

        Raises
        ------
        NotConnected
            Names every device that did not connect, and why.
        """
        context = self.context()
        if self._unsubscribe is None:
            self._unsubscribe = self.client.subscribe(self._on_event)

        def connect(device: Device) -> str | None:
            try:
                device.connect(context, timeout_s)
            except CtmoError as error:
                _log.warning("device_connect_failed device=%r error=%s", device.name, error)
                return f"{device.name}: {error}"
            _log.info("device_connected device=%r role=%s", device.name, device.description.role)
            return None

        with ThreadPoolExecutor(max(1, len(self.devices)), "connect") as pool:
            devices = [
                each
                for each in self.devices.values()
                if each.is_connected_with_others and each.name not in leave and not each.is_set_up
            ]
            failures = [text for text in pool.map(connect, devices) if text]
        if self.mount in devices and self.mount is not None and self.mount.is_connected:
            self._set_time()
        if failures:
            raise NotConnected("; ".join(failures))

    def missing(self, leave: Collection[str] = ()) -> tuple[str, ...]:
        """Names of devices that :meth:`connect_all` should connect now; never blocks."""
        return tuple(
            each.name
            for each in self.devices.values()
            if each.is_connected_with_others and each.is_missing and each.name not in leave
        )

    def close(self) -> None:
        """Listen no more to the link; the client is its owner's."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, DeviceRestored):
            return
        for device in self.devices.values():
            if device.name == event.device:
                device.set_initial()
        if self.mount is not None and self.mount.name == event.device:
            self._set_time()

    def _set_time(self) -> None:
        mount = self.mount
        if mount is None:
            return
        try:
            mount.set_time()
        except CtmoError as error:
            _log.warning("set_time_failed device=%r error=%s", mount.name, error)

    # -- state --------------------------------------------------------------------------------

    def state(self) -> ObservatoryState:
        """Return what mount and dome are together now; never blocks."""
        return self._observe(
            self.mount.status() if self.mount else None, self.dome.status() if self.dome else None
        )

    def status(self) -> ObservatoryStatus:
        """Return everything the devices say now; never blocks."""
        mount = self.mount.status() if self.mount else None
        dome = self.dome.status() if self.dome else None
        state = self._observe(mount, dome)
        return ObservatoryStatus(
            state=state,
            utc=self._clock.utc(),
            alarm=self._alarm,
            mount=mount,
            dome=dome,
            camera=self.camera.status() if self.camera else None,
            filter_wheel=self.filter_wheel.status() if self.filter_wheel else None,
            focuser=self.focuser.status() if self.focuser else None,
            weather=self.weather.status() if self.weather else None,
            light_panel=self.light_panel.status() if self.light_panel else None,
            switches={
                key: switch_value(self.devices[binding.role], binding)
                for key, binding in self.profile.switches.items()
                if binding.role in self.devices
            },
            line_of_sight=self._line_of_sight(mount),
            unfit={role: each.unfit for role, each in self.devices.items() if each.unfit},
        )

    def _line_of_sight(self, mount: MountStatus | None) -> LineOfSight | None:
        if mount is None or mount.hour_angle_h is None or mount.eod_dec_deg is None:
            return None
        if self.dome is None or not self.dome.rotates:
            return None
        side = TubeSide(mount.pier_side) if mount.pier_side else None
        latitude_deg, measured = self.profile.site.latitude_deg, self.dome.measurements()
        try:
            return dome_geometry.line_of_sight(
                mount.hour_angle_h, mount.eod_dec_deg, latitude_deg, measured, side
            )
        except ValueError:  # a motion of the dome tells it
            return None

    @property
    def is_closing(self) -> bool:
        """Whether a closing of this process is under way: nothing goes out against it."""
        with self._lock:
            return ObservatoryState.CLOSING in self._phases.values()

    @contextmanager
    def phase(self, state: ObservatoryState) -> Iterator[None]:
        """Show OPENING or CLOSING while the block runs, whatever single devices say."""
        token = object()
        with self._lock:
            self._phases[token] = state
        try:
            yield
        finally:
            with self._lock:
                del self._phases[token]

    @contextmanager
    def by_hand_of(self, hand: Hand) -> Iterator[None]:
        """Count what is sent while the block runs as that human's: his own lock allows it."""
        token = object()
        with self._lock:
            self._hands[token] = hand
        try:
            yield
        finally:
            with self._lock:
                del self._hands[token]

    @property
    def acting_for(self) -> frozenset[Hand]:
        """Humans whose orders by hand are carried out now."""
        with self._lock:
            return frozenset(self._hands.values())

    def raise_alarm(self, reason: str) -> None:
        """Show ALARM until the devices are read as closed."""
        self._alarm = reason
        _log.critical("observatory_alarm reason=%r", reason)

    def _observe(self, mount: MountStatus | None, dome: DomeStatus | None) -> ObservatoryState:
        can_park = self.mount.can_park if self.mount else True
        state = read_state(mount, dome, mount_can_park=can_park)
        with self._lock:
            if state is ObservatoryState.CLOSED:
                self._alarm = ""
            if self._phases:
                state = next(reversed(self._phases.values()))
            elif self._alarm:
                state = ObservatoryState.ALARM
            before, self._last_state = self._last_state, state
        if before is not state:
            usual = OBSERVATORY_TABLE.allows(before, state)
            level = logging.INFO if usual else logging.WARNING
            _log.log(level, "observatory_state before=%s now=%s usual=%s", before, state, usual)
        return state

    # -- interlocks ---------------------------------------------------------------------------

    def hear_verdict(self, verdict: Verdict | None, age_machine_s: float = 0.0) -> None:
        """Take the newest verdict of safety, any thread.

        Parameters
        ----------
        age_machine_s
            How old it is already, machine seconds: told again, with another lock or latch, a
            verdict is no younger.
        """
        heard_s = self._clock.machine_s() - age_machine_s
        self._verdict = None if verdict is None else (verdict, heard_s)

    @property
    def verdict(self) -> Verdict | None:
        """The newest verdict, however old; see :meth:`verdict_age_s`."""
        return self._verdict[0] if self._verdict else None

    def verdict_age_s(self) -> float | None:
        """Machine seconds since the verdict was made; None when there never was one."""
        heard = self._verdict
        return None if heard is None else self._clock.machine_s() - heard[1]

    def guard(self, request: MotionRequest) -> None:
        """Refuse a motion that is forbidden now; asked early, and again as it is sent.

        Raises
        ------
        Locked, Stopped, Unsafe, Interlocked
            As :func:`interlocks.check`.
        """
        utc = self._clock.utc()
        target = None
        if request.target_icrs_deg is not None:
            target = pointing_at(*request.target_icrs_deg, self.profile.site, utc)
        interlocks.check(request.motion, target, collect_facts(self, request, target, utc))

    def dome_azimuth_deg(self, ra_deg: float, dec_deg: float) -> float | None:
        """Return the azimuth the slit needs for an ICRS pointing now; None without a dome.

        The side of the pier is the mount's own word once it points there, before that the usual
        one. InvalidCommand when the dome's measurements cannot be right.
        """
        if self.dome is None or not self.dome.rotates:
            return None
        try:
            return dome_geometry.slit_azimuth_for_icrs_deg(
                ra_deg,
                dec_deg,
                self.profile.site,
                self._clock.utc(),
                self.dome.measurements(),
                self._tube_side(ra_deg, dec_deg),
            )
        except ValueError as error:
            raise InvalidCommand(f"{self.dome.name}: DOME_MEASUREMENTS: {error}") from error

    def switch(self, key: str, on: bool) -> Motion[bool]:
        """Set a switch that the profile binds to a key of Dome orders.

        Raises
        ------
        InvalidCommand
            The profile binds no such key; the message lists those it does.
        """
        binding = self.profile.switches.get(key)
        if binding is None or binding.role not in self.devices:
            known = ", ".join(self.profile.switches) or "none"
            raise InvalidCommand(f"no switch {key!r} in the profile; there are {known}")
        return set_switch(self.devices[binding.role], binding, on)

    def _last_word(self, part: Part) -> int | None:
        role, readings = _SAID_BY[part]
        device = self.devices.get(role)
        said = [device.snapshot(reading) for reading in readings] if device else []
        return max((one.generation for one in said if one is not None), default=None)

    def _tube_side(self, ra_deg: float, dec_deg: float) -> TubeSide | None:
        error_arcsec = self.mount.error_arcsec(ra_deg, dec_deg) if self.mount else None
        if self.mount is None or error_arcsec is None or error_arcsec > _NEAR_ARCSEC:
            return None
        side = self.mount.status().pier_side
        return TubeSide(side) if side else None
