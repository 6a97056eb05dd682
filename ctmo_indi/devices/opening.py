"""Open the observatory: dome, shutter, mount, tracking. Only the telescope service does it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.observatory import Observatory, ObservatoryStatus
from ctmo_indi.errors import CommandCanceled
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.safety_policy import SafetyPolicy

_log = logging.getLogger(__name__)


def open_observatory(
    observatory: Observatory,
    policy: SafetyPolicy,
    clock: Clock,
    *,
    report: Callable[[str], None],
    give_way: Callable[[], str | None] | None = None,
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
    give_way
        Asked before each step: a reason to leave the rest undone, or None. The interlocks do not
        know of a human who uses another INDI client, nor of the end of the order to open.

    Raises
    ------
    SafetyError
        A step is forbidden; those before it were done: the caller closes.
    DeviceError
        A step failed; likewise.
    CommandCanceled
        ``give_way`` said so; what moves then goes on to its end.
    """
    del clock  # the motions have it; the signature is that of close_observatory

    def begin(step: str) -> None:
        reason = give_way() if give_way else None
        if reason:
            _log.warning("opening_given_up before=%r reason=%r", step, reason)
            raise CommandCanceled(f"the opening was given up before {step}: {reason}")
        report(step)

    with observatory.phase(ObservatoryState.OPENING):
        _open_dome(observatory, policy.shutter_timeout_s, begin)
        _wake_mount(observatory, policy.park_timeout_s, begin)
    return observatory.status()


def _open_dome(observatory: Observatory, timeout_s: float, begin: Callable[[str], None]) -> None:
    dome = observatory.dome
    if dome is None:
        return
    if dome.can_park and dome.status().parked is not False:
        begin("unparking the dome")
        dome.unpark().wait(timeout_s)
    if dome.status().shutter is not ShutterState.OPEN:
        begin("opening the shutter")
        dome.open_shutter().wait(timeout_s)


def _wake_mount(observatory: Observatory, timeout_s: float, begin: Callable[[str], None]) -> None:
    mount = observatory.mount
    if mount is None:
        return
    if mount.can_park and mount.status().parked is not False:
        begin("unparking the mount")
        mount.unpark().wait(timeout_s)
    if mount.description.can("track_on") and mount.status().tracking is not True:
        begin("starting to track")
        mount.set_tracking(True).wait(timeout_s)
