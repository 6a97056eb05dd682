"""The rules that make a verdict: pure functions of what is known now.

Unknown, stale or contradictory is unsafe. Each rule looks at frozen :class:`Facts` and returns the
reason why the observatory must be closed, or None. All reasons are given, not just the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ctmo_indi.profiles import SafetyPolicy


class WeatherLevel(StrEnum):
    """What the weather station says; WARNING is good enough to stay open, not to open again."""

    GOOD = "good"
    WARNING = "warning"
    ALERT = "alert"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WeatherFacts:
    """One look at the weather station.

    Parameters
    ----------
    age_s
        Elapsed seconds since its last update.
    readings
        Value by parameter name, in the station's own units.
    """

    level: WeatherLevel
    age_s: float
    alerts: tuple[str, ...] = ()
    readings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the rules look at.

    Parameters
    ----------
    sun_altitude_deg
        None when it could not be computed.
    link_up
        Whether our own link to the INDI server works.
    unknown_devices
        Roles of the profile (mount, dome) whose state is not known now.
    seconds_since_bad_weather
        Elapsed seconds; None when none was seen.
    """

    sun_altitude_deg: float | None
    link_up: bool
    weather: WeatherFacts | None
    unknown_devices: tuple[str, ...] = ()
    seconds_since_bad_weather: float | None = None


Rule = Callable[[Facts, SafetyPolicy], str | None]


def _sun(facts: Facts, policy: SafetyPolicy) -> str | None:
    if facts.sun_altitude_deg is None or not math.isfinite(facts.sun_altitude_deg):
        return "the Sun's altitude is unknown"
    if facts.sun_altitude_deg > policy.sun_max_altitude_deg:
        return (
            f"the Sun is at {facts.sun_altitude_deg:.1f} deg, "
            f"limit {policy.sun_max_altitude_deg:g} deg"
        )
    return None


def _link(facts: Facts, policy: SafetyPolicy) -> str | None:
    return None if facts.link_up else "no link to the INDI server"


def _devices(facts: Facts, policy: SafetyPolicy) -> str | None:
    if facts.unknown_devices:
        return f"state unknown: {', '.join(facts.unknown_devices)}"
    return None


def _weather_known(facts: Facts, policy: SafetyPolicy) -> str | None:
    if not policy.weather_required:
        return None
    if facts.weather is None or facts.weather.level is WeatherLevel.UNKNOWN:
        return "the weather is unknown"
    bad = [name for name, value in facts.weather.readings.items() if not math.isfinite(value)]
    if bad:
        return f"weather readings are no numbers: {', '.join(sorted(bad))}"
    return None


def _weather_fresh(facts: Facts, policy: SafetyPolicy) -> str | None:
    if not policy.weather_required or facts.weather is None:
        return None
    if not facts.weather.age_s <= policy.weather_max_age_s:
        return (
            f"the weather is {facts.weather.age_s:.0f} s old, limit {policy.weather_max_age_s:g} s"
        )
    return None


def _weather_alert(facts: Facts, policy: SafetyPolicy) -> str | None:
    if not policy.weather_required or facts.weather is None:
        return None
    if facts.weather.level is WeatherLevel.ALERT:
        return f"weather alert: {', '.join(facts.weather.alerts) or 'station in alarm'}"
    return None


def _weather_settled(facts: Facts, policy: SafetyPolicy) -> str | None:
    since_s = facts.seconds_since_bad_weather
    if since_s is None or since_s >= policy.reopen_delay_s:
        return None
    return (
        f"bad weather {since_s:.0f} s ago, opening again {policy.reopen_delay_s:g} s after the last"
    )


# Name, rule, and whether its failure counts as bad weather, which starts the reopen delay.
RULES: tuple[tuple[str, Rule, bool], ...] = (
    ("sun", _sun, False),
    ("indi_link", _link, False),
    ("devices", _devices, False),
    ("weather_known", _weather_known, False),
    ("weather_fresh", _weather_fresh, False),
    ("weather_alert", _weather_alert, True),
    ("weather_settled", _weather_settled, False),
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Result of the rules on one set of facts.

    Parameters
    ----------
    is_bad_weather
        The reopen delay counts from now: an alert, or anything but good weather while it runs.
    """

    failed: Mapping[str, str]
    is_bad_weather: bool

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is unsafe; empty when safe."""
        return tuple(self.failed.values())


def judge(facts: Facts, policy: SafetyPolicy) -> Judgement:
    """Apply every rule to ``facts``."""
    failed: dict[str, str] = {}
    is_bad_weather = False
    for name, rule, counts_as_bad_weather in RULES:
        reason = rule(facts, policy)
        if reason is not None:
            failed[name] = reason
            is_bad_weather = is_bad_weather or counts_as_bad_weather
    if "weather_settled" in failed and policy.weather_required:
        # Hysteresis: the delay counts from the last moment that was not plainly good.
        weather = facts.weather
        is_good = weather is not None and weather.level is WeatherLevel.GOOD
        is_bad_weather = is_bad_weather or not is_good or "weather_fresh" in failed
    return Judgement(failed, is_bad_weather)
