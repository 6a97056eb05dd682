"""Close the observatory in this very process, over the INDI server, when no service of ours can.

The sequence is that of ``closing.py``: it waits for a mount that parks or a shutter that closes
already, so it does not fight with a closing under way (a PARK sent while the mount parks ends the
parking). Without a profile the devices are found by what their drivers say, and closed with the
defaults.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.devices.closing import ClosingReport, close_observatory
from ctmo_indi.devices.foreign import ForeignMove, ForeignWatch
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.stopping import open_client, wait_for_devices
from ctmo_indi.errors import CtmoError, DeviceError, UnknownDevice
from ctmo_indi.indi import names
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.models.verdict import LockKind
from ctmo_indi.profiles import Equipment, Optics, Profile, Role, Site

LINK_TIMEOUT_S = 5.0  # machine seconds
LOOK_TIMEOUT_S = 3.0
TELLING_TIMEOUT_S = 10.0
QUIET_S = 1.0
CONNECT_TIMEOUT_S = 10.0
_VITAL = (Role.MOUNT, Role.DOME, Role.CAMERA, Role.WATCHDOG)
# Bits of DRIVER_INFO.DRIVER_INTERFACE: INDI::BaseDevice::DRIVER_INTERFACE.
_INTERFACES = {Role.MOUNT: 1 << 0, Role.CAMERA: 1 << 1, Role.DOME: 1 << 5}


def close_by_indi(
    profile: Profile | None,
    endpoint: Endpoint,
    clock: Clock,
    report: Callable[[str], None],
) -> ClosingReport:
    """Close and read back; blocks as long as :func:`close_observatory`.

    Parameters
    ----------
    profile
        The site's; None: mount, dome and camera are those the server has.
    report
        Called with one line for each step.

    Raises
    ------
    NotConnected
        No INDI server answers there.
    UnknownDevice
        The server has nothing that could be closed.
    CommandCanceled
        Somebody pressed stop meanwhile.
    """
    client = open_client(endpoint, clock, LINK_TIMEOUT_S)
    try:
        is_found = profile is None
        site = _found(client, clock, report) if profile is None else profile
        observatory = Observatory.build(_vital_part(site), client, clock)
        wait_for_devices(observatory, client)
        _connect(observatory, client, report, is_found=is_found)
        stop = _StopWatch(observatory)
        watch = ForeignWatch(observatory, stop.see)
        watch.start()
        try:
            return close_observatory(
                observatory, site.safety, clock, report=report, give_way=stop.reason
            )
        finally:
            watch.stop()
            observatory.close()
    finally:
        client.close()


def maintenance_lock(holds: Path, clock: Clock) -> str:
    """Say who holds a maintenance lock, as safety's file tells; empty when nobody does.

    An owner's last resort is not held up by a file that cannot be read.
    """
    try:
        lock = json.loads(holds.read_text(encoding="utf-8"))["lock"]
        if lock is None or lock["kind"] != LockKind.MAINTENANCE:
            return ""
        expires = lock["expires_utc"]
        if expires and datetime.fromisoformat(expires) <= clock.utc():
            return ""
        return f"maintenance lock of {lock['owner']}: {lock['reason']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


class _StopWatch:
    """Whether somebody else has stopped what we close; a closer stops a slew before it parks."""

    def __init__(self, observatory: Observatory) -> None:
        self._observatory = observatory
        self._what = ""

    def see(self, move: ForeignMove) -> None:
        """Take what somebody else did; any thread."""
        if move.may_be_closer and move.what == "is stopped" and move.role is not Role.CAMERA:
            self._what = str(move)

    def reason(self) -> str | None:
        """Why to give up; None while nobody stopped us, or who did is closing himself."""
        if not self._what:
            return None
        mount, dome = self._observatory.mount, self._observatory.dome
        parks = mount is not None and (mount.status().parked or mount.switch("parked", "yes"))
        closes = dome is not None and dome.status().shutter in ("CLOSED", "CLOSING")
        if parks or closes:
            self._what = ""
            return None
        return f"{self._what} by somebody else"


def _vital_part(profile: Profile) -> Profile:
    """The profile with what a closing needs only."""
    equipment = {role: one for role, one in profile.equipment.items() if role in _VITAL}
    return replace(profile, equipment=equipment, switches={})


def _connect(
    observatory: Observatory, client: IndiClient, report: Callable[[str], None], *, is_found: bool
) -> None:
    """Connect mount and dome if nobody has; what fails is told, and shows when it is closed."""
    context = observatory.context()
    for role in (Role.MOUNT, Role.DOME):
        device = observatory.devices.get(role)
        if device is None or device.is_connected:
            continue
        report(f"connecting {device.name}")
        try:
            if is_found:  # of whose site and ports nothing is known
                client.connect_device(
                    device.name, requires=device.description.requires, timeout_s=CONNECT_TIMEOUT_S
                )
            else:
                device.connect(context, CONNECT_TIMEOUT_S)
        except CtmoError as error:
            report(f"{device.name} is not connected: {error}")


def _found(client: IndiClient, clock: Clock, report: Callable[[str], None]) -> Profile:
    """A profile of what the server has, by what each driver says it is."""
    equipment: dict[Role, Equipment] = {}
    for device in _all_told(client, clock):
        interface = _interface(client, device)
        for role, bit in _INTERFACES.items():
            if interface & bit and role not in equipment:
                equipment[role] = Equipment(role, f"generic_{role}", device)
                report(f"found {device} as {role}")
    if not equipment.keys() & {Role.MOUNT, Role.DOME}:
        seen = ", ".join(client.devices()) or "none"
        raise UnknownDevice(f"neither mount nor dome among the server's devices: {seen}")
    return Profile(
        name="found",
        site=Site("", 0.0, 0.0, 0.0),
        telescope_names=(),
        optics=Optics(1.0, 1.0),
        equipment=equipment,
        filters={},
    )


def _all_told(client: IndiClient, clock: Clock) -> tuple[str, ...]:
    """The server's devices, once it has told no further one for a while."""
    end_s = clock.machine_s() + TELLING_TIMEOUT_S
    known, since_s = client.devices(), clock.machine_s()
    pause = threading.Event()
    while clock.machine_s() < end_s and (not known or clock.machine_s() - since_s < QUIET_S):
        pause.wait(0.05)
        if client.devices() != known:
            known, since_s = client.devices(), clock.machine_s()
    return known


def _interface(client: IndiClient, device: str) -> int:
    """What a driver is, as bits; 0 when it does not say in time."""
    try:
        told = client.wait_for(device, names.DRIVER_INFO, LOOK_TIMEOUT_S, floor_machine_s=1.0)
        return int(told.text("DRIVER_INTERFACE"))
    except (DeviceError, ValueError):
        return 0
