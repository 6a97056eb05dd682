"""Read the facts the rules need from the devices; nothing here waits for anybody."""

from __future__ import annotations

import math

from ctmo_indi.clock import Clock
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.observatory import Observatory, ObservatoryStatus
from ctmo_indi.devices.weather import WeatherStatus
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.link import LinkState
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models import sun_moon
from ctmo_indi.profiles import Role
from ctmo_indi.safety.loop import Look
from ctmo_indi.safety.rules import Facts, WeatherFacts, WeatherLevel

# Without these the manager cannot tell whether the observatory is closed.
_VITAL = (Role.MOUNT, Role.DOME)

_LEVELS = {
    PropertyState.OK: WeatherLevel.GOOD,
    PropertyState.IDLE: WeatherLevel.UNKNOWN,
    PropertyState.BUSY: WeatherLevel.WARNING,
    PropertyState.ALERT: WeatherLevel.ALERT,
}


def take_look(
    observatory: Observatory, client: IndiClient, clock: Clock, since_bad_weather_s: float | None
) -> Look:
    """Return what is known now.

    Parameters
    ----------
    since_bad_weather_s
        Elapsed seconds since the last bad weather; None when none was seen.
    """
    status = observatory.status()
    can_park = observatory.mount is not None and observatory.mount.can_park
    link_up = client.link is LinkState.UP
    facts = Facts(
        sun_altitude_deg=float(sun_moon.sun_altitude_deg(observatory.profile.site, clock.utc())),
        link_up=link_up,
        weather=weather_facts(status.weather) if link_up else None,
        unknown_devices=_unknown(status, mount_can_park=can_park) if link_up else (),
        seconds_since_bad_weather=since_bad_weather_s,
    )
    return Look(facts, status.state)


def weather_facts(status: WeatherStatus | None) -> WeatherFacts | None:
    """Translate a station's status; None when the station is missing or silent from the start."""
    if status is None or not status.connected or status.age_s is None:
        return None
    level = WeatherLevel.UNKNOWN if status.state is None else _LEVELS[status.state]
    if status.dangers:  # contradictory: one reading in danger, the whole good
        level = WeatherLevel.ALERT
    return WeatherFacts(
        level=level,
        age_s=status.age_s if math.isfinite(status.age_s) else math.inf,
        alerts=status.dangers,
        readings={reading.name: reading.value for reading in status.readings},
    )


def _unknown(status: ObservatoryStatus, *, mount_can_park: bool) -> tuple[str, ...]:
    missing = set(status.disconnected)
    names = [role.value for role in _VITAL if role in missing]
    mount, dome = status.mount, status.dome
    if mount is not None and mount.connected and mount_can_park and mount.parked is None:
        names.append("whether the mount is parked")
    if dome is not None and dome.connected and dome.shutter is ShutterState.UNKNOWN:
        names.append("whether the shutter is closed")
    return tuple(names)
