"""What the safety rules look at: frozen values, everything known at one instant.

None, NaN and infinity mean "not known", which no rule takes for good.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class WeatherLevel(StrEnum):
    """What the weather station says; WARNING is not good enough to open again."""

    GOOD = "good"
    WARNING = "warning"
    ALERT = "alert"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WeatherFacts:
    """One look at the weather station.

    Parameters
    ----------
    level
        Of the station as a whole.
    age_s
        Elapsed seconds since its last update.
    alerts, warnings
        Readings that are in those zones.
    readings
        Value by parameter name, in the station's own units.
    """

    level: WeatherLevel
    age_s: float
    alerts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    readings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchedFacts:
    """One element that the profile watches.

    Parameters
    ----------
    value
        A number, a switch, or a light's word ("Ok", "Idle", "Busy", "Alert").
    in_alert
        Whether its property is in Alert.
    age_s
        Elapsed seconds since the driver sent it.
    """

    value: float | bool | str
    in_alert: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The data folder.

    Parameters
    ----------
    free_mb
        Space for us, 10^6 bytes; None when it could not be measured.
    age_s
        Machine seconds since the measurement was begun that gave this.
    trouble
        Why it cannot be written or measured; empty when it can.
    """

    free_mb: float | None
    age_s: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """How the computer's clock agrees with the monotonic one.

    Parameters
    ----------
    step_s
        By how much it was set last, machine seconds; 0 when it never was.
    since_step_s
        Machine seconds since then; infinite when it never was.
    """

    step_s: float = 0.0
    since_step_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the rules look at.

    Parameters
    ----------
    sun_altitude_deg
        The highest it may be by any clock that may be right; None when it could not be computed.
    link_up
        Whether our own link to the INDI server works.
    unknown_devices
        Roles of the profile (mount, dome) whose state is not known now.
    contradictions
        What two readings say that cannot both be true, and for how long.
    watched
        By the name in the profile; what is not there is not known.
    seconds_since_bad_weather
        Elapsed seconds; None when none was seen.
    alert_for_s
        Elapsed seconds for which a rule that may wait for ``close_delay_s`` has not been content.
    watchdog_closes
        Whether INDI's WatchDog is closing now.
    """

    sun_altitude_deg: float | None
    link_up: bool
    weather: WeatherFacts | None
    disk: DiskFacts | None = None
    clock: ClockFacts | None = None
    unknown_devices: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    watched: Mapping[str, WatchedFacts] = field(default_factory=dict)
    seconds_since_bad_weather: float | None = None
    alert_for_s: float = math.inf
    watchdog_closes: bool = False
