"""What attributes read: value, quality, and what is no value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ctmo_indi import profiles
from ctmo_indi.profiles import Profile
from ctmo_indi.safety_policy import Range
from ctmo_indi.tango.devices import DEVICES, devices_of
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango.readings import Reading, of_instant, reading
from ctmo_indi.tango.spec import AttributeSpec, Bounds, Kind, Mood
from ctmo_indi.tango.state_table import Facts

NOW_S = 1000.0


@pytest.fixture(scope="module")
def profile() -> Profile:
    return profiles.load("simulators")


def read(profile: Profile, device: str, attribute: str, reply: dict[str, Any], **seen: Any):
    spec = next(each for each in DEVICES if each.name == device)
    row = next(each for each in spec.all_attributes(profile) if each.name == attribute)
    word = Seen(spec.service, reply, at_machine_s=NOW_S, **seen)
    return reading(row, Facts(word, spec.part, NOW_S), profile)


def mount(**says: object) -> dict[str, Any]:
    return {"Link": "UP", "Devices": {"Mount": {"Connected": True, **says}}}


def weather(**says: object) -> dict[str, Any]:
    return {"Devices": {"Weather": {"Connected": True, "Age (s)": 1.0, **says}}, "Verdict": {}}


@pytest.mark.parametrize(
    ("kind", "found", "value"),
    [
        (Kind.NUMBER, 1, 1.0),
        (Kind.NUMBER, float("nan"), None),
        (Kind.NUMBER, float("inf"), None),
        (Kind.NUMBER, True, None),
        (Kind.NUMBER, "1", None),
        (Kind.WHOLE, 3.0, 3),
        (Kind.WHOLE, 2**40, None),
        (Kind.CLAIM, False, False),
        (Kind.CLAIM, 0, None),
        (Kind.TEXT, "", ""),
        (Kind.TEXT, 5, None),
        (Kind.TEXTS, [], ()),
        (Kind.TEXTS, ["a"], ("a",)),
        (Kind.NUMBERS, [1, 2.5], (1.0, 2.5)),
        (Kind.NUMBERS, [1, "x"], None),
    ],
)
def test_a_value_is_of_its_kind_or_not_known(profile, kind, found, value):
    row = AttributeSpec(name="X", kind=kind, doc="", path=("X",))
    seen = Seen("telescope", {"X": found}, at_machine_s=NOW_S)
    got = reading(row, Facts(seen, "", NOW_S), profile)
    assert (got.mood is None) == (value is None)
    if value is not None:
        assert got.value == value


def test_a_choice_is_the_place_of_its_label_and_another_word_is_not_known(profile):
    reply = {"Link": "UP", "Devices": {"Dome": {"Connected": True, "Shutter": "CLOSED"}}}
    assert read(profile, "Dome", "Shutter", reply) == Reading(1, Mood.VALID)
    reply["Devices"]["Dome"]["Shutter"] = "AJAR"
    assert read(profile, "Dome", "Shutter", reply).mood is None


def test_altitude_out_of_the_profiles_limits_is_an_alarm_unless_parked(profile):
    limits = profile.limits
    for altitude_deg, mood in (
        (limits.horizon_deg, Mood.VALID),
        (limits.horizon_deg - 0.1, Mood.ALARM),
        (limits.max_altitude_deg + 0.1, Mood.ALARM),
    ):
        reply = mount(Altitude=altitude_deg, Parked=False)
        assert read(profile, "Mount", "Altitude", reply).mood is mood
    assert read(profile, "Mount", "Altitude", mount(Altitude=0.0, Parked=True)).mood is Mood.VALID


def test_hour_angle_beyond_the_profiles_largest_is_an_alarm(profile):
    site = replace(profile, limits=replace(profile.limits, max_hour_angle_h=4.0))
    key = "Hour Angle (hour)"
    assert read(site, "Mount", "HourAngle", mount(**{key: -4.1})).mood is Mood.ALARM
    assert read(site, "Mount", "HourAngle", mount(**{key: 3.9})).mood is Mood.VALID
    assert read(profile, "Mount", "HourAngle", mount(**{key: -9.0})).mood is Mood.VALID


def test_a_shutter_open_while_unsafe_is_an_alarm(profile):
    reply = {
        "Devices": {"Dome": {"Connected": True, "Shutter": "OPEN"}}, "Verdict": {"Level": "UNSAFE"},
    }  # fmt: skip
    assert read(profile, "Dome", "Shutter", reply).mood is Mood.ALARM


def test_weather_limits_of_the_profile_are_tangos_alarm_levels_and_ours(profile):
    limits = {"WEATHER_WIND_SPEED": Range(max=40.0), "WEATHER_SKY_BRIGHTNESS": Range(min=17.0)}
    site = replace(profile, safety=replace(profile.safety, weather_limits=limits))
    spec = next(each for each in DEVICES if each.name == "Weather")
    rows = {row.name: row for row in spec.all_attributes(site)}
    assert rows["WindSpeed"].alarm(site) == Bounds(None, 40.0)
    assert rows["SkyBrightness"].alarm(site) == Bounds(17.0, None)
    reply = weather(Readings={"WEATHER_WIND_SPEED": 41.0, "WEATHER_SKY_BRIGHTNESS": 18.0})
    assert read(site, "Weather", "WindSpeed", reply).mood is Mood.ALARM
    assert read(site, "Weather", "SkyBrightness", reply) == Reading(18.0, Mood.VALID)


def test_readings_in_the_stations_zones(profile):
    reply = weather(
        Readings={"WEATHER_WIND_SPEED": 20.0, "WEATHER_RAIN_HOUR": 1.0},
        Warnings=["WEATHER_WIND_SPEED"], Dangers=["WEATHER_RAIN_HOUR"],
    )  # fmt: skip
    assert read(profile, "Weather", "WindSpeed", reply).mood is Mood.WARNING
    assert read(profile, "Weather", "RainHour", reply).mood is Mood.ALARM


@pytest.mark.parametrize("age_s", [180.1, None, "old"])
def test_readings_that_are_too_old_are_not_known(profile, age_s):
    reply = weather(Readings={"WEATHER_TEMPERATURE": 15.0})
    assert read(profile, "Weather", "Temperature", reply).mood is Mood.VALID
    reply["Devices"]["Weather"]["Age (s)"] = age_s
    assert read(profile, "Weather", "Temperature", reply).mood is None


@pytest.mark.parametrize("seen", [{"error": "refused"}, {}])
def test_what_a_silent_service_said_before_is_not_known(profile, seen):
    reply = mount(RA=10.0) if seen else {}
    assert read(profile, "Mount", "RightAscension", reply, **seen).mood is None


def test_news_is_what_changed_by_enough_or_in_quality():
    before = Reading(10.0, Mood.VALID)
    assert not Reading(10.00005, Mood.VALID).differs(before, 1e-4)
    assert Reading(10.0002, Mood.VALID).differs(before, 1e-4)
    assert Reading(10.0, Mood.ALARM).differs(before, 1e-4)
    assert Reading(0.0, None).differs(before, 1e-4)
    assert Reading("b", Mood.VALID).differs(Reading("a", Mood.VALID), 0.0)
    assert not Reading("a", Mood.VALID).differs(Reading("a", Mood.VALID), 0.0)
    assert Reading("a", Mood.VALID).differs(None, 0.0)


def test_an_instant_is_told_in_iso_8601_and_unknown_before_the_first():
    assert of_instant(1795387328.125) == Reading("2026-11-22T22:42:08.125Z", Mood.VALID)
    assert of_instant(None).mood is None


def test_a_site_has_the_devices_that_its_profile_has(profile):
    assert devices_of(profile) == DEVICES
    assert [each.name for each in devices_of(replace(profile, equipment={}))] == ["Scheduler"]


@pytest.mark.parametrize("spec", DEVICES, ids=lambda spec: spec.name)
def test_every_row_is_whole(profile, spec):
    rows = spec.all_attributes(profile)
    names = [row.name for row in rows] + [one.name for one in spec.commands]
    assert len(names) == len(set(names)), "a Tango class has one name space for both"
    for row in rows:
        assert row.doc.endswith("."), row.name
        assert row.path or row.read or row.of_state or row.setting is not None, row.name
        assert (row.kind is Kind.CHOICE) == (row.labels is not None), row.name
        assert (row.order is None) == (row.asks == ""), row.name
        assert row.has_events or row.unit == "s", row.name
    for one in spec.commands:
        assert one.doc, one.name
        assert (one.takes is None) == (one.argument == ""), one.name


def test_what_stops_or_closes_is_allowed_in_every_state():
    stops = {"Abort", "Close", "Stop", "StopNow", "EmergencyStop", "Release", "Unlock"}
    commands = [one for spec in DEVICES for one in spec.commands]
    for one in commands:
        if one.name in stops:
            assert one.never_in == frozenset(), one.name
    assert stops <= {one.name for one in commands}
