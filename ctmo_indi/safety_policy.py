"""The safety policy of a profile: when the observatory must be closed, and how it is closed.

Rules as the site wrote them under ``safety``; ``ctmo_indi/safety`` judges by them, and
``devices/closing`` closes by them. What no schema can say of the keys is in ``safety_keys``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ctmo_indi.yaml_records import made


class MountFailedPolicy(StrEnum):
    """What closing does when the mount does not park in time."""

    CLOSE = "close"  # close the shutter over the unparked telescope: weather is worse
    STAY_OPEN = "stay_open"  # the shutter would hit the telescope: stay, ALARM


class WeatherWarningPolicy(StrEnum):
    """What to do while a weather reading is in the station's warning zone."""

    OBSERVE = "observe"  # go on; only opening again after bad weather waits
    HOLD = "hold"  # begin nothing new, close nothing
    CLOSE = "close"  # as an alert


@dataclass(frozen=True, slots=True)
class Range:
    """Closed interval; None: no limit on that side."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class WatchedElement:
    """One element of an INDI property that must be good for the verdict to be SAFE.

    Parameters
    ----------
    name
        For people, such as "mains power".
    is_on
        Of a switch: which value is good. None: a number, good within ``range``, or a light, good
        when Ok or Idle.
    max_age_s
        Elapsed seconds after which it is stale; None: never, for what is sent on change only.
    """

    name: str
    device: str
    property: str
    element: str
    range: Range = Range()
    is_on: bool | None = None
    max_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class SafetyPolicy:
    """Rules of the safety service.

    Parameters
    ----------
    sun_max_altitude_deg
        Above this the verdict is UNSAFE: never open by day.
    weather_max_age_s
        Elapsed seconds after which weather data are stale, hence UNSAFE.
    reopen_delay_s
        Elapsed seconds the weather must have been good before SAFE comes back.
    park_timeout_s, shutter_timeout_s
        Longest time, elapsed seconds, for each step of closing.
    latched_close_notice_s
        While the stop latch is set, close for weather only after this notice; elapsed seconds.
    foreign_hands_off_s
        Elapsed seconds without orders of the manager's own after another INDI client moved
        something; None: until released. A release ends it in any case.
    scheduler_silence_s, telescope_silence_s
        Machine seconds without a heartbeat after which safety closes an open observatory.
    safety_silence_s
        Machine seconds without a new verdict after which the telescope closes it; more than the 10
        after which it holds.
    close_delay_s
        Elapsed seconds a weather alert must last before the verdict is UNSAFE; HOLD until then.
    weather_warning
        What the station's warning zone means.
    weather_limits
        Element of WEATHER_PARAMETERS -> the range in which it is safe; beside the driver's own.
    watch
        Any other INDI number, switch or light that must be good, such as the mains' power.
    disk_free_min_mb
        Least space in the data folder for the verdict to be SAFE.
    clock_step_max_s
        Largest difference between wall clock and monotonic clock, machine seconds.
    watchdog_silence_s
        Machine seconds without a beat of safety's after which INDI's WatchDog driver closes, where
        the equipment has one.
    """

    sun_max_altitude_deg: float = -6.0
    weather_required: bool = True
    weather_max_age_s: float = 180.0
    weather_update_s: float = 10.0
    reopen_delay_s: float = 1200.0
    park_timeout_s: float = 180.0
    shutter_timeout_s: float = 90.0
    mount_failed: MountFailedPolicy = MountFailedPolicy.CLOSE
    latched_close_notice_s: float = 600.0
    foreign_hands_off_s: float | None = None
    scheduler_silence_s: float = 300.0
    telescope_silence_s: float = 30.0
    safety_silence_s: float = 30.0
    close_delay_s: float = 0.0
    weather_warning: WeatherWarningPolicy = WeatherWarningPolicy.OBSERVE
    weather_limits: Mapping[str, Range] = field(default_factory=dict)
    watch: tuple[WatchedElement, ...] = ()
    disk_free_min_mb: float = 500.0
    clock_step_max_s: float = 2.0
    watchdog_silence_s: float = 60.0


def read(entry: Mapping[str, Any]) -> SafetyPolicy:  # Any: checked by the schema
    """Make the policy of a profile's ``safety`` keys; what is left out has its default."""
    failed = entry.get("mount_failed", MountFailedPolicy.CLOSE)
    warning = entry.get("weather_warning", WeatherWarningPolicy.OBSERVE)
    limits = entry.get("weather_limits", {})
    return made(
        SafetyPolicy,
        {
            **entry,
            "mount_failed": MountFailedPolicy(failed),
            "weather_warning": WeatherWarningPolicy(warning),
            "weather_limits": {name: made(Range, one) for name, one in limits.items()},
            "watch": tuple(_watched(one) for one in entry.get("watch", ())),
        },
    )


def _watched(entry: Mapping[str, Any]) -> WatchedElement:
    bounds = {key: entry[key] for key in ("min", "max") if key in entry}
    rest = {key: value for key, value in entry.items() if key not in bounds}
    return made(WatchedElement, {**rest, "range": made(Range, bounds)})
