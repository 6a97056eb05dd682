from dataclasses import replace

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.devices.dome import DomeStatus
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.devices.observatory import ObservatoryStatus
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.profiles import Role
from ctmo_indi.safety.look import _unknown

STATUS = ObservatoryStatus(
    ObservatoryState.OPEN,
    SystemClock().utc(),
    mount=MountStatus(connected=True, parked=False),
    dome=DomeStatus(connected=True, shutter=ShutterState.OPEN),
)
UNSURE = MountStatus(connected=True)


@pytest.mark.parametrize(
    ("status", "can_park", "missing"),
    [
        (STATUS, True, ()),
        (replace(STATUS, mount=UNSURE), True, ("whether the mount is parked",)),
        (replace(STATUS, mount=UNSURE), False, ()),
        (replace(STATUS, mount=MountStatus(connected=False)), True, ("mount",)),
        (replace(STATUS, dome=DomeStatus(connected=False)), True, ("dome",)),
        (
            replace(STATUS, dome=DomeStatus(connected=True)),
            True,
            ("whether the shutter is closed",),
        ),
        (
            replace(STATUS, unfit={Role.MOUNT: "no GEOGRAPHIC_COORD", Role.CAMERA: "no CCD1"}),
            True,
            ("mount: no GEOGRAPHIC_COORD",),
        ),
    ],
)
def test_what_must_be_known_to_be_safe(status, can_park, missing):
    assert _unknown(status, mount_can_park=can_park) == missing
