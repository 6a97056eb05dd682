"""Stop everything now, over whatever link works: the hand on the red button.

Exposure, mount and dome are told at the same time; what one device does not do keeps no other from
being stopped. A stop never closes and never parks: it leaves things where they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CommandCanceled, CtmoError, DeviceError, NotConnected
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.profiles import IndiServerSettings, Profile
from ctmo_indi.service_addresses import IndiAddress

_log = logging.getLogger(__name__)

# Machine seconds to reach the INDI server and to see a device's properties.
_LINK_TIMEOUT_S = 1.0
_DEFINITION_TIMEOUT_S = 1.0
# Elapsed seconds for the aborts to be confirmed; tracking must stay off for a while.
_CONFIRM_TIMEOUT_S = 15.0


def endpoint_of(address: IndiAddress | None, settings: IndiServerSettings) -> Endpoint:
    """Return where indiserver is: the configuration's ``INDI Server`` wins over the profile's."""
    host, port, socket = (
        (settings.host, settings.port, settings.socket)
        if address is None
        else (address.host, address.port, address.socket)
    )
    return Endpoint(host, port, Path(socket) if socket else None)


def stop_everything(observatory: Observatory) -> str:
    """Abort exposure, mount and dome, and verify it; blocks.

    Returns
    -------
    str
        One sentence: what was stopped.

    Raises
    ------
    DeviceError
        Names every device that did not confirm; the others are stopped all the same.
    """
    aborts: dict[str, Callable[[], Motion[object]]] = {}
    if observatory.camera is not None:
        aborts["camera"] = observatory.camera.abort  # type: ignore[assignment]  # result unused
    if observatory.mount is not None:
        aborts["mount"] = observatory.mount.abort  # type: ignore[assignment]  # result unused
    if observatory.dome is not None:
        aborts["dome"] = observatory.dome.abort  # type: ignore[assignment]  # result unused
    started: dict[str, Motion[object]] = {}
    failures: list[str] = []
    for name, abort in aborts.items():
        try:
            started[name] = abort()
        except CtmoError as error:
            failures.append(f"{name}: {error}")
    stopped: list[str] = []
    for name, motion in started.items():
        try:
            _confirmed(motion)
        except CtmoError as error:
            failures.append(f"{name}: {error}")
        else:
            stopped.append(name)
    _log.warning("stop stopped=%s failures=%s", stopped, failures)
    if failures:
        raise DeviceError("; ".join(failures) + f" (stopped: {', '.join(stopped) or 'nothing'})")
    return f"Stopped: {', '.join(stopped)}."


def _confirmed(motion: Motion[object]) -> None:
    """Wait until a device has stopped; where another stop aborts it again, until that is done."""
    try:
        motion.wait(_CONFIRM_TIMEOUT_S)
    except CommandCanceled:
        other = motion.replaced_by
        if other is None or other.label != motion.label:
            raise
        _confirmed(other)


def stop_by_indi(profile: Profile, address: IndiAddress | None, clock: Clock) -> str:
    """Stop everything over a link of our own, without any service; blocks.

    Raises
    ------
    DeviceError
        No server, or some device did not confirm.
    """
    client = open_client(endpoint_of(address, profile.indiserver), clock)
    try:
        observatory = Observatory.build(profile, client, clock)
        wait_for_devices(observatory, client)
        return stop_everything(observatory)
    finally:
        client.close()


def look_for_devices(
    profile: Profile, address: IndiAddress | None, clock: Clock
) -> list[tuple[str, bool, str]]:
    """Look for each device of the profile on the INDI server; nothing is changed; blocks.

    Returns
    -------
    list of (what, is good, detail)
    """
    endpoint = endpoint_of(address, profile.indiserver)
    where = str(endpoint.socket or f"{endpoint.host}:{endpoint.port}")
    try:
        client = open_client(endpoint, clock)
    except NotConnected as error:
        return [("INDI server", False, f"{where}: {error}")]
    rows = [("INDI server", True, where)]
    try:
        observatory = Observatory.build(profile, client, clock)
        wait_for_devices(observatory, client)
        seen = client.devices()
        for role, device in observatory.devices.items():
            if device.name not in seen:
                rows.append((f"INDI {role.value}", False, f"{device.name} is not there"))
            else:
                state = "connected" if device.is_connected else "not connected"
                rows.append((f"INDI {role.value}", True, f"{device.name}, {state}"))
    finally:
        client.close()
    return rows


def open_client(endpoint: Endpoint, clock: Clock, timeout_s: float = _LINK_TIMEOUT_S) -> IndiClient:
    """Return a client of that server; NotConnected after ``timeout_s`` machine seconds."""
    client = IndiClient(lambda: IndipyTransport(endpoint, clock), clock, name="by-hand")
    client.start()
    try:
        client.wait_link(timeout_s)
    except NotConnected:
        client.close()
        raise
    return client


def wait_for_devices(observatory: Observatory, client: IndiClient) -> None:
    """Wait until the devices' properties were told to us, or the time is up."""
    for device in observatory.devices.values():
        try:
            for prop in device.description.requires:
                client.wait_for(device.name, prop, _DEFINITION_TIMEOUT_S)
        except DeviceError as error:
            _log.warning("device_not_seen device=%r error=%s", device.name, error)
