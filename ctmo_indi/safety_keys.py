"""What no schema can say about a profile's safety keys: those that do not fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ctmo_indi.checked_yaml import Lines
from ctmo_indi.safety_policy import SafetyPolicy

WATCHDOG_MARGIN_S = 10.0
"""Machine seconds that the WatchDog driver must leave the telescope to begin closing."""


def contradictions(data: Mapping[str, Any], lines: Lines) -> list[str]:
    """Return the problems; ``data`` is a profile that its schema found right."""
    safety = data.get("safety", {})
    return [
        *_overtaking_watchdog(data, lines),
        *_limits(data, safety, lines),
        *_watch(safety, lines),
    ]


def _overtaking_watchdog(data: Mapping[str, Any], lines: Lines) -> list[str]:
    """A last closer that would not be the last one, or has nothing to close."""
    if "watchdog" not in data["equipment"]:
        return []
    problems = []
    if "dome" not in data["equipment"]:
        key = ("equipment", "watchdog")
        problems.append(lines.problem(key, "came a watchdog, expected none without a dome"))
    safety, usual = data.get("safety", {}), SafetyPolicy()
    second_s = safety.get("safety_silence_s", usual.safety_silence_s)
    last_s = safety.get("watchdog_silence_s", usual.watchdog_silence_s)
    if last_s < second_s + WATCHDOG_MARGIN_S:
        text = (
            f"came {last_s:g}, expected safety_silence_s = {second_s:g} and at least "
            f"{WATCHDOG_MARGIN_S:g} s more, or it would overtake the telescope"
        )
        problems.append(lines.problem(("safety", "watchdog_silence_s"), text))
    return problems


def _limits(data: Mapping[str, Any], safety: Mapping[str, Any], lines: Lines) -> Iterator[str]:
    limits = safety.get("weather_limits", {})
    if limits and "weather" not in data["equipment"]:
        text = "came limits, expected none without a weather station in equipment"
        yield lines.problem(("safety", "weather_limits"), text)
    for name, entry in limits.items():
        if _is_empty(entry):
            text = f"came min {entry['min']} above max {entry['max']}"
            yield lines.problem(("safety", "weather_limits", name), text)


def _watch(safety: Mapping[str, Any], lines: Lines) -> Iterator[str]:
    names: set[str] = set()
    for index, entry in enumerate(safety.get("watch", ())):
        key = ("safety", "watch", index)
        if entry["name"] in names:
            yield lines.problem(key, f"came {entry['name']!r} twice, expected a name of its own")
        names.add(entry["name"])
        if "is_on" in entry and ("min" in entry or "max" in entry):
            text = "came is_on and a range, expected is_on of a switch or min, max of a number"
            yield lines.problem(key, text)
        elif _is_empty(entry):
            yield lines.problem(key, f"came min {entry['min']} above max {entry['max']}")


def _is_empty(entry: Mapping[str, Any]) -> bool:
    return "min" in entry and "max" in entry and bool(entry["min"] > entry["max"])
