"""Over random facts and policies: SAFE only if a predicate written anew, literally, says so."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.safety.facts import (
    ClockFacts,
    DiskFacts,
    Facts,
    WatchedFacts,
    WeatherFacts,
    WeatherLevel,
)
from ctmo_indi.safety.rules import judge, level_of
from ctmo_indi.safety_policy import Range, SafetyPolicy, WatchedElement, WeatherWarningPolicy

NAN, INF = math.nan, math.inf
odd = st.sampled_from([NAN, INF, -INF, -1.0, 0.0])
ages = st.one_of(odd, st.floats(0.0, 400.0))
NAMES = ("WIND", "RAIN")

elements = st.sampled_from(
    [
        WatchedElement("mains", "UPS", "POWER", "MAINS", is_on=True, max_age_s=30.0),
        WatchedElement("rain sensor", "RS", "RAIN", "WET", is_on=False),
        WatchedElement("volts", "UPS", "BATTERY", "V", range=Range(11.0, 15.0), max_age_s=30.0),
        WatchedElement("door", "Gate", "DOOR", "STATE"),
    ]
)
policies = st.builds(
    SafetyPolicy,
    weather_required=st.booleans(),
    reopen_delay_s=st.sampled_from([0.0, 600.0]),
    close_delay_s=st.sampled_from([0.0, 30.0]),
    weather_warning=st.sampled_from(WeatherWarningPolicy),
    weather_limits=st.dictionaries(
        st.sampled_from(NAMES),
        st.sampled_from([Range(None, 10.0), Range(2.0, None), Range(2.0, 10.0)]),
    ),
    watch=st.lists(elements, unique_by=lambda one: one.name, max_size=3).map(tuple),
)
values = st.one_of(odd, st.floats(0.0, 12.0))
weathers = st.one_of(
    st.none(),
    st.builds(
        WeatherFacts,
        level=st.sampled_from(WeatherLevel),
        age_s=ages,
        alerts=st.lists(st.sampled_from(NAMES), unique=True, max_size=1).map(tuple),
        warnings=st.lists(st.sampled_from(NAMES), unique=True, max_size=1).map(tuple),
        readings=st.dictionaries(st.sampled_from(NAMES), values),
    ),
)
watched = st.builds(
    WatchedFacts,
    value=st.one_of(st.booleans(), values, st.sampled_from(["Ok", "Idle", "Busy", "Alert", "x"])),
    in_alert=st.booleans(),
    age_s=ages,
)
good_watched = {
    "mains": WatchedFacts(True, False, 1.0),
    "rain sensor": WatchedFacts(False, False, 1.0),
    "volts": WatchedFacts(12.5, False, 1.0),
    "door": WatchedFacts("Ok", False, 1.0),
}
good_weather = WeatherFacts(WeatherLevel.GOOD, 3.0, readings={"WIND": 5.0, "RAIN": 5.0})
GOOD = Facts(
    sun_altitude_deg=-20.0,
    link_up=True,
    weather=good_weather,
    disk=DiskFacts(9000.0, 1.0),
    clock=ClockFacts(),
    watched=good_watched,
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "sun_altitude_deg": st.one_of(st.none(), odd, st.floats(-90.0, 90.0)),
        "link_up": st.booleans(),
        "weather": weathers,
        "disk": st.one_of(
            st.none(),
            st.builds(
                DiskFacts,
                free_mb=st.one_of(st.none(), odd, st.floats(0.0, 1000.0)),
                age_s=ages,
                trouble=st.sampled_from(["", "it is read-only"]),
            ),
        ),
        "clock": st.one_of(st.none(), st.builds(ClockFacts, step_s=odd, since_step_s=ages)),
        "unknown_devices": st.sampled_from([(), ("dome",)]),
        "contradictions": st.sampled_from([(), ("parked and tracks",)]),
        "watched": st.dictionaries(st.sampled_from(list(good_watched)), watched).map(
            lambda some: {**good_watched, **some}
        )
        | st.dictionaries(st.sampled_from(list(good_watched)), watched),
        "seconds_since_bad_weather": st.one_of(st.none(), ages),
        "alert_for_s": ages,
    },
)


def may_be_safe(f: Facts, p: SafetyPolicy) -> bool:
    """What SAFE means, in as many plain words; shares nothing with the rules."""
    if f.sun_altitude_deg is None or not -90.0 <= f.sun_altitude_deg <= -6.0:
        return False
    if f.link_up is not True or f.unknown_devices != () or f.contradictions != ():
        return False
    if p.weather_required or p.weather_limits:
        if f.weather is None or not 0.0 <= f.weather.age_s <= 180.0:
            return False
        if any(math.isnan(v) or math.isinf(v) for v in f.weather.readings.values()):
            return False
    if p.weather_required:
        if f.weather.level in ("alert", "unknown") or f.weather.alerts != ():
            return False
        is_warned = f.weather.level == "warning" or f.weather.warnings != ()
        if is_warned and p.weather_warning != "observe":
            return False
    for name, limits in p.weather_limits.items():
        if name not in f.weather.readings:
            return False
        value = f.weather.readings[name]
        if limits.min is not None and not value >= limits.min:
            return False
        if limits.max is not None and not value <= limits.max:
            return False
    if f.seconds_since_bad_weather is not None:
        if not f.seconds_since_bad_weather >= p.reopen_delay_s:
            return False
    for element in p.watch:
        if element.name not in f.watched:
            return False
        found = f.watched[element.name]
        if found.in_alert:
            return False
        if element.max_age_s == 30.0 and not 0.0 <= found.age_s <= 30.0:
            return False
        wanted = {
            "mains": lambda v: v is True,
            "rain sensor": lambda v: v is False,
            "volts": lambda v: type(v) is float and 11.0 <= v <= 15.0,
            # No range is given: any number is good, but it must be one.
            "door": lambda v: v in ("Ok", "Idle") if type(v) is str else is_number(v),
        }[element.name]
        if not wanted(found.value):
            return False
    if f.disk is None or f.disk.trouble != "" or f.disk.free_mb is None:
        return False
    if not f.disk.free_mb >= 500.0 or not 0.0 <= f.disk.age_s <= 60.0:
        return False
    if f.clock is None or math.isnan(f.clock.step_s):
        return False
    return f.clock.since_step_s >= 60.0


def is_number(value: object) -> bool:
    return type(value) is float and not math.isnan(value) and not math.isinf(value)


@settings(max_examples=1500, deadline=None)
@given(changes, policies)
def test_safe_only_if_every_plain_word_is_true(change, policy):
    facts = replace(GOOD, **change)
    level = level_of(judge(facts, policy).findings)
    assert (level is VerdictLevel.SAFE) == may_be_safe(facts, policy), (facts, policy)


@settings(max_examples=300, deadline=None)
@given(changes, policies)
def test_a_verdict_that_is_not_safe_says_why(change, policy):
    findings = judge(replace(GOOD, **change), policy).findings
    assert all(finding.text for finding in findings)
    assert len({finding.rule for finding in findings}) == len(findings)


STRICT = SafetyPolicy(
    weather_limits={"WIND": Range(None, 10.0), "RAIN": Range(None, 10.0)},
    watch=(
        WatchedElement("mains", "UPS", "POWER", "MAINS", is_on=True, max_age_s=30.0),
        WatchedElement("volts", "UPS", "BATTERY", "V", range=Range(11.0, 15.0), max_age_s=30.0),
    ),
)


def unknown_values():
    """Every fact in turn made None, NaN, stale or missing."""
    for field in fields(Facts):
        if field.name in ("seconds_since_bad_weather", "alert_for_s"):
            continue  # None is "no bad weather was seen"; this one only delays
        value = getattr(GOOD, field.name)
        if isinstance(value, float):
            yield from (replace(GOOD, **{field.name: bad}) for bad in (None, NAN, INF))
        elif field.name in ("weather", "disk", "clock"):
            yield replace(GOOD, **{field.name: None})
            for inner in fields(value):
                found = getattr(value, inner.name)
                if isinstance(found, float):
                    yield replace(GOOD, **{field.name: replace(value, **{inner.name: NAN})})
        elif field.name == "watched":
            yield replace(GOOD, watched={})
            for name in ("mains", "volts"):
                for bad in (
                    replace(good_watched[name], age_s=NAN),
                    replace(good_watched[name], age_s=31.0),
                    replace(good_watched[name], value=NAN),
                    replace(good_watched[name], value="?"),
                ):
                    yield replace(GOOD, watched={**good_watched, name: bad})
    for reading in ("WIND", "RAIN"):
        for readings in ({**good_weather.readings, reading: NAN}, {reading: 5.0}):
            yield replace(GOOD, weather=replace(good_weather, readings=readings))
    yield replace(GOOD, weather=replace(good_weather, age_s=180.5))
    yield replace(GOOD, weather=replace(good_weather, level=WeatherLevel.UNKNOWN))
    yield replace(GOOD, disk=DiskFacts(9000.0, 61.0))


def test_what_is_all_known_and_good_is_safe():
    assert level_of(judge(GOOD, STRICT).findings) is VerdictLevel.SAFE


@pytest.mark.parametrize("facts", list(unknown_values()))
def test_any_one_unknown_is_not_safe(facts):
    assert level_of(judge(facts, STRICT).findings) is not VerdictLevel.SAFE
