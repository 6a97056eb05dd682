"""Each rule alone, and what no combination of facts may do."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.safety.facts import (
    ClockFacts,
    DiskFacts,
    Facts,
    WatchedFacts,
    WeatherFacts,
    WeatherLevel,
)
from ctmo_indi.safety.rules import RULES, judge, level_of
from ctmo_indi.safety_policy import Range, SafetyPolicy, WatchedElement, WeatherWarningPolicy

HOLD, UNSAFE = VerdictLevel.HOLD, VerdictLevel.UNSAFE
WIND, CLOUD = "WEATHER_WIND_SPEED", "WEATHER_CLOUDS"
POWER = WatchedElement("mains power", "UPS", "POWER", "MAINS", is_on=True, max_age_s=60.0)
VOLTS = WatchedElement("battery", "UPS", "BATTERY", "VOLTS", range=Range(11.5, None))
LIGHT = WatchedElement("door", "Gate", "DOOR", "STATE")
POLICY = SafetyPolicy(
    weather_limits={WIND: Range(None, 40.0), CLOUD: Range(-50.0, 10.0)},
    watch=(POWER, VOLTS, LIGHT),
)
WEATHER = WeatherFacts(WeatherLevel.GOOD, age_s=3.0, readings={WIND: 2.0, CLOUD: -20.0})
ON = WatchedFacts(True, False, 1.0)
WATCHED = {
    POWER.name: ON,
    VOLTS.name: WatchedFacts(12.6, False, 1.0),
    LIGHT.name: WatchedFacts("Ok", False, 1.0),
}
GOOD = Facts(
    sun_altitude_deg=-30.0,
    link_up=True,
    weather=WEATHER,
    disk=DiskFacts(free_mb=9000.0, age_s=2.0),
    clock=ClockFacts(),
    watched=WATCHED,
)


def weather(**changes):
    return replace(GOOD, weather=replace(WEATHER, **changes))


def readings(**changes):
    return weather(readings={**WEATHER.readings, **changes})


def watched(element, value=True, in_alert=False, age_s=1.0):
    return replace(GOOD, watched={**WATCHED, element.name: WatchedFacts(value, in_alert, age_s)})


def without(element):
    return replace(GOOD, watched={k: v for k, v in WATCHED.items() if k != element.name})


def levels(facts, policy=POLICY):
    return {finding.rule: finding.level for finding in judge(facts, policy).findings}


def test_a_clear_night_is_safe():
    assert level_of(judge(GOOD, POLICY).findings) is VerdictLevel.SAFE


@pytest.mark.parametrize(
    ("facts", "rule", "level"),
    [
        (replace(GOOD, sun_altitude_deg=-5.9), "sun", UNSAFE),
        (replace(GOOD, sun_altitude_deg=None), "sun", UNSAFE),
        (replace(GOOD, sun_altitude_deg=math.nan), "sun", UNSAFE),
        (replace(GOOD, link_up=False), "indi_link", UNSAFE),
        (replace(GOOD, unknown_devices=("dome",)), "devices", UNSAFE),
        (replace(GOOD, contradictions=("parked and tracks",)), "contradictory", UNSAFE),
        (replace(GOOD, weather=None), "weather_known", UNSAFE),
        (weather(level=WeatherLevel.UNKNOWN), "weather_known", UNSAFE),
        (weather(age_s=180.5), "weather_fresh", UNSAFE),
        (weather(age_s=math.nan), "weather_fresh", UNSAFE),
        (weather(age_s=-1.0), "weather_fresh", UNSAFE),
        (weather(level=WeatherLevel.ALERT), "weather_alert", UNSAFE),
        (weather(readings={WIND: 2.0}), "weather_missing", UNSAFE),
        (readings(**{WIND: 40.1}), "weather_limits", UNSAFE),
        (readings(**{CLOUD: -50.1}), "weather_limits", UNSAFE),
        (replace(GOOD, seconds_since_bad_weather=1199.0), "weather_settled", UNSAFE),
        (without(POWER), "watched_known", UNSAFE),
        (watched(POWER, age_s=61.0), "watched_known", UNSAFE),
        (watched(POWER, age_s=math.nan), "watched_known", UNSAFE),
        (watched(POWER, False), "watched_good", UNSAFE),
        (watched(POWER, in_alert=True), "watched_good", UNSAFE),
        (watched(VOLTS, 11.4), "watched_good", UNSAFE),
        (watched(LIGHT, "Busy"), "watched_good", UNSAFE),
        (replace(GOOD, disk=None), "disk", UNSAFE),
        (replace(GOOD, disk=DiskFacts(499.0, 2.0)), "disk", UNSAFE),
        (replace(GOOD, disk=DiskFacts(None, 2.0)), "disk", UNSAFE),
        (replace(GOOD, disk=DiskFacts(math.nan, 2.0)), "disk", UNSAFE),
        (replace(GOOD, disk=DiskFacts(9000.0, 60.5)), "disk", UNSAFE),
        (replace(GOOD, disk=DiskFacts(9000.0, 2.0, "it is read-only")), "disk", UNSAFE),
        (replace(GOOD, clock=None), "clock", HOLD),
        (replace(GOOD, clock=ClockFacts(3600.0, 59.0)), "clock", HOLD),
        (replace(GOOD, clock=ClockFacts(math.nan, math.inf)), "clock", HOLD),
    ],
)
def test_each_rule_alone(facts, rule, level):
    assert levels(facts) == {rule: level}


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        (readings(**{WIND: math.nan}), {"weather_known", "weather_missing"}),
        (weather(alerts=(WIND,)), {"contradictory", "weather_alert"}),
        (watched(VOLTS, math.nan), {"watched_known", "watched_good"}),
        (watched(POWER, 1.0), {"watched_known", "watched_good"}),
        (watched(LIGHT, "closed"), {"watched_known", "watched_good"}),
    ],
)
def test_what_two_rules_see(facts, rules):
    assert set(levels(facts)) == rules


def test_every_reason_is_given():
    facts = replace(GOOD, sun_altitude_deg=10.0, link_up=False, weather=None)
    assert set(levels(facts)) == {"sun", "indi_link", "weather_known"}


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (replace(GOOD, sun_altitude_deg=3.0), ("3.0 deg", "limit -6")),
        (weather(age_s=200.0), ("200 s old", "limit 180")),
        (readings(**{WIND: 44.0}), ("WEATHER_WIND_SPEED 44", "..40", "3 s old")),
        (watched(VOLTS, 11.0), ("battery", "11", "11.5..")),
        (replace(GOOD, disk=DiskFacts(20.0, 2.0)), ("20 MB", "500 MB")),
        (replace(GOOD, clock=ClockFacts(-3600.0, 5.0)), ("-3600.0 s", "5 s ago", "limit 2 s")),
    ],
)
def test_a_reason_has_value_and_limit(facts, told):
    (finding,) = judge(facts, POLICY).findings
    assert all(word in finding.text for word in told), finding.text


def test_the_age_of_what_was_judged_is_data():
    (finding,) = judge(readings(**{WIND: 44.0}), POLICY).findings
    assert finding.age_s == 3.0


# -- the warning zone ------------------------------------------------------------------------------

WARNING = weather(level=WeatherLevel.WARNING, warnings=(WIND,))


@pytest.mark.parametrize(
    ("meaning", "found"),
    [
        (WeatherWarningPolicy.OBSERVE, {}),
        (WeatherWarningPolicy.HOLD, {"weather_warning": HOLD}),
        (WeatherWarningPolicy.CLOSE, {"weather_warning_closes": UNSAFE}),
    ],
)
def test_the_site_says_what_a_warning_means(meaning, found):
    assert levels(WARNING, replace(POLICY, weather_warning=meaning)) == found


# -- the delay to close ----------------------------------------------------------------------------

DELAYED = replace(POLICY, close_delay_s=30.0, weather_warning=WeatherWarningPolicy.CLOSE)


@pytest.mark.parametrize(
    "facts", [weather(level=WeatherLevel.ALERT), readings(**{WIND: 50.0}), WARNING]
)
def test_bad_weather_holds_until_it_has_lasted(facts):
    early = judge(replace(facts, alert_for_s=29.9), DELAYED)
    late = judge(replace(facts, alert_for_s=30.0), DELAYED)
    assert (level_of(early.findings), early.is_bad_weather, early.is_alerted) == (HOLD, False, True)
    assert (level_of(late.findings), late.is_bad_weather, late.is_alerted) == (UNSAFE, True, True)


@pytest.mark.parametrize(
    "facts",
    [
        replace(GOOD, sun_altitude_deg=0.0),
        replace(GOOD, link_up=False),
        replace(GOOD, unknown_devices=("mount",)),
        weather(age_s=181.0),
        weather(readings={}),
        watched(POWER, False),
        replace(GOOD, disk=None),
    ],
)
def test_nothing_but_bad_weather_is_delayed(facts):
    assert level_of(judge(replace(facts, alert_for_s=0.0), DELAYED).findings) is UNSAFE


# -- the delay to open again -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "is_bad"),
    [
        (weather(level=WeatherLevel.ALERT), True),
        (readings(**{WIND: 50.0}), True),
        (weather(readings={}), True),
        (watched(POWER, False), True),
        (replace(GOOD, sun_altitude_deg=10.0), False),
        (replace(GOOD, link_up=False), False),
        (without(POWER), False),
        (replace(GOOD, disk=None), False),
    ],
)
def test_what_starts_the_reopen_delay(facts, is_bad):
    assert judge(facts, POLICY).is_bad_weather is is_bad


def test_while_the_weather_settles_only_good_weather_counts():
    settling = replace(GOOD, seconds_since_bad_weather=100.0)
    assert not judge(settling, POLICY).is_bad_weather
    assert judge(replace(settling, weather=WARNING.weather), POLICY).is_bad_weather
    assert judge(replace(settling, weather=None), POLICY).is_bad_weather
    assert not judge(WARNING, POLICY).is_bad_weather


def test_a_site_without_a_station_can_say_so():
    policy = SafetyPolicy(weather_required=False)
    assert judge(replace(GOOD, weather=None), policy).findings == ()


def test_limits_are_heeded_where_somebody_else_judges_the_rest():
    policy = replace(POLICY, weather_required=False)
    unjudged = WeatherLevel.UNKNOWN
    assert levels(weather(level=unjudged), policy) == {}
    assert set(levels(readings(**{WIND: 50.0}), policy)) == {"weather_limits"}
    assert set(levels(replace(GOOD, weather=None), policy)) == {"weather_known"}
    assert set(levels(weather(age_s=999.0), policy)) == {"weather_fresh"}


def test_names_of_rules_are_unique():
    assert len({rule.name for rule in RULES}) == len(RULES)
