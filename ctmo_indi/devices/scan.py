"""Look at an INDI server: which devices it has, what each can be, what it says of the site.

Nothing is changed there unless asked to connect the devices, which some drivers need before they
tell anything. The bits of DRIVER_INTERFACE are those of INDI's ``basedevice.h``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ctmo_indi import catalogue
from ctmo_indi.clock import Clock
from ctmo_indi.devices import description as descriptions
from ctmo_indi.devices.description import Description
from ctmo_indi.devices.stopping import open_client
from ctmo_indi.errors import ConfigError, CtmoError, UnknownProperty
from ctmo_indi.indi import names
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.snapshot import PropertySnapshot
from ctmo_indi.profiles import Role

LINK_MACHINE_S = 3.0
QUIET_MACHINE_S = 1.0
LONGEST_MACHINE_S = 10.0
CONNECT_S = 15.0
_LOOK_S = 0.1

INTERFACES: Mapping[Role, int] = {
    Role.MOUNT: 1 << 0,
    Role.CAMERA: 1 << 1,
    Role.FOCUSER: 1 << 3,
    Role.FILTER_WHEEL: 1 << 4,
    Role.DOME: 1 << 5,
    Role.WEATHER: 1 << 7,
    Role.LIGHT_PANEL: 1 << 10,
}
GENERIC = "generic_{}"


@dataclass(frozen=True, slots=True)
class SeenDevice:
    """One device of the server.

    Parameters
    ----------
    driver
        Its executable, "" when it does not say.
    interface
        Bits of DRIVER_INTERFACE.
    place_deg_m
        Latitude, longitude (-180..180, east positive), elevation; None: not told.
    optics_mm
        Aperture, focal length; None: not told.
    slots
        Names of the filter wheel's slots, in order.
    """

    name: str
    driver: str = ""
    interface: int = 0
    place_deg_m: tuple[float, float, float] | None = None
    optics_mm: tuple[float, float] | None = None
    slots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A device of the server for a role, and the device file that describes it."""

    role: Role
    device: str
    description: str
    others: tuple[str, ...] = field(default=())


def look(endpoint: Endpoint, clock: Clock, *, connects: bool = False) -> tuple[SeenDevice, ...]:
    """Return what the server has; blocks some seconds.

    Parameters
    ----------
    connects
        Whether devices that are not connected are connected. Nothing else is set.

    Raises
    ------
    NotConnected
        No server answers there.
    """
    client = open_client(endpoint, clock, LINK_MACHINE_S)
    try:
        _settle(client, clock)
        if connects:
            for device in client.devices():
                _connect(client, device)
            _settle(client, clock)
        return tuple(
            found
            for name in sorted(client.devices())
            if (found := _seen(name, client.properties(name))) is not None
        )
    finally:
        client.close()


def match(
    seen: Sequence[SeenDevice], known: Sequence[Description] | None = None
) -> tuple[Match, ...]:
    """Find a device for each role, the best first: one whose driver a device file names.

    Parameters
    ----------
    known
        Device files; those of the installation and the site when None.
    """
    files = device_files() if known is None else tuple(known)
    exact = {device.name: _described(device, files) for device in seen}
    found = []
    for role in Role:
        named = [device for device in seen if role in exact[device.name]]
        able = [
            device
            for device in seen
            if device.interface & INTERFACES.get(role, 0) and not exact[device.name]
        ]
        also = [
            device
            for device in seen
            if device.interface & INTERFACES.get(role, 0) and device not in (*named, *able)
        ]
        # A camera with a wheel of its own stands in for a wheel only where there is no other.
        fit = named or able or also
        if fit:
            first = fit[0]
            file = exact[first.name].get(role, GENERIC.format(role.value))
            others = tuple(other.name for other in (*named, *able) if other is not first)
            found.append(Match(role, first.name, file, others))
    return tuple(found)


def device_files() -> tuple[Description, ...]:
    """Return every device file that can be read; a wrong one of the site is left out."""
    files = []
    for name in catalogue.names("devices"):
        try:
            files.append(descriptions.load(name))
        except ConfigError:  # "ctmo-indi check" says what is wrong with it
            continue
    return tuple(files)


def _described(device: SeenDevice, files: Sequence[Description]) -> dict[Role, str]:
    """Return the device file of each role that names this driver; the plainest of several."""
    fit = [file for file in files if file.driver and file.driver == device.driver]
    # of those that differ in what they set first (SIMULATION), the one for the real thing
    fit.sort(key=lambda file: (file.device != device.name, len(file.connect), file.name))
    return {file.role: file.name for file in reversed(fit)}


def _settle(client: IndiClient, clock: Clock) -> None:
    """Wait until nothing new was defined for a while."""
    pause = threading.Event()
    end_s = clock.machine_s() + LONGEST_MACHINE_S
    last, since_s = -1, clock.machine_s()
    while clock.machine_s() < end_s:
        count = sum(len(client.properties(device)) for device in client.devices())
        if count != last:
            last, since_s = count, clock.machine_s()
        elif clock.machine_s() - since_s >= QUIET_MACHINE_S:
            return
        pause.wait(_LOOK_S)


def _connect(client: IndiClient, device: str) -> None:
    try:
        client.connect_device(device, timeout_s=CONNECT_S)
    except CtmoError:  # without its hardware a driver refuses; what it said before is known
        client.leave_device(device)


def _seen(name: str, properties: Sequence[PropertySnapshot]) -> SeenDevice | None:
    by_name = {one.name: one for one in properties}
    info = by_name.get(names.DRIVER_INFO)
    if info is None:
        return None
    interface = _text(info, names.DRIVER_INTERFACE)
    optics = (_optics(by_name.get(name), *elements) for name, *elements in names.OPTICS)
    wheel = by_name.get(names.FILTER_NAME)
    return SeenDevice(
        name,
        _text(info, names.DRIVER_EXEC).rpartition("/")[2],
        int(interface) if interface.isdigit() else 0,
        _place(by_name.get(names.GEOGRAPHIC_COORD)),
        next((found for found in optics if found is not None), None),
        () if wheel is None else tuple(str(slot) for slot in wheel.values.values()),
    )


def _text(one: PropertySnapshot, element: str) -> str:
    try:
        return one.text(element).strip()
    except UnknownProperty:
        return ""


def _place(one: PropertySnapshot | None) -> tuple[float, float, float] | None:
    if one is None:
        return None
    try:
        latitude_deg = one.number(names.LATITUDE)
        longitude_deg = (one.number(names.LONGITUDE) + 180.0) % 360.0 - 180.0
        elevation_m = one.number(names.ELEVATION)
    except UnknownProperty:
        return None
    if latitude_deg == longitude_deg == 0.0:  # what a driver says that was never told
        return None
    return latitude_deg, longitude_deg, elevation_m


def _optics(
    one: PropertySnapshot | None, aperture: str, focal_length: str
) -> tuple[float, float] | None:
    if one is None:
        return None
    try:
        found = one.number(aperture), one.number(focal_length)
    except UnknownProperty:
        return None
    return found if min(found) > 0.0 else None
