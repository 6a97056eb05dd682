"""The :class:`~ctmo_indi.telescope.hands.Hands` of a real observatory: roles of ``devices/``.

A motion of a role becomes a future; a role that refuses at once gives a failed one, so that deeds
begun side by side can be waited for (and stopped) together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from ctmo_indi.clock import Clock
from ctmo_indi.devices.camera import Camera, Exposure, Frame
from ctmo_indi.devices.closing import close_observatory, until_stopped
from ctmo_indi.devices.dome import Dome
from ctmo_indi.devices.limits import limit_violations, pointing_at
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.mount import Mount
from ctmo_indi.devices.observatory import Observatory, ObservatoryStatus
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.errors import CommandRejected, CtmoError, Interlocked, InvalidCommand
from ctmo_indi.indi.link import LinkState
from ctmo_indi.models import sun_moon
from ctmo_indi.models.verdict import Hand, Latch, Lock
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.telescope.hands import Deed, ExposureSpec, RawFrame, Sight

ResultT = TypeVar("ResultT")
AnyMotion = Motion[Any]  # Any: what a motion returns is read from the status afterwards


class Link(Protocol):
    """What is needed of the INDI client besides the roles."""

    @property
    def link(self) -> LinkState:
        """How the link to the server stands."""
        ...


class DeviceHands:
    """Engine thread only; openings and closings run in threads of their own."""

    def __init__(
        self, observatory: Observatory, link: Link, profile: Profile, clock: Clock
    ) -> None:
        self._observatory = observatory
        self._link = link
        self._profile = profile
        self._clock = clock
        self._pool = ThreadPoolExecutor(4, "telescope-hands")

    def shut(self) -> None:
        """Begin nothing more; any thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- looking -----------------------------------------------------------------------------------

    def sight(self) -> Sight:
        """Read the devices' last word."""
        status = self._observatory.status()
        mount, dome, camera = status.mount, status.dome, status.camera
        wheel, focuser, panel = status.filter_wheel, status.focuser, status.light_panel
        return Sight(
            state=status.state,
            link_up=self._link.link is LinkState.UP,
            lost=_lost(status),
            ra_deg=mount.ra_deg if mount else None,
            dec_deg=mount.dec_deg if mount else None,
            altitude_deg=mount.alt_deg if mount else None,
            azimuth_deg=mount.az_deg if mount else None,
            tracking=mount.tracking if mount else None,
            parked=mount.parked if mount else None,
            slewing=bool(mount and mount.slewing),
            dome_azimuth_deg=dome.az_deg if dome else None,
            dome_parked=dome.parked if dome else None,
            dome_moving=bool(dome and dome.moving),
            shutter=str(dome.shutter) if dome else "UNKNOWN",
            filter_name=wheel.filter_name if wheel else None,
            exposing=camera.exposing if camera else None,
            ccd_temperature_c=camera.temperature_c if camera else None,
            focus_position=focuser.position if focuser else None,
            lamp=panel.is_on if panel else None,
            switches=status.switches or {},
            wire=status.to_wire(),
        )

    def dome_azimuth_for(self, ra_deg: float, dec_deg: float) -> float | None:
        """Azimuth the dome needs for a pointing (ICRS) now; None without a dome."""
        return self._observatory.dome_azimuth_deg(ra_deg, dec_deg)

    def check_target(self, ra_deg: float, dec_deg: float, after_s: float) -> None:
        """Raise Interlocked when limits forbid the pointing now or ``after_s`` from now."""
        site, limits = self._profile.site, self._profile.limits
        now = self._clock.utc()
        for utc, when in ((now, "now"), (now + timedelta(seconds=after_s), "at the end")):
            pointing = pointing_at(ra_deg, dec_deg, site, utc)
            found = limit_violations(pointing, limits, sun_moon.sun_altitude_deg(site, utc))
            if found:
                messages = "; ".join(violation.message for violation in found)
                raise Interlocked(f"{messages} ({when})")

    # -- the whole observatory ---------------------------------------------------------------------

    def open(self, report: Callable[[str], None], give_way: Callable[[], str | None]) -> Deed:
        """Open the observatory, until ``give_way`` says why not."""
        return self._pool.submit(self._open, report, give_way)

    def close(self, report: Callable[[str], None]) -> Deed:
        """Close it; fails with what could not be confirmed."""
        return self._pool.submit(self._close, report)

    def _open(self, report: Callable[[str], None], give_way: Callable[[], str | None]) -> None:
        open_observatory(
            self._observatory, self._profile.safety, self._clock, report=report, give_way=give_way
        )

    def _close(self, report: Callable[[str], None]) -> None:
        def latch() -> Latch | None:
            verdict = self._observatory.verdict
            return verdict.latch if verdict else None

        def lock() -> Lock | None:
            verdict = self._observatory.verdict
            return verdict.lock if verdict else None

        done = close_observatory(
            self._observatory,
            self._profile.safety,
            self._clock,
            report=report,
            give_way=until_stopped(latch, lock),
        )
        if not done.confirmed:
            raise CommandRejected(f"not closed: {'; '.join(dict.fromkeys(done.failures))}")

    # -- single motions ----------------------------------------------------------------------------

    def slew(self, ra_deg: float, dec_deg: float) -> Deed:
        """Slew to ICRS coordinates and track there."""
        return _begin(lambda: self._mount().start_slew(ra_deg, dec_deg))

    def track(self, on: bool) -> Deed:
        """Switch sidereal tracking; a mount without that switch tracks after a slew."""
        mount = self._observatory.mount
        if mount is not None and not mount.description.can("track_on" if on else "track_off"):
            return _done()
        return _begin(lambda: self._mount().set_tracking(on))

    def park(self) -> Deed:
        """Park the mount."""
        return _begin(lambda: self._mount().park())

    def unpark(self) -> Deed:
        """Unpark the mount; one that cannot park is never parked."""
        mount = self._observatory.mount
        if mount is not None and not mount.can_park:
            return _done()
        return _begin(lambda: self._mount().unpark())

    def abort_motion(self) -> Deed:
        """Stop mount and dome, and leave the mount not tracking."""
        roles: list[Mount | Dome | None] = [self._observatory.mount, self._observatory.dome]
        return _together([_begin(role.abort) for role in roles if role is not None])

    def dome_azimuth(self, azimuth_deg: float) -> Deed:
        """Turn the dome."""
        return _begin(lambda: self._dome().goto(azimuth_deg))

    def dome_park(self, parked: bool) -> Deed:
        """Park or unpark the dome; both may move the shutter."""
        return _begin(lambda: self._dome().park() if parked else self._dome().unpark())

    def shutter(self, opened: bool) -> Deed:
        """Open or close the shutter."""
        return _begin(
            lambda: self._dome().open_shutter() if opened else self._dome().close_shutter()
        )

    def select_filter(self, filter_name: str) -> Deed:
        """Turn the wheel to a filter of the profile."""
        return _begin(
            lambda: _require(self._observatory.filter_wheel, Role.FILTER_WHEEL).select(filter_name)
        )

    def focus(self, position: float) -> Deed:
        """Move the focuser."""
        return _begin(lambda: _require(self._observatory.focuser, Role.FOCUSER).goto(position))

    def lamp(self, on: bool) -> Deed:
        """Switch the flat-field lamp."""
        return _begin(
            lambda: _require(self._observatory.light_panel, Role.LIGHT_PANEL).set_light(on)
        )

    def switch(self, key: str, on: bool) -> Deed:
        """Switch what the profile binds to a key of Dome orders."""
        return _begin(lambda: self._observatory.switch(key, on))

    def expose(self, spec: ExposureSpec) -> DeviceExposure:
        """Start an exposure; raises what the camera or the interlocks refuse."""
        camera: Camera = _require(self._observatory.camera, Role.CAMERA)
        return DeviceExposure(
            camera,
            camera.expose(
                spec.exposure_s,
                spec.frame_type,
                spec.binning,
                prefix=spec.exposure_id,
                target_icrs_deg=spec.target_icrs_deg,
            ),
        )

    def abort_exposure(self) -> Deed:
        """Stop whatever the camera exposes; nothing to do is fine."""
        return _begin(lambda: _require(self._observatory.camera, Role.CAMERA).abort())

    def by_hand_of(self, hand: Hand) -> AbstractContextManager[None]:
        """Count what is begun while the block runs as that human's."""
        return self._observatory.by_hand_of(hand)

    def let_go(self, role: Role, reason: str) -> None:
        """Follow no deed of that device any longer; it is not told."""
        device = self._observatory.devices.get(role)
        if device is not None:
            device.let_go(reason)

    def _mount(self) -> Mount:
        return _require(self._observatory.mount, Role.MOUNT)

    def _dome(self) -> Dome:
        return _require(self._observatory.dome, Role.DOME)


