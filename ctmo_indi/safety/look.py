"""Read the facts the rules need; nothing here waits for anybody."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.observatory import Observatory, ObservatoryStatus
from ctmo_indi.devices.weather import WeatherStatus
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.link import LinkState
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models import sun_moon
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.profiles import Role
from ctmo_indi.safety.clock_watch import ClockWatch
from ctmo_indi.safety.contradictions import Contradictions
from ctmo_indi.safety.disk_watch import DiskWatch
from ctmo_indi.safety.facts import Facts, WeatherFacts, WeatherLevel
from ctmo_indi.safety.watched import read_watched

# Without these the manager cannot tell whether the observatory is closed.
_VITAL = (Role.MOUNT, Role.DOME)

_LEVELS = {
    PropertyState.OK: WeatherLevel.GOOD,
    PropertyState.IDLE: WeatherLevel.UNKNOWN,
    PropertyState.BUSY: WeatherLevel.WARNING,
    PropertyState.ALERT: WeatherLevel.ALERT,
}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the observatory gave."""

    facts: Facts
    state: ObservatoryState


class Lookout:
    """Looks once a cycle, in the loop's thread; never blocks."""

    def __init__(
        self,
        observatory: Observatory,
        client: IndiClient,
        clock: Clock,
        clock_watch: ClockWatch,
        disk: DiskWatch,
        watchdog_closes: Callable[[], bool] = lambda: False,
    ) -> None:
        self._observatory = observatory
        self._client = client
        self._clock = clock
        self._clock_watch = clock_watch
        self._disk = disk
        self._watchdog_closes = watchdog_closes
        self._contradictions = Contradictions(clock)

    def look(self, since_bad_weather_s: float | None, alert_for_s: float) -> Look:
        """Return what is known now.

        Parameters
        ----------
        since_bad_weather_s, alert_for_s
            See :class:`~ctmo_indi.safety.facts.Facts`.
        """
        observatory = self._observatory
        status = observatory.status()
        can_park = observatory.mount is not None and observatory.mount.can_park
        link_up = self._client.link is LinkState.UP
        clock_facts = self._clock_watch.look()
        facts = Facts(
            sun_altitude_deg=self._sun_altitude_deg(),
            link_up=link_up,
            weather=weather_facts(status.weather) if link_up else None,
            disk=self._disk.facts(),
            clock=clock_facts,
            unknown_devices=_unknown(status, mount_can_park=can_park) if link_up else (),
            contradictions=self._contradictions.look(status) if link_up else (),
            watched=read_watched(observatory.profile.safety.watch, self._client.get, self._clock),
            seconds_since_bad_weather=since_bad_weather_s,
            alert_for_s=alert_for_s,
            watchdog_closes=link_up and self._watchdog_closes(),
        )
        return Look(facts, status.state)

    def _sun_altitude_deg(self) -> float | None:
        """The highest of all times that it may be."""
        site = self._observatory.profile.site
        times = self._clock_watch.times()
        altitudes = [float(sun_moon.sun_altitude_deg(site, utc)) for utc in times]
        return max(altitudes) if all(map(math.isfinite, altitudes)) else None


def weather_facts(status: WeatherStatus | None) -> WeatherFacts | None:
    """Translate a station's status; None when the station is missing or silent from the start."""
    if status is None or not status.connected or status.age_s is None:
        return None
    return WeatherFacts(
        level=WeatherLevel.UNKNOWN if status.state is None else _LEVELS[status.state],
        age_s=status.age_s if math.isfinite(status.age_s) else math.inf,
        alerts=status.dangers,
        warnings=status.warnings,
        readings={reading.name: reading.value for reading in status.readings},
    )


def _unknown(status: ObservatoryStatus, *, mount_can_park: bool) -> tuple[str, ...]:
    missing = set(status.disconnected)
    names = [role.value for role in _VITAL if role in missing]
    names += [f"{role.value}: {status.unfit[role]}" for role in _VITAL if role in status.unfit]
    mount, dome = status.mount, status.dome
    if mount is not None and mount.connected and mount_can_park and mount.parked is None:
        names.append("whether the mount is parked")
    if dome is not None and dome.connected and dome.shutter is ShutterState.UNKNOWN:
        names.append("whether the shutter is closed")
    return tuple(names)
