import math
from dataclasses import replace

import pytest

from ctmo_indi.profiles import SafetyPolicy
from ctmo_indi.safety.rules import Facts, WeatherFacts, WeatherLevel, judge

POLICY = SafetyPolicy()
GOOD = Facts(
    sun_altitude_deg=-30.0,
    link_up=True,
    weather=WeatherFacts(WeatherLevel.GOOD, age_s=3.0, readings={"WEATHER_WIND_SPEED": 2.0}),
)


def test_a_clear_night_is_safe():
    assert judge(GOOD, POLICY).reasons == ()


def test_a_warning_keeps_open_what_is_open():
    warning = replace(GOOD, weather=replace(GOOD.weather, level=WeatherLevel.WARNING))
    assert judge(warning, POLICY).reasons == ()


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        (replace(GOOD, sun_altitude_deg=-5.9), "sun"),
        (replace(GOOD, sun_altitude_deg=None), "sun"),
        (replace(GOOD, sun_altitude_deg=math.nan), "sun"),
        (replace(GOOD, link_up=False), "indi_link"),
        (replace(GOOD, unknown_devices=("dome",)), "devices"),
        (replace(GOOD, weather=None), "weather_known"),
        (replace(GOOD, weather=replace(GOOD.weather, level=WeatherLevel.UNKNOWN)), "weather_known"),
        (
            replace(GOOD, weather=replace(GOOD.weather, readings={"RAIN": math.nan})),
            "weather_known",
        ),
        (replace(GOOD, weather=replace(GOOD.weather, age_s=180.5)), "weather_fresh"),
        (replace(GOOD, weather=replace(GOOD.weather, age_s=math.nan)), "weather_fresh"),
        (replace(GOOD, weather=replace(GOOD.weather, level=WeatherLevel.ALERT)), "weather_alert"),
        (replace(GOOD, seconds_since_bad_weather=1199.0), "weather_settled"),
    ],
)
def test_each_rule_alone_makes_it_unsafe(facts, rule):
    assert list(judge(facts, POLICY).failed) == [rule]


def test_every_reason_is_given():
    facts = replace(GOOD, sun_altitude_deg=10.0, link_up=False, weather=None)
    assert set(judge(facts, POLICY).failed) == {"sun", "indi_link", "weather_known"}


def test_only_an_alert_starts_the_reopen_delay():
    alert = replace(GOOD, weather=replace(GOOD.weather, level=WeatherLevel.ALERT))
    assert judge(alert, POLICY).is_bad_weather
    assert not judge(replace(GOOD, sun_altitude_deg=10.0), POLICY).is_bad_weather


def test_a_site_without_a_station_can_say_so():
    policy = replace(POLICY, weather_required=False)
    assert judge(replace(GOOD, weather=None), policy).reasons == ()


def test_while_the_weather_settles_only_good_weather_counts():
    settling = replace(GOOD, seconds_since_bad_weather=100.0)
    warning = replace(GOOD.weather, level=WeatherLevel.WARNING)
    assert not judge(settling, POLICY).is_bad_weather
    assert judge(replace(settling, weather=warning), POLICY).is_bad_weather
    assert judge(replace(settling, weather=None), POLICY).is_bad_weather
    assert not judge(replace(GOOD, weather=warning), POLICY).is_bad_weather
