"""Open the observatory: dome, shutter, mount, tracking. Only the telescope service does it."""

from __future__ import annotations

from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.observatory import Observatory, ObservatoryStatus
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.safety_policy import SafetyPolicy


def open_observatory(
    observatory: Observatory,
    policy: SafetyPolicy,
    clock: Clock,
    *,
    report: Callable[[str], None],
) -> ObservatoryStatus:
    """Unpark the dome, open the shutter, unpark the mount and let it track; blocks.

    Each step passes the interlocks: a fresh SAFE verdict, Sun down, no lock, no latch. What is
    already so is left so.

    Parameters
    ----------
    policy
        ``shutter_timeout_s`` bounds the dome's steps, ``park_timeout_s`` the mount's.
    report
        Called with one line before each step.

    Raises
    ------
    SafetyError
        A step is forbidden; those before it were done: the caller closes.
    DeviceError
        A step failed; likewise.
    """
    del clock  # the motions have it; the signature is that of close_observatory
    with observatory.phase(ObservatoryState.OPENING):
        _open_dome(observatory, policy.shutter_timeout_s, report)
        _wake_mount(observatory, policy.park_timeout_s, report)
    return observatory.status()


def _open_dome(observatory: Observatory, timeout_s: float, report: Callable[[str], None]) -> None:
    dome = observatory.dome
    if dome is None:
        return
    if dome.can_park and dome.status().parked is not False:
        report("unparking the dome")
        dome.unpark().wait(timeout_s)
    if dome.status().shutter is not ShutterState.OPEN:
        report("opening the shutter")
        dome.open_shutter().wait(timeout_s)


def _wake_mount(observatory: Observatory, timeout_s: float, report: Callable[[str], None]) -> None:
    mount = observatory.mount
    if mount is None:
        return
    if mount.can_park and mount.status().parked is not False:
        report("unparking the mount")
        mount.unpark().wait(timeout_s)
    if mount.description.can("track_on") and mount.status().tracking is not True:
        report("starting to track")
        mount.set_tracking(True).wait(timeout_s)
