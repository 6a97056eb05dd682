"""The rules that make a verdict: pure functions of what is known now.

Unknown, stale or contradictory is UNSAFE. Each row of :data:`RULES` looks at frozen
:class:`~ctmo_indi.safety.facts.Facts` and gives the reason why it is not content, with age, value
and limit, or None. All reasons are given, not just the first; the worst level counts.

The rows marked ``is_delayed`` are HOLD until they have lasted for the site's ``close_delay_s``:
those that say that the weather is bad, never those that say that something is not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ctmo_indi.models.verdict import Finding, VerdictLevel
from ctmo_indi.safety.facts import Facts, WeatherFacts, WeatherLevel
from ctmo_indi.safety.watched import is_within, limits_text, why_not_good, why_not_known
from ctmo_indi.safety_policy import SafetyPolicy, WeatherWarningPolicy

CLOCK_SETTLES_S = 60.0
"""Machine seconds of HOLD after a step of the computer's clock: who uses it has replanned then."""

DISK_MAX_AGE_S = 60.0
"""Machine seconds without an answer of the disk after which it counts as gone."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule is not content; ``age_s``: elapsed seconds since what it judged was read."""

    text: str
    age_s: float | None = None


Test = Callable[[Facts, SafetyPolicy], Reason | None]


def _sun(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    altitude_deg = facts.sun_altitude_deg
    if altitude_deg is None or not math.isfinite(altitude_deg):
        return Reason("the Sun's altitude is unknown")
    if altitude_deg > policy.sun_max_altitude_deg:
        return Reason(
            f"the Sun is at {altitude_deg:.1f} deg, limit {policy.sun_max_altitude_deg:g} deg"
        )
    return None


def _link(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    return None if facts.link_up else Reason("no link to the INDI server")


def _devices(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    if facts.unknown_devices:
        return Reason(f"state unknown: {', '.join(facts.unknown_devices)}")
    return None


def _watchdog(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    return Reason("INDI's WatchDog is closing") if facts.watchdog_closes else None


def _contradictory(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    found = list(facts.contradictions)
    weather = facts.weather
    if not policy.weather_required:
        weather = None
    if weather is not None and weather.alerts and weather.level is not WeatherLevel.ALERT:
        names = ", ".join(weather.alerts)
        found.append(f"the weather station says {weather.level} while in alert: {names}")
    return Reason(f"contradictory: {'; '.join(found)}") if found else None


def _needs_weather(policy: SafetyPolicy) -> bool:
    return policy.weather_required or bool(policy.weather_limits)


def _weather_known(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    if not _needs_weather(policy):
        return None
    weather = facts.weather
    if weather is None:
        return Reason("the weather is unknown: no readings")
    if weather.level is WeatherLevel.UNKNOWN and policy.weather_required:
        return Reason("the weather is unknown: the station does not judge", weather.age_s)
    bad = sorted(name for name, value in weather.readings.items() if not math.isfinite(value))
    if bad:
        return Reason(f"weather readings are no numbers: {', '.join(bad)}", weather.age_s)
    return None


def _weather_fresh(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    weather = facts.weather
    if not _needs_weather(policy) or weather is None:
        return None
    if not 0.0 <= weather.age_s <= policy.weather_max_age_s:
        return Reason(
            f"the weather is {weather.age_s:.0f} s old, limit {policy.weather_max_age_s:g} s",
            weather.age_s,
        )
    return None


def _weather_alert(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    weather = facts.weather
    if not policy.weather_required or weather is None:
        return None
    if weather.level is not WeatherLevel.ALERT and not weather.alerts:
        return None
    what = _with_values(weather, weather.alerts) or "station in alarm"
    return Reason(f"weather alert: {what}, {_old(weather)}", weather.age_s)


def _weather_missing(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    weather = facts.weather
    if weather is None:
        return None  # weather_known says so
    missing = [
        name
        for name in policy.weather_limits
        if not math.isfinite(weather.readings.get(name, math.nan))
    ]
    if not missing:
        return None
    return Reason(f"the weather station does not tell {', '.join(sorted(missing))}", weather.age_s)


def _weather_limits(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    weather = facts.weather
    if weather is None:
        return None
    outside = []
    for name, limits in policy.weather_limits.items():
        value = weather.readings.get(name, math.nan)
        if math.isfinite(value) and not is_within(value, limits):
            outside.append(f"{name} {value:g}, limits {limits_text(limits)}")
    if not outside:
        return None
    return Reason(f"weather out of limits: {'; '.join(outside)}, {_old(weather)}", weather.age_s)


def _weather_warning(facts: Facts) -> Reason | None:
    weather = facts.weather
    if weather is None or (weather.level is not WeatherLevel.WARNING and not weather.warnings):
        return None
    what = _with_values(weather, weather.warnings) or "station in its warning zone"
    return Reason(f"weather warning: {what}, {_old(weather)}", weather.age_s)


def _warning_holds(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    is_asked = policy.weather_required and policy.weather_warning is WeatherWarningPolicy.HOLD
    return _weather_warning(facts) if is_asked else None


def _warning_closes(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    is_asked = policy.weather_required and policy.weather_warning is WeatherWarningPolicy.CLOSE
    return _weather_warning(facts) if is_asked else None


def _weather_settled(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    since_s = facts.seconds_since_bad_weather
    if since_s is None or since_s >= policy.reopen_delay_s:
        return None
    delay = f"opening again {policy.reopen_delay_s:g} s after the last"
    return Reason(f"bad weather {since_s:.0f} s ago, {delay}", since_s)


def _watched_known(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    if not facts.link_up:
        return None  # indi_link says so
    return _first(
        why_not_known(element, facts.watched.get(element.name)) for element in policy.watch
    )


def _watched_good(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    if not facts.link_up:
        return None
    return _first(
        why_not_good(element, facts.watched[element.name])
        for element in policy.watch
        if element.name in facts.watched
    )


def _disk(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    disk = facts.disk
    if disk is None:
        return Reason("the space in the data folder is not known yet")
    if not 0.0 <= disk.age_s <= DISK_MAX_AGE_S:
        return Reason(
            f"the disk of the data folder has not answered for {disk.age_s:.0f} s, "
            f"limit {DISK_MAX_AGE_S:g} s"
        )
    if disk.trouble:
        return Reason(f"the data folder: {disk.trouble}")
    if disk.free_mb is None or not disk.free_mb >= policy.disk_free_min_mb:
        found = "an unknown space" if disk.free_mb is None else f"{disk.free_mb:.0f} MB"
        return Reason(
            f"{found} free in the data folder, expected at least {policy.disk_free_min_mb:g} MB"
        )
    return None


def _clock(facts: Facts, policy: SafetyPolicy) -> Reason | None:
    clock = facts.clock
    if clock is None or math.isnan(clock.step_s) or math.isnan(clock.since_step_s):
        return Reason("it is not known whether the computer's clock was set")
    if clock.since_step_s >= CLOCK_SETTLES_S:
        return None
    return Reason(
        f"the computer's clock was set by {clock.step_s:+.1f} s {clock.since_step_s:.0f} s ago, "
        f"limit {policy.clock_step_max_s:g} s; going on {CLOCK_SETTLES_S:g} s after it"
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """One row.

    Parameters
    ----------
    level
        What it makes the verdict when it is not content.
    is_bad_weather
        Whether the reopen delay begins anew with it.
    is_delayed
        Whether it is HOLD only, and no bad weather yet, until it has lasted ``close_delay_s``.
    """

    name: str
    finds: Test
    level: VerdictLevel = VerdictLevel.UNSAFE
    is_bad_weather: bool = False
    is_delayed: bool = False


RULES: tuple[Rule, ...] = (
    Rule("sun", _sun),
    Rule("indi_link", _link),
    Rule("devices", _devices),
    Rule("watchdog", _watchdog),
    Rule("contradictory", _contradictory),
    Rule("weather_known", _weather_known),
    Rule("weather_fresh", _weather_fresh),
    Rule("weather_alert", _weather_alert, is_bad_weather=True, is_delayed=True),
    Rule("weather_missing", _weather_missing, is_bad_weather=True),
    Rule("weather_limits", _weather_limits, is_bad_weather=True, is_delayed=True),
    Rule("weather_warning", _warning_holds, VerdictLevel.HOLD),
    Rule("weather_warning_closes", _warning_closes, is_bad_weather=True, is_delayed=True),
    Rule("weather_settled", _weather_settled),
    Rule("watched_known", _watched_known),
    Rule("watched_good", _watched_good, is_bad_weather=True),
    Rule("disk", _disk),
    Rule("clock", _clock, VerdictLevel.HOLD),
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Result of the rules on one set of facts.

    Parameters
    ----------
    is_bad_weather
        The reopen delay counts from now: bad weather, or anything but plainly good while it runs.
    is_alerted
        A rule that may be delayed is not content; :attr:`Facts.alert_for_s` counts from the first.
    """

    findings: tuple[Finding, ...]
    is_bad_weather: bool
    is_alerted: bool

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the rules that are not content."""
        return tuple(finding.rule for finding in self.findings)


def judge(facts: Facts, policy: SafetyPolicy) -> Judgement:
    """Apply every rule to ``facts``."""
    findings: list[Finding] = []
    is_bad_weather = is_alerted = False
    # NaN is no long time: then it acts at once.
    is_waiting = facts.alert_for_s < policy.close_delay_s
    for rule in RULES:
        reason = rule.finds(facts, policy)
        if reason is None:
            continue
        level = rule.level
        if rule.is_delayed:
            is_alerted = True
            if is_waiting:
                level = VerdictLevel.HOLD
                reason = Reason(
                    f"{reason.text}; closing when it has lasted {policy.close_delay_s:g} s",
                    reason.age_s,
                )
        is_bad_weather |= rule.is_bad_weather and level is VerdictLevel.UNSAFE
        findings.append(Finding(rule.name, level, reason.text, reason.age_s))
    failed = {finding.rule for finding in findings}
    if "weather_settled" in failed and policy.weather_required:
        # Hysteresis: the delay counts from the last moment that was not plainly good.
        weather = facts.weather
        is_good = weather is not None and weather.level is WeatherLevel.GOOD
        is_bad_weather |= not is_good or is_alerted or "weather_fresh" in failed
    return Judgement(tuple(findings), is_bad_weather, is_alerted)


def level_of(findings: tuple[Finding, ...]) -> VerdictLevel:
    """Return the worst level; SAFE without any finding."""
    levels = {finding.level for finding in findings}
    order = (VerdictLevel.UNSAFE, VerdictLevel.HOLD)
    return next((level for level in order if level in levels), VerdictLevel.SAFE)


def _first(reasons: Iterator[str | None]) -> Reason | None:
    found = [reason for reason in reasons if reason]
    return Reason("; ".join(found)) if found else None


def _with_values(weather: WeatherFacts, names: tuple[str, ...]) -> str:
    return ", ".join(
        f"{name} {weather.readings[name]:g}" if name in weather.readings else name for name in names
    )


def _old(weather: WeatherFacts) -> str:
    return f"{weather.age_s:.0f} s old"
