"""Collect what the interlocks look at from the devices, the sky and the verdict; never blocks."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from ctmo_indi.devices.interlocks import Facts, MotionRequest, ShutterState
from ctmo_indi.devices.limits import Pointing, path_sun_separation_deg
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.devices.parking import is_parking
from ctmo_indi.devices.unanswered import Part
from ctmo_indi.errors import InvalidCommand
from ctmo_indi.models import sun_moon
from ctmo_indi.safety_policy import MountFailedPolicy

if TYPE_CHECKING:
    from ctmo_indi.devices.observatory import Observatory

_log = logging.getLogger(__name__)


def collect_facts(
    observatory: Observatory, request: MotionRequest, target: Pointing | None, utc: datetime
) -> Facts:
    """Return what is known now about the motion that is asked for."""
    profile = observatory.profile
    mount_role, dome_role, camera_role = observatory.mount, observatory.dome, observatory.camera
    mount = mount_role.status() if mount_role else None
    dome = dome_role.status() if dome_role else None
    told = observatory.unanswered.place
    shutter = told(Part.SHUTTER) or (dome.shutter if dome else ShutterState.UNKNOWN)
    return Facts(
        verdict=observatory.verdict,
        verdict_age_s=observatory.verdict_age_s(),
        sun_altitude_deg=sun_moon.sun_altitude_deg(profile.site, utc),
        sun_max_altitude_deg=profile.safety.sun_max_altitude_deg,
        limits=profile.limits,
        has_mount=mount is not None,
        mount_parked=None if told(Part.MOUNT) else _mount_parked(observatory, mount),
        mount_tracking=mount.tracking if mount else None,
        mount_slewing=None if told(Part.AIM) or mount is None else mount.slewing,
        mount_error_arcsec=_mount_error_arcsec(observatory, mount, target),
        path_sun_separation_deg=_path_deg(mount, target, utc),
        has_dome=dome is not None,
        shutter=ShutterState(shutter),
        dome_can_park=dome_role.can_park if dome_role else False,
        dome_parked=None if told(Part.DOME) or dome is None else dome.parked,
        dome_rotates=dome_role.rotates if dome_role else False,
        dome_error_deg=None if told(Part.SLIT) else _dome_error_deg(observatory, target),
        camera_busy=camera_role.status().exposing if camera_role else None,
        closed_dome=request.closed_dome,
        emergency=request.emergency,
        acting_for=observatory.acting_for,
        closing=observatory.is_closing,
        closes_over=profile.safety.mount_failed is MountFailedPolicy.CLOSE,
    )


def _mount_parked(observatory: Observatory, mount: MountStatus | None) -> bool | None:
    if mount is None or not mount.connected:
        return None
    if observatory.mount is None:
        return mount.parked
    if not observatory.mount.can_park:
        return False
    # On its way it is neither: a slew would end the parking, and whose it is need not be known here
    return None if is_parking(observatory.mount) else mount.parked


def _mount_error_arcsec(
    observatory: Observatory, mount: MountStatus | None, target: Pointing | None
) -> float | None:
    if observatory.mount is None or mount is None or not mount.connected or target is None:
        return None
    return observatory.mount.error_arcsec(target.ra_deg, target.dec_deg)


def _path_deg(mount: MountStatus | None, target: Pointing | None, utc: datetime) -> float | None:
    if mount is None or mount.ra_deg is None or mount.dec_deg is None or target is None:
        return None
    start = (mount.ra_deg, mount.dec_deg)
    return path_sun_separation_deg(start, (target.ra_deg, target.dec_deg), utc)


def _dome_error_deg(observatory: Observatory, target: Pointing | None) -> float | None:
    if observatory.dome is None or target is None:
        return None
    try:
        wanted_deg = observatory.dome_azimuth_deg(target.ra_deg, target.dec_deg)
    except InvalidCommand as error:
        _log.error("dome_measurements_wrong error=%s", error)
        return None
    return None if wanted_deg is None else observatory.dome.error_deg(wanted_deg)
