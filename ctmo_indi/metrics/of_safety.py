"""What is told of safety."""

from __future__ import annotations

from ctmo_indi.metrics.reading import (
    Metric,
    Source,
    any_at,
    at,
    counter,
    each_at,
    gauge,
    grade_at,
    state_at,
)
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import VerdictLevel

_WATCHDOG = ("STARTING", "ARMED", "CLOSING", "DISARMED", "TOO_FAST", "ABSENT", "UNARMED", "MUTE")
_WEATHER = ("Ok", "Idle", "Busy", "Alert")

METRICS: tuple[Metric, ...] = (
    gauge(
        "ctmo_safety_verdict_level",
        "1 for the level of the verdict, 0 for the others.",
        state_at(tuple(VerdictLevel), "Verdict", "Level"),
        ("level",),
    ),
    gauge(
        "ctmo_safety_verdict_age_seconds",
        "Age of the verdict, seconds of the machine; one is made each second.",
        at("Verdict Age"),
    ),
    counter("ctmo_safety_cycles_total", "Completed cycles.", at("Cycle", "Number")),
    gauge(
        "ctmo_safety_cycle_longest_gap_seconds",
        "Longest time between two cycles since the start, seconds of the machine.",
        at("Cycle", "Longest Gap"),
    ),
    counter(
        "ctmo_safety_cycle_long_gaps_total",
        "How often a cycle came too late.",
        at("Cycle", "Long Gaps"),
    ),
    gauge(
        "ctmo_safety_observatory_state",
        "1 for the state of dome and mount as safety sees them, 0 for the others.",
        state_at(tuple(ObservatoryState), "Status"),
        ("state",),
    ),
    gauge(
        "ctmo_safety_rule_level",
        "For each rule that forbids something: 1 HOLD, 2 UNSAFE. No rule, no value.",
        grade_at({"HOLD": 1.0, "UNSAFE": 2.0}, "Rule", "Level", "Verdict", "Rules"),
        ("rule",),
    ),
    gauge("ctmo_safety_lock", "1 while a human holds the lock.", any_at("Verdict", "Lock")),
    gauge("ctmo_safety_stop_latch", "1 while a stop is latched.", any_at("Verdict", "Latch")),
    gauge("ctmo_safety_closing", "1 while safety closes.", at("Closing")),
    gauge("ctmo_safety_alarm", "1 while there is an alarm.", any_at("Alarm")),
    gauge(
        "ctmo_safety_beat_age_seconds",
        "Since a service was heard last, seconds of the machine.",
        each_at("Beats", inner=("Age",)),
        ("service",),
    ),
    gauge(
        "ctmo_safety_clock_in_doubt",
        "1 while the computer's clock is not believed.",
        any_at("Clock Step"),
    ),
    gauge(
        "ctmo_safety_watchdog_state",
        "1 for the state of INDI's WatchDog, where there is one, 0 for the others.",
        state_at(_WATCHDOG, "Watchdog", "State"),
        ("state",),
    ),
    gauge(
        "ctmo_safety_watchdog_beat_age_seconds",
        "Since the WatchDog was beaten last, seconds of the machine.",
        at("Watchdog", "Last Beat Age"),
    ),
    gauge(
        "ctmo_safety_watchdog_threshold_seconds",
        "After which silence the WatchDog closes, seconds of the machine.",
        at("Watchdog", "Threshold"),
    ),
    counter("ctmo_safety_notices_sent_total", "Notices sent to people.", at("Notices", "Sent")),
    counter(
        "ctmo_safety_notices_failed_total",
        "Notices that could not be sent.",
        at("Notices", "Failed"),
    ),
    counter(
        "ctmo_safety_notices_dropped_total",
        "Notices given up, since too many waited.",
        at("Notices", "Dropped"),
    ),
    gauge(
        "ctmo_safety_disk_free_bytes",
        "Free space where the data folder is.",
        at("Disk", "Free (MB)", scale=1e6),
    ),
    gauge(
        "ctmo_safety_disk_age_seconds",
        "Age of that measurement, seconds of the machine; it grows while the disk hangs.",
        at("Disk", "Age"),
    ),
    gauge(
        "ctmo_safety_disk_free_limit_bytes",
        "Below this the verdict is UNSAFE.",
        at("Disk Limit (MB)", scale=1e6),
        source=Source.PROFILE,
    ),
    gauge(
        "ctmo_weather_state",
        "1 for the state that the weather station gives itself, 0 for the others.",
        state_at(_WEATHER, "Devices", "Weather", "State"),
        ("state",),
    ),
    gauge(
        "ctmo_weather_age_seconds",
        "Since the weather station said anything, seconds of the sky's clock.",
        at("Devices", "Weather", "Age (s)"),
    ),
    gauge(
        "ctmo_weather_reading",
        "Reading of the weather station, in its own unit.",
        each_at("Devices", "Weather", "Readings"),
        ("element",),
    ),
    gauge(
        "ctmo_weather_limit_min",
        "Least safe value by the profile, in the station's unit.",
        each_at("Weather Limits", inner=("min",)),
        ("element",),
        Source.PROFILE,
    ),
    gauge(
        "ctmo_weather_limit_max",
        "Largest safe value by the profile, in the station's unit.",
        each_at("Weather Limits", inner=("max",)),
        ("element",),
        Source.PROFILE,
    ),
)
