from __future__ import annotations

import pytest

from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import InvalidCommand
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.profiles import Profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import PANEL, WEATHER, WHEEL, FakeInstruments


def test_filters_are_selected_by_the_name_of_the_profile(
    observatory: Observatory, client: FakeInstruments
) -> None:
    status = observatory.filter_wheel.select("I").wait()
    assert (status.slot, status.filter_name) == (5, "I")
    assert client.commands_to("FILTER_SLOT") == [{"FILTER_SLOT_VALUE": 5.0}]


def test_filter_that_is_there_already_is_not_sent(
    observatory: Observatory, client: FakeInstruments
) -> None:
    observatory.filter_wheel.select("U").wait()
    assert client.sent == []


def test_unknown_filter_is_refused_with_the_names_there_are(observatory: Observatory) -> None:
    with pytest.raises(InvalidCommand, match=r"no filter 'Z'; there are U, B, V"):
        observatory.filter_wheel.select("Z")


def test_wheel_names_only_filters_it_has(observatory: Observatory, client: FakeInstruments) -> None:
    assert observatory.filter_wheel.names[:3] == ("U", "B", "V")
    client.update(WHEEL, "FILTER_NAME", {"FILTER_SLOT_NAME_2": "empty"})
    assert "B" not in observatory.filter_wheel.names


def test_weather_period_is_the_profiles(observatory: Observatory, client: FakeInstruments) -> None:
    assert client.kept[WEATHER, "WEATHER_UPDATE"] == {"PERIOD": 10.0}


def test_weather_readings_have_zone_and_age(
    observatory: Observatory, client: FakeInstruments
) -> None:
    client.update(WEATHER, "WEATHER_PARAMETERS", {"WEATHER_WIND_SPEED": 30.0})
    client.update(WEATHER, "WEATHER_STATUS", {"WEATHER_WIND_SPEED": "Alert"}, PropertyState.ALERT)
    status = observatory.weather.status()
    assert status.state is PropertyState.ALERT
    assert status.dangers == ("WEATHER_WIND_SPEED",)
    assert status.value("WEATHER_WIND_SPEED") == 30.0
    assert status.value("WEATHER_WIND_GUST") == 7.0
    assert status.age_s is not None
    assert 0.0 <= status.age_s < 500.0


def test_age_is_that_of_the_readings_not_of_the_zone(profile: Profile) -> None:
    # WEATHER_STATUS is sent only when it changes, WEATHER_PARAMETERS with every look.
    clock = FakeClock()
    client = FakeInstruments(clock)
    observatory = Observatory.build(profile, client, clock)
    observatory.connect_all()
    clock.advance(60.0)
    client.update(WEATHER, "WEATHER_STATUS", {"WEATHER_WIND_SPEED": "Ok"})
    assert observatory.weather.status().age_s == pytest.approx(60.0)
    client.update(WEATHER, "WEATHER_PARAMETERS")
    assert observatory.weather.status().age_s == pytest.approx(0.0)


@pytest.mark.parametrize("state", [PropertyState.ALERT, PropertyState.BUSY])
def test_a_station_that_cannot_be_read_grows_old_while_its_driver_repeats_what_it_had(
    profile: Profile, state: PropertyState
) -> None:
    # INDI 1.9.9, indiweatherinterface.cpp: every 5 s, and WEATHER_STATUS stays as it was
    clock = FakeClock()
    client = FakeInstruments(clock)
    observatory = Observatory.build(profile, client, clock)
    observatory.connect_all()
    client.update(WEATHER, "WEATHER_PARAMETERS", state=PropertyState.OK)
    for _ in range(12):
        clock.advance(5.0)
        client.update(WEATHER, "WEATHER_PARAMETERS", state=state)
    status = observatory.weather.status()
    assert status.state is PropertyState.OK
    assert status.age_s == pytest.approx(60.0)
    client.update(WEATHER, "WEATHER_PARAMETERS", state=PropertyState.OK)
    assert observatory.weather.status().age_s == pytest.approx(0.0)


def test_a_question_renews_no_readings(profile: Profile) -> None:
    """A driver answers whoever asks with a definition of what it has."""
    clock = FakeClock()
    client = FakeInstruments(clock)
    observatory = Observatory.build(profile, client, clock)
    observatory.connect_all()
    clock.advance(60.0)
    readings = {"WEATHER_WIND_SPEED": 5.0, "WEATHER_WIND_GUST": 7.0}
    client.define(WEATHER, "WEATHER_PARAMETERS", readings, PropertyState.OK)
    assert observatory.weather.status().age_s == pytest.approx(60.0)


def test_readings_that_never_were_good_have_no_age(profile: Profile) -> None:
    clock = FakeClock()
    client = FakeInstruments(clock)
    observatory = Observatory.build(profile, client, clock)
    observatory.connect_all()
    client.remove_device(WEATHER)
    client.define(WEATHER, "CONNECTION", {"CONNECT": True, "DISCONNECT": False}, PropertyState.OK)
    client.define(WEATHER, "WEATHER_PARAMETERS", {"RAIN": 0.0}, PropertyState.ALERT)
    assert observatory.weather.status().age_s is None


def test_dead_weather_station_says_nothing(
    observatory: Observatory, client: FakeInstruments
) -> None:
    client.remove_device(WEATHER)
    status = observatory.weather.status()
    assert status.connected is False
    assert status.readings == ()
    assert status.age_s is None


def test_blink01_switches_the_lamp(observatory: Observatory, client: FakeInstruments) -> None:
    assert observatory.switch("Blink01", True).wait() is True
    assert client.is_on(PANEL, "FLAT_LIGHT_CONTROL", "FLAT_LIGHT_ON")
    assert observatory.status().switches == {"Blink01": True}
    assert observatory.switch("Blink01", False).wait() is False
    assert observatory.light_panel.status().is_on is False


def test_unknown_switch_is_refused(observatory: Observatory) -> None:
    with pytest.raises(InvalidCommand, match="there are Blink01"):
        observatory.switch("Blink02", True)


def test_panel_brightness(observatory: Observatory) -> None:
    assert observatory.light_panel.set_brightness(128.0).wait().brightness == 128.0
    assert observatory.light_panel.set_light(True).wait().is_on is True


def test_focuser_moves(observatory: Observatory) -> None:
    status = observatory.focuser.goto(60000.0).wait()
    assert (status.position, status.temperature_c) == (60000.0, 8.0)


def test_focuser_out_of_range_is_refused(observatory: Observatory) -> None:
    with pytest.raises(InvalidCommand):
        observatory.focuser.goto(-5.0).wait()