class DeviceExposure:
    """An exposure under way."""

    def __init__(self, camera: Camera, exposure: Exposure) -> None:
        self._camera = camera
        self._exposure = exposure
        self.future: Future[RawFrame] = Future()
        exposure.add_done_callback(self._ended)

    def has_begun(self) -> bool:
        """Whether the camera is seen to expose."""
        return self._camera.status().exposing is True

    def abort(self) -> Deed:
        """Stop it; ``future`` then fails with CommandCanceled."""
        return _begin(self._exposure.abort)

    def _ended(self, motion: Motion[Frame]) -> None:
        error = motion.exception()
        if error is not None:
            self.future.set_exception(error)
            return
        frame = motion.wait(0.0)
        self.future.set_result(RawFrame(frame.data, frame.path, frame.started_utc))


def _lost(status: ObservatoryStatus) -> frozenset[Role]:
    """Roles that are not connected, or have not yet said what a command needs to know."""
    lost = set(status.disconnected) | (status.unfit.keys() & {Role.MOUNT, Role.DOME})
    if status.mount is not None and status.mount.ra_deg is None:
        lost.add(Role.MOUNT)
    if status.camera is not None and status.camera.exposing is None:
        lost.add(Role.CAMERA)
    if status.filter_wheel is not None and status.filter_wheel.slot is None:
        lost.add(Role.FILTER_WHEEL)
    return frozenset(lost)


def _require(device: ResultT | None, role: Role) -> ResultT:
    if device is None:
        raise InvalidCommand(f"the profile has no {role}")
    return device


def _begin(start: Callable[[], AnyMotion]) -> Deed:
    """Start a motion and follow it; a refusal is a failed future."""
    future: Deed = Future()
    try:
        motion = start()
    except CtmoError as error:
        future.set_exception(error)
        return future

    def ended(motion: AnyMotion) -> None:
        error = motion.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(None)

    motion.add_done_callback(ended)
    return future


def _done() -> Deed:
    future: Deed = Future()
    future.set_result(None)
    return future


def _together(deeds: Sequence[Deed]) -> Deed:
    """One future for several: done with the last, failed with the first failure then."""
    if len(deeds) < 2:
        return deeds[0] if deeds else _done()
    whole: Deed = Future()
    left = [len(deeds)]
    lock = threading.Lock()

    def one_ended(_: Deed) -> None:
        with lock:
            left[0] -= 1
            if left[0]:
                return
        error = next((e for deed in deeds if (e := deed.exception()) is not None), None)
        if error is not None:
            whole.set_exception(error)
        else:
            whole.set_result(None)

    for deed in deeds:
        deed.add_done_callback(one_ended)
    return whole
