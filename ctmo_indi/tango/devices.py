"""The devices of a site: those of the table for which it has the equipment."""

from __future__ import annotations

from ctmo_indi.profiles import Profile
from ctmo_indi.tango.camera_device import CAMERA
from ctmo_indi.tango.dome_device import DOME
from ctmo_indi.tango.filter_wheel_device import FILTER_WHEEL
from ctmo_indi.tango.mount_device import MOUNT
from ctmo_indi.tango.scheduler_device import SCHEDULER
from ctmo_indi.tango.spec import DeviceSpec
from ctmo_indi.tango.weather_device import WEATHER

DEVICES: tuple[DeviceSpec, ...] = (MOUNT, CAMERA, FILTER_WHEEL, DOME, WEATHER, SCHEDULER)


def devices_of(profile: Profile) -> tuple[DeviceSpec, ...]:
    """Return the devices that the profile has."""
    return tuple(each for each in DEVICES if each.role is None or each.role in profile.equipment)
